//! A call and the models that may answer it, as tests of the scores set them.

use super::*;
use crate::catalog::{CacheRule, Charge, Price, Rates, Token};
use crate::domain::belief::{Belief, Skills};
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Dialect, Hosting};
use crate::domain::facts::{Facts, Task};
use crate::domain::ids::{ModelId, PolicyId};
use crate::domain::money::TokenPrice;
use crate::domain::outlook::{Pace, Warm};

/// A model as these tests see it.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub(super) own: bool,
    /// Dollars for a million tokens: in and out.
    pub(super) price: (u64, u64),
    /// Reading costs a tenth and writing a quarter more.
    pub(super) caches: bool,
    pub(super) ability: f64,
    pub(super) pace: Pace,
    /// Tokens cached, and for how many seconds.
    pub(super) warm: Option<(u64, i64)>,
}

pub(super) const OWN: Sketch = Sketch {
    own: true,
    price: (0, 0),
    caches: false,
    ability: 0.5,
    pace: Pace {
        first_byte_ms: 300.0,
        first_byte_slow_ms: 600.0,
        token_ms: 10.0,
        samples: 50.0,
    },
    warm: None,
};

pub(super) const FRONTIER: Sketch = Sketch {
    own: false,
    price: (5, 25),
    caches: true,
    ability: 3.0,
    pace: Pace {
        first_byte_ms: 900.0,
        first_byte_slow_ms: 2_000.0,
        token_ms: 15.0,
        samples: 50.0,
    },
    warm: None,
};

/// Nobody said what it costs.
pub(super) const UNPRICED: (u64, u64) = (u64::MAX, 0);

pub(super) fn name(place: usize) -> ModelId {
    ModelId::new(format!("m{place}"))
}

fn per_million(dollars: u64) -> TokenPrice {
    TokenPrice(dollars * 1_000_000)
}

fn model(place: usize, sketch: &Sketch) -> Model {
    let hosting = if sketch.own {
        Hosting::Own
    } else {
        Hosting::Vendor
    };
    let target = Target::new(
        format!("at-{place}").as_str().into(),
        hosting,
        vec![Dialect::Chat, Dialect::Completions],
        "http://x",
    );
    let input = match sketch.price {
        UNPRICED => TokenPrice(0),
        (input, _) => per_million(input),
    };
    let base = Rates {
        input,
        output: per_million(sketch.price.1),
        cache_read: sketch.caches.then_some(TokenPrice(input.0 / 10)),
        cache_write_short: sketch.caches.then_some(TokenPrice(input.0 / 4 * 5)),
        cache_write_long: None,
    };
    let price = Price {
        id: "p@1".into(),
        from: Timestamp::from_millis(0),
        source: None,
        window: None,
        max_output: None,
        can: Vec::new(),
        cache: CacheRule::default(),
        charge: Charge::Token(Box::new(Token {
            base,
            ..Token::default()
        })),
    };
    Model {
        id: name(place),
        target: Arc::new(target),
        name: "x".to_owned(),
        window: None,
        shared_window: false,
        max_output: None,
        can: Vec::new(),
        like: None,
        skills: Skills::of(|_| Belief {
            mean: sketch.ability,
            variance: 0.3,
        }),
        billing: match sketch.price {
            UNPRICED => Billing::Unknown,
            _ => Billing::Sheet(Arc::from([Arc::new(price)])),
        },
    }
}

/// A call, and the models that may answer it.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) models: Vec<Sketch>,
    pub(super) facts: Facts,
    pub(super) objective: Objective,
}

impl Scene {
    pub(super) fn of(models: &[Sketch]) -> Self {
        let mut facts = facts();
        facts.class.task = Task::Fix;
        facts.tools = true;
        facts.prompt = TokenCount(20_000);
        facts.standing.belief = Belief {
            mean: -0.5,
            variance: 0.5,
        };
        Self {
            models: models.to_vec(),
            facts,
            objective: Objective::default(),
        }
    }

    pub(super) fn plan(&self) -> Plan {
        let mut catalog = Catalog::default();
        let mut facts = self.facts.clone();
        for (place, sketch) in self.models.iter().enumerate() {
            let model = Arc::new(model(place, sketch));
            facts.outlook.pace.push((model.id.clone(), sketch.pace));
            if let Some((tokens, seconds)) = sketch.warm {
                let warm = Warm {
                    tokens: TokenCount(tokens),
                    until: facts.at.plus_millis(seconds * 1_000),
                    sure: 1.0,
                };
                facts.standing.warm.push((model.id.clone(), warm));
            }
            catalog.order.push(model.id.clone());
            catalog.models.insert(model.id.clone(), model);
        }
        let models = Models::Listed(catalog.order.clone());
        let mut policy = Policy::plain(PolicyId::from("default"), Vec::new(), models);
        policy.objective = self.objective.clone();
        let ruling = Ruling::alone(Arc::new(policy));
        super::super::decide(&ruling, &catalog, &facts, ANYONE).expect("a plan")
    }

    pub(super) fn chosen(&self) -> usize {
        let plan = self.plan();
        let id = plan.first().model.id.clone();
        (0..self.models.len())
            .find(|place| name(*place) == id)
            .expect("one of the models")
    }

    pub(super) fn current(mut self, place: usize) -> Self {
        self.facts.standing.current = Some(name(place));
        self
    }
}
