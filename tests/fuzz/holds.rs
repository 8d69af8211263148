//! What must hold of any text, however it was spoilt. Each says whether the text was read at all.

use bytes::{Bytes, BytesMut};
use serde::de::IgnoredAny;
use tollgate::domain::dialect::{Dialect, Endpoint};
use tollgate::domain::ids::RequestId;
use tollgate::domain::tokens::TokenCount;
use tollgate::domain::wire::Wire;
use tollgate::protocol::call::Call;
use tollgate::protocol::fault::Fault;
use tollgate::protocol::follow::Follower;
use tollgate::protocol::inspect::{Inspector, Looks, Offer};
use tollgate::protocol::sse::Splitter;
use tollgate::protocol::translate::echo::Echo;
use tollgate::protocol::translate::event::Event;
use tollgate::protocol::translate::manner::Manner;
use tollgate::protocol::translate::stream::read::Reader;
use tollgate::protocol::translate::stream::{Shown, Translator};
use tollgate::protocol::translate::{read, read_answer, write, write_answer};
use tollgate::protocol::usage;
use tollgate::session::evidence::{Evidence, State};

use crate::mutate::Dice;
use crate::seeds::{CALLERS, TARGETS};

/// How deep bodies may be that the gateway lets in.
const DEPTH: usize = 128;

const LOOKS: Looks = Looks {
    arguments: true,
    empty: true,
    repeats: true,
};

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// A request that is read can be written for every target, as JSON that those readers take in turn. What is new in it tells of the
/// work, wherever the messages are cut.
pub(crate) fn of_request(endpoint: Endpoint, text: &[u8]) -> bool {
    let body = Bytes::copy_from_slice(text);
    let Ok(call) = Call::read(endpoint, body.clone(), DEPTH) else {
        return false;
    };
    assert!(is_json(text), "what is let in is JSON");
    evidence(&call);
    let text = std::str::from_utf8(text).expect("what is let in is text");
    let tools = call.tools_at.clone().map(|place| &text[place]);
    Offer::read(endpoint.dialect(), tools, true);
    let Ok((asked, _)) = read(endpoint.dialect(), text) else {
        return false;
    };
    for target in TARGETS {
        let written = write(target, &asked, "its-model", &Manner::of(target));
        let what = || format!("{endpoint} to {target}: {}", written.body);
        assert!(is_json(written.body.as_bytes()), "{}", what());
        if target != Dialect::Gemini {
            let again = read(target, &written.body);
            assert!(again.is_ok(), "{again:?} {}", what());
        }
    }
    true
}

fn evidence(call: &Call) {
    let mut whole = State::default();
    Evidence::step(&mut whole, call.body(), &call.messages);
    let mut cut = State::default();
    for message in &call.messages {
        Evidence::step(&mut cut, call.body(), std::slice::from_ref(message));
    }
    assert!(whole == cut, "{whole:?} {cut:?}");
}

/// An answer that is read can be written for every caller, as JSON.
pub(crate) fn of_answer(target: Dialect, text: &[u8]) -> bool {
    for caller in CALLERS {
        let _ = usage::whole(Wire::own(caller), text);
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let Ok(answer) = read_answer(target, text, "") else {
        return false;
    };
    let mut inspector = Inspector::new(LOOKS);
    inspector.whole(&answer);
    inspector.judge(|| Offer::read(Dialect::Chat, None, false));
    for caller in CALLERS {
        let said = write_answer(&answer, &echo(caller), 1_795_000_002);
        assert!(is_json(said.body.as_bytes()), "{caller}: {}", said.body);
    }
    true
}

/// A stream is told every caller in whole events of JSON, the same wherever the network cuts it.
pub(crate) fn of_stream(target: Dialect, text: &[u8], dice: &mut Dice) -> bool {
    let whole = Bytes::copy_from_slice(text);
    let pieces = pieces(&whole, dice);
    let mut follower = Follower::new(target, false);
    let mut inspector = Inspector::new(LOOKS);
    let mut reader = Reader::new(target).expect("a dialect of targets");
    let mut whole_answer = false;
    events(&pieces, |data| {
        follower.event(data);
        let data = data.map(Bytes::as_ref);
        reader.event(data, &mut |step| {
            whole_answer |= step == Event::End;
            inspector.step(&step);
        });
    });
    reader.close(&mut |step| {
        whole_answer |= step == Event::End;
        inspector.step(&step);
    });
    inspector.judge(|| Offer::read(Dialect::Chat, None, false));
    for caller in CALLERS {
        let once = translated(target, caller, std::slice::from_ref(&whole));
        let cut = translated(target, caller, &pieces);
        assert!(once == cut, "{target} to {caller}: {once}\n---\n{cut}");
        events(&[Bytes::from(once.into_bytes())], |data| {
            let data = data.map(Bytes::as_ref).unwrap_or(b"null");
            let shown = || String::from_utf8_lossy(data).into_owned();
            assert!(is_json(data) || data == b"[DONE]", "{caller}: {}", shown());
        });
    }
    whole_answer
}

fn echo(caller: Endpoint) -> Echo {
    let body = format!(
        r#"{{"model":"auto","stream":true,"max_tokens":9,"prompt":"","{}":[]}}"#,
        match caller {
            Endpoint::Responses => "input",
            _ => "messages",
        }
    );
    let (_, echo) = read(caller.dialect(), &body).expect("a call");
    echo
}

fn pieces(whole: &Bytes, dice: &mut Dice) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = (0..dice.below(30))
        .map(|_| dice.below(whole.len() + 1))
        .collect();
    cuts.extend([0, whole.len()]);
    cuts.sort_unstable();
    let piece = |pair: &[usize]| whole.slice(pair[0]..pair[1]);
    cuts.windows(2).map(piece).collect()
}

/// Calls `each` with the data of each event, as far as they come.
fn events(pieces: &[Bytes], mut each: impl FnMut(Option<&Bytes>)) {
    let mut splitter = Splitter::default();
    for piece in pieces {
        if splitter
            .push(piece.clone(), |event| each(event.data.as_ref()))
            .is_err()
        {
            return;
        }
    }
}

fn translated(target: Dialect, caller: Endpoint, pieces: &[Bytes]) -> String {
    let shown = Shown {
        request: RequestId(0xabc),
        created: 1_790_000_001,
        prompt: TokenCount(1_000),
    };
    let mut translator = Translator::new(target, echo(caller), shown).expect("a pair");
    let mut out = BytesMut::new();
    events(pieces, |data| {
        translator.feed(data.map(Bytes::as_ref), &mut out);
    });
    translator.close(&mut out);
    let fault = Fault::new(502, "upstream_error", "the stream ended too early");
    translator.fail(&fault, &mut out);
    assert!(translator.ended(), "{target} to {caller}: it never ends");
    String::from_utf8(out.to_vec()).expect("what is told is text")
}
