//! From usage to money: the one place where a call's cost comes from.

use std::fmt;
use std::sync::Arc;

use super::price::{Charge, Price};
use super::target::Rent;
use crate::domain::clock::Timestamp;
use crate::domain::ids::PriceId;
use crate::domain::money::{NanoUsd, PicoUsd};
use crate::domain::tokens::Usage;

/// What an attempt is billed by.
#[derive(Clone, Debug)]
pub enum Tariff {
    /// By the token.
    Tokens(Arc<Price>),
    /// By its share of a machine's time.
    Rent {
        /// The machine's price.
        rent: Rent,
        /// `model@rent`.
        id: PriceId,
    },
    /// Declared to cost nothing.
    Free {
        /// `model@free`.
        id: PriceId,
    },
    /// Nobody said. That is not nothing.
    Unknown,
}

/// What a cost is worked out from.
#[derive(Clone, Debug)]
pub struct Billed {
    /// Tokens by class.
    pub usage: Usage,
    /// What the answer says was served.
    pub served: Served,
    /// The attempt's share of the target's time; the rent multiplies it by the number of GPUs.
    pub gpu_nanos: u64,
    /// When the attempt began: it decides on prices that go by the hour.
    pub at: Timestamp,
}

impl Billed {
    /// Usage at the plain service.
    pub fn plain(usage: Usage, at: Timestamp) -> Self {
        Self {
            usage,
            served: Served::default(),
            gpu_nanos: 0,
            at,
        }
    }
}

/// What the answer says was served; it may differ from what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// `service_tier`.
    pub tier: Option<Box<str>>,
    /// `speed`.
    pub speed: Option<Box<str>>,
    /// `inference_geo`, or the region of the door.
    pub region: Option<Box<str>>,
}

impl Tariff {
    /// Returns the tariff of a dated price.
    pub fn of(price: &Arc<Price>) -> Self {
        match price.charge {
            Charge::Free => Self::Free {
                id: price.id.clone(),
            },
            Charge::Token(_) => Self::Tokens(Arc::clone(price)),
        }
    }

    /// Names the price in a ledger row; `None` where there is none.
    pub fn price_id(&self) -> Option<PriceId> {
        match self {
            Self::Tokens(price) => Some(price.id.clone()),
            Self::Rent { id, .. } | Self::Free { id } => Some(id.clone()),
            Self::Unknown => None,
        }
    }

    /// Returns what the attempt costs, rounded up once; `None` where no price is known.
    pub fn cost(&self, billed: &Billed) -> Result<Option<NanoUsd>, CostTooLarge> {
        match self {
            Self::Tokens(price) => match &price.charge {
                Charge::Token(token) => token.cost(billed).map(Some),
                Charge::Free => Ok(Some(NanoUsd::ZERO)),
            },
            Self::Rent { rent, .. } => {
                let amount = rent.hour.of(billed.gpu_nanos, rent.gpus);
                let amount = amount.and_then(PicoUsd::ceil).ok_or(CostTooLarge)?;
                Ok(Some(amount))
            }
            Self::Free { .. } => Ok(Some(NanoUsd::ZERO)),
            Self::Unknown => Ok(None),
        }
    }

    /// Whether a price is known.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Whether the answer names a tier, speed or region without a known factor. It was counted with factor 1, so count that it happened.
    pub fn unknown_tier(&self, served: &Served) -> bool {
        match self {
            Self::Tokens(price) => match &price.charge {
                Charge::Token(token) => token.unknown_tier(served),
                Charge::Free => false,
            },
            Self::Rent { .. } | Self::Free { .. } | Self::Unknown => false,
        }
    }
}

/// The cost is beyond what a ledger row holds: usage of this size cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostTooLarge;

impl fmt::Display for CostTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cost is larger than a ledger row holds")
    }
}

impl std::error::Error for CostTooLarge {}
