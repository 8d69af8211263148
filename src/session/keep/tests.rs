//! Conversations in memory and over a restart.

use std::path::Path;

use bytes::Bytes;
use http::HeaderMap;
use tokio::task::JoinHandle;

use super::*;
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::facts::Turn;
use crate::domain::ids::RequestId;
use crate::domain::tokens::{TokenCount, Usage};
use crate::protocol::call::Call;
use crate::protocol::count::{Family, Whose, count};
use crate::session::shape::Shape;
use crate::session::turn::{Change, Step};
use crate::store;

mod shelves;
mod windows;

const NOW: i64 = 1_795_262_400_000;

struct Rig {
    sessions: Sessions<u32>,
    keeper: JoinHandle<()>,
    store: Store,
    clock: Clock,
}

impl Rig {
    async fn open(path: &Path, settings: Settings) -> Self {
        let store = Store::open(&store::Settings::at(path), &[ROOM]).expect("a store");
        let clock = Clock::fixed(Timestamp::from_millis(NOW));
        let entropy = Entropy::seeded(3);
        let opened = Sessions::open(store.clone(), clock.clone(), &entropy, settings);
        let (sessions, keeper) = opened.await.expect("open");
        #[expect(clippy::disallowed_methods, reason = "a test waits for its own task")]
        let keeper = tokio::spawn(keeper.run());
        sessions.ready().await;
        Self {
            sessions,
            keeper,
            store,
            clock,
        }
    }

    /// The files as the kernel holds them, elsewhere: what a kill would leave.
    fn image(folder: &Path) -> tempfile::TempDir {
        let image = tempfile::tempdir().expect("a folder");
        for file in std::fs::read_dir(folder).expect("the folder") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), image.path().join(file.file_name())).expect("copied");
        }
        image
    }

    async fn stop(self) {
        drop(self.sessions);
        self.keeper.await.expect("the keeper ends");
        self.store.close().await;
    }
}

fn small() -> Settings {
    Settings {
        most: 160,
        ..Settings::default()
    }
}

struct Asked {
    identity: Identity,
    prompt: Arc<Prompt>,
    outline: crate::protocol::outline::Outline,
}

