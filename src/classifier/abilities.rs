//! How good models are at each kind of work, on the scale of difficulty, each with its spread and where it comes from.
//!
//! A model passes with the chance `sigmoid((ability - difficulty) / sqrt(1 + pi * variance / 8))`, the variance being that
//! of the difficulty and of the ability together. A model that was never tried at a kind of work has there what it has on
//! the whole, but wider; one that nobody knows is taken for an average one, very widely.

mod families;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::artifact;
use crate::domain::belief::{Belief, Skills};
use crate::domain::facts::{Classification, Task};

/// The name of the file in a classifier's folder.
pub const FILE: &str = "abilities.json";
/// The version of the format.
pub const VERSION: u32 = 1;

/// The spread of abilities among models.
pub(super) const AMONG_MODELS: f64 = 1.5;
/// The spread of one model's abilities among kinds of work.
pub(super) const AMONG_TASKS: f64 = 0.8;

/// A belief about an ability: its mean, and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ability {
    /// Its mean.
    pub ability: f64,
    /// Its standard deviation.
    pub spread: f64,
}

impl From<Ability> for Belief {
    fn from(Ability { ability, spread }: Ability) -> Self {
        Self {
            mean: ability,
            variance: spread * spread,
        }
    }
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// On the whole.
    pub overall: Ability,
    /// At the kinds of work at which it was tried.
    pub tasks: BTreeMap<Task, Ability>,
    /// The data that it was tried on.
    pub sources: Vec<String>,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abilities {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// By the name that the data uses.
    pub models: BTreeMap<String, Known>,
    /// Other names of the same models: those of the catalogue.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

impl Default for Abilities {
    fn default() -> Self {
        Self {
            version: VERSION,
            models: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }
}

impl Abilities {
    /// Reads the file of a classifier's folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let table: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if table.version != VERSION {
            return Err(format!("its version is {}, not {VERSION}", table.version));
        }
        let sound =
            |it: &Ability| it.ability.is_finite() && it.spread.is_finite() && it.spread >= 0.0;
        let odd = |known: &&Known| !sound(&known.overall) || !known.tasks.values().all(sound);
        match table.models.values().find(odd) {
            Some(_) => Err("an ability is no finite number".to_owned()),
            None => Ok(table),
        }
    }

    fn get(&self, model: &str) -> Option<&Known> {
        let name = self.names.get(model).map_or(model, String::as_str);
        self.models.get(name)
    }

    /// The model is in the table.
    pub fn knows(&self, model: &str) -> bool {
        self.get(model).is_some()
    }

    /// The model was tried at this kind of work.
    pub fn was_tried(&self, model: &str, task: Task) -> bool {
        self.get(model)
            .is_some_and(|known| known.tasks.contains_key(&task))
    }

    /// What is believed of a model at a kind of work.
    pub fn of(&self, model: &str, task: Task) -> Ability {
        let Some(known) = self.get(model) else {
            return self.of_unknown(task);
        };
        let elsewhere = Ability {
            spread: known.overall.spread.hypot(AMONG_TASKS),
            ..known.overall
        };
        known.tasks.get(&task).copied().unwrap_or(elsewhere)
    }

    /// What is believed of a model that is said to be like another: the same, and how far two of a kind may differ.
    pub fn like(&self, model: &str, task: Task) -> Ability {
        let of = self.of(model, task);
        Ability {
            spread: of.spread.hypot(AMONG_TASKS / 2.0),
            ..of
        }
    }

    /// An average model, which may be any.
    pub fn of_unknown(&self, _task: Task) -> Ability {
        let all = self.models.values().map(|known| known.overall.ability);
        let count = self.models.len().max(1) as f64;
        Ability {
            ability: all.sum::<f64>() / count,
            spread: AMONG_MODELS.hypot(AMONG_TASKS),
        }
    }

    /// What is believed of a model that goes by these names, the first that is known counting: what was tried, else what it is
    /// said to be like, else the nearest of its family, else anything.
    pub fn skills(&self, names: &[&str], like: Option<&str>) -> Skills {
        let tried = names.iter().copied().find(|name| self.knows(name));
        let like = like.map(|it| {
            if self.knows(it) {
                it
            } else {
                families::member(it).unwrap_or(it)
            }
        });
        let family = || names.iter().find_map(|name| families::member(name));
        let like = like.or_else(family).filter(|it| self.knows(it));
        Skills::of(|task| {
            let ability = match (tried, like) {
                (Some(name), _) => self.of(name, task),
                (None, Some(name)) => self.like(name, task),
                (None, None) => self.of_unknown(task),
            };
            ability.into()
        })
    }

    /// The chance that a model passes, over the two likeliest kinds of work.
    pub fn chance(&self, model: &str, class: &Classification) -> f64 {
        let confidence = f64::from(class.confidence).clamp(0.0, 1.0);
        let at = |task| {
            passes(
                self.of(model, task),
                class.difficulty.into(),
                class.variance.into(),
            )
        };
        confidence * at(class.task) + (1.0 - confidence) * at(class.second)
    }
}

/// The chance that an ability is enough for a difficulty, each known as far as it is.
pub fn passes(of: Ability, difficulty: f64, variance: f64) -> f64 {
    let work = Belief {
        mean: difficulty,
        variance,
    };
    work.passed_by(of.into())
}

/// The table that ships with the program.
pub fn shipped() -> &'static Abilities {
    static SHIPPED: OnceLock<Abilities> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let table = Abilities::parse(artifact::SHIPPED_ABILITIES);
        table.expect("a test reads it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Abilities {
        let of = |ability| Ability {
            ability,
            spread: 0.1,
        };
        let known = |overall: f64, fix: f64| Known {
            overall: of(overall),
            tasks: BTreeMap::from([(Task::Fix, of(fix))]),
            sources: vec!["trial".to_owned()],
        };
        Abilities {
            models: BTreeMap::from([
                ("small".to_owned(), known(-1.0, -0.5)),
                ("large".to_owned(), known(2.0, 1.0)),
            ]),
            names: BTreeMap::from([("vendor-large".to_owned(), "large".to_owned())]),
            ..Abilities::default()
        }
    }

