//! How far each sign moves the belief in the difficulty of the work.
//!
//! What is known bounds them: about 35 of 100 failures show no sign at all, and of the runs that do, about 43 in 100 recover.
//! If four runs in ten fail, a run with signs fails about twice as often as one had thought, in odds: signs of a whole run
//! together are worth about 0.7 in log-odds, a single one less, and no heap of them much more. So nothing here trips a
//! switch; it leans. Those of failing runs, of compilers and of patches that ship are fitted to simulated sessions (see
//! `classifiers/README.md`), the others are set by hand; `tollgate train --evidence` fits them to conversations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sign::{Sign, Signs};

/// What a sign moves when it is seen once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// Added to the mean of the difficulty: log-odds of success, lost.
    pub mean: f32,
    /// Added to the logarithm of its variance: below 0 the belief gets narrower, above 0 wider.
    #[serde(default)]
    pub variance: f32,
}

/// The weights of all signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// A weight a sign; one that is not there weighs nothing.
    pub signs: BTreeMap<Sign, Weight>,
    /// No more than this is added to the mean, or taken from it.
    pub most: f32,
}

/// No sign moves the mean further, nor the logarithm of the variance.
const FARTHEST: (f32, f32) = (3.0, 1.0);
/// Nor do all together move the mean further.
const MOST: f32 = 5.0;

/// How far the belief moves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shift {
    /// To be added to the mean of the difficulty.
    pub mean: f32,
    /// To be added to the logarithm of its variance.
    pub variance: f32,
}

/// Sign, mean, variance, and why.
const SHIPPED: &[(Sign, f32, f32)] = &[
    // The best evidence that there is, yet many runs pass through red to green: that is what tests are for.
    (Sign::TestsFailed, 0.63, -0.05),
    // On the way, which takes back a part of the failure that comes with it.
    (Sign::FewerFailed, -0.16, -0.05),
    // An edit made it worse: the model does not see what it does.
    (Sign::MoreFailed, 0.43, -0.05),
    // The work may be done; the tests may also not reach it.
    (Sign::TestsPassed, -0.60, -0.15),
    // Nearly as much as red tests: nothing was tested yet, and being told where and why helps.
    (Sign::CompileError, 0.39, -0.02),
    // Style, seldom ability.
    (Sign::LintError, 0.03, 0.0),
    // Between the two: it may be the code of the task, or a first try.
    (Sign::Crash, 0.15, -0.02),
    // The mending does not mend: a mark of a model that is stuck, beside the failure that comes with it.
    (Sign::SameError, 0.27, -0.10),
    // Ability with the client's format more than with the work: it costs turns, and tells little of the end.
    (Sign::PatchFailed, 0.08, -0.02),
    // Going in circles.
    (Sign::RepeatedCall, 0.15, -0.02),
    // As with patches: such models fail over many turns.
    (Sign::BadArguments, 0.30, -0.05),
    // A turn lost, and strong where it comes twice.
    (Sign::EmptyAnswer, 0.40, -0.02),
    // Looking for a file that is not there is an error too.
    (Sign::ErrorResult, 0.08, 0.0),
    // Known to tell: AUC .73 for streaks of three.
    (Sign::ErrorStreak, 0.35, -0.05),
    // Used by others as a mark of churn; no public number.
    (Sign::ManyEdits, 0.15, 0.0),
    // Reading much is no failure; only the chance of one grows.
    (Sign::NoProgress, 0.20, 0.05),
    // The person saw it coming; or changed their mind, so it widens.
    (Sign::Interrupted, 0.15, 0.05),
    // A weak label wherever it was tried, but it comes from who decides.
    (Sign::Complaint, 0.50, -0.05),
    // Of the work before; the next may be of another kind.
    (Sign::Thanks, -0.25, 0.05),
    // Somebody thought that it is done, mostly the model itself.
    (Sign::Committed, -0.20, 0.0),
    // It compiles, which says little of whether it is right.
    (Sign::BuildGreen, -0.15, -0.02),
];

impl Default for Weights {
    fn default() -> Self {
        let weight = |(sign, mean, variance): &(Sign, f32, f32)| {
            let weight = Weight {
                mean: *mean,
                variance: *variance,
            };
            (*sign, weight)
        };
        Self {
            signs: SHIPPED.iter().map(weight).collect(),
            most: 1.6,
        }
    }
}

