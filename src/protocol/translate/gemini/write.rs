//! A request, written. The model and whether it streams are in the address.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Number;

use super::super::asked::{
    Asked, Effort, Format, Mode, Reasoning, Sampling, Schema, Show, Tier, Written,
};
use super::super::dropped::{Dropped, Field, Why};
use super::super::effort;
use super::super::extra::Extras;
use super::super::json::{Json, Str};
use super::super::manner::Manner;
use super::super::media;
use super::super::name;
use super::super::repair;
use super::super::tool::{self, Choice, ForeignTool, Function, Takes, Tool};
use super::parts::{Content, Writer};
use crate::domain::dialect::Dialect;

/// The most texts that may end an answer.
const STOPS: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    generation_config: Generation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(flatten)]
    extras: Extras<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolOut<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Cow<'a, Json<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: CallingConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallingConfig<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [Str<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u64>,
}

/// Writes a request for a target.
pub fn write(asked: &Asked<'_>, manner: &Manner) -> Written {
    let mut dropped = Dropped::default();
    let mended = repair::mend(asked, Dialect::Gemini, manner, &mut dropped);
    // By name, so that a new field cannot be forgotten.
    let Asked {
        from,
        model: _,
        stream: _,
        passages: _,
        suffix,
        tools,
        choice,
        parallel,
        max_output,
        format,
        stop,
        sampling,
        reasoning,
        verbosity,
        tier,
        user,
        cache_key,
        metadata,
        store,
        previous,
        usage: _,
        extras,
        // Items that are only named were left out when they were read.
        refers: _,
        dropped: _,
    } = asked;
    let mut without = |there, field| dropped.note_if(there, field, Why::NoPlace);
    without(suffix.is_some(), Field::Suffix);
    without(verbosity.is_some(), Field::Verbosity);
    without(user.is_some(), Field::User);
    without(cache_key.is_some(), Field::CacheKey);
    without(metadata.is_some(), Field::Metadata);
    without(*store == Some(true), Field::Store);
    without(previous.is_some(), Field::Previous);
    let stop = &stop[..stop.len().min(STOPS)];
    dropped.note_if(stop.len() < asked.stop.len(), Field::Stop, Why::Limit);
    let declared = declarations(tools, choice.as_ref(), manner, &mut dropped);
    dropped.note_if(
        *parallel == Some(false) && !declared.is_empty(),
        Field::Parallel,
        Why::NoPlace,
    );
    let choice = choice.as_ref().filter(|_| !declared.is_empty());
    let tool_config = choice.map(|it| config(it, manner, &mut dropped));
    let most = manner.output(*max_output, &mut dropped);
    let most = most.map(|most| most.max(1));
    let generation = Settings {
        manner,
        dropped: &mut dropped,
    }
    .generation(sampling, most, stop, format.as_ref(), *reasoning);
    let service_tier = tier.and_then(|tier| self::tier(tier, &mut dropped));
    let extras = Extras::of(extras, *from, Dialect::Gemini, &mut dropped);
    let mut writer = Writer::new(&mended, manner, &mut dropped);
    let body = Body {
        system_instruction: writer.system(&mended),
        contents: writer.contents(&mended),
        tools: match declared.is_empty() {
            true => Vec::new(),
            false => vec![ToolOut {
                function_declarations: declared,
            }],
        },
        tool_config,
        generation_config: generation,
        service_tier,
        extras,
    };
    let body = Json::of(&body).get().to_owned();
    Written { body, dropped }
}

fn declarations<'a>(
    tools: &'a [Tool<'a>],
    choice: Option<&Choice<'_>>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Vec<Declaration<'a>> {
    // Names may be given only where a tool must be called.
    let free = choice.filter(|it| !it.forces());
    let among = tool::among(free);
    let offered = |tool: &&Tool<'_>| tool::is_among(tool, among);
    let written = tools.iter().filter(offered).filter_map(|tool| match tool {
        _ if !manner.tools => {
            dropped.note(Field::Tool, Why::Unable);
            None
        }
        Tool::Function(function) => Some(declaration(function, dropped)),
        Tool::Foreign(ForeignTool { from: _, kind, .. }) => {
            dropped.named(Field::Tool, Why::Foreign, kind);
            None
        }
    });
    written.collect()
}

fn declaration<'a>(tool: &'a Function<'a>, dropped: &mut Dropped) -> Declaration<'a> {
    let Function {
        name,
        space,
        description: _,
        takes,
        strict,
        deferred,
        mark,
    } = tool;
    dropped.note_if(*strict == Some(true), Field::Strict, Why::NoPlace);
    dropped.note_if(*deferred == Some(true), Field::Deferred, Why::NoPlace);
    dropped.note_if(mark.is_some(), Field::CacheMark, Why::NoPlace);
    dropped.note_if(
        matches!(takes, Takes::Text(Some(_))),
        Field::Grammar,
        Why::NoPlace,
    );
    let bare = matches!(takes, Takes::Schema(None));
    Declaration {
        name: name::told(space.as_ref().map(|it| &*it.name), name),
        description: media::description(tool),
        parameters_json_schema: (!bare).then(|| media::schema(tool)),
    }
}

