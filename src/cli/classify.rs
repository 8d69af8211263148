//! `tollgate classify`: what the classifier makes of one text or request, and which parts of it counted.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Outcome;
use super::output::{Format, complain, rows, say};
use crate::classifier::artifact::{self, Artifact};
use crate::classifier::explain::{Influence, explain};
use crate::classifier::features::Input;
use crate::classifier::heuristic;
use crate::config::{self, Sources};
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::facts::{Classification, Source};
use crate::protocol::call::Call;

/// No request is larger.
const MOST_BYTES: u64 = 64 << 20;
/// No request is deeper.
const DEPTH: usize = 512;
/// Parts that are shown.
const SHOWN: usize = 12;
/// Runs of which the quickest is told: the first pays for cold pages.
const RUNS: usize = 16;

#[derive(Args, Debug, Default)]
pub(super) struct Arguments {
    /// What a person would write; without it and --request, standard input is read
    #[arg(long, conflicts_with = "request")]
    text: Option<String>,
    /// A request's body as a client sends it; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The dialect of the request: chat, responses, messages or completions
    #[arg(long, default_value = "chat", value_parser = dialect)]
    dialect: Option<Endpoint>,
    /// The folder of a classifier, instead of the configuration's
    #[arg(long, value_name = "FOLDER")]
    classifier: Option<PathBuf>,
}

fn dialect(word: &str) -> Result<Endpoint, String> {
    match word.parse() {
        Ok(Dialect::Chat) => Ok(Endpoint::Chat),
        Ok(Dialect::Responses) => Ok(Endpoint::Responses),
        Ok(Dialect::Messages) => Ok(Endpoint::Messages),
        Ok(Dialect::Completions) => Ok(Endpoint::Completions),
        Ok(Dialect::Gemini) | Err(()) => {
            Err("write chat, responses, messages or completions".to_owned())
        }
    }
}

pub(super) fn run(sources: &Sources, arguments: Arguments, format: Format) -> Outcome {
    match answer(sources, arguments) {
        Ok(answer) => {
            answer.print(format);
            Outcome::Done
        }
        Err(told) => {
            complain(&told);
            Outcome::Refused
        }
    }
}

fn answer(sources: &Sources, arguments: Arguments) -> Result<Answer, String> {
    let endpoint = arguments.dialect.unwrap_or(Endpoint::Chat);
    let classifier = match &arguments.classifier {
        Some(folder) => Some(Arc::new(
            artifact::load(folder).map_err(|error| format!("{error}; {}", error.mend()))?,
        )),
        None => {
            let loaded = config::load(sources).map_err(|faults| faults.to_string())?;
            loaded.snapshot.classifier
        }
    };
    let body = body(&arguments, endpoint)?;
    // The way that a call takes: what is stripped there is stripped here.
    let call = Call::read(endpoint, body, DEPTH).map_err(|error| error.to_string())?;
    Answer::of(&call, classifier)
}

