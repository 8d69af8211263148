//! The figures as lines for people.

use super::Summary;

/// A table: one line a pair, the most telling figures with their intervals, and the means over single pairs.
pub fn table(summaries: &[Summary]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<30} {:>5} {:>6} {:>6} {:>6} | {:<21} {:<6} {:<6} | {:<6} {:<6} {:<6} | {:<21} {:<6} | {:<20}",
        "pair",
        "n",
        "weak",
        "strong",
        "oracle",
        "APGR [95%]",
        "CPT50",
        "CPT80",
        "save95",
        "save99",
        "save100",
        "AUROC [95%]",
        "AUROCs",
        "ECE [95%]"
    )];
    lines.extend(summaries.iter().map(line));
    let single: Vec<&Summary> = summaries.iter().filter(|it| it.single).collect();
    if !single.is_empty() {
        let mean = |name: &str| {
            let known: Vec<f64> = single
                .iter()
                .map(|it| it.figures[name])
                .filter(|it| !it.is_nan())
                .collect();
            known.iter().sum::<f64>() / known.len() as f64
        };
        lines.push(format!(
            "mean over pairs: APGR {:.3}  AUROC {:.3}",
            mean("APGR"),
            mean("AUROC")
        ));
    }
    lines
}

fn line(summary: &Summary) -> String {
    let plain = |value: f64| match value.is_nan() {
        true => "  -".to_owned(),
        false => format!("{value:5.3}"),
    };
    let of = |name: &str| plain(summary.figures[name]);
    let with = |name: &str| match summary.ci95.as_ref().and_then(|all| all.get(name)) {
        Some([low, high]) => format!("{} [{},{}]", of(name), plain(*low), plain(*high)),
        None => of(name),
    };
    format!(
        "{:<30} {:>5} {:>6} {:>6} {:>6} | {:<21} {:<6} {:<6} | {:<6} {:<6} {:<6} | {:<21} {:<6} | {}",
        summary.pair,
        summary.n,
        plain(summary.weak),
        plain(summary.strong),
        plain(summary.oracle50),
        with("APGR"),
        of("CPT50"),
        of("CPT80"),
        of("save95"),
        of("save99"),
        of("save100"),
        with("AUROC"),
        of("AUROCs"),
        with("ECE")
    )
}
