//! The price engine against rows worked out by hand, and what must hold for any usage.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::belief::Skills;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Dialect, Hosting};
use crate::domain::ids::{ModelId, PriceId};
use crate::domain::money::{Factor, HourPrice, NanoUsd, TokenPrice};
use crate::domain::tokens::{TokenCount, Usage};

fn per_million(text: &str) -> TokenPrice {
    TokenPrice::per_million(text).expect("an amount")
}

fn factors(pairs: &[(&str, &str)]) -> BTreeMap<Box<str>, Factor> {
    let parse = |text| Factor::parse(text).expect("a factor");
    pairs.iter().map(|(k, v)| ((*k).into(), parse(v))).collect()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a date")
}

fn usage(input: u64, read: u64, short: u64, long: u64, output: u64) -> Usage {
    Usage {
        input: TokenCount(input),
        cache_read: TokenCount(read),
        cache_write_short: TokenCount(short),
        cache_write_long: TokenCount(long),
        output: TokenCount(output),
        reasoning: TokenCount(0),
    }
}

fn haiku() -> Token {
    let rates = |input, read, output| Rates {
        input: per_million(input),
        cache_read: Some(per_million(read)),
        cache_write_short: Some(per_million("0.125")),
        cache_write_long: Some(per_million("0.2")),
        output: per_million(output),
    };
    Token {
        base: rates("0.1", "0.01", "0.5"),
        tiers: vec![Tier {
            above: TokenCount(100_000),
            rates: rates("0.5", "0.05", "2.5"),
        }],
        service_tiers: factors(&[("batch", "0.5"), ("fast", "2")]),
        regions: factors(&[("us", "1.1")]),
        ..Token::default()
    }
}

fn dated(name: &str, from: &str, charge: Charge) -> Price {
    Price {
        id: PriceId::new(format!("{name}@{from}")),
        from: at(from),
        source: None,
        window: None,
        max_output: None,
        can: Vec::new(),
        cache: CacheRule::default(),
        charge,
    }
}

fn cost(token: &Token, usage: Usage) -> i64 {
    let billed = Billed::plain(usage, at("2026-11-21"));
    token.cost(&billed).expect("it fits").0
}

#[test]
fn a_step_costs_what_the_hand_says() {
    // 1,000 at 0.1 + 10,000 at 0.01 + 2,000 at 0.125 + 3,000 at 0.2 + 500 at 0.5 dollars per million.
    assert_eq!(
        cost(&haiku(), usage(1_000, 10_000, 2_000, 3_000, 500)),
        100_000 + 100_000 + 250_000 + 600_000 + 250_000
    );
}

#[test]
fn a_tier_begins_strictly_above_its_line_and_reprices_the_whole_call() {
    let haiku = haiku();

    assert_eq!(cost(&haiku, usage(90_000, 10_000, 0, 0, 0)), 9_100_000);
    assert_eq!(cost(&haiku, usage(90_000, 10_001, 0, 0, 0)), 45_500_050);
}

#[test]
fn a_missing_cache_price_is_the_input_price() {
    let plain = Token {
        base: Rates {
            input: per_million("2"),
            output: per_million("10"),
            ..Rates::default()
        },
        ..Token::default()
    };

    assert_eq!(cost(&plain, usage(1, 1, 1, 1, 0)), 8_000);
}

#[test]
fn what_was_served_multiplies_the_sum_and_rounds_once() {
    let haiku = haiku();
    let served = |tier: Option<&str>, speed: Option<&str>, region: Option<&str>| Billed {
        served: Served {
            tier: tier.map(Into::into),
            speed: speed.map(Into::into),
            region: region.map(Into::into),
        },
        ..Billed::plain(usage(1, 0, 0, 0, 0), at("2026-11-21"))
    };
    let cost = |billed: &Billed| haiku.cost(billed).map(|amount| amount.0);

    // 100,000 pico-dollars.
    assert_eq!(cost(&served(Some("batch"), None, None)), Ok(50));
    assert_eq!(cost(&served(Some("standard"), Some("FAST"), None)), Ok(200));
    assert_eq!(
        cost(&served(Some("batch"), Some("fast"), Some("us"))),
        Ok(110)
    );
    assert_eq!(cost(&served(Some("warp"), None, None)), Ok(100));
    assert!(haiku.unknown_tier(&served(Some("warp"), None, None).served));
    assert!(!haiku.unknown_tier(&served(Some("default"), Some("standard"), Some("global")).served));
}