/// The request's body; a text becomes one.
fn body(arguments: &Arguments, endpoint: Endpoint) -> Result<Bytes, String> {
    let text = match (&arguments.request, &arguments.text) {
        (Some(file), _) => return read(file).map(Bytes::from),
        (None, Some(text)) => text.clone(),
        (None, None) => {
            let bytes = read(Path::new("-"))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let body = match endpoint {
        Endpoint::Responses => json!({ "model": "auto", "input": text }),
        Endpoint::Completions => json!({ "model": "auto", "prompt": text }),
        _ => json!({ "model": "auto", "messages": [{ "role": "user", "content": text }] }),
    };
    Ok(body.to_string().into())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    let name = file.display();
    read.map_err(|error| format!("{name} cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("{name} has more than {MOST_BYTES} bytes"));
    }
    Ok(bytes)
}

/// What is printed.
struct Answer {
    class: Classification,
    source: Source,
    classifier: Option<Arc<Artifact>>,
    took: Duration,
    text: String,
    counted: Vec<Influence>,
}

impl Answer {
    fn of(call: &Call, classifier: Option<Arc<Artifact>>) -> Result<Self, String> {
        let input = Input {
            endpoint: call.endpoint,
            text: &call.text,
            outline: &call.outline,
            max_output: call.max_output,
        };
        let guess = || heuristic::classify(call.endpoint, &call.text, call.prompt, call.max_output);
        let net = classifier.filter(|_| call.endpoint != Endpoint::Completions);
        let (source, (class, took), counted) = match &net {
            Some(net) => {
                net.net.classify(&input);
                let timed = timed(|| net.net.classify(&input));
                (Source::Net, timed, explain(&**net, &input))
            }
            None if call.endpoint == Endpoint::Completions => {
                (Source::Shape, timed(guess), Vec::new())
            }
            None => (Source::Heuristic, timed(guess), Vec::new()),
        };
        Ok(Self {
            class: class.within(call.max_output),
            source,
            classifier: net,
            took,
            text: call.text.clone(),
            counted: counted.into_iter().take(SHOWN).collect(),
        })
    }

    fn print(&self, format: Format) {
        let micros = u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX) as f64 / 1e3;
        let Classification {
            task,
            second,
            confidence,
            difficulty,
            variance,
            output,
            output_low,
            output_high,
            language,
        } = self.class;
        let by = self.classifier.as_ref().map(|it| it.id().to_string());
        let counted = self.counted.iter().map(|it| {
            json!({ "name": it.name, "task": rounded(it.task), "difficulty": rounded(it.difficulty) })
        });
        let counted: Vec<Value> = counted.collect();
        if format == Format::Json {
            return say(&json!({
                "task": task, "confidence": rounded(confidence),
                "second": second, "second_at_most": rounded(self.rest()),
                "difficulty": rounded(difficulty), "spread": rounded(variance.sqrt()),
                "output": output, "output_low": output_low, "output_high": output_high,
                "language": language, "source": self.source, "classifier": by,
                "microseconds": micros, "window_bytes": self.text.len(), "counted": counted,
            })
            .to_string());
        }
        let spread = variance.sqrt();
        let lines = [
            (
                "task",
                format!(
                    "{task} ({:.0} %), else {second} ({:.0} % at most)",
                    100.0 * confidence,
                    100.0 * self.rest()
                ),
            ),
            ("difficulty", format!("{difficulty:.2}, spread {spread:.2}")),
            (
                "output",
                format!(
                    "{} tokens; one in ten below {}, one in ten above {}",
                    output.0, output_low.0, output_high.0
                ),
            ),
            ("language", language.to_string()),
            (
                "source",
                match &by {
                    Some(by) => format!("{} ({by})", self.source),
                    None => self.source.to_string(),
                },
            ),
            (
                "time",
                format!("{micros:.0} microseconds for {} bytes", self.text.len()),
            ),
        ];
        let lines = lines.map(|(what, value)| json!({ "what": what, "value": value }));
        rows(
            format,
            &Value::Null,
            &lines,
            &[("what", "what"), ("value", "value")],
        );
        if !counted.is_empty() {
            say("");
            let columns = [
                ("what counted", "name"),
                ("for the task", "task"),
                ("difficulty", "difficulty"),
            ];
            rows(format, &Value::Null, &counted, &columns);
        }
    }

    /// The most that the next likeliest kind of work can have: what the first left, and no more than it has itself.
    fn rest(&self) -> f32 {
        (1.0 - self.class.confidence).min(self.class.confidence)
    }
}

/// Three digits behind the point: more say nothing.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 1_000.0).round() / 1_000.0
}

/// The answer, and how long the quickest of some runs took.
fn timed<T>(ask: impl Fn() -> T) -> (T, Duration) {
    let run = || {
        let began = Instant::now();
        let answer = ask();
        (answer, began.elapsed())
    };
    let mut best = run();
    for _ in 1..RUNS {
        let next = run();
        if next.1 < best.1 {
            best = next;
        }
    }
    best
}
