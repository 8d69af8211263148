//! The price sheet as it is written.

use std::collections::BTreeMap;

use super::reader::{Cursor, Fields, quoted};
use crate::catalog::{CacheRule, Charge, Hours, Price, PriceSheet, Rates, Tier, Token};
use crate::domain::clock::Timestamp;
use crate::domain::dialect::Ability;
use crate::domain::ids::PriceId;
use crate::domain::money::{Factor, TokenPrice};
use crate::domain::tokens::TokenCount;

const RATES: [&str; 7] = [
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_30m",
    "cache_write_1h",
    "cache_write_12h",
];

/// Reads a whole file. `shipped` says that it came with the program.
pub(crate) fn read(root: &Cursor<'_>, shipped: bool) -> PriceSheet {
    let mut sheet = PriceSheet::default();
    let Some(fields) = root.fields(&["version", "models"]) else {
        return sheet;
    };
    super::policies::version(&fields);
    let models = fields.need("models").and_then(|models| models.entries());
    for (entry, cursor) in models.unwrap_or_default() {
        let mut prices: Vec<Price> = Vec::new();
        for cursor in cursor.items() {
            let Some(price) = read_price(&entry.key, &cursor) else {
                continue;
            };
            if prices.iter().any(|other| other.from == price.from) {
                let what = "two prices of this model begin on the same day";
                cursor.fault(what, "give each its own `from`");
            }
            prices.push(price);
        }
        sheet.insert(&entry.key, prices, shipped);
    }
    sheet
}

/// What a price may say besides its amounts.
const WORDS: [&str; 11] = [
    "from",
    "cache",
    "source",
    "window",
    "max_output",
    "can",
    "free",
    "tiers",
    "hours",
    "service_tiers",
    "regions",
];

fn read_price(name: &str, cursor: &Cursor<'_>) -> Option<Price> {
    let fields = cursor.fields(&[&WORDS[..], &RATES].concat())?;
    let tokens = |key| fields.get(key).and_then(|c| c.count(1, 1 << 40, 128_000));
    let all: Vec<&str> = Ability::ALL.iter().map(|a| a.as_str()).collect();
    let can = fields.get("can").and_then(|can| can.set(&all));
    let source = fields.get("source").and_then(|source| source.text());
    let (window, max_output) = (tokens("window"), tokens("max_output"));
    let from = match fields.get("from") {
        Some(from) => day(&from),
        None => Some(Timestamp::from_millis(0)),
    };
    let free = fields.get("free").and_then(|free| free.flag()) == Some(true);
    let charge = if free {
        refuse_with_free(&fields)
    } else {
        read_token(&fields).map(Box::new).map(Charge::Token)
    };
    let suffix = match (free, fields.get("from").and_then(|from| from.text())) {
        (true, _) => "free",
        (false, Some(from)) => from,
        (false, None) => "always",
    };
    Some(Price {
        id: PriceId::new(format!("{name}@{suffix}")),
        from: from?,
        source: source.map(str::to_owned),
        window: window.map(TokenCount),
        max_output: max_output.map(TokenCount),
        can: can.unwrap_or_default(),
        cache: read_rule(&fields),
        charge: charge?,
    })
}

fn day(cursor: &Cursor<'_>) -> Option<Timestamp> {
    let text = cursor.text()?;
    let read = Timestamp::parse(text);
    if read.is_none() {
        cursor.fault(
            format!("{} is not a day", quoted(text)),
            "write it like 2026-11-21",
        );
    }
    read
}

fn refuse_with_free(fields: &Fields<'_>) -> Option<Charge> {
    let more = ["tiers", "hours", "service_tiers", "regions"];
    for key in RATES.iter().chain(&more) {
        if let Some(price) = fields.get(key) {
            price.fault("what is free has no price", "leave out this key or `free`");
        }
    }
    Some(Charge::Free)
}

fn read_token(fields: &Fields<'_>) -> Option<Token> {
    let (input, output) = (price(fields, "input", true), price(fields, "output", true));
    let (read, short, long) = cache(fields);
    let base = Rates {
        input: input.unwrap_or_default(),
        cache_read: read,
        cache_write_short: short,
        cache_write_long: long,
        output: output.unwrap_or_default(),
    };
    let token = Token {
        base,
        tiers: read_tiers(fields, &base),
        hours: read_hours(fields),
        service_tiers: factors(fields, "service_tiers"),
        regions: factors(fields, "regions"),
    };
    (input.is_some() && output.is_some()).then_some(token)
}

fn price(fields: &Fields<'_>, key: &str, needed: bool) -> Option<TokenPrice> {
    let cursor = if needed {
        fields.need(key)
    } else {
        fields.get(key)
    };
    cursor?.amount(TokenPrice::per_million)
}

type Cache = (Option<TokenPrice>, Option<TokenPrice>, Option<TokenPrice>);

fn cache(fields: &Fields<'_>) -> Cache {
    let either = |one, other| {
        if let (Some(_), Some(second)) = (fields.get(one), fields.get(other)) {
            let what = format!("{one} names the same thing");
            second.fault(what, "keep the life that the provider sells");
        }
        price(fields, one, false).or_else(|| price(fields, other, false))
    };
    (
        price(fields, "cache_read", false),
        either("cache_write_5m", "cache_write_30m"),
        either("cache_write_1h", "cache_write_12h"),
    )
}