#[test]
fn peak_hours_hold_on_their_days_only() {
    let peak = Token {
        base: Rates {
            input: per_million("0.15"),
            ..Rates::default()
        },
        hours: vec![Hours {
            days: 0b1_1111,
            from_minute: 60,
            to_minute: 240,
            factor: Factor::parse("2").expect("a factor"),
        }],
        ..Token::default()
    };
    let cost = |when| {
        let billed = Billed::plain(usage(1_000, 0, 0, 0, 0), at(when));
        peak.cost(&billed).expect("it fits").0
    };

    // 2026-11-20 was a Friday.
    assert_eq!(cost("2026-11-20T00:59:59Z"), 150_000);
    assert_eq!(cost("2026-11-20T01:00:00Z"), 300_000);
    assert_eq!(cost("2026-11-20T03:59:59Z"), 300_000);
    assert_eq!(cost("2026-11-20T04:00:00Z"), 150_000);
    assert_eq!(cost("2026-11-21T02:00:00Z"), 150_000);
}

fn model(hosting: Hosting, rent: Option<Rent>, sheet: &PriceSheet) -> Model {
    let mut target = Target::new("there".into(), hosting, vec![Dialect::Chat], "http://x/");
    target.rent = rent;
    let id = ModelId::from("coder");
    Model {
        billing: Billing::of(sheet, &id, "haiku", &target),
        id,
        target: Arc::new(target),
        name: "haiku".into(),
        window: None,
        shared_window: false,
        max_output: None,
        can: Vec::new(),
        like: None,
        skills: Skills::default(),
    }
}

fn price_id(model: &Model, when: &str) -> Option<String> {
    let id = model.tariff(at(when)).price_id();
    id.map(|id| id.to_string())
}

#[test]
fn the_latest_price_that_has_begun_holds() {
    let mut sheet = PriceSheet::default();
    let token = || Charge::Token(Box::new(haiku()));
    let prices = vec![
        dated("haiku", "2026-12-01", token()),
        dated("haiku", "2026-10-07", token()),
    ];
    sheet.insert("haiku", prices, true);
    let model = model(Hosting::Vendor, None, &sheet);

    assert_eq!(price_id(&model, "2026-10-06"), None);
    assert_eq!(
        price_id(&model, "2026-11-30T23:59:59Z").as_deref(),
        Some("haiku@2026-10-07")
    );
    assert_eq!(
        price_id(&model, "2026-12-01").as_deref(),
        Some("haiku@2026-12-01")
    );
}

#[test]
fn an_own_model_is_billed_by_rent_unless_the_operator_wrote_a_price() {
    let rent = Some(Rent {
        hour: HourPrice::parse("3.60").expect("an amount"),
        gpus: 2,
        energy: Rent::ENERGY,
    });
    let mut sheet = PriceSheet::default();
    let vendor = dated("haiku", "2026-10-07", Charge::Token(Box::default()));
    sheet.insert("haiku", vec![vendor], true);
    let rented = model(Hosting::Own, rent, &sheet).tariff(at("2026-11-21"));
    let billed = Billed {
        gpu_nanos: 1_000_000_000,
        ..Billed::plain(Usage::default(), at("2026-11-21"))
    };

    assert_eq!(
        rented.price_id().map(|id| id.to_string()).as_deref(),
        Some("coder@rent")
    );
    assert_eq!(rented.cost(&billed), Ok(Some(NanoUsd(2_000_000))));

    let nobody = model(Hosting::Own, None, &sheet).tariff(at("2026-11-21"));
    assert_eq!((nobody.cost(&billed), nobody.is_known()), (Ok(None), false));

    let mut written = PriceSheet::default();
    let mut free = dated("coder", "1970-01-01", Charge::Free);
    free.id = PriceId::from("coder@free");
    written.insert("coder", vec![free], false);
    sheet.lay(written);
    let free = model(Hosting::Own, rent, &sheet).tariff(at("2026-11-21"));
    assert_eq!(
        (free.cost(&billed), free.price_id()),
        (Ok(Some(NanoUsd::ZERO)), Some(PriceId::from("coder@free")))
    );
}