fn ask(key: &Key, session: Option<&str>, more: &str, words: &[&str]) -> Asked {
    let all = words
        .iter()
        .map(|it| format!(r#"{{"role":"user","content":"{it}"}}"#));
    let all: Vec<String> = all.collect();
    let body = format!(r#"{{"model":"m"{more},"input":[{}]}}"#, all.join(","));
    let call = Call::read(Endpoint::Responses, Bytes::from(body), 64).expect("a valid body");
    let mut headers = HeaderMap::new();
    if let Some(session) = session {
        headers.insert("x-tollgate-session", session.parse().expect("a value"));
    }
    let prompt = Prompt::read(&call, key);
    Asked {
        identity: Identity::read(&headers, &call, &prompt, &KeyId::from("k"), key),
        prompt: Arc::new(prompt),
        outline: call.outline,
    }
}

fn answered(asked: &Asked, conversation: Conversation, moment: i64) -> Observed<u32> {
    Observed {
        conversation,
        request: RequestId(u128::try_from(moment).expect("positive")),
        at: Timestamp::from_millis(NOW + moment),
        model: "opus".into(),
        target: "anthropic".into(),
        hosting: Hosting::Vendor,
        signs: true,
        rule: CacheRule::default(),
        usage: Some(Usage {
            input: TokenCount(5_000),
            ..Usage::default()
        }),
        shape: None,
        end: End::Answered,
        stored: Vec::new(),
        given: Given::default(),
        partial: false,
        prompt: Arc::clone(&asked.prompt),
        taken_for: Some(TokenCount(4_000)),
        expected: Warm::default(),
        turn: Turn::First,
        system: asked.identity.system,
        window: None,
        evidence: 7,
    }
}

#[tokio::test]
async fn a_kill_and_a_restart_forget_no_conversation() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let asked = ask(rig.sessions.key(), None, "", &["one", "two"]);
    let found = rig.sessions.find(&asked.identity);
    assert!(found.kept.is_none());
    rig.sessions.step(answered(&asked, found.conversation, 5));
    rig.sessions.settle().await;
    let before = rig.sessions.find(&asked.identity).kept.expect("known");
    let image = Rig::image(folder.path());
    rig.stop().await;

    let rig = Rig::open(image.path(), small()).await;
    let more = ask(rig.sessions.key(), None, "", &["one", "two", "three"]);
    let after = rig.sessions.find(&more.identity).kept.expect("known");

    assert_eq!(after, before);
    assert_eq!(after.evidence, 7);
    let step = Step::from(
        Some(after.before()),
        &more.prompt,
        &more.identity,
        &more.outline,
    );
    assert_eq!((step.change, step.fresh), (Change::Extended, 2..3));
    let sure = |_| 1.0;
    let now = rig.clock.now();
    let warm = after.warmth.predict(
        &"opus".into(),
        CacheRule::default(),
        &more.prompt,
        now,
        sure,
    );
    assert_eq!(warm.tokens, TokenCount(5_000));
    rig.stop().await;
}

#[tokio::test]
async fn a_kill_and_a_restart_forget_not_how_long_prompts_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let asked = ask(rig.sessions.key(), None, "", &["one"]);
    let opus = ModelId::from("opus");
    assert_eq!(rig.sessions.length(&opus), None);
    for moment in 0..30 {
        let found = rig.sessions.find(&asked.identity);
        rig.sessions
            .step(answered(&asked, found.conversation, moment));
    }
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#,
        "let total = prices.sum(); ".repeat(2_000)
    );
    let prompt = count(Dialect::Messages, body.as_bytes()).expect("it can be read");
    let whose = Whose::Named(Family::Llama);
    let ours = prompt.tokens(Family::Llama);
    let billed = TokenCount(ours.0 * 11 / 10);
    (0..30).for_each(|_| rig.sessions.learn_count(&opus, (&prompt, whose), billed));
    rig.sessions.settle().await;
    let counted = |rig: &Rig, model| rig.sessions.counted(model, &prompt, whose);
    let before = (rig.sessions.length(&opus), counted(&rig, &opus));
    let image = Rig::image(folder.path());
    rig.stop().await;

    let rig = Rig::open(image.path(), small()).await;
    let after = (rig.sessions.length(&opus), counted(&rig, &opus));

    let length = after.0.expect("it is known");
    assert!((length.factor - 1.25).abs() < 0.03, "{length:?}");
    assert!(after.1.0.abs_diff(billed.0) * 100 < billed.0, "{after:?}");
    assert_eq!(after, before);
    assert_eq!(rig.sessions.length(&"other".into()), None);
    assert_eq!(counted(&rig, &"other".into()), ours);
    rig.stop().await;
}

#[tokio::test]
async fn one_prompt_at_a_time_is_counted_for_comparison_and_the_others_are_not_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let (opus, haiku) = (ModelId::from("opus"), ModelId::from("haiku"));

    let place = rig.sessions.wants_count(&opus).expect("the first");
    let busy = (0..100).filter_map(|_| rig.sessions.wants_count(&haiku));
    assert_eq!(busy.count(), 0);
    drop(place);

    let free = (0..100).filter(|_| rig.sessions.wants_count(&haiku).is_some());
    // The first few at once, and then one for a while.
    assert_eq!(free.count(), 9);
    rig.stop().await;
}

#[tokio::test]
async fn what_a_prompt_was_told_in_part_or_with_pictures_says_nothing_of_its_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let asked = ask(rig.sessions.key(), None, "", &["one"]);
    let found = rig.sessions.find(&asked.identity);

    let mut seen = answered(&asked, found.conversation, 1);
    seen.taken_for = None;
    rig.sessions.step(seen.clone());
    seen.taken_for = Some(TokenCount(4_000));
    seen.usage = None;
    rig.sessions.step(seen);

    assert_eq!(rig.sessions.length(&"opus".into()), None);
    rig.stop().await;
}

#[tokio::test]
async fn the_memory_and_the_store_are_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;

    for number in 0..1_000_i64 {
        let name = format!("s{number}");
        let asked = ask(rig.sessions.key(), Some(&name), "", &["x"]);
        let found = rig.sessions.find(&asked.identity);
        rig.sessions
            .step(answered(&asked, found.conversation, number));
    }
    rig.sessions.settle().await;

    assert!(rig.sessions.len() <= 160 && !rig.sessions.is_empty());
    let rows = rig
        .store
        .read(|conn| conn.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)));
    let rows: u32 = rows.await.expect("read");
    assert_eq!(usize::try_from(rows), Ok(rig.sessions.len()));
    assert_eq!(rig.sessions.passed(), 0);
    rig.stop().await;
}

