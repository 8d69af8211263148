//! What a failure is expected to cost: the whole of its price where nobody would notice, less where it would show and an
//! abler model would be asked.

use crate::domain::facts::Facts;
use crate::domain::money::NanoUsd;

/// Failures of an agent's work that are counted on to be mended while it is under way, of those that an abler model would not
/// have had. About 65 in 100 show; and of work that one model failed at, an abler one does less than it does of all. No more
/// than one half, or a model that gets abler could lose calls to those that it would help out.
const SHOWS: f64 = 0.5;
/// When what was seen has moved the belief so far, as one failed run of the tests does, it has shown: to wait for more
/// would be to fail twice.
const SHOWN: f64 = 0.6;

/// A model that may be asked when another has failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mender {
    /// The chance that it fails.
    pub(super) fails: f64,
    /// What it bills for the work.
    pub(super) bill: NanoUsd,
}

impl Mender {
    /// What it costs until it has mended one failure, in billionths of a dollar.
    fn fee(&self) -> f64 {
        self.bill.0 as f64 / (1.0 - self.fails).max(1e-9)
    }

    /// What is lost of a failure's price by failing so often and asking this model then. What it would fail at as well stays
    /// lost: the work was hard.
    fn lost(&self, fails: f64, price: f64) -> f64 {
        price * self.fails + price.min(self.fee()) * (fails - self.fails)
    }
}

/// How much of what may fail would show from here on: nothing where no tools are at work, for then the answer is all there is.
pub(super) fn showing(facts: &Facts, turns: f64) -> f64 {
    if turns <= 0.0 {
        return 0.0;
    }
    SHOWS * (1.0 - facts.standing.moved / SHOWN).clamp(0.0, 1.0)
}

/// What failing with this chance is expected to cost, at this price of a failure.
pub(super) fn failure(fails: f64, price: NanoUsd, menders: &[Mender], showing: f64) -> NanoUsd {
    let price = price.0 as f64;
    let whole = price * fails;
    let abler = menders.iter().filter(|it| it.fails < fails);
    let mended = abler.map(|it| it.lost(fails, price)).fold(whole, f64::min);
    // To fail first takes time and patience: a model that is likelier to fail than not is no good beginning.
    let counted = showing * ((1.0 - fails) / fails.max(1e-9)).min(1.0);
    NanoUsd(((1.0 - counted) * whole + counted * mended).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: NanoUsd = NanoUsd(2_000_000_000);

    fn mender(fails: f64, dollars: f64) -> Mender {
        Mender {
            fails,
            bill: NanoUsd((dollars * 1e9) as i64),
        }
    }

    fn dollars(fails: f64, menders: &[Mender], showing: f64) -> f64 {
        failure(fails, PRICE, menders, showing).0 as f64 / 1e9
    }

    #[test]
    fn what_does_not_show_costs_its_price() {
        let frontier = [mender(0.1, 0.2)];

        assert_eq!(dollars(0.4, &frontier, 0.0), 0.8);
        assert_eq!(dollars(0.4, &[], 0.5), 0.8);
        // Nobody is asked who is no abler.
        assert_eq!(dollars(0.1, &frontier, 0.5), 0.2);
    }

    #[test]
    fn what_shows_costs_asking_the_abler_and_what_it_fails_at_too() {
        let frontier = [mender(0.1, 0.18)];

        let half = dollars(0.4, &frontier, 0.5);

        let mended = 2.0 * 0.1 + 0.2 * 0.3;
        assert!((half - (0.5 * 0.8 + 0.5 * mended)).abs() < 1e-9, "{half}");
        // What mostly fails is begun by the abler at once.
        let likely = dollars(0.8, &frontier, 0.5);
        assert!(likely > 0.8 * 1.6, "{likely}");
        // One that costs more than the failure is not asked.
        assert_eq!(dollars(0.4, &[mender(0.1, 9.0)], 0.5), 0.8);
    }
}