fn config<'a>(choice: &'a Choice<'a>, manner: &Manner, dropped: &mut Dropped) -> ToolConfig<'a> {
    let soft = choice.forces() && !manner.forced_tools;
    dropped.note_if(soft, Field::Choice, Why::Unable);
    let (mode, names) = match choice {
        _ if soft => ("AUTO", Vec::new()),
        Choice::Auto | Choice::Among { must: false, .. } => ("AUTO", Vec::new()),
        Choice::Never => ("NONE", Vec::new()),
        Choice::Some => ("ANY", Vec::new()),
        Choice::One(named) => ("ANY", vec![name::told(None, &named.name)]),
        Choice::Among { must: true, tools } => {
            let names = tools.iter().map(|named| name::told(None, &named.name));
            ("ANY", names.collect())
        }
    };
    ToolConfig {
        function_calling_config: CallingConfig {
            mode,
            allowed_function_names: names,
        },
    }
}

struct Settings<'s> {
    manner: &'s Manner,
    dropped: &'s mut Dropped,
}

impl Settings<'_> {
    fn generation<'a>(
        mut self,
        sampling: &'a Sampling,
        max_output_tokens: Option<u64>,
        stop_sequences: &'a [Str<'a>],
        format: Option<&'a Format<'a>>,
        reasoning: Reasoning,
    ) -> Generation<'a> {
        let Sampling {
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            seed,
        } = sampling;
        let json = self.json(format);
        Generation {
            max_output_tokens,
            temperature: self.drawn(temperature, Field::Temperature),
            top_p: self.drawn(top_p, Field::TopP),
            top_k: self.drawn(top_k, Field::TopK),
            frequency_penalty: self.drawn(frequency_penalty, Field::Penalty),
            presence_penalty: self.drawn(presence_penalty, Field::Penalty),
            seed: self.drawn(seed, Field::Seed),
            stop_sequences,
            response_mime_type: json.then_some("application/json"),
            response_json_schema: format.filter(|_| json).and_then(schema),
            thinking_config: self.thinking(reasoning),
        }
    }

    fn drawn<'a>(&mut self, value: &'a Option<Number>, field: Field) -> Option<&'a Number> {
        let allowed = self.manner.sampling;
        self.dropped
            .note_if(value.is_some() && !allowed, field, Why::Unable);
        value.as_ref().filter(|_| allowed)
    }

    fn json(&mut self, format: Option<&Format<'_>>) -> bool {
        let wanted = matches!(format, Some(Format::Object | Format::Schema(_)));
        let allowed = self.manner.structured_output;
        self.dropped
            .note_if(wanted && !allowed, Field::Format, Why::Unable);
        wanted && allowed
    }

    fn thinking(&mut self, reasoning: Reasoning) -> Option<Thinking> {
        let shown = reasoning.show.map(|show| match show {
            Show::Omitted => false,
            Show::Updates | Show::Summarized | Show::Auto | Show::Concise | Show::Detailed => true,
        });
        let wanted = effort::word(
            Reasoning {
                effort: reasoning.effort,
                ..reasoning
            },
            self.manner,
            self.dropped,
        );
        if !self.manner.reasoning {
            return None;
        }
        let tokens = match reasoning.mode {
            Some(Mode::Budget(tokens)) => Some(tokens),
            Some(Mode::Off) => Some(0),
            _ => reasoning.effort.map(Effort::budget),
        };
        let tokens = tokens.filter(|_| self.manner.budgets);
        let level = wanted.filter(|_| !self.manner.budgets);
        (shown.is_some() || level.is_some() || tokens.is_some()).then_some(Thinking {
            include_thoughts: shown,
            thinking_level: level,
            thinking_budget: tokens,
        })
    }
}

fn schema<'a>(format: &'a Format<'a>) -> Option<&'a Json<'a>> {
    let Format::Schema(schema) = format else {
        return None;
    };
    let Schema {
        name: _,
        description: _,
        schema,
        strict: _,
    } = schema;
    Some(schema)
}

fn tier(tier: Tier, dropped: &mut Dropped) -> Option<&'static str> {
    match tier {
        Tier::Auto => None,
        Tier::Standard | Tier::Flex | Tier::Priority => Some(tier.as_str()),
        Tier::Scale | Tier::Fast => {
            dropped.named(Field::Tier, Why::NoPlace, tier.as_str());
            None
        }
    }
}
