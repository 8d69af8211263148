//! What a router that ranks calls by a score is worth: quality and cost at every threshold, and how well its
//! probabilities hold.

/// The shares at which a curve is read.
const STEPS: usize = 1_000;

/// Bins of equal weight for the calibration error.
const BINS: f64 = 10.0;

/// What is known of each problem, and what was predicted for it; all of one length.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// Higher is safer to give to the weak model.
    pub(super) score: Vec<f64>,
    /// The predicted chance that the weak model passes.
    pub(super) chance: Vec<f64>,
    /// How often the weak and the strong model passed.
    pub(super) weak: Vec<f64>,
    pub(super) strong: Vec<f64>,
    /// What each costs.
    pub(super) weak_cost: Vec<f64>,
    pub(super) strong_cost: Vec<f64>,
    /// How much the problem counts.
    pub(super) weight: Vec<f64>,
}

/// The figures of one router on one set of problems.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures(pub(super) [f64; Figures::NAMES.len()]);

impl Figures {
    pub(super) const NAMES: [&str; 9] = [
        "APGR", "CPT50", "CPT80", "save95", "save99", "save100", "AUROC", "AUROCs", "ECE",
    ];

    pub(super) fn get(&self, name: &str) -> f64 {
        let at = Self::NAMES.iter().position(|it| *it == name);
        at.map_or(f64::NAN, |at| self.0[at])
    }
}

/// Share of calls that go to the strong model, with the quality and the cost that come of it; the share grows.
pub(super) struct Curve {
    share: Vec<f64>,
    quality: Vec<f64>,
    cost: Vec<f64>,
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.score.len()
    }

    /// The problems at these places, a place as often as it is named.
    pub(super) fn pick(&self, places: &[usize]) -> Self {
        let of = |column: &[f64]| places.iter().map(|at| column[*at]).collect();
        Self {
            score: of(&self.score),
            chance: of(&self.chance),
            weak: of(&self.weak),
            strong: of(&self.strong),
            weak_cost: of(&self.weak_cost),
            strong_cost: of(&self.strong_cost),
            weight: of(&self.weight),
        }
    }

    pub(super) fn mean(&self, column: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = (0..self.len()).map(|at| self.weight[at] * column(at)).sum();
        sum / self.weight.iter().sum::<f64>()
    }

    pub(super) fn weak_quality(&self) -> f64 {
        self.mean(|at| self.weak[at])
    }

    pub(super) fn strong_quality(&self) -> f64 {
        self.mean(|at| self.strong[at])
    }

    /// The curve over every threshold. Problems of one score move together, so a tie is broken at random in expectation.
    pub(super) fn curve(&self) -> Curve {
        let order = sorted(&self.score, |a, b| b.total_cmp(a));
        let total: f64 = self.weight.iter().sum();
        let (mut moved, mut gain, mut saved) = (0.0, 0.0, 0.0);
        let quality = order
            .iter()
            .map(|at| self.strong[*at] * self.weight[*at])
            .sum::<f64>();
        let cost = order
            .iter()
            .map(|at| self.strong_cost[*at] * self.weight[*at])
            .sum::<f64>();
        let mut points = vec![(1.0, quality / total, cost / total)];
        for (n, at) in order.iter().enumerate() {
            moved += self.weight[*at];
            gain += (self.weak[*at] - self.strong[*at]) * self.weight[*at];
            saved += (self.weak_cost[*at] - self.strong_cost[*at]) * self.weight[*at];
            let next = order.get(n + 1).map(|next| self.score[*next]);
            if next != Some(self.score[*at]) {
                points.push((
                    1.0 - moved / total,
                    (quality + gain) / total,
                    (cost + saved) / total,
                ));
            }
        }
        points.reverse();
        Curve {
            share: points.iter().map(|point| point.0).collect(),
            quality: points.iter().map(|point| point.1).collect(),
            cost: points.iter().map(|point| point.2).collect(),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let curve = self.curve();
        let (weak, strong) = (self.weak_quality(), self.strong_quality());
        let gap = strong - weak;
        let grid = curve.grid();
        let reached = |percent: f64| {
            let far = |&(_, quality, _): &(f64, f64, f64)| {
                gap > 1e-9 && (quality - weak) / gap >= percent / 100.0 - 1e-12
            };
            grid.iter()
                .find(|point| far(point))
                .map_or(f64::NAN, |point| point.0)
        };
        let dear = self.mean(|at| self.strong_cost[at]);
        let saved = |percent: f64| {
            let good = grid
                .iter()
                .filter(|point| point.1 >= percent / 100.0 * strong - 1e-12);
            let least = good.map(|point| point.2).min_by(f64::total_cmp);
            least
                .filter(|_| dear > 0.0)
                .map_or(0.0, |least| (1.0 - least / dear).max(0.0))
        };
        let suffices = |at: usize| f64::from(u8::from(self.weak[at] >= self.strong[at] - 1e-12));
        Figures([
            curve.recovered(weak, gap),
            reached(50.0),
            reached(80.0),
            saved(95.0),
            saved(99.0),
            saved(100.0),
            self.ranks(&self.chance, |at| self.weak[at]),
            self.ranks(&self.score, suffices),
            self.calibration(),
        ])
    }

    /// How often a problem that passed ranks before one that did not; a rate counts in parts for both.
    fn ranks(&self, score: &[f64], passed: impl Fn(usize) -> f64) -> f64 {
        let order = sorted(score, f64::total_cmp);
        let (mut below, mut right, mut n) = (0.0, 0.0, 0);
        let mut all = 0.0;
        while n < order.len() {
            let same = order[n..]
                .iter()
                .take_while(|at| score[**at] == score[order[n]]);
            let (mut up, mut down) = (0.0, 0.0);
            let mut count = 0;
            for at in same {
                up += self.weight[*at] * passed(*at);
                down += self.weight[*at] * (1.0 - passed(*at));
                count += 1;
            }
            right += up * (below + 0.5 * down);
            below += down;
            all += up;
            // A score that is no number equals nothing, not even itself.
            n += count.max(1);
        }
        match all > 0.0 && below > 0.0 {
            true => right / (all * below),
            false => f64::NAN,
        }
    }

    /// The expected calibration error of the weak model's chance.
    fn calibration(&self) -> f64 {
        let bins = self.reliability();
        if bins.is_empty() {
            return f64::NAN;
        }
        let total: f64 = bins.iter().map(|bin| bin.weight).sum();
        bins.iter()
            .map(|bin| bin.weight * (bin.said - bin.was).abs())
            .sum::<f64>()
            / total
    }

    /// What was said and what was, in bins of equal weight; none where the chances are no probabilities.
    pub(super) fn reliability(&self) -> Vec<Bin> {
        let possible = |chance: &f64| (-1e-9..=1.0 + 1e-9).contains(chance);
        if !self.chance.iter().all(possible) {
            return Vec::new();
        }
        let order = sorted(&self.chance, f64::total_cmp);
        let total: f64 = self.weight.iter().sum();
        let mut so_far = 0.0;
        let mut bins: Vec<(usize, Bin)> = Vec::new();
        for at in order {
            let weight = self.weight[at];
            so_far += weight;
            let place = ((so_far - 0.5 * weight) / total * BINS).min(BINS - 1e-9) as usize;
            if bins.last().is_none_or(|(last, _)| *last != place) {
                bins.push((place, Bin::default()));
            }
            if let Some((_, bin)) = bins.last_mut() {
                bin.add(weight, self.chance[at], self.weak[at]);
            }
        }
        bins.into_iter().map(|(_, bin)| bin.mean()).collect()
    }
}

