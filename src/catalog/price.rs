//! The price sheet: dated prices by model name, and how one call is priced by one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cost::{Billed, CostTooLarge, Served};
use crate::domain::clock::Timestamp;
use crate::domain::dialect::Ability;
use crate::domain::ids::PriceId;
use crate::domain::money::{Factor, NanoUsd, PicoUsd, TokenPrice};
use crate::domain::tokens::{TokenCount, Usage};

/// What is known of one model from one date on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// `name@from`, as ledger rows name it.
    pub id: PriceId,
    /// The day from which it holds.
    pub from: Timestamp,
    /// Where the numbers come from.
    pub source: Option<String>,
    /// Tokens that fit into one call.
    pub window: Option<TokenCount>,
    /// The longest answer.
    pub max_output: Option<TokenCount>,
    /// What the model can do; empty where that is not known.
    pub can: Vec<Ability>,
    /// How its provider keeps prompts.
    pub cache: CacheRule,
    /// How it is billed.
    pub charge: Charge,
}

/// By what rules a provider keeps the prompts of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CacheRule {
    /// Seconds that a prefix lives.
    pub life_s: u32,
    /// Seconds that it lives where the caller asks for long.
    pub long_s: u32,
    /// No shorter prefix is kept.
    pub least: TokenCount,
    /// Reading a prefix makes it live anew.
    pub renews: bool,
    /// Only what the caller marks is kept; else every prompt is.
    pub marks: bool,
}

impl Default for CacheRule {
    /// What most providers do: every prompt is kept for some minutes since it was last used.
    fn default() -> Self {
        Self {
            life_s: 300,
            long_s: 300,
            least: TokenCount(1_024),
            renews: true,
            marks: false,
        }
    }
}

/// How a model is billed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charge {
    /// Declared to cost nothing.
    Free,
    /// By the token.
    Token(Box<Token>),
}

/// A price by the token, with everything that may change it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The plain price.
    pub base: Rates,
    /// Prices of long prompts. The order does not matter.
    pub tiers: Vec<Tier>,
    /// Times of the week at which everything costs a multiple.
    pub hours: Vec<Hours>,
    /// Factors by the service tier or speed that was served: `batch`, `flex`, `priority`, `fast`.
    pub service_tiers: BTreeMap<Box<str>, Factor>,
    /// Factors by the region that served.
    pub regions: BTreeMap<Box<str>, Factor>,
}

/// Prices by class of token. A missing cache price is the input price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// A prompt token that no cache knows.
    pub input: TokenPrice,
    /// A prompt token read from the cache.
    pub cache_read: Option<TokenPrice>,
    /// A prompt token written to the cache for its short life.
    pub cache_write_short: Option<TokenPrice>,
    /// A prompt token written to the cache for its long life.
    pub cache_write_long: Option<TokenPrice>,
    /// A token that the model wrote.
    pub output: TokenPrice,
}

impl Rates {
    fn sum(&self, usage: &Usage) -> Option<PicoUsd> {
        let Self { input, output, .. } = *self;
        let parts = [
            (input, usage.input),
            (self.cache_read.unwrap_or(input), usage.cache_read),
            (
                self.cache_write_short.unwrap_or(input),
                usage.cache_write_short,
            ),
            (
                self.cache_write_long.unwrap_or(input),
                usage.cache_write_long,
            ),
            (output, usage.output),
        ];
        parts
            .into_iter()
            .try_fold(PicoUsd(0), |sum, (price, count)| {
                sum.checked_add(price.of(count)?)
            })
    }
}

/// The price of calls whose prompt, cached tokens counted, is strictly longer than `above`. It reprices the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The longest prompt that the price below still covers.
    pub above: TokenCount,
    /// Full prices: what the file leaves out of a tier has been taken from the base.
    pub rates: Rates,
}

/// A window of the week, UTC, in which everything costs a multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Bit 0 is Monday.
    pub days: u8,
    /// The first minute of the day.
    pub from_minute: u16,
    /// The minute at which it is over.
    pub to_minute: u16,
    /// The multiple.
    pub factor: Factor,
}

impl Hours {
    fn holds(&self, at: Timestamp) -> bool {
        let minute = at.millis().div_euclid(60_000).rem_euclid(1_440);
        self.days >> at.weekday() & 1 == 1
            && (i64::from(self.from_minute)..i64::from(self.to_minute)).contains(&minute)
    }
}

