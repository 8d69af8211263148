//! Random rules and calls for tests; the names in them are few, so that they meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Ability, Dialect, Endpoint, Hosting};
use crate::domain::facts::{Classification, DataClass, Facts, Language, Paths, Source, Task, Turn};
use crate::domain::ids::{KeyId, ModelId, TenantId};
use crate::domain::money::NanoUsd;
use crate::domain::outlook::{Length, Outlook, Pace, Standing, Warm};
use crate::domain::path_glob::PathGlob;
use crate::domain::share::Share;
use crate::domain::tokens::TokenCount;

/// A plain call.
pub(crate) fn plain() -> Facts {
    Facts {
        at: Timestamp::from_millis(0),
        endpoint: Endpoint::Chat,
        tenant: TenantId::from("acme"),
        key: KeyId::from("k1"),
        asked: "auto".into(),
        tags: Vec::new(),
        data_class: DataClass::Internal,
        secrets: false,
        paths: Arc::default(),
        session: None,
        turn: Turn::First,
        turns: 1,
        draw: 0,
        prompt: TokenCount(1_000),
        max_output: None,
        tools: false,
        images: false,
        fim: false,
        unmet: Default::default(),
        class: Classification {
            output: TokenCount(500),
            ..Classification::UNKNOWN
        },
        source: Source::Heuristic,
        classifier: None,
        standing: Standing::default(),
        outlook: Outlook::default(),
        down: BTreeSet::new(),
    }
}

/// Models of the test house; the first two are its own.
pub(crate) const MODELS: [&str; 5] = ["base", "base-v2", "sonnet", "opus", "gpt-6"];
/// Their targets.
pub(crate) const TARGETS: [&str; 2] = ["gpu", "away"];
const TENANTS: [&str; 3] = ["acme", "beta", "a*"];
const PATHS: [&str; 4] = ["**/pay/**", "*.pem", "src/**", "/etc/**"];

fn globs(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Glob>> {
    vec(select(names).prop_map(Glob::new), 1..3)
}

fn each_once<T: Copy + Ord + std::fmt::Debug + 'static>(
    all: &'static [T],
) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::btree_set(select(all), 1..3).prop_map(|set| set.into_iter().collect())
}

fn bounds<T: PartialOrd + Copy + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Bounds<T>> {
    let bound = || proptest::option::of(value.clone());
    (bound(), bound()).prop_filter_map("something lies between", |(above, below)| {
        let sound = match (&above, &below) {
            (None, None) => false,
            (Some(above), Some(below)) => above < below,
            _ => true,
        };
        sound.then_some(Bounds { above, below })
    })
}

fn hours() -> impl Strategy<Value = Hours> {
    (1_u8..128, 0_u16..1_440, 0_u16..=1_440, -840_i16..=840)
        .prop_filter("a part of a day", |(_, from, to, _)| from != to)
        .prop_map(|(days, from, to, ahead)| Hours {
            days,
            from,
            to,
            ahead,
        })
}

fn leaf() -> impl Strategy<Value = Condition> {
    let dialects = &[Dialect::Chat, Dialect::Responses, Dialect::Messages];
    let path = select(&PATHS[..]).prop_map(|text| PathGlob::parse(text).expect("a pattern"));
    let names = prop_oneof![
        globs(&TENANTS).prop_map(Condition::Tenant),
        globs(&["k1", "k2", "k*"]).prop_map(Condition::Key),
        (select(&["team", "job"][..]), globs(&["pay", "web", "*"]))
            .prop_map(|(name, values)| Condition::Tag(name.into(), values)),
        globs(&["auto", "claude-*", "opus"]).prop_map(Condition::Requested),
        each_once(dialects).prop_map(Condition::Dialect),
        each_once(Task::ALL).prop_map(Condition::Task),
        each_once(Language::ALL).prop_map(Condition::Language),
        vec(path, 1..3).prop_map(Condition::Path),
        each_once(Turn::ALL).prop_map(Condition::Turn),
        vec(hours(), 1..3).prop_map(Condition::Hours),
    ];
    let rest = prop_oneof![
        bounds((-24_i16..24).prop_map(|eighths| f32::from(eighths) / 8.0))
            .prop_map(Condition::Difficulty),
        bounds(0_u64..100_000).prop_map(Condition::PromptTokens),
        bounds(0_u64..9).prop_map(Condition::Turns),
        any::<bool>().prop_map(Condition::Tools),
        any::<bool>().prop_map(Condition::Images),
        any::<bool>().prop_map(Condition::Secrets),
        select(DataClass::ALL).prop_map(Condition::DataClass),
        (0_u32..=1_000_000, any::<u64>()).prop_map(|(part, salt)| {
            let share = Share::from_millionths(part);
            Condition::Share(Portion { share, salt })
        }),
    ];
    prop_oneof![names, rest]
}

