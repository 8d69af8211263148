//! The providers whose keys are looked for in the environment when there is no file.

use super::targets::ModelEntry;
use crate::catalog::Target;
use crate::domain::dialect::{Dialect, Hosting};
use crate::domain::secret::Secret;

/// A provider that a key in the environment is enough for.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// The variable that holds the key.
    pub variable: &'static str,
    /// The name of the target that is made of it.
    pub target: &'static str,
    /// The formats that it speaks.
    pub dialects: &'static [Dialect],
    /// Its base URL.
    pub url: &'static str,
    /// The models to offer, the one to prefer first.
    pub models: &'static [&'static str],
}

const CHAT: &[Dialect] = &[Dialect::Chat];
const OPENAI: &[Dialect] = &[Dialect::Responses, Dialect::Chat];

/// Every provider, in the order in which their models are tried.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        variable: "ANTHROPIC_API_KEY",
        target: "anthropic",
        dialects: &[Dialect::Messages],
        url: "https://api.anthropic.com",
        models: &[
            "claude-sonnet-5-5",
            "claude-opus-5-5",
            "claude-haiku-5-5",
            "claude-fable-5-2",
            "claude-fable-5-1",
            "claude-fable-5",
            "claude-opus-5",
            "claude-opus-4-8",
            "claude-opus-4-7",
            "claude-opus-4-6",
            "claude-opus-4-5",
            "claude-sonnet-5",
            "claude-sonnet-4-6",
            "claude-sonnet-4-5",
            "claude-haiku-4-5",
        ],
    },
    Provider {
        variable: "OPENAI_API_KEY",
        target: "openai",
        dialects: OPENAI,
        url: "https://api.openai.com/v1",
        models: &[
            "gpt-6.1-sol",
            "gpt-6.1-terra",
            "gpt-6-astra",
            "gpt-6-sol",
            "gpt-6-luna",
            "gpt-5.6-sol",
            "gpt-5.6-terra",
            "gpt-5.6-luna",
            "gpt-5.5",
            "gpt-5.4",
            "gpt-5.4-mini",
            "gpt-5.4-nano",
            "gpt-5.3-codex",
            "gpt-5.2",
            "gpt-5.1",
            "gpt-5",
            "gpt-5-mini",
            "gpt-5-nano",
            "gpt-4.1",
            "gpt-4.1-mini",
        ],
    },
    Provider {
        variable: "GEMINI_API_KEY",
        target: "google",
        dialects: CHAT,
        url: "https://generativelanguage.googleapis.com/v1beta/openai",
        models: &[
            "gemini-4-argon",
            "gemini-3.8-flash",
            "gemini-3.7-flash",
            "gemini-3.6-flash",
            "gemini-3.5-flash",
            "gemini-3.5-flash-lite",
            "gemini-3.1-pro-preview",
            "gemini-3.1-flash-lite",
            "gemini-3-flash-preview",
            "gemini-2.5-pro",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
        ],
    },
    Provider {
        variable: "DEEPSEEK_API_KEY",
        target: "deepseek",
        dialects: CHAT,
        url: "https://api.deepseek.com",
        models: &["deepseek-v4-pro", "deepseek-flash"],
    },
    Provider {
        variable: "XAI_API_KEY",
        target: "xai",
        dialects: OPENAI,
        url: "https://api.x.ai/v1",
        models: &[
            "grok-4.7",
            "grok-4.6",
            "grok-4.5",
            "grok-4.3",
            "grok-build-0.1",
        ],
    },
    Provider {
        variable: "MISTRAL_API_KEY",
        target: "mistral",
        dialects: CHAT,
        url: "https://api.mistral.ai/v1",
        models: &[
            "mistral-large-4",
            "mistral-large-latest",
            "mistral-medium-3-5",
            "devstral-small-latest",
            "codestral-latest",
            "mistral-small-latest",
        ],
    },
    Provider {
        variable: "MOONSHOT_API_KEY",
        target: "moonshot",
        dialects: CHAT,
        url: "https://api.moonshot.ai/v1",
        models: &["kimi-k3.1-pro", "kimi-k3", "kimi-k2.7-code", "kimi-k2.6"],
    },
    Provider {
        variable: "ZAI_API_KEY",
        target: "zai",
        dialects: CHAT,
        url: "https://api.z.ai/api/paas/v4",
        models: &[
            "glm-5.3",
            "glm-5.3-flash",
            "glm-5.2",
            "glm-5.1",
            "glm-5-code",
            "glm-5",
            "glm-4.7",
            "glm-4.6",
        ],
    },
    Provider {
        variable: "DASHSCOPE_API_KEY",
        target: "alibaba",
        dialects: CHAT,
        url: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        models: &[
            "qwen3.8-max",
            "qwen3.8-flash",
            "qwen3.7-max",
            "qwen3.7-plus",
            "qwen3-coder-plus",
            "qwen3-coder-flash",
        ],
    },
];

/// Returns a target and its models for every provider whose key the environment holds.
pub fn found(env: &[(String, String)]) -> (Vec<Target>, Vec<ModelEntry>) {
    let (mut targets, mut models) = (Vec::new(), Vec::new());
    for provider in PROVIDERS {
        let key = env.iter().find(|(name, _)| name == provider.variable);
        let Some(key) = key.map(|(_, key)| key.trim()).filter(|key| !key.is_empty()) else {
            continue;
        };
        let dialects = provider.dialects.to_vec();
        let id = provider.target.into();
        let mut target = Target::new(id, Hosting::Vendor, dialects, provider.url);
        target.key = Some(Secret::new(key));
        models.extend(
            provider
                .models
                .iter()
                .map(|model| ModelEntry::new(model, &target.id)),
        );
        targets.push(target);
    }
    (targets, models)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::{Kind, KnownBy};

    #[test]
    fn each_provider_is_of_the_kind_that_bears_its_name() {
        for provider in PROVIDERS {
            let (kind, known_by) = Kind::guess(provider.url, Hosting::Vendor);

            assert_eq!((kind.as_str(), known_by), (provider.target, KnownBy::Host));
        }
    }
}
