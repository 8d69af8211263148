//! What servers that speak the same dialect differ in: one table, a row a kind. Whoever writes to a server or reads from it asks
//! here; nobody else knows one server from another.
//!
//! A row says only what differs from `PLAIN`, which is what most servers of OpenAI's dialect take.

use super::Kind;
use super::bases::{self, Bases};
use super::counting::Counting;
use crate::domain::dialect::Hosting;

/// One kind's habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Its name, for people.
    pub name: &'static str,
    /// Hosts that are its own; one that begins with a dot stands for all below it.
    pub hosts: &'static [&'static str],
    /// The port that it takes by default, where people run it themselves.
    pub port: Option<u16>,
    /// Whom its list of models names as their owner.
    pub owner: Option<&'static str>,
    /// The header that it takes its key in.
    pub key: KeyIn,
    /// How its addresses are made.
    pub address: Address,
    /// Where its doors are.
    pub bases: &'static Bases,
    /// Where it counts tokens.
    pub counting: Counting,
    /// The names, in the chat dialect, that it knows for the most output.
    pub limit: Limit,
    /// Whether it knows the role `developer` in the chat dialect.
    pub developer: Developer,
    /// Fields are taken that only OpenAI itself has: tiers, cache keys, who asks, what is stored.
    pub vendor_fields: bool,
    /// Tools that take a text of their own are taken in the chat dialect.
    pub custom_tools: bool,
    /// The fields of a call in the chat dialect that it knows, where any other makes it refuse the call.
    pub fields: Option<&'static [&'static str]>,
    /// The fields of a message that it knows, if it minds others.
    pub message_fields: &'static [&'static str],
    /// How it tells the usage of a stream.
    pub usage: StreamUsage,
    /// The ids of calls that it takes.
    pub call_ids: CallIds,
    /// Its models can be made to call a tool.
    pub forced_tools: bool,
    /// It keeps answers to a schema; else to JSON at most.
    pub schemas: bool,
    /// How words are drawn can be said.
    pub sampling: bool,
    /// What it wants back of what its models thought.
    pub thoughts: Thoughts,
    /// The words for effort that it knows, from little to much; with none, it is not told any.
    pub efforts: &'static [&'static str],
    /// How it is told not to think.
    pub quiet: Quiet,
    /// What its page of metrics calls its load.
    pub load: LoadNames,
    /// Whether it tells what of a prompt was cached.
    pub cached: Cached,
    /// What it must have been started with to take tools.
    pub tools_flag: Option<&'static str>,
}

/// The header that a key goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIn {
    /// The one of the dialect's maker: `x-api-key`, `x-goog-api-key`, else a bearer.
    Dialect,
    /// A bearer, and the one of the dialect's maker beside it.
    Both,
    /// One of its own.
    Own(&'static str),
}

/// How addresses are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// The door's path below the base.
    Base,
    /// The same; where a version of the API is written, below a deployment that bears the model's name, with the version behind.
    Deployments,
}

/// Whether the role `developer` is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Developer {
    /// It is.
    Known,
    /// Nobody knows: one that a caller wrote stays, and we write `system`.
    Unsure,
    /// It is refused, or nobody listens to it.
    Refused,
}

/// The names for the most output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Both.
    Either,
    /// `max_tokens` alone.
    MaxTokens,
    /// `max_completion_tokens`: the older name is refused with newer models.
    MaxCompletionTokens,
}

/// How the usage of a stream is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// When it is asked for by `stream_options`.
    Asked,
    /// Always; to ask is refused.
    Unasked,
}

/// The ids of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallIds {
    /// What the dialect takes.
    Usual,
    /// Nine letters and digits.
    Nine,
}

/// What is wanted back of thoughts, in the chat dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thoughts {
    /// Nothing, but nothing is refused.
    Ignored,
    /// Nothing: to send any is refused.
    Refused,
    /// All, as `reasoning_content`.
    ReasoningContent,
    /// All, as `reasoning`.
    Reasoning,
    /// Those beside calls of tools, as `reasoning_content`, which must then be there.
    BesideCalls,
}

/// How a server is told not to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// By the effort `none`.
    Effort,
    /// By `thinking: {"type": "disabled"}`.
    Thinking,
    /// By `enable_thinking: false`.
    EnableThinking,
    /// By the same among the arguments of the chat template.
    Template,
}

/// Whether cached counts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// They are.
    Told,
    /// Where the server was started with this.
    With(&'static str),
    /// Never.
    Untold,
}

/// The names of what a page of metrics tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadNames {
    /// Calls that it works on.
    pub running: &'static [&'static str],
    /// Calls that wait.
    pub waiting: &'static [&'static str],
    /// The part of its cache for prompts that is in use.
    pub cache: &'static [&'static str],
}

const NO_LOAD: LoadNames = LoadNames {
    running: &[],
    waiting: &[],
    cache: &[],
};

