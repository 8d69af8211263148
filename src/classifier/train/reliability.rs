//! What chances were told, and what then happened: as text, and as a picture that we draw ourselves.

use std::fmt::Write as _;

use crate::classifier::eval::metrics::bins;

/// One bin: how many, the mean chance told, the share that came true, and how far that is off by chance alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Its weight, of all that there is.
    pub(super) share: f64,
    /// What was told.
    pub(super) told: f64,
    /// What happened.
    pub(super) true_share: f64,
    /// One standard error of it.
    pub(super) error: f64,
}

/// The points of chances, what happened, and weights.
pub(super) fn points(told: &[f64], happened: &[f64], weight: &[f64]) -> Vec<Point> {
    let total: f64 = weight.iter().sum();
    let point = |bin: Vec<usize>| {
        let sum = |of: &dyn Fn(usize) -> f64| bin.iter().map(|at| of(*at)).sum::<f64>();
        let all = sum(&|at| weight[at]);
        let true_share = sum(&|at| weight[at] * happened[at]) / all;
        let spread = sum(&|at| (weight[at] * (happened[at] - true_share)).powi(2));
        Point {
            share: all / total,
            told: sum(&|at| weight[at] * told[at]) / all,
            true_share,
            error: spread.sqrt() / all,
        }
    };
    let bins = bins(told, weight).into_iter();
    bins.filter(|bin| !bin.is_empty()).map(point).collect()
}

/// A table with bars.
pub(super) fn text(points: &[Point]) -> String {
    let mut text = String::from("| told | came true | +- | |\n|---|---|---|---|\n");
    for point in points {
        let bar = "#".repeat((point.true_share * 30.0).round() as usize);
        let _ = writeln!(
            text,
            "| {:.3} | {:.3} | {:.3} | `{bar:<30}` |",
            point.told, point.true_share, point.error
        );
    }
    text
}

const SIDE: f64 = 360.0;
const EDGE: f64 = 50.0;

/// A picture of several curves, each with its name, on the line that a perfect one would be on.
pub(super) fn picture(title: &str, curves: &[(&str, Vec<Point>)]) -> String {
    const COLOURS: [&str; 6] = [
        "#1b6ca8", "#c8553d", "#4f772d", "#8f5bb5", "#b08900", "#555555",
    ];
    let x = |share: f64| EDGE + share * SIDE;
    let y = |share: f64| EDGE + (1.0 - share) * SIDE;
    let size = SIDE + 2.0 * EDGE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {size}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{EDGE}\" y=\"24\" font-size=\"15\">{}</text>\n",
        size + 160.0,
        escaped(title)
    );
    for tenth in (0..=10).step_by(2) {
        let share = f64::from(tenth) / 10.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}H{:.1}M{:.1} {:.1}V{:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{share}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{share}</text>",
            x(0.0),
            y(share),
            x(1.0),
            x(share),
            y(0.0),
            y(1.0),
            x(share),
            y(0.0) + 18.0,
            x(0.0) - 6.0,
            y(share) + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#999999\" stroke-dasharray=\"4 4\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">chance told</text>\
         <text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">share that came true</text>",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0),
        x(0.5),
        y(0.0) + 38.0,
        y(0.5)
    );
    for (at, (name, points)) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let path: Vec<String> = points
            .iter()
            .map(|it| format!("{:.1} {:.1}", x(it.told), y(it.true_share)))
            .collect();
        let _ = writeln!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join("L")
        );
        for point in points {
            let (low, high) = (
                point.true_share - point.error,
                point.true_share + point.error,
            );
            let _ = writeln!(
                svg,
                "<path d=\"M{0:.1} {1:.1}V{2:.1}\" stroke=\"{colour}\"/><circle cx=\"{0:.1}\" cy=\"{3:.1}\" r=\"3\" fill=\"{colour}\"/>",
                x(point.told),
                y(low.max(0.0)),
                y(high.min(1.0)),
                y(point.true_share)
            );
        }
        let line = 80.0 + 20.0 * at as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{0:.1}\" y=\"{1:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{2:.1}\" y=\"{3:.1}\">{4}</text>",
            x(1.0) + 20.0,
            line,
            x(1.0) + 38.0,
            line + 10.0,
            escaped(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
