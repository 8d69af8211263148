//! The numbers of one sample. Equal scores are taken in every order at once, so chance has no part in them.

use serde::Serialize;

/// Shares of calls at which the curve is read.
const GRID: usize = 1_000;

/// Problems with what two models made of them. All lists are of one length.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Higher is safer to send to the weak model.
    pub score: Vec<f64>,
    /// The chance told that the weak model passes.
    pub p_weak: Vec<f64>,
    /// How often the weak model passes.
    pub weak: Vec<f64>,
    /// How often the strong one does.
    pub strong: Vec<f64>,
    /// What the weak model costs.
    pub cost_weak: Vec<f64>,
    /// What the strong one costs.
    pub cost_strong: Vec<f64>,
    /// How much each problem counts.
    pub weight: Vec<f64>,
    /// Problems of one group are related.
    pub group: Vec<String>,
}

impl Sample {
    /// Problems in it.
    pub fn len(&self) -> usize {
        self.score.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.score.is_empty()
    }

    /// The problems at these places, a place as often as it is named. Without their groups.
    #[must_use]
    pub fn at(&self, places: &[usize]) -> Self {
        let pick = |from: &[f64]| places.iter().map(|at| from[*at]).collect();
        Self {
            score: pick(&self.score),
            p_weak: pick(&self.p_weak),
            weak: pick(&self.weak),
            strong: pick(&self.strong),
            cost_weak: pick(&self.cost_weak),
            cost_strong: pick(&self.cost_strong),
            weight: pick(&self.weight),
            group: Vec::new(),
        }
    }

    /// The mean by weight.
    pub fn mean(&self, of: &[f64]) -> f64 {
        let sum: f64 = of.iter().zip(&self.weight).map(|(a, w)| a * w).sum();
        sum / self.weight.iter().sum::<f64>()
    }

    fn ranked_by(&self, score: Vec<f64>) -> Self {
        Self {
            p_weak: score.clone(),
            score,
            ..self.clone()
        }
    }

    /// As one who knows what will happen would rank it, the dearer of two equals going to the weak model.
    #[must_use]
    pub fn of_oracle(&self) -> Self {
        let gap = |at: usize| self.cost_weak[at] - self.cost_strong[at];
        let widest = (0..self.len()).map(|at| gap(at).abs()).fold(1e-9, f64::max);
        let score =
            (0..self.len()).map(|at| self.weak[at] - self.strong[at] - 1e-6 * gap(at) / widest);
        self.ranked_by(score.collect())
    }

    /// As chance would.
    #[must_use]
    pub fn of_chance(&self) -> Self {
        self.ranked_by(vec![0.0; self.len()])
    }
}

/// Quality and cost by the share of calls that the strong model gets, from none to all.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Share of the strong model.
    pub share: Vec<f64>,
    /// Mean pass rate.
    pub quality: Vec<f64>,
    /// Mean cost.
    pub cost: Vec<f64>,
}

impl Curve {
    /// Every threshold of the sample.
    pub fn of(sample: &Sample) -> Self {
        let mut order: Vec<usize> = (0..sample.len()).collect();
        order.sort_by(|a, b| sample.score[*b].total_cmp(&sample.score[*a]));
        let total: f64 = sample.weight.iter().sum();
        let (mut share, mut quality, mut cost) = (
            1.0,
            sample.mean(&sample.strong),
            sample.mean(&sample.cost_strong),
        );
        let mut curve = Self {
            share: vec![share],
            quality: vec![quality],
            cost: vec![cost],
        };
        for (n, &at) in order.iter().enumerate() {
            let weight = sample.weight[at] / total;
            share -= weight;
            quality += weight * (sample.weak[at] - sample.strong[at]);
            cost += weight * (sample.cost_weak[at] - sample.cost_strong[at]);
            // Within equal scores there is no threshold.
            let next = order.get(n + 1).map(|next| sample.score[*next]);
            if next != Some(sample.score[at]) {
                curve.share.push(share);
                curve.quality.push(quality);
                curve.cost.push(cost);
            }
        }
        for list in [&mut curve.share, &mut curve.quality, &mut curve.cost] {
            list.reverse();
        }
        curve
    }

    /// The value of one of its lists at a share.
    pub fn read(&self, list: &[f64], share: f64) -> f64 {
        let after = self.share.partition_point(|it| *it <= share);
        let (Some(before), Some(next)) = (after.checked_sub(1), self.share.get(after)) else {
            return if after == 0 {
                list[0]
            } else {
                list[list.len() - 1]
            };
        };
        let step = (share - self.share[before]) / (next - self.share[before]);
        list[before] + step * (list[after] - list[before])
    }
}

/// The numbers of a sample; `None` where one is not defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Average gain recovered.
    #[serde(rename = "APGR")]
    pub apgr: Option<f64>,
    /// Share of calls for half of the gain.
    #[serde(rename = "CPT50")]
    pub cpt50: Option<f64>,
    /// Share of calls for four fifths of it.
    #[serde(rename = "CPT80")]
    pub cpt80: Option<f64>,
    /// Saved at 95 % of the strong model's quality.
    pub save95: Option<f64>,
    /// At 99 %.
    pub save99: Option<f64>,
    /// At all of it.
    pub save100: Option<f64>,
    /// Of the chance told, against "the weak model passes".
    #[serde(rename = "AUROC")]
    pub auroc: Option<f64>,
    /// Of the score, against "the weak model suffices".
    #[serde(rename = "AUROCs")]
    pub auroc_suffices: Option<f64>,
    /// Expected calibration error of the chance told.
    #[serde(rename = "ECE")]
    pub ece: Option<f64>,
}

