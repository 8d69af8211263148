//! Models by name, each on its target, each with what it is billed by.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cost::Tariff;
use super::nearest::nearest;
use super::price::{CacheRule, Price, PriceSheet};
use super::target::{Rent, Target};
use crate::domain::belief::Skills;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Ability, Hosting};
use crate::domain::ids::{ModelId, PriceId, TargetId};
use crate::domain::tokens::TokenCount;

/// A name that policies use, on the target that answers for it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name here.
    pub id: ModelId,
    /// Where it lives.
    pub target: Arc<Target>,
    /// The name there.
    pub name: String,
    /// Tokens that fit into one call, where known.
    pub window: Option<TokenCount>,
    /// Whether prompt and answer share the window, as a context length does; else it is for the prompt alone, as price sheets tell it.
    pub shared_window: bool,
    /// The longest answer, where known.
    pub max_output: Option<TokenCount>,
    /// What it can do; empty where that is not known.
    pub can: Vec<Ability>,
    /// A well-known model that it behaves like.
    pub like: Option<String>,
    /// What is believed of it at each kind of work.
    pub skills: Skills,
    /// What it is billed by.
    pub billing: Billing,
}

/// Where a model's tariff comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Billing {
    /// The price sheet.
    Sheet(Arc<[Arc<Price>]>),
    /// The rent of its target's machines.
    Rent {
        /// The machine's price.
        rent: Rent,
        /// `model@rent`.
        id: PriceId,
    },
    /// Nobody said.
    Unknown,
}

impl Billing {
    /// Returns how a model is billed. A provider's goes by its name there, then by its name here. An own one goes by an entry that
    /// the operator wrote, then by its machines' rent: a provider's price for a model of the same name is not what it costs at home.
    pub fn of(sheet: &PriceSheet, id: &ModelId, name: &str, target: &Target) -> Self {
        let entry = match target.hosting {
            Hosting::Vendor => sheet.get(name).or_else(|| sheet.get(id.as_str())),
            Hosting::Own => sheet.written(id.as_str()).or_else(|| sheet.written(name)),
        };
        match (entry, target.rent) {
            (Some(prices), _) => Self::Sheet(Arc::clone(prices)),
            (None, Some(rent)) => Self::Rent {
                rent,
                id: PriceId::new(format!("{id}@rent")),
            },
            (None, None) => Self::Unknown,
        }
    }
}

impl Model {
    /// Tokens of its window that are kept free for an answer of so many.
    pub fn room(&self, answer: TokenCount) -> TokenCount {
        match self.shared_window {
            true => self.max_output.map_or(answer, |most| answer.min(most)),
            false => TokenCount(0),
        }
    }

    /// By which rules its provider keeps prompts at `at`.
    pub fn cache_rule(&self, at: Timestamp) -> CacheRule {
        match &self.billing {
            Billing::Sheet(prices) => {
                let begun = prices.iter().rev().find(|price| price.from <= at);
                begun.map_or_else(CacheRule::default, |price| price.cache)
            }
            Billing::Rent { .. } | Billing::Unknown => CacheRule::default(),
        }
    }

    /// Returns what a call at `at` is billed by: of dated prices the latest that has begun.
    pub fn tariff(&self, at: Timestamp) -> Tariff {
        match &self.billing {
            Billing::Sheet(prices) => {
                let begun = prices.iter().rev().find(|price| price.from <= at);
                begun.map_or(Tariff::Unknown, Tariff::of)
            }
            Billing::Rent { rent, id } => Tariff::Rent {
                rent: *rent,
                id: id.clone(),
            },
            Billing::Unknown => Tariff::Unknown,
        }
    }
}

/// Everything that can answer.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Models by name.
    pub models: BTreeMap<ModelId, Arc<Model>>,
    /// Targets by name.
    pub targets: BTreeMap<TargetId, Arc<Target>>,
    /// Models in the order in which they were written.
    pub order: Vec<ModelId>,
    /// The prices.
    pub sheet: PriceSheet,
}

impl Catalog {
    /// Finds a model by its name.
    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// Returns up to three names close to `asked`.
    pub fn nearest(&self, asked: &str) -> Vec<&str> {
        nearest(asked, self.models.keys().map(ModelId::as_str))
    }

    /// Every model, own ones first, else in the order in which they were written.
    pub fn own_first(&self) -> Vec<ModelId> {
        let own = |id: &&ModelId| {
            self.models
                .get(*id)
                .is_some_and(|model| model.target.hosting == Hosting::Own)
        };
        let (own, vendor): (Vec<_>, Vec<_>) = self.order.iter().partition(own);
        own.into_iter().chain(vendor).cloned().collect()
    }
}
