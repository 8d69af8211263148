//! A whole training, and the cross-validation that tells how good it is.

use std::collections::{BTreeMap, HashMap};
use std::thread;

use candle_core::{Result, Tensor};

use super::bag::Standard;
use super::chance::Chance;
use super::pace::{Progress, Tell};
use super::set::Set;
use super::{Settings, TrainError, band, folds, hard, kind, known};
use crate::classifier::abilities::{AMONG_MODELS, AMONG_TASKS, Abilities, Ability, Known};
use crate::classifier::net::Net;
use crate::domain::facts::{Classification, Task};

/// Fewer outcomes than this fit nothing.
const FEWEST: usize = 100;

/// What a training gives.
pub struct Fit {
    /// The net's tensors by name.
    pub tensors: HashMap<String, Tensor>,
    /// The abilities that were fitted with them.
    pub abilities: Abilities,
}

impl std::fmt::Debug for Fit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fit")
            .field("tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

/// Fits a net to all rows.
pub fn fit(
    set: &Set,
    settings: &Settings,
    tell: &(dyn Fn(Progress) + Sync),
) -> std::result::Result<Fit, TrainError> {
    fit_to(set, &allowed(set, settings), settings, "", tell)
}

/// The places of what may be in weights.
fn allowed(set: &Set, settings: &Settings) -> Vec<usize> {
    set.places(|it| !settings.exclude.contains(&set.sources[it.source]))
}

/// Fits a net to the rows at these places.
fn fit_to(
    set: &Set,
    places: &[usize],
    settings: &Settings,
    part: &str,
    tell: &Tell,
) -> std::result::Result<Fit, TrainError> {
    let (shape, seed) = (&settings.shape, settings.seed);
    let here = |is: Vec<usize>| -> Vec<usize> {
        let mut inside = vec![false; set.examples.len()];
        places.iter().for_each(|at| inside[*at] = true);
        is.into_iter().filter(|at| inside[*at]).collect()
    };
    let outcomes = here(set.with_outcomes());
    let kinds = here(set.places(|it| it.task.is_some()));
    if outcomes.len() < FEWEST {
        let count = outcomes.len();
        let what =
            format!("{count} rows have outcomes and a known kind of work; {FEWEST} are needed");
        return Err(TrainError::Rows(what));
    }
    let chance = Chance::new(seed, 3);
    // Each tower by what it is fitted to: beside short requests, all problems would look the same.
    let standards = |places: &[usize]| Standard::of(set.features(places).into_iter());
    let (of_hard, of_kind) = (standards(&outcomes), standards(&kinds));
    // The straight path has a bottom, and the members only mend it: their passes need no watching.
    let name = format!("{part}difficulty");
    let passes = (seed, settings.epochs);
    let hard = hard::fit(shape, set, &outcomes, &of_hard, passes, (&name, tell))?;
    // How many passes are enough is found without a tenth; then all are learned, as many times.
    let (learned, watched) = folds::watched(set, &kinds, &chance);
    let kind = |places: (&[usize], &[usize]), passes: usize, what: &str| {
        let name = format!("{part}kind of work{what}");
        kind::fit(shape, set, places, &of_kind, (seed, passes), (&name, tell))
    };
    let passes = (2 * settings.epochs).div_ceil(3);
    let (trial, passes) = kind((&learned, &watched), passes, ", a tenth held out")?;
    let wider = band::wider(&trial, set, &watched, &of_kind)?;
    let (kind, _) = kind((&kinds, &[]), passes, "")?;
    kind.widen(wider)?;
    kind.hear(&kind::opinion(shape, set, &kinds))?;
    let told = hard::told_of_abilities(&hard, set, &outcomes, &of_hard)?;
    let known = known::known(set, &kinds)?;
    Ok(Fit {
        tensors: tensors(&hard, &kind, (&of_hard, &of_kind), known)?,
        abilities: abilities(&hard, set, &outcomes, &told)?,
    })
}

fn tensors(
    hard: &hard::Hard,
    kind: &kind::Kind,
    (of_hard, of_kind): (&Standard, &Standard),
    known: Tensor,
) -> Result<HashMap<String, Tensor>> {
    let plain = |numbers: &[f32]| Tensor::new(numbers, &candle_core::Device::Cpu);
    let table = Tensor::cat(
        &[
            hard.table.as_tensor(),
            &hard.straight_pieces,
            kind.table.as_tensor(),
            kind.straight.as_tensor(),
        ],
        1,
    )?;
    let all = [
        ("hard.mean", plain(&of_hard.mean)?),
        ("hard.scale", plain(&of_hard.scale)?),
        ("kind.mean", plain(&of_kind.mean)?),
        ("kind.scale", plain(&of_kind.scale)?),
        ("pieces.known", known),
        ("pieces.weight", table),
        ("prose.weight", kind.prose.as_tensor().clone()),
        ("hard.hidden", hard.hidden.as_tensor().clone()),
        ("hard.hidden_bias", hard.hidden_bias.as_tensor().squeeze(1)?),
        ("hard.out", hard.out.as_tensor().clone()),
        ("hard.straight", hard.straight.clone()),
        ("hard.out_bias", hard.out_bias.as_tensor().clone()),
        ("kind.hidden", kind.hidden.as_tensor().clone()),
        ("kind.hidden_bias", kind.hidden_bias.as_tensor().clone()),
        ("kind.out", kind.out.as_tensor().clone()),
        ("kind.out_bias", kind.out_bias.as_tensor().clone()),
    ];
    let detached = all
        .into_iter()
        .map(|(name, tensor)| Ok((name.to_owned(), tensor.detach().contiguous()?)));
    detached.collect()
}

fn abilities(hard: &hard::Hard, set: &Set, places: &[usize], told: &[f64]) -> Result<Abilities> {
    let overall = hard.overall.as_tensor().squeeze(0)?.to_vec1::<f32>()?;
    let apart = hard.apart.as_tensor().to_vec2::<f32>()?;
    let mut sources: BTreeMap<usize, BTreeMap<&str, ()>> = BTreeMap::new();
    for at in places {
        let example = &set.examples[*at];
        for (model, _) in &example.outcomes {
            sources
                .entry(*model)
                .or_default()
                .insert(&set.sources[example.source], ());
        }
    }
    let models = set.models.len();
    let spread = |told: f64, without: f64| 1.0 / (told + 1.0 / (without * without)).sqrt();
    let known = |(model, sources): (usize, BTreeMap<&str, ()>)| {
        let at = |task: usize| told[task * models + model];
        let tried = (0..Task::ALL.len()).filter(|task| at(*task) > 0.0);
        let of_task = |task: usize| {
            let ability = Ability {
                ability: rounded(overall[model] + apart[task][model]),
                spread: rounded(spread(at(task), AMONG_MODELS) as f32),
            };
            (Task::ALL[task], ability)
        };
        let tasks: BTreeMap<Task, Ability> = tried.map(of_task).collect();
        // What differs from kind to kind says that much less of the whole.
        let of_kinds = AMONG_TASKS / (tasks.len().max(1) as f64).sqrt();
        let all: f64 = (0..Task::ALL.len()).map(at).sum();
        let mean = tasks.values().map(|it| it.ability).sum::<f64>() / tasks.len().max(1) as f64;
        let known = Known {
            overall: Ability {
                ability: rounded(mean as f32),
                spread: rounded(spread(all, AMONG_MODELS).hypot(of_kinds) as f32),
            },
            tasks,
            sources: sources.keys().map(|it| (*it).to_owned()).collect(),
        };
        (set.models[model].clone(), known)
    };
    Ok(Abilities {
        models: sources.into_iter().map(known).collect(),
        ..Abilities::default()
    })
}

/// To a thousandth: more would only look exact.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 1_000.0).round() / 1_000.0
}