#[tokio::test]
async fn a_conversation_of_thirty_turns_takes_a_few_kilobytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let words = ["x"; 60];
    let mut asked = ask(rig.sessions.key(), Some("s"), "", &words[..1]);
    for turn in 0..30 {
        asked = ask(rig.sessions.key(), Some("s"), "", &words[..2 * turn + 1]);
        let found = rig.sessions.find(&asked.identity);
        let moment = i64::try_from(turn).expect("small");
        rig.sessions
            .step(answered(&asked, found.conversation, moment));
    }
    rig.sessions.settle().await;

    let kept = rig.sessions.find(&asked.identity).kept.expect("known");
    let state = serde_json::to_string(&*kept).expect("JSON").len();
    let size = state + kept.trunk.to_bytes().len();

    assert_eq!((kept.calls, kept.trunk.len()), (30, 59));
    assert!(size < 4_096, "{size}");
    rig.stop().await;
}

#[tokio::test]
async fn overlapping_calls_end_in_any_order() {
    let key = Key::new([1; 16]);
    let asks = [["a"], ["b"], ["c"]].map(|words| ask(&key, Some("s"), "", &words));
    let all: Vec<Observed<u32>> = asks
        .iter()
        .zip([3, 1, 2])
        .map(|(asked, moment)| {
            let mut seen = answered(asked, asked.identity.settle(None, &key), moment);
            seen.evidence = u32::try_from(moment).expect("small");
            seen.model = format!("m{}", moment % 2).as_str().into();
            seen
        })
        .collect();
    let end = |order: [usize; 3]| {
        let mut kept = Kept::begin(&all[order[0]]);
        order[1..].iter().for_each(|at| kept.step(&all[*at]));
        kept
    };

    let first = end([0, 1, 2]);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(end(order), first, "{order:?}");
    }
    assert_eq!((first.evidence, first.calls), (3, 3));
}

#[tokio::test]
async fn a_call_beside_the_work_moves_nothing_but_what_is_cached() {
    let key = Key::new([1; 16]);
    let asked = ask(&key, Some("s"), "", &["a", "b"]);
    let conversation = asked.identity.settle(None, &key);
    let first = answered(&asked, conversation.clone(), 1);
    let beside = |shape, moment| Observed {
        shape: Some(shape),
        evidence: 0,
        model: "haiku".into(),
        ..answered(&asked, conversation.clone(), moment)
    };
    let before = Kept::begin(&first);

    let (mut title, mut compaction) = (before.clone(), before.clone());
    title.step(&beside(Shape::Title, 2));
    compaction.step(&beside(Shape::Compaction, 2));

    assert_eq!(title, before);
    assert_eq!(compaction.warmth.models().count(), 2);
    compaction.warmth = before.warmth.clone();
    assert_eq!(compaction, before);
}

#[tokio::test]
async fn what_failed_moves_nothing_and_what_is_old_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let asked = ask(rig.sessions.key(), Some("s"), "", &["x"]);
    let conversation = rig.sessions.find(&asked.identity).conversation;
    let mut failed = answered(&asked, conversation.clone(), 1);
    failed.end = End::Failed;
    rig.sessions.step(failed);
    rig.sessions.settle().await;
    assert!(rig.sessions.load(conversation.id).is_none());

    rig.sessions.step(answered(&asked, conversation.clone(), 2));
    rig.sessions.settle().await;
    assert!(rig.sessions.load(conversation.id).is_some());
    rig.clock.set(Timestamp::from_millis(NOW + 25 * 3_600_000));

    assert!(rig.sessions.load(conversation.id).is_none());
    rig.stop().await;
}