/// Names by which providers call the plain service: no factor, and nothing to wonder about.
const PLAIN: [&str; 7] = [
    "default",
    "standard",
    "standard_only",
    "auto",
    "normal",
    "global",
    "not_available",
];

impl Token {
    /// Returns what a call costs, rounded up once.
    pub fn cost(&self, billed: &Billed) -> Result<NanoUsd, CostTooLarge> {
        self.exact(billed).ok_or(CostTooLarge)
    }

    fn exact(&self, billed: &Billed) -> Option<NanoUsd> {
        let sum = self.rates(billed.usage.prompt()).sum(&billed.usage)?;
        // The factors are multiplied out before the one division, so that nothing is rounded twice.
        let (mut amount, mut unit) = (sum.0, 1_u128);
        for factor in self.factors(billed) {
            amount = amount.checked_mul(u128::from(factor.0))?;
            unit = unit.checked_mul(u128::from(Factor::ONE.0))?;
        }
        PicoUsd(amount.div_ceil(unit)).ceil()
    }

    /// Returns the prices that a prompt of this length is billed by.
    pub fn rates(&self, prompt: TokenCount) -> &Rates {
        let reached = self.tiers.iter().filter(|tier| prompt > tier.above);
        reached
            .max_by_key(|tier| tier.above)
            .map_or(&self.base, |tier| &tier.rates)
    }

    fn factors(&self, billed: &Billed) -> impl Iterator<Item = Factor> {
        let Served {
            tier,
            speed,
            region,
        } = &billed.served;
        let hours = self.hours.iter().find(|hours| hours.holds(billed.at));
        [
            hours.map(|hours| hours.factor),
            find(&self.service_tiers, tier.as_deref()),
            find(&self.service_tiers, speed.as_deref()),
            find(&self.regions, region.as_deref()),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether the answer names a service tier, speed or region that this price does not know: it counts with factor 1.
    pub fn unknown_tier(&self, served: &Served) -> bool {
        let strange = |known: &BTreeMap<Box<str>, Factor>, name: &Option<Box<str>>| {
            name.as_deref().is_some_and(|name| {
                !name.is_empty() && find(known, Some(name)).is_none() && !plain(name)
            })
        };
        strange(&self.service_tiers, &served.tier)
            || strange(&self.service_tiers, &served.speed)
            || (!self.regions.is_empty() && strange(&self.regions, &served.region))
    }
}

fn find(known: &BTreeMap<Box<str>, Factor>, name: Option<&str>) -> Option<Factor> {
    let name = name?;
    let exact = known.get(name);
    exact.copied().or_else(|| {
        let mut same = known
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        same.next().map(|(_, factor)| *factor)
    })
}

fn plain(name: &str) -> bool {
    PLAIN.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// The dated prices of every model name, those of one name by date.
#[derive(Clone, Debug, Default)]
pub struct PriceSheet {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    prices: Arc<[Arc<Price>]>,
    shipped: bool,
}

impl PriceSheet {
    /// Adds the prices of one name. `shipped` ones are a provider's, and never bill an own model that only bears the same name.
    pub fn insert(&mut self, name: &str, mut prices: Vec<Price>, shipped: bool) {
        prices.sort_by_key(|price| price.from);
        let prices: Arc<[_]> = prices.into_iter().map(Arc::new).collect();
        let entry = Entry { prices, shipped };
        self.entries.insert(name.to_owned(), entry);
    }

    /// Lays `over` on top: its names replace those of the same name. What merely repeats a shipped entry stays shipped.
    pub fn lay(&mut self, over: Self) {
        for (name, entry) in over.entries {
            let same = self.entries.get(&name);
            if same.is_none_or(|known| known.prices != entry.prices) {
                self.entries.insert(name, entry);
            }
        }
    }

    /// The prices of a name, the oldest first.
    pub fn get(&self, name: &str) -> Option<&Arc<[Arc<Price>]>> {
        self.entries.get(name).map(|entry| &entry.prices)
    }

    /// The prices of a name that the operator wrote.
    pub fn written(&self, name: &str) -> Option<&Arc<[Arc<Price>]>> {
        let entry = self.entries.get(name).filter(|entry| !entry.shipped);
        entry.map(|entry| &entry.prices)
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}
