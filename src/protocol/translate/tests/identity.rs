//! What is written is read back the same.

use proptest::prelude::*;

use super::super::answer::{Answer, Refused, Stop};
use super::super::asked::Asked;
use super::super::block::{Block, Citation, Page, Text, Thought};
use super::super::dropped::Dropped;
use super::super::echo::Echo;
use super::super::sealed::{Form, Owner, Sealed};
use super::super::{read, read_answer, write, write_answer};
use super::dice::Dice;
use super::make;
use crate::domain::dialect::Dialect;
use crate::domain::dialect::Dialect::{Chat, Messages, Responses};
use crate::domain::tokens::{TokenCount, Usage};

fn requests(dialect: Dialect, bytes: &[u8]) -> Result<(), TestCaseError> {
    let asked = make::asked(dialect, &mut Dice::new(bytes));

    let written = write(dialect, &asked, &asked.model, &make::manner(dialect));
    let (again, _) = read(dialect, &written.body).expect("what is written can be read");

    prop_assert_eq!(written.dropped.iter().next(), None, "{}", written.body);
    prop_assert_eq!(again, asked, "{}", written.body);
    Ok(())
}

/// No pair of dialects makes a body that its own reader would not take, and none loses a word of the person's.
fn pairs(from: Dialect, bytes: &[u8]) -> Result<(), TestCaseError> {
    let asked = make::asked(from, &mut Dice::new(bytes));
    for to in [Chat, Responses, Messages, Dialect::Gemini] {
        let manner = super::super::manner::Manner::of(to);

        let first = write(to, &asked, "m", &manner);
        let second = write(to, &asked, "m", &manner);

        prop_assert_eq!(&first, &second);
        if to != Dialect::Gemini {
            let (again, _) = read(to, &first.body).expect("what is written can be read");
            let twice = write(to, &again, "m", &manner);
            prop_assert_eq!(&twice.body, &first.body, "{:?} to {:?}", from, to);
        }
    }
    Ok(())
}

fn answer(dialect: Dialect, dice: &mut Dice<'_>) -> Answer<'static> {
    let mut blocks: Vec<Block<'static>> = Vec::new();
    if dice.flip() {
        blocks.push(Block::Thought(thought(dialect, dice)));
    }
    if dice.flip() {
        let text = dice.text();
        let length = text.chars().count() as u64;
        let page = dice.maybe(|dice| {
            Citation::Page(Page {
                url: "https://example.com/".into(),
                title: Some(dice.text().into()),
                quote: (dialect == Messages).then(|| "said".into()),
                span: (dialect != Messages).then_some((0, length)),
            })
        });
        blocks.push(Block::Text(Text {
            text: text.into(),
            // Anthropic's parser wants a field with it that is kept whole.
            citations: page.into_iter().filter(|_| dialect != Messages).collect(),
            mark: None,
        }));
    }
    let calls = dice.below(3);
    for _ in 0..calls {
        blocks.push(Block::Use(make::call(dialect, dice)));
    }
    Answer {
        id: match dialect {
            Chat => "chatcmpl-1",
            Responses => "resp_1",
            _ => "msg_1",
        }
        .into(),
        model: "some-model".into(),
        created: (dialect != Messages).then_some(1_700_000_000),
        stop: stop(dialect, calls > 0, dice),
        usage: (dialect == Messages || dice.flip()).then(|| usage(dice)),
        tier: (dialect != Messages && dice.flip()).then(|| "default".into()),
        blocks,
        dropped: Dropped::default(),
    }
}

fn thought(dialect: Dialect, dice: &mut Dice<'_>) -> Thought<'static> {
    // Another's state comes through as well as one's own.
    let foreign = dialect != Chat && dice.flip();
    let (dialect_of, form) = match (dialect, foreign) {
        (Chat, _) => (Chat, Form::Plain),
        (_, true) => (Dialect::Gemini, Form::ThoughtSignature),
        (Messages, false) => (Messages, Form::Signature),
        (_, false) => (Responses, Form::Encrypted),
    };
    let maker = match foreign {
        true => Some("gemini-4".into()),
        false => None,
    };
    Thought {
        text: dice.text().into(),
        summary: dialect == Responses,
        sealed: Some(Sealed {
            owner: Owner {
                dialect: dialect_of,
                maker,
            },
            data: if dialect == Chat { "" } else { "c2lnbmVk" }.into(),
            form,
        }),
        item: (dialect == Responses).then(|| "rs_1".into()),
    }
}

fn stop(dialect: Dialect, calls: bool, dice: &mut Dice<'_>) -> Stop<'static> {
    let done = if calls { Stop::Tools } else { Stop::Done };
    match (dialect, dice.below(5)) {
        (_, 1) => Stop::Length,
        (Messages, 2) => Stop::Sequence(Some("END".into())),
        (Messages, 3) => Stop::Window,
        (Messages, 4) => Stop::Refused(Refused {
            category: Some("cyber".into()),
            explanation: Some("no".into()),
        }),
        _ => done,
    }
}

fn usage(dice: &mut Dice<'_>) -> Usage {
    let mut count = || TokenCount(u64::from(dice.below(250)));
    let (input, cache_read) = (count(), count());
    let (cache_write_short, cache_write_long) = (count(), count());
    let output = count();
    Usage {
        input,
        cache_read,
        cache_write_short,
        cache_write_long,
        output,
        reasoning: TokenCount(output.0 / 2),
    }
}

fn answers(dialect: Dialect, bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut dice = Dice::new(bytes);
    let answer = answer(dialect, &mut dice);
    let mut echo = Echo::of(&Asked::new(dialect, "m".into()));
    (echo.thinks, echo.sealed) = (true, true);

    let said = write_answer(&answer, &echo, 1);
    let mut again = read_answer(dialect, &said.body, "").expect("what is written can be read");

    // Ids of items are made up and mean nothing.
    again.dropped = Dropped::default();
    prop_assert_eq!(said.dropped.iter().next(), None, "{}", said.body);
    prop_assert_eq!(again, answer, "{}", said.body);
    Ok(())
}

proptest! {
    #[test]
    fn a_request_of_chat_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        requests(Chat, &bytes)?;
    }

    #[test]
    fn a_request_of_responses_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        requests(Responses, &bytes)?;
    }

    #[test]
    fn a_request_of_messages_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        requests(Messages, &bytes)?;
    }

    #[test]
    fn what_goes_from_one_dialect_to_another_stays_as_it_is_there(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        for from in [Chat, Responses, Messages] {
            pairs(from, &bytes)?;
        }
    }

    #[test]
    fn an_answer_of_chat_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        answers(Chat, &bytes)?;
    }

    #[test]
    fn an_answer_of_responses_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        answers(Responses, &bytes)?;
    }

    #[test]
    fn an_answer_of_messages_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        answers(Messages, &bytes)?;
    }

    #[test]
    fn no_body_makes_a_reader_panic(body in "[\\[\\]{}:,\"a-z0-9 \\\\]{0,80}") {
        for dialect in Dialect::ALL {
            let _ = read(*dialect, &body);
            let _ = read_answer(*dialect, &body, "");
        }
    }
}