#[tokio::test]
async fn what_nobody_has_seen_moves_nothing_but_is_cached() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let asked = ask(rig.sessions.key(), Some("s"), "", &["x"]);
    let conversation = rig.sessions.find(&asked.identity).conversation;
    let caught = |at: i64| Observed {
        end: End::Caught,
        model: "weak".into(),
        ..answered(&asked, conversation.clone(), at)
    };
    rig.sessions.step(caught(1));
    rig.sessions.settle().await;
    assert!(rig.sessions.load(conversation.id).is_none());

    rig.sessions.step(answered(&asked, conversation.clone(), 2));
    rig.sessions.settle().await;
    let before = rig.sessions.load(conversation.id).expect("it is kept");
    rig.sessions.step(caught(3));
    rig.sessions.settle().await;

    let after = rig.sessions.load(conversation.id).expect("it is kept");
    assert_eq!((after.calls, &after.model), (before.calls, &before.model));
    assert_eq!(after.evidence, before.evidence);
    assert!(after.warmth != before.warmth, "its model has cached it");
    rig.stop().await;
}

#[tokio::test]
async fn an_answer_that_a_provider_keeps_is_gone_on_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let first = ask(rig.sessions.key(), None, "", &["one"]);
    let conversation = rig.sessions.find(&first.identity).conversation;
    let mut seen = answered(&first, conversation.clone(), 1);
    seen.stored = vec![rig.sessions.answer(&"k".into(), "resp_1")];
    seen.given.secrets = true;
    let given = seen.given.clone();
    rig.sessions.step(seen);
    // At once: who has the answer may go on from it before anything is written.
    let known = ask(
        rig.sessions.key(),
        None,
        r#","previous_response_id":"resp_1""#,
        &["two"],
    );
    assert!(rig.sessions.find(&known.identity).answer.is_some());
    rig.sessions.settle().await;

    let next = ask(
        rig.sessions.key(),
        None,
        r#","previous_response_id":"resp_1""#,
        &["two"],
    );
    let other = ask(
        rig.sessions.key(),
        None,
        r#","previous_response_id":"resp_2""#,
        &["two"],
    );

    assert_eq!(rig.sessions.find(&next.identity).conversation, conversation);
    assert!(rig.sessions.find(&other.identity).kept.is_none());
    let image = Rig::image(folder.path());
    rig.stop().await;
    let rig = Rig::open(image.path(), small()).await;
    let found = rig.sessions.find(&next.identity);
    let answer = found.answer.expect("a restart forgets no answer");
    assert_eq!(
        (found.conversation, answer.target.as_str()),
        (conversation, "anthropic")
    );
    assert_eq!(answer.given, given);
    rig.stop().await;
}

#[tokio::test]
async fn a_miss_where_a_hit_was_due_makes_less_sure() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let asked = ask(rig.sessions.key(), Some("s"), "", &["x"]);
    for moment in 0..20 {
        let conversation = rig.sessions.find(&asked.identity).conversation;
        let mut seen = answered(&asked, conversation, moment);
        seen.expected = Warm {
            tokens: TokenCount(5_000),
            idle: 0.6,
            ..Warm::default()
        };
        rig.sessions.step(seen);
    }
    rig.sessions.settle().await;

    let survival = rig.sessions.survival();
    assert!(survival.sure(&"anthropic".into(), 0.6) < 0.3);
    assert_eq!(survival.sure(&"anthropic".into(), 0.1), 1.0);
    rig.stop().await;
}

#[tokio::test]
async fn a_new_conversation_finds_the_head_of_another_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let tools = format!(r#","tools":[{{"name":"{}"}}]"#, "t".repeat(20_000));
    let first = ask(rig.sessions.key(), Some("s1"), &tools, &["one"]);
    let found = rig.sessions.find(&first.identity);
    rig.sessions.step(answered(&first, found.conversation, 1));
    rig.sessions.settle().await;

    let warm = |more: &str, model: &str| {
        let next = ask(rig.sessions.key(), Some("s2"), more, &["two"]);
        let found = rig.sessions.find(&next.identity);
        let at = (&model.into(), &"anthropic".into());
        let (kept, rule) = (found.kept.as_deref(), CacheRule::default());
        rig.sessions
            .warm(kept, at, rule, &next.prompt, rig.clock.now())
    };

    let (same, other) = (warm(&tools, "opus"), warm(&tools, "haiku"));
    assert!((4_950..5_000).contains(&same.tokens.0), "{same:?}");
    assert_eq!(
        (other, warm("", "opus")),
        (Warm::default(), Warm::default())
    );
    rig.stop().await;
}