/// What was said of rows that the net was not trained on.
#[derive(Debug)]
pub struct Held {
    /// The fold of each row.
    pub folds: Vec<usize>,
    /// What was said of each.
    pub classes: Vec<Classification>,
    /// The abilities of each fold.
    pub abilities: Vec<Abilities>,
    /// Which rows might be learned from: those of sources that are excluded are in no fold's training.
    pub learned: Vec<bool>,
}

/// Trains without each fold in turn, and says what the net makes of it.
pub fn cross_validate(
    set: &Set,
    settings: &Settings,
    tell: &(dyn Fn(Progress) + Sync),
) -> std::result::Result<Held, TrainError> {
    let count = settings.folds.max(2);
    let folds = folds::folds(set, count, &Chance::new(settings.seed, 4));
    let one = |fold: usize| {
        let inside = allowed(set, settings)
            .into_iter()
            .filter(|at| folds[*at] != fold);
        let part = format!("fold {} of {count}, ", fold + 1);
        let fit = fit_to(set, &inside.collect::<Vec<_>>(), settings, &part, tell)?;
        let net = Net::new(&settings.shape, fit.tensors).map_err(net_failed)?;
        let outside = (0..set.examples.len()).filter(|at| folds[*at] == fold);
        let classes = outside.map(|at| (at, net.answer(&set.examples[at].features)));
        Ok((classes.collect::<Vec<_>>(), fit.abilities))
    };
    let mut held = Held {
        classes: vec![Classification::UNKNOWN; set.examples.len()],
        abilities: Vec::new(),
        folds: folds.clone(),
        learned: vec![false; set.examples.len()],
    };
    for at in allowed(set, settings) {
        held.learned[at] = true;
    }
    let together = thread::available_parallelism().map_or(1, usize::from);
    let all: Vec<usize> = (0..count).collect();
    for some in all.chunks(together) {
        let results: Vec<std::result::Result<_, TrainError>> = thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|fold| scope.spawn(|| one(*fold))).collect();
            let ended = threads.into_iter().map(|thread| {
                let broken = |_| TrainError::Rows("a fold's thread broke off".to_owned());
                thread.join().map_err(broken).flatten()
            });
            ended.collect()
        });
        for result in results {
            let (classes, abilities) = result?;
            for (at, class) in classes {
                held.classes[at] = class;
            }
            held.abilities.push(abilities);
        }
    }
    Ok(held)
}

fn net_failed(error: crate::classifier::net::NetError) -> TrainError {
    TrainError::Rows(format!("the net that was trained cannot be used: {error}"))
}