/// Any condition.
pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Condition::All),
            vec(inner.clone(), 1..3).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

fn selector() -> impl Strategy<Value = Selector> {
    let kind = (
        proptest::option::of(select(Hosting::ALL)),
        proptest::collection::btree_set(select(&TARGETS[..]), 0..2),
        proptest::collection::btree_set(select(Ability::ALL), 0..2),
    );
    let kind = kind
        .prop_filter("something", |(hosting, targets, can)| {
            hosting.is_some() || !targets.is_empty() || !can.is_empty()
        })
        .prop_map(|(hosting, targets, can)| Pick::Kind {
            hosting,
            targets: targets.into_iter().map(Into::into).collect(),
            can: can.into_iter().collect(),
        });
    let names: Vec<&str> = MODELS.into_iter().chain(["base*", "*"]).collect();
    let named = select(names).prop_map(|name| Pick::Named(Glob::new(name)));
    vec(prop_oneof![3 => named, 2 => kind], 1..3).prop_map(Selector)
}

fn terms() -> impl Strategy<Value = Terms> {
    let usd = || proptest::option::weighted(0.2, (0_i64..9_000_000_000_000).prop_map(NanoUsd));
    let millis = (1_u64..100_000).prop_map(std::time::Duration::from_millis);
    let first_byte = proptest::option::weighted(0.2, millis);
    (usd(), usd(), usd(), first_byte).prop_map(|(failure, minute, switch, first_byte)| Terms {
        failure,
        minute,
        switch,
        first_byte,
    })
}

/// Any rule that says something.
pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    let choice = || proptest::option::weighted(0.35, selector());
    let shadow = proptest::option::weighted(0.2, select(&MODELS[..]));
    let otherwise = select(&[Otherwise::Fail, Otherwise::Refuse, Otherwise::Anyway][..]);
    let parts = (
        proptest::option::of(condition()),
        [choice(), choice(), choice(), choice()],
        terms(),
        proptest::bool::weighted(0.2),
        otherwise,
        shadow,
    );
    parts.prop_map(|(when, choices, terms, last, otherwise, shadow)| {
        let [only, never, prefer, pin] = choices;
        let narrows = only.is_some() || never.is_some() || pin.is_some();
        let way_out = when
            .as_ref()
            .is_some_and(|it: &Condition| it.way_out().is_some());
        let says = narrows || prefer.is_some() || shadow.is_some() || terms != Terms::default();
        Rule {
            when,
            only,
            never,
            prefer,
            pin,
            terms,
            last: last || !says,
            otherwise: match narrows && !(otherwise == Otherwise::Refuse && way_out) {
                true => otherwise,
                false => Otherwise::Fail,
            },
            shadow: shadow.map(ModelId::from),
            ..Rule::named("a rule", 0)
        }
    })
}

/// Some rules, each with a name of its own.
pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    vec(rule(), 0..5).prop_map(|mut rules| {
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule {index}").into();
        }
        rules
    })
}

fn model() -> impl Strategy<Value = ModelId> {
    select(&MODELS[..]).prop_map(ModelId::from)
}

