//! What a caller's own parser makes of a translated stream is what the target said.

use proptest::prelude::*;

use super::super::read::Reader;
use super::super::write::Writer;
use super::*;
use crate::domain::tokens::Usage;
use crate::protocol::translate::answer::{Answer, Stop};
use crate::protocol::translate::block::{Block, Input, Kind, Text, Thought, ToolUse};
use crate::protocol::translate::dropped::Dropped;
use crate::protocol::translate::event::{Delta, Event, Opened, Start};
use crate::protocol::translate::sealed::Sealed;
use crate::protocol::translate::{read_answer, write_answer};

/// Callers whose dialect is also read from targets.
const READ: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];

/// Puts steps together to a whole answer.
#[derive(Default)]
struct Whole {
    blocks: Vec<(Block<'static>, String)>,
    stop: Option<Stop<'static>>,
    usage: Option<Usage>,
    ended: bool,
}

impl Whole {
    fn step(&mut self, event: &Event<'_>) {
        match event {
            Event::Open { block, .. } => self.blocks.push((begun(block), String::new())),
            Event::Delta { index, delta } => {
                let (block, said) = &mut self.blocks[*index as usize];
                match (delta, block) {
                    (Delta::Text(text) | Delta::Input(text), _) => said.push_str(text),
                    (Delta::Sealed(sealed), Block::Thought(thought)) => {
                        thought.sealed = Some(Sealed {
                            owner: sealed.owner.clone().into_owned(),
                            form: sealed.form,
                            data: sealed.data.clone().into_owned().into(),
                        });
                    }
                    _ => {}
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop(stop) => {
                self.stop = Some(match stop {
                    Stop::Tools => Stop::Tools,
                    Stop::Length => Stop::Length,
                    _ => Stop::Done,
                });
            }
            Event::End => self.ended = true,
            Event::Close { .. } | Event::Ping | Event::Fault(_) => {}
            Event::Start(start) => self.usage = start.usage,
        }
    }

    /// The answer, without what is the writer's own or has no place in the dialect `of` the caller.
    fn answer(self, of: Dialect) -> Answer<'static> {
        assert!(self.ended, "the stream has an end");
        let mut blocks: Vec<Block<'static>> = Vec::new();
        for (block, said) in self.blocks {
            let block = filled(block, said, of);
            match (blocks.last_mut(), block) {
                // Chat does not tell where words of the same kind part.
                (Some(Block::Text(last)), Block::Text(text)) if of == Dialect::Chat => {
                    last.text.to_mut().push_str(&text.text);
                }
                (Some(Block::Thought(last)), Block::Thought(text)) if of == Dialect::Chat => {
                    last.text.to_mut().push_str(&text.text);
                }
                (_, Block::Thought(thought)) if thought == Thought::default() => {}
                (_, Block::Text(text)) if text.text.is_empty() => {}
                (_, block) => blocks.push(block),
            }
        }
        Answer {
            id: "".into(),
            model: "".into(),
            created: None,
            blocks,
            stop: self.stop.expect("why it stopped"),
            usage: self.usage,
            tier: None,
            dropped: Dropped::default(),
        }
    }
}

fn begun(block: &Opened<'_>) -> Block<'static> {
    let own = |text: &str| text.to_owned().into();
    match block {
        Opened::Thought { .. } => Block::Thought(Thought::default()),
        Opened::Use { id, name, kind, .. } => Block::Use(ToolUse {
            id: own(id),
            name: own(name),
            space: None,
            kind: *kind,
            input: Input::of_arguments("".into()),
            mark: None,
        }),
        Opened::Text | Opened::Refusal | Opened::Foreign(_) => Block::Text(Text::plain("")),
    }
}

fn filled(block: Block<'static>, said: String, of: Dialect) -> Block<'static> {
    match block {
        Block::Thought(mut thought) => {
            // Chat puts a gap between thoughts, for it has no other way to part them.
            thought.text = match of {
                Dialect::Chat => said.replace("\n\n", "").into(),
                _ => said.into(),
            };
            thought.sealed = thought
                .sealed
                .filter(|state| of != Dialect::Chat && !state.data.is_empty());
            Block::Thought(thought)
        }
        Block::Use(mut call) => {
            call.input = Input::of_arguments(said.into());
            Block::Use(call)
        }
        _ => Block::text(said),
    }
}

fn read(dialect: Dialect, stream: &str) -> Whole {
    let mut reader = Reader::new(dialect).expect("a dialect of targets");
    let mut whole = Whole::default();
    for data in data(stream) {
        reader.event(Some(&data), &mut |event| whole.step(&event));
    }
    reader.close(&mut |event| whole.step(&event));
    whole
}

#[test]
fn every_pair_says_what_the_target_said() {
    for (target, caller) in TARGETS.into_iter().flat_map(|it| READ.map(|to| (it, to))) {
        for scene in ["agent", "length"] {
            let stream = said(target, scene);
            let text = std::str::from_utf8(&stream).expect("text").to_owned();

            let told = translated(target, &asked(caller), &[stream]);

            assert_eq!(
                read(caller, &told).answer(caller),
                read(target, &text).answer(caller),
                "{scene} from {target} to {caller}"
            );
        }
    }
}

/// What a whole answer says, without what is the writer's own.
fn plain(dialect: Dialect, body: &str) -> (String, String, Vec<Block<'static>>, Stop<'static>) {
    let answer = read_answer(dialect, body, "").expect("an answer of its dialect");
    let mut whole = Whole {
        stop: Some(Stop::Done),
        ended: true,
        ..Whole::default()
    };
    for block in &answer.blocks {
        let (begun, said) = match block {
            Block::Text(text) => (Opened::Text, text.text.to_string()),
            Block::Thought(thought) => (
                Opened::Thought {
                    summary: false,
                    item: None,
                },
                thought.text.to_string(),
            ),
            Block::Use(call) => (
                Opened::Use {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    space: None,
                    kind: call.kind,
                },
                call.input.get().to_owned(),
            ),
            _ => continue,
        };
        whole.blocks.push((self::begun(&begun), said));
    }
    let stop = match answer.stop {
        Stop::Tools => Stop::Tools,
        Stop::Length => Stop::Length,
        _ => Stop::Done,
    };
    let (id, model) = (answer.id.to_string(), answer.model.to_string());
    (id, model, whole.answer(dialect).blocks, stop)
}

#[test]
fn the_last_event_of_responses_is_what_a_whole_answer_would_be() {
    for (target, scene) in TARGETS
        .into_iter()
        .flat_map(|it| [(it, "agent"), (it, "length")])
    {
        let stream = said(target, scene);
        let text = std::str::from_utf8(&stream).expect("text").to_owned();
        let mut answer = read(target, &text).answer(target);
        let mut reader = Reader::new(target).expect("a dialect of targets");
        reader.event(Some(&data(&text)[0]), &mut |event| {
            if let Event::Start(start) = event {
                answer.id = start.id.into_owned().into();
                answer.model = start.model.into_owned().into();
            }
        });
        let echo = Echo::of(&asked(Dialect::Responses));
        let whole = write_answer(&answer, &echo, shown().created).body;

        let told = translated(target, &asked(Dialect::Responses), &[stream]);
        let last = data(&told).pop().expect("an end");
        let end: End<'_> = serde_json::from_slice(&last).expect("a response");

        assert_eq!(
            plain(Dialect::Responses, end.response.get()),
            plain(Dialect::Responses, &whole),
            "{scene} of {target}"
        );
    }
}

#[derive(serde::Deserialize)]
struct End<'a> {
    #[serde(borrow)]
    response: &'a serde_json::value::RawValue,
}

/// Thoughts or words, and their pieces.
type Words = Vec<(bool, Vec<String>)>;

/// The texts that calls are made with.
type Calls = Vec<Vec<String>>;

/// Words first, then calls, whose pieces come in turns.
fn blocks() -> impl Strategy<Value = (Words, Calls)> {
    let words = prop::collection::vec((any::<bool>(), prop::collection::vec(".{1,6}", 1..4)), 0..4);
    let call = prop::collection::vec("[a-z\"\\\\ü]{0,5}", 0..4);
    (words, prop::collection::vec(call, 0..4))
}

/// The pieces of a JSON object that holds these texts.
fn arguments(texts: &[String]) -> Vec<String> {
    let mut pieces = vec!["{\"a\":[".to_owned()];
    for (at, text) in texts.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        pieces.push(format!(
            "{comma}{}",
            serde_json::to_string(text).expect("a text")
        ));
    }
    pieces.push("]}".into());
    pieces
}

fn steps(words: &[(bool, Vec<String>)], calls: &[Vec<String>]) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start(Start::default())];
    for (index, (thinks, pieces)) in (0..).zip(words) {
        let block = match thinks {
            true => Opened::Thought {
                summary: false,
                item: None,
            },
            false => Opened::Text,
        };
        events.push(Event::Open { index, block });
        events.extend(pieces.iter().map(|piece| {
            let delta = Delta::Text(piece.clone().into());
            Event::Delta { index, delta }
        }));
        events.push(Event::Close { index });
    }
    let calls: Vec<_> = calls.iter().map(|texts| arguments(texts)).collect();
    let first = u32::try_from(words.len()).expect("few");
    for (index, _) in (first..).zip(&calls) {
        let block = Opened::Use {
            id: format!("call_number_{index}").into(),
            name: "f".into(),
            space: None,
            kind: Kind::Function,
        };
        events.push(Event::Open { index, block });
    }
    let longest = calls.iter().map(Vec::len).max().unwrap_or(0);
    for at in 0..longest {
        for (index, pieces) in (first..).zip(&calls) {
            if let Some(piece) = pieces.get(at) {
                let delta = Delta::Input(piece.clone().into());
                events.push(Event::Delta { index, delta });
            }
        }
    }
    events.extend(
        (first..)
            .zip(&calls)
            .map(|(index, _)| Event::Close { index }),
    );
    let stop = if calls.is_empty() {
        Stop::Done
    } else {
        Stop::Tools
    };
    events.extend([Event::Stop(stop), Event::End]);
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back(
        caller in prop::sample::select(&READ[..]),
        (words, calls) in blocks(),
    ) {
        let events = steps(&words, &calls);
        let mut writer = Writer::new(Echo::of(&asked(caller)), shown()).expect("a caller");
        let (mut out, mut direct) = (BytesMut::new(), Whole::default());
        for event in &events {
            writer.event(event, &mut out);
            direct.step(event);
        }

        let told = String::from_utf8(out.to_vec()).expect("text");
        let mut back = read(caller, &told).answer(caller);
        // Where the target tells no usage, Messages say their guess.
        back.usage = None;
        prop_assert_eq!(back, direct.answer(caller));
    }
}
