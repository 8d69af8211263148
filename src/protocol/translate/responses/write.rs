//! A request, written.

use serde::Serialize;
use serde_json::Number;

use super::super::asked::{
    Asked, Effort, Format, Mode, Passage, Reasoning, Show, Speaker, Written,
};
use super::super::block::Block;
use super::super::chat::write::{SchemaOut, fits, sampling, tier_word};
use super::super::dropped::{Dropped, Field, Why};
use super::super::effort;
use super::super::extra::Extras;
use super::super::json::Json;
use super::super::manner::Manner;
use super::super::repair::{self, Mended};
use super::item_out::{ItemOut, Writer};
use super::offer::{self, ChoiceOut, ToolOut};
use super::read::SEALED;
use crate::domain::dialect::Dialect;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: Vec<ItemOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    extras: Extras<'a>,
}

#[derive(Serialize)]
struct ReasoningOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Show>,
}

#[derive(Serialize)]
struct TextOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatOut<'a> {
    Text,
    JsonObject,
    JsonSchema(SchemaOut<'a>),
}

/// Writes a request for a target.
pub fn write(asked: &Asked<'_>, name: &str, manner: &Manner) -> Written {
    let mut dropped = Dropped::default();
    let mended = repair::mend(asked, Dialect::Responses, manner, &mut dropped);
    // By name, so that a new field cannot be forgotten.
    let Asked {
        from,
        model: _,
        stream,
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
    let own = *from == Dialect::Responses;
    dropped.note_if(suffix.is_some(), Field::Suffix, Why::NoPlace);
    dropped.note_if(!stop.is_empty(), Field::Stop, Why::NoPlace);
    let drawn = self::sampling(sampling, manner, &mut dropped);
    let penalties = drawn.frequency_penalty.is_some() || drawn.presence_penalty.is_some();
    dropped.note_if(penalties, Field::Penalty, Why::NoPlace);
    dropped.note_if(drawn.seed.is_some(), Field::Seed, Why::NoPlace);
    // Nothing is kept for callers who cannot ask for it, so what is sealed must come with the answer.
    let sealed = reasoning.sealed || (!own && manner.reasoning);
    let (instructions, input) = conversation(&mended, manner, &mut dropped);
    let tools = offer::tools(tools, *from, manner, &mut dropped);
    let choice = choice.as_ref().filter(|_| !tools.is_empty());
    let most = manner.output(*max_output, &mut dropped);
    let body = Body {
        model: name,
        instructions,
        input,
        tool_choice: choice.map(|it| offer::choice(it, manner, &mut dropped)),
        parallel_tool_calls: parallel.filter(|_| !tools.is_empty()),
        tools,
        // OpenAI takes no fewer.
        max_output_tokens: most.map(|most| most.max(16)),
        temperature: drawn.temperature,
        top_p: drawn.top_p,
        reasoning: self::reasoning(*reasoning, manner, &mut dropped),
        text: text(format.as_ref(), verbosity.as_deref(), manner, &mut dropped),
        service_tier: tier.map(tier_word),
        safety_identifier: user.as_deref().filter(|it| fits(it)),
        prompt_cache_key: cache_key.as_deref(),
        metadata: metadata.as_ref(),
        store: if own { *store } else { Some(false) },
        previous_response_id: previous.as_deref().filter(|_| own),
        include: if sealed { &[SEALED] } else { &[] },
        stream: *stream,
        extras: Extras::of(extras, *from, Dialect::Responses, &mut dropped),
    };
    let too_long = user.is_some() && body.safety_identifier.is_none();
    dropped.note_if(too_long, Field::User, Why::Limit);
    let body = Json::of(&body).get().to_owned();
    Written { body, dropped }
}

fn conversation<'a>(
    mended: &'a Mended<'a>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> (Option<&'a str>, Vec<ItemOut<'a>>) {
    let (instructions, rest) = instructions(&mended.system, dropped);
    let mut writer = Writer { manner, dropped };
    let mut items = Vec::new();
    for Passage { speaker, blocks } in rest.iter().chain(&mended.passages) {
        match speaker {
            Speaker::System => items.push(writer.said("system", blocks)),
            Speaker::Developer => items.push(writer.said("developer", blocks)),
            Speaker::Person => items.push(writer.said("user", blocks)),
            Speaker::Assistant => writer.spoken(blocks, &mut items),
            Speaker::Tools => writer.replies(blocks, &mut items),
        }
    }
    (instructions, items)
}

/// A system prompt that is one text has a field of its own.
fn instructions<'a>(
    system: &'a [Passage<'a>],
    dropped: &mut Dropped,
) -> (Option<&'a str>, &'a [Passage<'a>]) {
    let Some((first, rest)) = system.split_first() else {
        return (None, system);
    };
    match (first.speaker, first.blocks.as_slice()) {
        (Speaker::System, [Block::Text(text)]) => {
            dropped.note_if(text.mark.is_some(), Field::CacheMark, Why::NoPlace);
            (Some(&text.text), rest)
        }
        _ => (None, system),
    }
}

fn reasoning(reasoning: Reasoning, manner: &Manner, dropped: &mut Dropped) -> Option<ReasoningOut> {
    let effort = effort::word(reasoning, manner, dropped);
    let Reasoning {
        effort: _,
        mode,
        show,
        sealed: _,
    } = reasoning;
    let summary = show.and_then(|show| match show {
        Show::Auto | Show::Concise | Show::Detailed => Some(show),
        Show::Summarized => Some(Show::Auto),
        Show::Updates => Some(Show::Auto),
        Show::Omitted => None,
    });
    let summary = summary.filter(|_| manner.reasoning && mode != Some(Mode::Off));
    (effort.is_some() || summary.is_some()).then_some(ReasoningOut { effort, summary })
}

fn text<'a>(
    format: Option<&'a Format<'a>>,
    verbosity: Option<&'a str>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Option<TextOut<'a>> {
    let shaped = matches!(format, Some(Format::Object | Format::Schema(_)));
    let unable = shaped && !manner.structured_output;
    dropped.note_if(unable, Field::Format, Why::Unable);
    let format = format.filter(|_| !unable).map(|format| match format {
        Format::Text => FormatOut::Text,
        Format::Object => FormatOut::JsonObject,
        Format::Schema(schema) => FormatOut::JsonSchema(SchemaOut::of(schema)),
    });
    (format.is_some() || verbosity.is_some()).then_some(TextOut { format, verbosity })
}
