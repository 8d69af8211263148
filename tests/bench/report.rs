//! Medians over rounds, the table, the data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// The value at a share of the sorted values.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// What was measured: by measure, side and round.
#[derive(Default)]
pub(crate) struct Samples(BTreeMap<(&'static str, &'static str), Vec<f64>>);

impl Samples {
    pub(crate) fn add(&mut self, measure: &'static str, side: &'static str, value: f64) {
        self.0.entry((measure, side)).or_default().push(value);
    }

    fn of(&self, measure: &'static str, side: &'static str) -> &[f64] {
        self.0.get(&(measure, side)).map_or(&[], Vec::as_slice)
    }

    /// Round by round, for only what was measured in the same round is compared.
    fn against(
        &self,
        measure: &'static str,
        (side, base): (&'static str, &'static str),
        compare: fn(f64, f64) -> f64,
    ) -> Option<f64> {
        let pairs = self.of(measure, side).iter().zip(self.of(measure, base));
        let values: Vec<f64> = pairs.map(|(a, b)| compare(*a, *b)).collect();
        median(&values)
    }
}

/// How a line of the table is made of its measure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The gateway's over nginx's; the bar is a ratio.
    Ratio,
    /// What is added to the target asked directly.
    Added,
    /// As measured.
    Plain,
    /// As measured; the bar is the least that is good.
    AtLeast,
}

/// A line of the table.
pub(crate) struct Line {
    pub(crate) what: &'static str,
    pub(crate) measure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    pub(crate) bar: Option<f64>,
    pub(crate) stretch: Option<f64>,
}

/// The lines worked out.
pub(crate) fn rows(lines: &[Line], samples: &Samples) -> Vec<Value> {
    lines.iter().map(|line| row(line, samples)).collect()
}

fn row(line: &Line, samples: &Samples) -> Value {
    let of = |side| match line.kind {
        Kind::Added if side != "direct" => {
            samples.against(line.measure, (side, "direct"), |a, b| a - b)
        }
        _ => median(samples.of(line.measure, side)),
    };
    let gateway = of("gateway");
    let ratio = samples.against(line.measure, ("gateway", "nginx"), |a, b| a / b);
    let judged = match line.kind {
        Kind::Ratio => ratio,
        _ => gateway,
    };
    let met = judged.zip(line.bar).map(|(value, bar)| match line.kind {
        Kind::AtLeast => value >= bar,
        _ => value <= bar,
    });
    json!({
        "what": line.what,
        "unit": line.unit,
        "direct": of("direct"),
        "nginx": of("nginx"),
        "gateway": gateway,
        "ratio": (line.kind == Kind::Ratio).then_some(ratio).flatten(),
        "bar": line.bar,
        "stretch": line.stretch,
        "met": met,
        "rounds": {
            "direct": samples.of(line.measure, "direct"),
            "nginx": samples.of(line.measure, "nginx"),
            "gateway": samples.of(line.measure, "gateway"),
        },
    })
}

/// The table for people.
pub(crate) fn table(rows: &[Value]) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "{:<46} {:>5} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7}  ",
        "what", "unit", "direct", "nginx", "gateway", "ratio", "bar", "stretch"
    );
    for row in rows {
        let number = |name: &str| match row[name].as_f64() {
            None => "-".to_owned(),
            Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
            Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
            Some(value) => format!("{value:.3}"),
        };
        let met = match row["met"].as_bool() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let _ = writeln!(
            text,
            "{:<46} {:>5} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7}  {met}",
            row["what"].as_str().unwrap_or_default(),
            row["unit"].as_str().unwrap_or_default(),
            number("direct"),
            number("nginx"),
            number("gateway"),
            number("ratio"),
            number("bar"),
            number("stretch"),
        );
    }
    text
}