/// Where lists of models tell how much fits into a call. The names mean the same wherever they stand.
pub const WINDOWS: &[&[&str]] = &[
    &["max_model_len"],
    &["context_length"],
    &["max_context_length"],
    &["max_input_tokens"],
    &["inputTokenLimit"],
    &["meta", "n_ctx"],
];

const EVERY_EFFORT: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const THREE_EFFORTS: &[&str] = &["low", "medium", "high"];

/// What most take, and what is assumed of a provider that is not known.
const PLAIN: Habits = Habits {
    counting: Counting::Dialects,
    name: "a server of the OpenAI kind",
    hosts: &[],
    port: None,
    owner: None,
    key: KeyIn::Dialect,
    address: Address::Base,
    bases: &bases::PLAIN,
    limit: Limit::Either,
    developer: Developer::Unsure,
    vendor_fields: false,
    custom_tools: false,
    fields: None,
    message_fields: &[],
    usage: StreamUsage::Asked,
    call_ids: CallIds::Usual,
    forced_tools: true,
    schemas: true,
    sampling: true,
    thoughts: Thoughts::Ignored,
    efforts: EVERY_EFFORT,
    quiet: Quiet::Effort,
    load: NO_LOAD,
    cached: Cached::Told,
    tools_flag: None,
};

/// What people run at home: open models, whose thoughts may be read and are wanted back.
const HOME: Habits = Habits {
    counting: Counting::Tokenize,
    key: KeyIn::Both,
    thoughts: Thoughts::ReasoningContent,
    ..PLAIN
};

const VLLM: Habits = Habits {
    name: "vLLM",
    bases: &bases::VERSION,
    port: Some(8000),
    owner: Some("vllm"),
    developer: Developer::Refused,
    efforts: THREE_EFFORTS,
    quiet: Quiet::Template,
    load: LoadNames {
        running: &["vllm:num_requests_running"],
        waiting: &["vllm:num_requests_waiting"],
        cache: &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
    },
    cached: Cached::With("--enable-prompt-tokens-details"),
    tools_flag: Some("--enable-auto-tool-choice --tool-call-parser PARSER"),
    ..HOME
};

const SGLANG: Habits = Habits {
    counting: Counting::Dialects,
    name: "SGLang",
    bases: &bases::VERSION,
    port: Some(30000),
    owner: Some("sglang"),
    developer: Developer::Refused,
    efforts: THREE_EFFORTS,
    quiet: Quiet::Template,
    load: LoadNames {
        running: &["sglang:num_running_reqs"],
        waiting: &["sglang:num_queue_reqs"],
        cache: &["sglang:token_usage"],
    },
    cached: Cached::With("--enable-cache-report"),
    tools_flag: Some("--tool-call-parser PARSER"),
    ..HOME
};

const LLAMA_CPP: Habits = Habits {
    counting: Counting::InputTokens,
    name: "llama.cpp",
    bases: &bases::VERSION,
    port: Some(8080),
    owner: Some("llamacpp"),
    efforts: THREE_EFFORTS,
    quiet: Quiet::Template,
    load: LoadNames {
        running: &["llamacpp:requests_processing"],
        waiting: &["llamacpp:requests_deferred"],
        cache: &["llamacpp:kv_cache_usage_ratio"],
    },
    tools_flag: Some("--jinja"),
    ..HOME
};

const OLLAMA: Habits = Habits {
    counting: Counting::Dialects,
    name: "Ollama",
    bases: &bases::OLLAMA,
    port: Some(11434),
    owner: Some("library"),
    developer: Developer::Refused,
    limit: Limit::MaxTokens,
    thoughts: Thoughts::Reasoning,
    efforts: &["none", "low", "medium", "high"],
    cached: Cached::Untold,
    ..HOME
};

const LM_STUDIO: Habits = Habits {
    counting: Counting::Dialects,
    name: "LM Studio",
    bases: &bases::VERSION,
    port: Some(1234),
    owner: Some("organization_owner"),
    developer: Developer::Refused,
    limit: Limit::MaxTokens,
    efforts: &["none", "low", "medium", "high"],
    cached: Cached::Untold,
    ..HOME
};

const OPENAI: Habits = Habits {
    name: "OpenAI",
    bases: &bases::VERSION,
    hosts: &["api.openai.com", ".api.openai.com"],
    limit: Limit::MaxCompletionTokens,
    developer: Developer::Known,
    vendor_fields: true,
    custom_tools: true,
    thoughts: Thoughts::Refused,
    ..PLAIN
};

const AZURE: Habits = Habits {
    counting: Counting::Nowhere,
    name: "Azure",
    bases: &bases::AZURE,
    hosts: &[
        ".openai.azure.com",
        ".services.ai.azure.com",
        ".cognitiveservices.azure.com",
    ],
    key: KeyIn::Own("api-key"),
    address: Address::Deployments,
    ..OPENAI
};

const ANTHROPIC: Habits = Habits {
    name: "Anthropic",
    bases: &bases::VERSION,
    hosts: &["api.anthropic.com"],
    ..PLAIN
};

