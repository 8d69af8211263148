//! What is in force, over the admin API: targets and their health, models and their prices, policies; and the reload.

use std::collections::BTreeMap;

use http::Response;
use serde::Serialize;
use serde_json::Value;

use crate::body::Body;
use crate::classifier::artifact::Artifact;
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::ids::{ModelId, PolicyId, PriceId, TargetId};
use crate::domain::kind::{Kind, KnownBy};
use crate::domain::tokens::TokenCount;
use crate::policy::{Objective, Rule};
use crate::store::Health;

use super::Parts;
use super::answer::{Refused, json};

#[derive(Serialize)]
struct Targets<'a> {
    targets: Vec<TargetView<'a>>,
}

#[derive(Serialize)]
struct TargetView<'a> {
    id: &'a TargetId,
    hosting: Hosting,
    kind: Kind,
    /// By what the kind is known.
    kind_by: KnownBy,
    dialects: &'a [Dialect],
    urls: &'a [String],
    up: bool,
    in_flight: u64,
    max_in_flight: Option<u32>,
    simulated: bool,
}

#[derive(Serialize)]
struct Models<'a> {
    models: Vec<ModelView<'a>>,
}

#[derive(Serialize)]
struct ModelView<'a> {
    id: &'a ModelId,
    target: &'a TargetId,
    hosting: Hosting,
    name: &'a str,
    window: Option<TokenCount>,
    max_output: Option<TokenCount>,
    can: &'a [Ability],
    price_id: Option<PriceId>,
    priced: bool,
    simulated: bool,
}

#[derive(Serialize)]
struct PolicyList<'a> {
    version: &'a str,
    /// `null` where the heuristic alone says what a call is.
    classifier: Option<ClassifierView<'a>>,
    policies: Vec<PolicyView<'a>>,
}

#[derive(Serialize)]
struct PolicyView<'a> {
    id: &'a PolicyId,
    answers: Vec<String>,
    models: &'a [ModelId],
    objective: &'a Objective,
    rules: Vec<RuleView<'a>>,
}

#[derive(Serialize)]
struct RuleView<'a> {
    name: &'a str,
    line: usize,
    /// Whether it guards data.
    guards: bool,
}

impl<'a> RuleView<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            name: &rule.name,
            line: rule.line,
            guards: rule.guards(),
        }
    }
}

/// What decides before the policies do.
#[derive(Serialize)]
struct ClassifierView<'a> {
    id: &'a str,
    name: &'a str,
    made: &'a str,
    seed: u64,
    features: u32,
    built_in: bool,
    figures: &'a BTreeMap<String, Value>,
}

impl<'a> ClassifierView<'a> {
    fn of(artifact: &'a Artifact) -> Self {
        let manifest = &artifact.manifest;
        Self {
            id: artifact.id(),
            name: &manifest.name,
            made: &manifest.made,
            seed: manifest.seed,
            features: manifest.features,
            built_in: artifact.built_in,
            figures: &manifest.figures,
        }
    }
}

#[derive(Serialize)]
struct Reloaded<'a> {
    version: &'a str,
}

impl Parts {
    pub(super) fn targets(&self) -> Response<Body> {
        let (snapshot, now) = (self.live.snapshot(), self.clock.now());
        let view = |target: &'_ std::sync::Arc<crate::catalog::Target>| {
            let upstream = self.upstreams.get(&target.id);
            (upstream.health.is_up(now), upstream.load.running())
        };
        let targets = snapshot.catalog.targets.values().map(|target| {
            let (up, in_flight) = view(target);
            TargetView {
                id: &target.id,
                hosting: target.hosting,
                kind: target.kind,
                kind_by: target.kind_by,
                dialects: &target.dialects,
                urls: &target.urls,
                up,
                in_flight,
                max_in_flight: target.max_in_flight,
                simulated: target.simulated,
            }
        });
        json(&Targets {
            targets: targets.collect(),
        })
    }

    pub(super) fn models(&self) -> Response<Body> {
        let (snapshot, now) = (self.live.snapshot(), self.clock.now());
        let listed = snapshot
            .catalog
            .order
            .iter()
            .filter_map(|id| snapshot.catalog.models.get(id));
        let models = listed.map(|model| {
            let tariff = model.tariff(now);
            ModelView {
                id: &model.id,
                target: &model.target.id,
                hosting: model.target.hosting,
                name: &model.name,
                window: model.window,
                max_output: model.max_output,
                can: &model.can,
                price_id: tariff.price_id(),
                priced: tariff.is_known(),
                simulated: model.target.simulated,
            }
        });
        json(&Models {
            models: models.collect(),
        })
    }

    pub(super) fn policies(&self) -> Response<Body> {
        let snapshot = self.live.snapshot();
        let policies = snapshot
            .policies
            .by_name()
            .values()
            .map(|policy| PolicyView {
                id: &policy.id,
                answers: policy.answers.iter().map(ToString::to_string).collect(),
                models: policy.models.ids(),
                objective: &policy.objective,
                rules: policy.rules.iter().map(RuleView::of).collect(),
            });
        json(&PolicyList {
            version: &snapshot.version,
            classifier: snapshot.classifier.as_deref().map(ClassifierView::of),
            policies: policies.collect(),
        })
    }

    pub(super) async fn reload(&self) -> Result<Response<Body>, Refused> {
        let live = self.live.clone();
        let read = tokio::task::spawn_blocking(move || live.reload()).await;
        let snapshot = read
            .map_err(|error| Refused::Store(error.to_string()))?
            .map_err(Refused::Faults)?;
        Ok(json(&Reloaded {
            version: &snapshot.version,
        }))
    }

    /// Gauges that are read when they are asked for.
    pub(super) fn observe(&self) {
        let (snapshot, now) = (self.live.snapshot(), self.clock.now());
        for target in snapshot.catalog.targets.values() {
            let upstream = self.upstreams.get(&target.id);
            self.metrics
                .target_up(&target.id, upstream.health.is_up(now));
            if target.hosting == Hosting::Own {
                let load = upstream.busy(target.max_in_flight);
                self.metrics.gpu_load(&target.id, load);
            }
        }
        let health = self.ledger.health();
        self.metrics.store_up(health != Health::Dead);
        self.metrics.store_disk_full(health == Health::DiskFull);
        self.metrics.open_holds(self.ledger.open_holds());
        self.metrics.ledger_duplicates(self.ledger.duplicates());
    }
}