/// Where conversations may stand.
fn standing() -> impl Strategy<Value = Standing> {
    let warm =
        (0_u64..90_000, 0_i64..604_800_000, 0.0..1.0).prop_map(|(tokens, until, sure)| Warm {
            tokens: TokenCount(tokens),
            until: Timestamp::from_millis(until),
            sure,
        });
    let warm = proptest::collection::btree_map(model(), warm, 0..3);
    let current = proptest::option::of(model());
    let moved = (-1.0..1.0, -1.0..1.0, 0_u64..9_000, 0_u32..30);
    let sign = proptest::option::of(Just("tests_failed"));
    (warm, current, any::<bool>(), moved, sign).prop_map(
        |(warm, current, bound, (moved, wider, growth, steps), sign)| Standing {
            current,
            bound,
            warm: warm.into_iter().collect(),
            growth: TokenCount(growth),
            steps,
            moved,
            wider,
            signs: sign.into_iter().map(|sign| (sign.into(), 2)).collect(),
            ..Standing::default()
        },
    )
}

/// How targets may do.
fn outlook() -> impl Strategy<Value = Outlook> {
    let pace = (1.0..9_000.0, 0.1..90.0, 0.0..20.0).prop_map(|(first, token, samples)| Pace {
        first_byte_ms: first,
        first_byte_slow_ms: first * 3.0,
        token_ms: token,
        samples,
    });
    let pace = proptest::collection::btree_map(model(), pace, 0..4);
    let length = (0.3..3.0, 1.0..2.0).prop_map(|(factor, margin)| Length { factor, margin });
    let lengths = proptest::collection::btree_map(model(), length, 0..4);
    let window = (500..20_000_u64).prop_map(TokenCount);
    let windows = proptest::collection::btree_map(model(), window, 0..2);
    let load = proptest::option::of(0.0..1.0);
    (pace, lengths, windows, load).prop_map(|(pace, lengths, windows, load)| Outlook {
        pace: pace.into_iter().collect(),
        lengths: lengths.into_iter().collect(),
        windows: windows.into_iter().collect(),
        load: load
            .into_iter()
            .map(|load| (TARGETS[0].into(), load))
            .collect(),
        worth: load
            .map(|load| (TARGETS[0].into(), NanoUsd((load * 1e7) as i64)))
            .into_iter()
            .collect(),
    })
}

/// Calls of all kinds, made from a plain one.
pub(crate) fn facts() -> impl Strategy<Value = Facts> {
    let who = (select(&TENANTS[..2]), select(&["k1", "k2"][..]));
    let asked = select(&["auto", "claude-x", "sonnet", "base", "nonsense"][..]);
    let flags = any::<[bool; 4]>();
    let text = (
        select(DataClass::ALL),
        select(&["src/pay/a.rs", "b.pem", "/etc/x", "c"][..]),
        proptest::option::of(select(&PATHS[..])),
    );
    let turn = (select(Turn::ALL), 0_u32..9, any::<u64>());
    let work = (select(Task::ALL), select(Language::ALL), -3.0_f32..3.0);
    let size = (select(Endpoint::ALL), 0_u64..100_000, 0_i64..604_800_000);
    let tag = proptest::option::of(select(&["pay", "web"][..]));
    let state = (standing(), outlook());
    (who, asked, flags, text, turn, work, size, tag, state).prop_map(
        move |(who, asked, flags, text, turn, work, size, tag, state)| {
            let mut facts = plain();
            (facts.tenant, facts.key) = (who.0.into(), who.1.into());
            facts.asked = asked.into();
            [facts.tools, facts.images, facts.fim, facts.secrets] = flags;
            facts.data_class = text.0;
            facts.paths = Arc::new(Paths {
                named: vec![text.1.into()],
                fitting: text.2.into_iter().map(Into::into).collect(),
            });
            (facts.turn, facts.turns, facts.draw) = turn;
            (
                facts.class.task,
                facts.class.language,
                facts.class.difficulty,
            ) = work;
            (facts.standing, facts.outlook) = state;
            facts.standing.belief.mean = f64::from(facts.class.difficulty) + facts.standing.moved;
            facts.endpoint = size.0;
            facts.prompt.0 = size.1;
            facts.at = Timestamp::from_millis(size.2);
            facts.tags = tag
                .map(|value| ("team".into(), value.into()))
                .into_iter()
                .collect();
            facts
        },
    )
}