    fn class(difficulty: f32, variance: f32) -> Classification {
        Classification {
            task: Task::Fix,
            second: Task::Test,
            confidence: 1.0,
            difficulty,
            variance,
            ..Classification::UNKNOWN
        }
    }

    #[test]
    fn what_was_not_tried_is_believed_less() {
        let table = table();

        assert_eq!(table.of("vendor-large", Task::Fix).ability, 1.0);
        assert_eq!(table.of("large", Task::Plan).ability, 2.0);
        assert!(table.of("large", Task::Plan).spread > 0.7);
        assert!(table.like("large", Task::Fix).spread > table.of("large", Task::Fix).spread);
        assert_eq!(table.of("nobody", Task::Fix).ability, 0.5);
        assert!(table.of("nobody", Task::Fix).spread > 1.5);
        assert!(!table.was_tried("large", Task::Plan) && table.knows("large"));
    }

    #[test]
    fn the_chance_falls_with_difficulty_and_nears_a_half_with_spread() {
        let table = table();
        let chance = |difficulty, variance| table.chance("large", &class(difficulty, variance));

        assert!(chance(-1.0, 0.5) > chance(0.0, 0.5) && chance(0.0, 0.5) > chance(2.0, 0.5));
        assert!((chance(1.0, 0.5) - 0.5).abs() < 1e-9);
        assert!(chance(-1.0, 10.0) < chance(-1.0, 0.1) && chance(3.0, 10.0) > chance(3.0, 0.1));
        assert!(table.chance("small", &class(0.0, 0.5)) < chance(0.0, 0.5));
    }

    #[test]
    fn the_file_comes_back_and_a_broken_one_is_refused() {
        let text = serde_json::to_vec(&table()).expect("JSON");

        assert_eq!(Abilities::parse(&text), Ok(table()));
        assert!(Abilities::parse(b"{").is_err());
        assert!(Abilities::parse(br#"{"version":9,"models":{}}"#).is_err());
    }
}