prop_compose! {
    fn any_usage()(a in 0u64..1 << 40, b in 0u64..1 << 40, c in 0u64..1 << 40, d in 0u64..1 << 40, e in 0u64..1 << 40) -> Usage {
        usage(a, b, c, d, e)
    }
}

fn added(a: Usage, b: Usage) -> Usage {
    Usage {
        input: a.input + b.input,
        cache_read: a.cache_read + b.cache_read,
        cache_write_short: a.cache_write_short + b.cache_write_short,
        cache_write_long: a.cache_write_long + b.cache_write_long,
        output: a.output + b.output,
        reasoning: a.reasoning + b.reasoning,
    }
}

proptest! {
    #[test]
    fn splitting_never_gets_cheaper(a in any_usage(), b in any_usage(), fast: bool) {
        let flat = Token { tiers: Vec::new(), ..haiku() };
        let speed = fast.then(|| "fast".into());
        let cost = |usage| {
            let served = Served { speed: speed.clone(), tier: Some("batch".into()), region: Some("us".into()) };
            flat.cost(&Billed { served, ..Billed::plain(usage, at("2026-11-21")) })
        };
        if let (Ok(whole), Ok(left), Ok(right)) = (cost(added(a, b)), cost(a), cost(b)) {
            prop_assert!(left + right >= whole);
            prop_assert!(left + right <= NanoUsd(whole.0 + 1));
        }
    }

    #[test]
    fn the_order_of_tiers_does_not_matter(usage in any_usage(), lines in proptest::collection::btree_set(0u64..1 << 42, 0..5), turn: usize) {
        let mut token = haiku();
        token.tiers = lines.iter().zip(1u64..).map(|(above, n)| Tier {
            above: TokenCount(*above),
            rates: Rates { input: TokenPrice(n * 1_000), ..token.base },
        }).collect();
        let mut turned = token.clone();
        let count = turned.tiers.len().max(1);
        turned.tiers.rotate_left(turn % count);
        turned.tiers.reverse();
        let billed = Billed::plain(usage, at("2026-11-21"));
        prop_assert_eq!(token.cost(&billed), turned.cost(&billed));
    }

    #[test]
    fn nothing_wraps_and_nothing_panics(price: u64, n: u64, millis: i64, gpu_nanos: u64, hour: u64, gpus: u32) {
        let all = usage(n, n, n, n, n);
        let token = Token {
            base: Rates { input: TokenPrice(price), output: TokenPrice(price), ..Rates::default() },
            hours: vec![Hours { days: 127, from_minute: 0, to_minute: 1440, factor: Factor(1_000_000_000) }],
            ..Token::default()
        };
        let billed = Billed { gpu_nanos, ..Billed::plain(all, Timestamp::from_millis(millis)) };
        // 5 classes, a factor of 1,000: worked out in a wider way, with floats only to tell "far too large".
        let pico = u128::from(price).checked_mul(u128::from(n)).and_then(|p| p.checked_mul(5_000));
        match (token.cost(&billed), pico) {
            (Ok(cost), Some(pico)) => prop_assert_eq!(u128::from(cost.0.unsigned_abs()), pico.div_ceil(1_000)),
            (Err(CostTooLarge), pico) => prop_assert!(pico.is_none_or(|pico| pico > 1 << 60)),
            (Ok(_), None) => prop_assert!(false, "an overflow went unseen"),
        }
        let rent = Rent { hour: HourPrice(u128::from(hour)), gpus, energy: Rent::ENERGY };
        let _ = Tariff::Rent { rent, id: PriceId::from("x@rent") }.cost(&billed);
    }
}