impl Metrics {
    /// What they are called.
    pub const NAMES: [&str; 9] = [
        "APGR", "CPT50", "CPT80", "save95", "save99", "save100", "AUROC", "AUROCs", "ECE",
    ];

    /// They themselves, in the order of their names.
    pub fn list(&self) -> [Option<f64>; 9] {
        [
            self.apgr,
            self.cpt50,
            self.cpt80,
            self.save95,
            self.save99,
            self.save100,
            self.auroc,
            self.auroc_suffices,
            self.ece,
        ]
    }

    /// Reckons them.
    pub fn of(sample: &Sample) -> Self {
        let curve = Curve::of(sample);
        let (weak, strong) = (sample.mean(&sample.weak), sample.mean(&sample.strong));
        let full = sample.mean(&sample.cost_strong);
        let gap = strong - weak;
        let grid: Vec<(f64, f64, f64)> = (0..=GRID)
            .map(|at| at as f64 / GRID as f64)
            .map(|at| {
                (
                    at,
                    curve.read(&curve.quality, at),
                    curve.read(&curve.cost, at),
                )
            })
            .collect();
        let share_for = |part: f64| {
            let enough = |quality: f64| gap > 1e-9 && (quality - weak) / gap >= part - 1e-12;
            grid.iter()
                .find(|(_, quality, _)| enough(*quality))
                .map(|it| it.0)
        };
        let saved = |part: f64| {
            let kept = grid
                .iter()
                .filter(|(_, quality, _)| *quality >= part * strong - 1e-12);
            let least = kept.map(|it| it.2).reduce(f64::min);
            Some(match least {
                Some(least) if full > 0.0 => (1.0 - least / full).max(0.0),
                _ => 0.0,
            })
        };
        let passes = |at: usize| sample.weight[at] * sample.weak[at];
        let suffices = |at: usize| {
            let enough = sample.weak[at] >= sample.strong[at] - 1e-12;
            if enough { sample.weight[at] } else { 0.0 }
        };
        Self {
            apgr: (gap.abs() > 1e-9).then(|| area(&curve, weak, gap)),
            cpt50: share_for(0.5),
            cpt80: share_for(0.8),
            save95: saved(0.95),
            save99: saved(0.99),
            save100: saved(1.0),
            auroc: auroc(&sample.p_weak, &sample.weight, passes),
            auroc_suffices: auroc(&sample.score, &sample.weight, suffices),
            ece: ece(sample),
        }
    }
}

/// The area under the recovered gain.
fn area(curve: &Curve, weak: f64, gap: f64) -> f64 {
    let gain = |at: usize| (curve.quality[at] - weak) / gap;
    let parts = 1..curve.share.len();
    parts
        .map(|at| (gain(at) + gain(at - 1)) / 2.0 * (curve.share[at] - curve.share[at - 1]))
        .sum()
}

fn ascending(list: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by(|a, b| list[*a].total_cmp(&list[*b]));
    order
}

/// How likely a positive stands above a negative, half for equals. A problem may be partly both.
fn auroc(score: &[f64], weight: &[f64], positive: impl Fn(usize) -> f64) -> Option<f64> {
    let order = ascending(score);
    let (mut below, mut sum, mut positives) = (0.0, 0.0, 0.0);
    for equals in order.chunk_by(|a, b| score[*a] == score[*b]) {
        let here: f64 = equals.iter().map(|at| positive(*at)).sum();
        let not: f64 = equals.iter().map(|at| weight[*at] - positive(*at)).sum();
        sum += here * (below + 0.5 * not);
        below += not;
        positives += here;
    }
    (positives > 0.0 && below > 0.0).then(|| sum / (positives * below))
}

/// Bins of the calibration error.
pub(crate) const BINS: usize = 10;

/// The problems by the chance told, in bins of equal weight.
pub(crate) fn bins(p: &[f64], weight: &[f64]) -> Vec<Vec<usize>> {
    let total: f64 = weight.iter().sum();
    let mut bins = vec![Vec::new(); BINS];
    let mut sum = 0.0;
    for at in ascending(p) {
        sum += weight[at];
        let middle = (sum - 0.5 * weight[at]) / total * BINS as f64;
        bins[(middle as usize).min(BINS - 1)].push(at);
    }
    bins
}

fn ece(sample: &Sample) -> Option<f64> {
    let p = &sample.p_weak;
    if p.iter().any(|it| !(-1e-9..=1.0 + 1e-9).contains(it)) {
        return None;
    }
    let of_bin = |bin: &Vec<usize>| {
        let weighed = |list: &[f64]| {
            bin.iter()
                .map(|at| list[*at] * sample.weight[*at])
                .sum::<f64>()
        };
        (weighed(p) - weighed(&sample.weak)).abs()
    };
    let sum: f64 = bins(p, &sample.weight).iter().map(of_bin).sum();
    Some(sum / sample.weight.iter().sum::<f64>())
}