/// By how much a sign counts that was seen so often: each further time half of the one before, so never more than twice.
pub fn times(count: u16) -> f32 {
    match count {
        0 => 0.0,
        _ => 2.0 - 0.5_f32.powi(i32::from(count) - 1),
    }
}

impl Weights {
    /// Reads the file of a classifier's folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let weights: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let within = |number: f32, most: f32| number.is_finite() && number.abs() <= most;
        if !within(weights.most, MOST) || weights.most < 0.0 {
            return Err(format!(
                "most: {} is not between 0 and {MOST}",
                weights.most
            ));
        }
        let fits = |it: &Weight| within(it.mean, FARTHEST.0) && within(it.variance, FARTHEST.1);
        match weights.signs.iter().find(|(_, weight)| !fits(weight)) {
            Some((sign, _)) => Err(format!("{sign}: no sign weighs that much")),
            None => Ok(weights),
        }
    }

    /// How far all signs of a piece of work move the belief that was set when it began.
    pub fn shift(&self, signs: &Signs) -> Shift {
        let mut shift = Shift::default();
        for (sign, count) in signs.iter() {
            let weight = self.signs.get(&sign).copied().unwrap_or_default();
            let times = times(count);
            shift.mean += weight.mean * times;
            shift.variance += weight.variance * times;
        }
        let most = self.most.max(0.0);
        shift.mean = shift.mean.clamp(-most, most);
        shift
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_sign_has_its_weight_and_its_direction() {
        let weights = Weights::default();

        assert_eq!(SHIPPED.len(), Sign::ALL.len());
        for sign in Sign::ALL {
            let weight = weights.signs.get(sign).copied().unwrap_or_default();
            assert_eq!(weight.mean > 0.0, sign.is_bad(), "{sign}");
            assert!(weight.mean.abs() <= 0.65, "{sign}: no sign is a switch");
        }
    }

    #[test]
    fn they_are_read_from_numbers() {
        let read: Weights = serde_json::from_str(
            r#"{"signs":{"tests_failed":{"mean":0.5,"variance":-0.1},"thanks":{"mean":-1}},"most":2}"#,
        )
        .expect("weights");

        let shift = read.shift(&Signs::from_iter([Sign::TestsFailed, Sign::Crash]));

        assert_eq!((shift.mean, shift.variance), (0.5, -0.1));
        let shipped = serde_json::to_string(&Weights::default()).expect("JSON");
        let again: Weights = serde_json::from_str(&shipped).expect("weights");
        assert_eq!(again, Weights::default());
    }

    #[test]
    fn what_no_training_gives_is_refused() {
        for (text, what) in [
            (r#"{"signs":{"crash":{"mean":4}},"most":2}"#, "crash"),
            (
                r#"{"signs":{"crash":{"mean":0,"variance":-2}},"most":2}"#,
                "crash",
            ),
            (r#"{"signs":{},"most":-1}"#, "most"),
            (r#"{"signs":{"rain":{"mean":1}},"most":1}"#, "known"),
        ] {
            let error = Weights::parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_run_that_fails_twice_at_the_same_weighs_about_twice_one_failure() {
        let signs = [Sign::TestsFailed, Sign::TestsFailed, Sign::SameError];

        let shift = Weights::default().shift(&signs.into_iter().collect());

        assert!((1.0..1.5).contains(&shift.mean), "{shift:?}");
    }

    proptest! {
        #[test]
        fn more_of_a_bad_sign_never_helps_and_stays_bounded(counts in proptest::collection::vec(0u16..9, Sign::ALL.len()), which in 0..Sign::ALL.len()) {
            let mut signs = Signs::default();
            for (sign, count) in Sign::ALL.iter().zip(counts) {
                (0..count).for_each(|_| signs.add(*sign));
            }
            let weights = Weights::default();
            let before = weights.shift(&signs);
            signs.add(Sign::ALL[which]);
            let after = weights.shift(&signs);

            prop_assert!(after.mean.abs() <= weights.most);
            prop_assert_eq!(after.mean >= before.mean, Sign::ALL[which].is_bad() || after.mean == before.mean);
        }
    }
}
