//! A catalogue as it is written down for decisions to be made again: all that they look at, and nothing of addresses and keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::models::{Billing, Catalog, Model};
use super::target::{Rent, Target};
use crate::domain::belief::Skills;
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::ids::{ModelId, TargetId};
use crate::domain::tokens::TokenCount;

/// A catalogue without what leads to its targets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    targets: Vec<KeptTarget>,
    models: Vec<KeptModel>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptTarget {
    id: TargetId,
    hosting: Hosting,
    dialects: Vec<Dialect>,
    max_in_flight: Option<u32>,
    rent: Option<Rent>,
    simulated: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptModel {
    id: ModelId,
    target: TargetId,
    name: String,
    window: Option<TokenCount>,
    shared_window: bool,
    max_output: Option<TokenCount>,
    can: Vec<Ability>,
    like: Option<String>,
    skills: Skills,
    billing: Billing,
}

impl KeptTarget {
    fn of(target: &Target) -> Self {
        // No `..`: what is new in a target is looked at here. Addresses may hold passwords.
        let Target {
            id,
            hosting,
            kind: _,
            kind_by: _,
            api_version: _,
            dialects,
            urls: _,
            key: _,
            max_in_flight,
            rent,
            load: _,
            timeouts: _,
            simulated,
        } = target;
        Self {
            id: id.clone(),
            hosting: *hosting,
            dialects: dialects.clone(),
            max_in_flight: *max_in_flight,
            rent: *rent,
            simulated: *simulated,
        }
    }

    fn restore(self) -> Target {
        Target {
            max_in_flight: self.max_in_flight,
            rent: self.rent,
            simulated: self.simulated,
            ..Target::new(self.id, self.hosting, self.dialects, "")
        }
    }
}

impl KeptModel {
    fn of(model: &Model) -> Self {
        let Model {
            id,
            target,
            name,
            window,
            shared_window,
            max_output,
            can,
            like,
            skills,
            billing,
        } = model;
        Self {
            id: id.clone(),
            target: target.id.clone(),
            name: name.clone(),
            window: *window,
            shared_window: *shared_window,
            max_output: *max_output,
            can: can.clone(),
            like: like.clone(),
            skills: *skills,
            billing: billing.clone(),
        }
    }

    fn restore(self, target: Arc<Target>) -> Model {
        Model {
            id: self.id,
            target,
            name: self.name,
            window: self.window,
            shared_window: self.shared_window,
            max_output: self.max_output,
            can: self.can,
            like: self.like,
            skills: self.skills,
            billing: self.billing,
        }
    }
}

impl Kept {
    /// What decisions look at in a catalogue.
    pub fn of(catalog: &Catalog) -> Self {
        let targets = catalog.targets.values();
        let models = catalog.order.iter().filter_map(|id| catalog.models.get(id));
        Self {
            targets: targets.map(|target| KeptTarget::of(target)).collect(),
            models: models.map(|model| KeptModel::of(model)).collect(),
        }
    }

    /// A catalogue that decides as the one did that was kept. It has no price sheet: models bring their prices.
    pub fn restore(self) -> Catalog {
        let targets = self.targets.into_iter().map(KeptTarget::restore);
        let targets: BTreeMap<_, _> = targets
            .map(|target| (target.id.clone(), Arc::new(target)))
            .collect();
        let mut catalog = Catalog::default();
        for model in self.models {
            if let Some(target) = targets.get(&model.target) {
                let model = model.restore(Arc::clone(target));
                catalog.order.push(model.id.clone());
                catalog.models.insert(model.id.clone(), Arc::new(model));
            }
        }
        catalog.targets = targets;
        catalog
    }
}

/// Models and targets by number: what a record that many are written of calls them. Numbers follow the names' order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    models: Vec<ModelId>,
    targets: Vec<TargetId>,
}

impl Places {
    /// Numbers what is in a catalogue.
    pub fn of(catalog: &Catalog) -> Self {
        Self {
            models: catalog.models.keys().cloned().collect(),
            targets: catalog.targets.keys().cloned().collect(),
        }
    }

    /// The model's number.
    pub fn of_model(&self, id: &ModelId) -> Option<usize> {
        self.models.binary_search(id).ok()
    }

    /// The model of a number.
    pub fn model(&self, place: usize) -> Option<&ModelId> {
        self.models.get(place)
    }

    /// The target's number.
    pub fn of_target(&self, id: &TargetId) -> Option<usize> {
        self.targets.binary_search(id).ok()
    }

    /// The target of a number.
    pub fn target(&self, place: usize) -> Option<&TargetId> {
        self.targets.get(place)
    }
}
