//! Conversations as readers make them, by chance, within what each dialect can say.

use serde_json::Number;

use super::super::asked::{
    Asked, Effort, Extra, Format, Mode, Passage, Schema, Show, Speaker, Tier,
};
use super::super::block::{
    Block, Document, Image, Input, Kind, Life, Mark, Source, Text, Thought, ToolReply, ToolUse,
};
use super::super::json::Json;
use super::super::manner::{Manner, Thoughts};
use super::super::sealed::{Form, Owner, Sealed};
use super::super::tool::{Choice, Function, Named, Space, Takes, Tool};
use super::dice::Dice;
use crate::domain::dialect::Dialect;
use crate::domain::dialect::Dialect::{Chat, Messages, Responses};

/// A target that takes all that its dialect can say.
pub(super) fn manner(dialect: Dialect) -> Manner {
    Manner {
        thoughts: Thoughts::ReasoningContent,
        inline_system: true,
        developer: true,
        documents: true,
        vendor_fields: true,
        custom_tools: dialect != Messages,
        marks: false,
        ..Manner::of(dialect)
    }
}

pub(super) fn asked(dialect: Dialect, dice: &mut Dice<'_>) -> Asked<'static> {
    let mut asked = Asked::new(dialect, dice.text().into());
    asked.passages = passages(dialect, dice);
    asked.tools = tools(dialect, dice);
    asked.stream = dice.flip();
    asked.user = dice.maybe(|dice| dice.text().into());
    asked.sampling.temperature = dice.maybe(|_| Number::from(1));
    asked.sampling.top_p = dice.maybe(|_| Number::from_f64(0.25).expect("a number"));
    asked.max_output = dice.maybe(|dice| 4_000 + u64::from(dice.below(200)));
    asked.extras = dice.maybe(extra).into_iter().collect();
    match dialect {
        Chat => for_chat(&mut asked, dice),
        Responses => for_responses(&mut asked, dice),
        _ => for_messages(&mut asked, dice),
    }
    asked
}

fn extra(dice: &mut Dice<'_>) -> Extra<'static> {
    Extra {
        name: "of_its_own".into(),
        value: json(&dice.object()),
    }
}

fn json(text: &str) -> Json<'static> {
    Json::parse(text).expect("JSON")
}

fn for_openai(asked: &mut Asked<'static>, dice: &mut Dice<'_>) {
    let tiers = [
        Tier::Auto,
        Tier::Standard,
        Tier::Flex,
        Tier::Scale,
        Tier::Priority,
        Tier::Fast,
    ];
    asked.tier = dice.maybe(|dice| dice.of(&tiers));
    asked.reasoning.effort = dice.maybe(|dice| dice.of(Effort::ALL));
    asked.verbosity = dice.maybe(|dice| dice.of(&["low", "high"]).into());
    asked.cache_key = dice.maybe(|dice| dice.text().into());
    asked.metadata = dice.maybe(|dice| json(&dice.object()));
    asked.store = dice.maybe(Dice::flip);
    if !asked.tools.is_empty() {
        asked.choice = dice.maybe(choice);
        asked.parallel = dice.maybe(Dice::flip);
    }
}

fn choice(dice: &mut Dice<'_>) -> Choice<'static> {
    let named = |dice: &mut Dice<'_>| Named {
        name: "read_1".into(),
        custom: dice.flip(),
    };
    match dice.below(5) {
        0 => Choice::Auto,
        1 => Choice::Never,
        2 => Choice::Some,
        3 => Choice::One(named(dice)),
        _ => Choice::Among {
            must: dice.flip(),
            tools: vec![named(dice), named(dice)],
        },
    }
}

fn for_chat(asked: &mut Asked<'static>, dice: &mut Dice<'_>) {
    for_openai(asked, dice);
    asked.usage = asked.stream.then_some(true);
    asked.sampling.seed = dice.maybe(|_| Number::from(7));
    asked.sampling.frequency_penalty = dice.maybe(|_| Number::from(-1));
    asked.stop = (0..dice.below(5)).map(|_| dice.text().into()).collect();
    asked.format = dice.maybe(|dice| match dice.flip() {
        true => Format::Object,
        false => Format::Schema(schema(dice)),
    });
}

fn for_responses(asked: &mut Asked<'static>, dice: &mut Dice<'_>) {
    for_openai(asked, dice);
    asked.reasoning.show = dice.maybe(|dice| dice.of(&[Show::Auto, Show::Concise, Show::Detailed]));
    asked.reasoning.sealed = dice.flip();
    asked.previous = dice.maybe(|dice| dice.text().into());
    asked.format = dice.maybe(|dice| match dice.below(3) {
        0 => Format::Text,
        1 => Format::Object,
        _ => Format::Schema(schema(dice)),
    });
}

fn schema(dice: &mut Dice<'_>) -> Schema<'static> {
    Schema {
        name: Some("plan".into()),
        description: dice.maybe(|dice| dice.text().into()),
        schema: json(&dice.object()),
        strict: dice.maybe(Dice::flip),
    }
}

fn for_messages(asked: &mut Asked<'static>, dice: &mut Dice<'_>) {
    // Without one the writer has to choose.
    asked.max_output = Some(asked.max_output.unwrap_or(9_000));
    asked.tier = dice.maybe(|dice| dice.of(&[Tier::Auto, Tier::Standard, Tier::Fast]));
    asked.stop = (0..dice.below(5)).map(|_| dice.text().into()).collect();
    asked.reasoning.effort =
        dice.maybe(|dice| dice.of(&[Effort::Low, Effort::Medium, Effort::High, Effort::Max]));
    asked.format = dice.maybe(|dice| {
        Format::Schema(Schema {
            name: None,
            description: None,
            schema: json(&dice.object()),
            strict: None,
        })
    });
    let modes = [
        Mode::Off,
        Mode::Adaptive,
        Mode::BetweenTools,
        Mode::Budget(2_000),
    ];
    // Bounded by a number, thinking may not begin where tools have just given back.
    let asks = asked.passages.last().map(|it| it.speaker) == Some(Speaker::Person);
    let modes = if asks { &modes[..] } else { &modes[..3] };
    let thinks = dice.maybe(|dice| dice.of(modes));
    asked.reasoning.mode = thinks;
    if !matches!(thinks, None | Some(Mode::Off)) {
        asked.sampling = Default::default();
        asked.reasoning.sealed = true;
        let shows = [Show::Omitted, Show::Updates, Show::Summarized];
        asked.reasoning.show = dice.maybe(|dice| dice.of(&shows));
    }
    if asked.tools.is_empty() || !dice.flip() {
        return;
    }
    let free = asked.reasoning.sealed;
    asked.choice = Some(match dice.below(if free { 2 } else { 4 }) {
        0 => Choice::Auto,
        1 => Choice::Never,
        2 => Choice::Some,
        _ => Choice::One(Named {
            name: "read_1".into(),
            custom: false,
        }),
    });
    if asked.choice != Some(Choice::Never) {
        asked.parallel = dice.maybe(Dice::flip);
    }
}

fn tools(dialect: Dialect, dice: &mut Dice<'_>) -> Vec<Tool<'static>> {
    (0..dice.below(4)).map(|_| tool(dialect, dice)).collect()
}

fn tool(dialect: Dialect, dice: &mut Dice<'_>) -> Tool<'static> {
    let takes = match dialect != Messages && dice.flip() {
        true => Takes::Text(dice.maybe(|dice| json(&dice.object()))),
        false => Takes::Schema(Some(json(
            r#"{"type":"object","properties":{"z":{},"a":{}}}"#,
        ))),
    };
    let custom = matches!(takes, Takes::Text(_));
    let function = !custom && dice.flip();
    Tool::Function(Function {
        name: format!("read_{}", dice.next()).into(),
        space: (dialect == Responses && dice.flip()).then(|| Space {
            name: format!("git{}", dice.next()).into(),
            description: dice.maybe(|dice| dice.text().into()),
        }),
        description: dice.maybe(|dice| dice.text().into()),
        takes,
        strict: match dialect {
            Responses => (!custom).then_some(function),
            _ => function.then_some(true),
        },
        deferred: (dialect != Chat && dice.flip()).then_some(true),
        mark: None,
    })
}

fn passages(dialect: Dialect, dice: &mut Dice<'_>) -> Vec<Passage<'static>> {
    let mut passages = Vec::new();
    if dice.flip() {
        let mut system = texts(dice);
        if let (Messages, Some(Block::Text(text))) = (dialect, system.last_mut()) {
            text.mark = dice.maybe(mark);
        }
        passages.push(Passage::new(Speaker::System, system));
    }
    if dialect != Messages && dice.flip() {
        passages.push(Passage::new(Speaker::Developer, texts(dice)));
    }
    for _ in 0..=dice.below(3) {
        passages.push(Passage::new(Speaker::Person, shown(dialect, dice)));
        if dice.below(4) == 3 {
            passages.push(Passage::new(Speaker::System, texts(dice)));
        }
        for _ in 0..dice.below(3) {
            round(dialect, dice, &mut passages);
        }
        let mut said = thoughts(dialect, dice);
        said.extend(texts(dice));
        passages.push(Passage::new(Speaker::Assistant, said));
    }
    // What is asked last is the person's, or else what tools gave back.
    match dice.flip() {
        true => passages.push(Passage::new(Speaker::Person, shown(dialect, dice))),
        false => {
            passages.pop();
            let last = passages.last().map(|last| last.speaker);
            if last != Some(Speaker::Tools) && last != Some(Speaker::Person) {
                passages.push(Passage::new(Speaker::Person, texts(dice)));
            }
        }
    }
    passages
}

fn mark(dice: &mut Dice<'_>) -> Mark {
    Mark {
        life: dice.of(&[None, Some(Life::Short), Some(Life::Long)]),
    }
}

fn texts(dice: &mut Dice<'_>) -> Vec<Block<'static>> {
    (0..=dice.below(2))
        .map(|_| Block::text(dice.text()))
        .collect()
}

fn thoughts(dialect: Dialect, dice: &mut Dice<'_>) -> Vec<Block<'static>> {
    let thought = dice.maybe(|dice| thought(dialect, dice));
    thought.map(Block::Thought).into_iter().collect()
}

fn thought(dialect: Dialect, dice: &mut Dice<'_>) -> Thought<'static> {
    let seal = |form| Sealed {
        owner: Owner::of(dialect),
        form,
        data: "c2lnbmVk==".into(),
    };
    let text = dice.text().into();
    match (dialect, dice.flip()) {
        (Messages, true) => Thought {
            sealed: Some(seal(Form::Redacted)),
            ..Thought::default()
        },
        (Messages, false) => Thought {
            text,
            sealed: Some(seal(Form::Signature)),
            ..Thought::default()
        },
        (Responses, true) => Thought {
            text,
            summary: true,
            sealed: Some(seal(Form::Encrypted)),
            item: dice.maybe(|_| "rs_1".into()),
        },
        _ => Thought {
            text,
            sealed: Some(Sealed::plain(dialect)),
            ..Thought::default()
        },
    }
}

/// Tools are called and give back, in whatever order.
fn round(dialect: Dialect, dice: &mut Dice<'_>, passages: &mut Vec<Passage<'static>>) {
    let mut said = thoughts(dialect, dice);
    if dice.flip() {
        said.extend(texts(dice));
    }
    let mut replies = Vec::new();
    for _ in 0..=dice.below(2) {
        let call = call(dialect, dice);
        replies.push(Block::Reply(reply(dialect, &call, dice)));
        said.push(Block::Use(call));
    }
    if dice.flip() {
        replies.reverse();
    }
    passages.push(Passage::new(Speaker::Assistant, said));
    passages.push(Passage::new(Speaker::Tools, replies));
}

pub(super) fn call(dialect: Dialect, dice: &mut Dice<'_>) -> ToolUse<'static> {
    let kind = match dialect != Messages && dice.flip() {
        true => Kind::Custom,
        false => Kind::Function,
    };
    ToolUse {
        id: format!("call-{}_aZ09xyz", dice.next()).into(),
        name: "read_1".into(),
        space: (dialect == Responses && dice.flip()).then(|| "git".into()),
        kind,
        input: match kind {
            Kind::Custom => Input::Text(dice.text().into()),
            Kind::Function => Input::Json(json(&dice.object())),
        },
        mark: None,
    }
}

fn reply(dialect: Dialect, call: &ToolUse<'static>, dice: &mut Dice<'_>) -> ToolReply<'static> {
    let content = match dialect {
        Chat => (0..dice.below(3))
            .map(|_| Block::text(dice.text()))
            .collect(),
        _ => (0..dice.below(3)).map(|_| part(dialect, dice)).collect(),
    };
    ToolReply {
        id: call.id.clone(),
        // Chat does not say it with a result.
        kind: if dialect == Responses {
            call.kind
        } else {
            Kind::Function
        },
        content,
        failed: dialect == Messages && dice.flip(),
        mark: None,
    }
}

fn shown(dialect: Dialect, dice: &mut Dice<'_>) -> Vec<Block<'static>> {
    (0..=dice.below(3)).map(|_| part(dialect, dice)).collect()
}

fn part(dialect: Dialect, dice: &mut Dice<'_>) -> Block<'static> {
    match dice.below(4) {
        2 => Block::Image(Image {
            source: source(dialect, "image/png", dice),
            detail: (dialect != Messages && dice.flip()).then(|| "high".into()),
            mark: None,
        }),
        3 => document(dialect, dice),
        _ => Block::Text(Text::plain(dice.text())),
    }
}

fn document(dialect: Dialect, dice: &mut Dice<'_>) -> Block<'static> {
    let own = dialect == Messages;
    let source = match own && dice.flip() {
        true => Source::Words(dice.text().into()),
        false => source(dialect, "application/pdf", dice),
    };
    // There is no place for an address in Chat.
    let source = match (dialect, source) {
        (Chat, Source::Url(_)) => file(dialect),
        (_, source) => source,
    };
    Block::Document(Document {
        source,
        name: Some(dice.text().into()),
        context: dice.maybe(|dice| dice.text().into()).filter(|_| own),
        cited: dice.maybe(Dice::flip).filter(|_| own),
        mark: None,
    })
}

fn source(dialect: Dialect, media: &'static str, dice: &mut Dice<'_>) -> Source<'static> {
    match dice.below(3) {
        0 => Source::Data {
            media: media.into(),
            base64: "iVBORw0KGgo=".into(),
        },
        1 => Source::Url("https://example.com/a.png".into()),
        // Pictures are not kept for Chat.
        _ if dialect == Chat => Source::Url("https://example.com/b.png".into()),
        _ => file(dialect),
    }
}

fn file(keeper: Dialect) -> Source<'static> {
    Source::File {
        keeper,
        id: "file-1".into(),
    }
}