/// The rules of the cache: what is said, else what follows from the writes that are sold. A write of five minutes is
/// Anthropic's, who keep what is marked; one of thirty is OpenAI's, who keep every prompt.
fn read_rule(fields: &Fields<'_>) -> CacheRule {
    let sold = |key| fields.get(key).is_some();
    let usual = CacheRule::default();
    let life_s = match sold("cache_write_30m") {
        true => 1_800,
        false => usual.life_s,
    };
    let long_s = match (sold("cache_write_12h"), sold("cache_write_1h")) {
        (true, _) => 43_200,
        (false, true) => 3_600,
        (false, false) => life_s,
    };
    let sold = CacheRule {
        life_s,
        long_s,
        marks: sold("cache_write_5m"),
        ..usual
    };
    let cache = fields.get("cache");
    let said = cache.and_then(|cache| cache.fields(&["life_s", "least", "renews", "marks"]));
    let Some(said) = said else {
        return sold;
    };
    let count = |key, most, example| said.get(key).and_then(|it| it.count(1, most, example));
    let flag = |key| said.get(key).and_then(|flag| flag.flag());
    let life = count("life_s", 7 * 86_400, 300).and_then(|life| u32::try_from(life).ok());
    let life_s = life.unwrap_or(sold.life_s);
    CacheRule {
        life_s,
        long_s: sold.long_s.max(life_s),
        least: count("least", 1 << 30, 1_024).map_or(sold.least, TokenCount),
        renews: flag("renews").unwrap_or(sold.renews),
        marks: flag("marks").unwrap_or(sold.marks),
    }
}

fn read_tiers(fields: &Fields<'_>, base: &Rates) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    let items = fields.get("tiers").map(|tiers| tiers.items());
    for cursor in items.unwrap_or_default() {
        let Some(fields) = cursor.fields(&[&["above"][..], &RATES].concat()) else {
            continue;
        };
        let above = fields.need("above");
        let Some(above) = above.and_then(|above| above.count(1, 1 << 40, 200_000)) else {
            continue;
        };
        if tiers.iter().any(|tier| tier.above.0 == above) {
            cursor.fault("two tiers begin at the same length", "keep one");
        }
        let (read, short, long) = cache(&fields);
        let rates = Rates {
            input: price(&fields, "input", false).unwrap_or(base.input),
            cache_read: read.or(base.cache_read),
            cache_write_short: short.or(base.cache_write_short),
            cache_write_long: long.or(base.cache_write_long),
            output: price(&fields, "output", false).unwrap_or(base.output),
        };
        tiers.push(Tier {
            above: TokenCount(above),
            rates,
        });
    }
    tiers
}

fn factors(fields: &Fields<'_>, key: &str) -> BTreeMap<Box<str>, Factor> {
    let entries = fields.get(key).and_then(|factors| factors.entries());
    let entries = entries.unwrap_or_default().into_iter();
    let read = entries.filter_map(|(entry, cursor)| {
        let factor = cursor.amount(Factor::parse)?;
        Some((entry.key.as_str().into(), factor))
    });
    read.collect()
}

fn read_hours(fields: &Fields<'_>) -> Vec<Hours> {
    let mut hours = Vec::new();
    let items = fields.get("hours").map(|hours| hours.items());
    for cursor in items.unwrap_or_default() {
        let Some(fields) = cursor.fields(&["days", "utc", "factor"]) else {
            continue;
        };
        let days = fields.get("days").map_or(Some(0x7f), |days| week(&days));
        let factor = fields.need("factor");
        let factor = factor.and_then(|factor| factor.amount(Factor::parse));
        let windows = fields.need("utc").and_then(|utc| utc.words());
        let (Some(days), Some(factor), Some(windows)) = (days, factor, windows) else {
            continue;
        };
        for word in windows {
            let Some((from_minute, to_minute)) = minutes(&word.text) else {
                let what = format!("{} is not a part of a day", quoted(&word.text));
                let mend = "write it like 01:00-04:00, and two where it passes midnight";
                cursor.fault_at(&word.place, &word.path, what, mend);
                continue;
            };
            hours.push(Hours {
                days,
                from_minute,
                to_minute,
                factor,
            });
        }
    }
    hours
}

pub(super) fn week(cursor: &Cursor<'_>) -> Option<u8> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut days = 0_u8;
    let words = cursor.words()?;
    if words.is_empty() {
        cursor.fault("the list is empty", "name a day, or leave the key out");
    }
    for word in words {
        match DAYS.iter().position(|day| *day == word.text) {
            Some(day) => days |= 1 << day,
            None => {
                let what = format!("{} is not a day", quoted(&word.text));
                cursor.fault_at(
                    &word.place,
                    &word.path,
                    what,
                    "write mon, tue, wed, thu, fri, sat or sun",
                );
            }
        }
    }
    Some(days)
}

fn minutes(text: &str) -> Option<(u16, u16)> {
    part_of_day(text).filter(|(from, to)| from < to)
}

/// Reads `01:00-04:00` as minutes of the day.
pub(super) fn part_of_day(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    Some((minute(from.trim())?, minute(to.trim())?))
}

/// Reads `04:00`; midnight may be written as `24:00` too.
pub(super) fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let plain = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
    if !plain(hour) || !plain(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
}