const GOOGLE: Habits = Habits {
    name: "Google",
    bases: &bases::GOOGLE,
    hosts: &[
        "generativelanguage.googleapis.com",
        "aiplatform.googleapis.com",
        ".aiplatform.googleapis.com",
    ],
    efforts: &["none", "minimal", "low", "medium", "high"],
    ..PLAIN
};

const OPEN_ROUTER: Habits = Habits {
    name: "OpenRouter",
    bases: &bases::OPEN_ROUTER,
    hosts: &["openrouter.ai"],
    key: KeyIn::Both,
    thoughts: Thoughts::Reasoning,
    efforts: &["none", "minimal", "low", "medium", "high", "xhigh"],
    ..PLAIN
};

const DEEPSEEK: Habits = Habits {
    name: "DeepSeek",
    hosts: &["api.deepseek.com"],
    bases: &bases::DEEPSEEK,
    limit: Limit::MaxTokens,
    developer: Developer::Refused,
    schemas: false,
    thoughts: Thoughts::BesideCalls,
    efforts: &["low", "high", "max"],
    quiet: Quiet::Thinking,
    ..PLAIN
};

const MISTRAL: Habits = Habits {
    name: "Mistral",
    bases: &bases::VERSION,
    hosts: &["api.mistral.ai", "codestral.mistral.ai"],
    limit: Limit::MaxTokens,
    developer: Developer::Refused,
    fields: Some(MISTRAL_FIELDS),
    message_fields: &["role", "content", "tool_calls", "tool_call_id", "prefix"],
    usage: StreamUsage::Unasked,
    call_ids: CallIds::Nine,
    thoughts: Thoughts::Refused,
    efforts: &["none", "high"],
    ..PLAIN
};

const MISTRAL_FIELDS: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tokens",
    "stop",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "random_seed",
    "n",
    "response_format",
    "prediction",
    "prompt_mode",
    "reasoning_effort",
    "safe_prompt",
    "metadata",
    "stream",
];

const XAI: Habits = Habits {
    name: "xAI",
    bases: &bases::VERSION,
    hosts: &["api.x.ai", ".api.x.ai"],
    // Without them prompts are not found in the cache.
    thoughts: Thoughts::ReasoningContent,
    efforts: &["none", "low", "medium", "high"],
    ..PLAIN
};

const MOONSHOT: Habits = Habits {
    name: "Moonshot",
    bases: &bases::MOONSHOT,
    hosts: &["api.moonshot.ai", "api.moonshot.cn"],
    developer: Developer::Refused,
    forced_tools: false,
    sampling: false,
    thoughts: Thoughts::ReasoningContent,
    efforts: &["low", "high", "max"],
    quiet: Quiet::Thinking,
    ..PLAIN
};

const ZAI: Habits = Habits {
    name: "Z.ai",
    bases: &bases::ZAI,
    hosts: &["api.z.ai", "open.bigmodel.cn"],
    limit: Limit::MaxTokens,
    developer: Developer::Refused,
    forced_tools: false,
    schemas: false,
    thoughts: Thoughts::ReasoningContent,
    efforts: &["low", "high", "max"],
    quiet: Quiet::Thinking,
    ..PLAIN
};

const ALIBABA: Habits = Habits {
    name: "Alibaba",
    bases: &bases::ALIBABA,
    hosts: &[
        "dashscope.aliyuncs.com",
        "dashscope-intl.aliyuncs.com",
        "dashscope-us.aliyuncs.com",
    ],
    limit: Limit::MaxTokens,
    developer: Developer::Refused,
    efforts: &[],
    quiet: Quiet::EnableThinking,
    ..PLAIN
};

/// The row of a kind. A server that is not known is taken for an open model's where people run it themselves.
pub(super) fn of(kind: Kind, hosting: Hosting) -> &'static Habits {
    match (kind, hosting) {
        (Kind::Vllm, _) => &VLLM,
        (Kind::Sglang, _) => &SGLANG,
        (Kind::LlamaCpp, _) => &LLAMA_CPP,
        (Kind::Ollama, _) => &OLLAMA,
        (Kind::LmStudio, _) => &LM_STUDIO,
        (Kind::OpenAi, _) => &OPENAI,
        (Kind::Azure, _) => &AZURE,
        (Kind::Anthropic, _) => &ANTHROPIC,
        (Kind::Google, _) => &GOOGLE,
        (Kind::OpenRouter, _) => &OPEN_ROUTER,
        (Kind::DeepSeek, _) => &DEEPSEEK,
        (Kind::Mistral, _) => &MISTRAL,
        (Kind::Xai, _) => &XAI,
        (Kind::Moonshot, _) => &MOONSHOT,
        (Kind::Zai, _) => &ZAI,
        (Kind::Alibaba, _) => &ALIBABA,
        (Kind::Other, Hosting::Own) => &HOME,
        (Kind::Other, Hosting::Vendor) => &PLAIN,
    }
}