/// Problems of about one predicted chance.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Bin {
    /// What they weigh together.
    pub weight: f64,
    /// The mean chance that was predicted.
    pub said: f64,
    /// The share that passed.
    pub was: f64,
}

impl Bin {
    fn add(&mut self, weight: f64, said: f64, was: f64) {
        self.weight += weight;
        self.said += weight * said;
        self.was += weight * was;
    }

    fn mean(self) -> Self {
        Self {
            weight: self.weight,
            said: self.said / self.weight,
            was: self.was / self.weight,
        }
    }
}

impl Curve {
    /// The mean share of the gap that is won back, over all thresholds.
    fn recovered(&self, weak: f64, gap: f64) -> f64 {
        if gap.abs() <= 1e-9 {
            return f64::NAN;
        }
        let won = |at: usize| (self.quality[at] - weak) / gap;
        (1..self.share.len())
            .map(|at| (won(at) + won(at - 1)) / 2.0 * (self.share[at] - self.share[at - 1]))
            .sum()
    }

    /// Share, quality and cost at even steps.
    fn grid(&self) -> Vec<(f64, f64, f64)> {
        self.at((0..=STEPS).map(|step| step as f64 / STEPS as f64))
    }

    /// Share, quality and cost at eleven steps, for a picture.
    pub(super) fn frontier(&self) -> Vec<(f64, f64, f64)> {
        self.at((0..=10).map(|step| f64::from(step) / 10.0))
    }

    fn at(&self, shares: impl Iterator<Item = f64>) -> Vec<(f64, f64, f64)> {
        let mut from = 0;
        let read = |share: f64| {
            while from + 2 < self.share.len() && self.share[from + 1] <= share {
                from += 1;
            }
            let (low, high) = (self.share[from], self.share[from + 1]);
            let part = ((share - low) / (high - low)).clamp(0.0, 1.0);
            let between = |column: &[f64]| column[from] + (column[from + 1] - column[from]) * part;
            (share, between(&self.quality), between(&self.cost))
        };
        shares.map(read).collect()
    }
}

/// Places in order of their value; equal ones stay as they were.
fn sorted(values: &[f64], by: impl Fn(&f64, &f64) -> std::cmp::Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| by(&values[*a], &values[*b]));
    order
}
