//! Sets up the log: one line an event on standard error, JSON unless a person is looking.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format as Usual, Json, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::record;
pub use super::sink::Flush;
use super::sink::Sink;
use crate::domain::clock::Clock;

/// The shape of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Format {
    /// Text where standard error is a terminal, else JSON.
    pub fn detect() -> Self {
        if io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Why the log could not be set up.
#[derive(Debug)]
pub enum LogError {
    /// The filter is not of the form `info,tollgate::call=debug`.
    Filter(tracing_subscriber::filter::ParseError),
    /// The thread that writes lines could not be started.
    Thread(io::Error),
    /// Something else set a log up before.
    AlreadySet,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(_) => f.write_str("the log filter cannot be read; write for example `info` or `info,tollgate::call=off`"),
            Self::Thread(_) => f.write_str("the log's thread cannot be started"),
            Self::AlreadySet => f.write_str("the log has been set up before"),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Filter(error) => Some(error),
            Self::Thread(error) => Some(error),
            Self::AlreadySet => None,
        }
    }
}

/// Sends all events of this process that pass `filter` to standard error, until the [`Flush`] is dropped.
pub fn init(format: Format, filter: &str) -> Result<Flush, LogError> {
    init_with(format, filter, io::stderr())
}

/// The same, with another place to write to.
pub fn init_with(
    format: Format,
    filter: &str,
    out: impl Write + Send + 'static,
) -> Result<Flush, LogError> {
    let filter = EnvFilter::try_new(filter).map_err(LogError::Filter)?;
    let (sink, flush) = Sink::start(out).map_err(LogError::Thread)?;
    subscriber(format, filter, sink)
        .try_init()
        .map_err(|_| LogError::AlreadySet)?;
    Ok(flush)
}

fn subscriber<W>(format: Format, filter: EnvFilter, sink: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // No colours: the sink escapes all control characters, for it cannot tell ours from those in a hostile name.
    // No word on standard error about a failed write: `eprintln!` panics when standard error is closed.
    let lines = tracing_subscriber::fmt()
        .with_timer(Now)
        .with_env_filter(filter)
        .with_writer(sink)
        .with_ansi(false)
        .log_internal_errors(false);
    match format {
        Format::Text => Box::new(lines.finish()),
        Format::Json => Box::new(
            lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .map_event_format(Lines)
                .finish(),
        ),
    }
}

/// JSON lines; the record of a call, which is on every call's way, brings its fields written already.
struct Lines(Usual<Json, Now>);

/// The time of day, written as everywhere else: the ledger and the log tell one moment alike.
struct Now;

impl FormatTime for Now {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", Clock::system().now())
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() != record::TARGET {
            return self.0.format_event(context, writer, event);
        }
        writer.write_str(r#"{"timestamp":""#)?;
        Now.format_time(&mut writer)?;
        write!(writer, r#"","level":"{}","#, event.metadata().level())?;
        let mut told = Told(&mut writer, Ok(()));
        event.record(&mut told);
        told.1?;
        writer.write_str(concat!(r#","target":"tollgate::call"}"#, "\n"))
    }
}

/// Writes the one field of a call's record.
struct Told<'w, 't>(&'w mut Writer<'t>, fmt::Result);

impl Visit for Told<'_, '_> {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.1 = write!(self.0, "{value:#?}");
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Write for Seen {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged while `act` runs.
    pub(crate) fn logged(format: Format, filter: &str, act: impl FnOnce()) -> String {
        let seen = Seen::default();
        let (sink, flush) = Sink::start(seen.clone()).unwrap();
        let filter = EnvFilter::try_new(filter).unwrap();
        tracing::subscriber::with_default(subscriber(format, filter, sink), act);
        drop(flush);
        let all = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(all.clone()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        for format in [Format::Json, Format::Text] {
            let text = logged(format, "info", || {
                let evil = "x\n{\"level\":\"ERROR\"}\u{1b}[2J";
                tracing::warn!(%evil, other = ?evil, plain = evil, "odd name");
                tracing::debug!("not at this level");
            });

            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(!text.trim_end().chars().any(char::is_control), "{text}");
        }
    }

    #[test]
    fn a_json_line_is_json() {
        let text = logged(Format::Json, "info", || {
            tracing::info!(cost = "0.1", evil = "\u{7f}\u{9b}\r\n", "done");
        });

        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["cost"], "0.1");
        assert_eq!(line["evil"], "\u{7f}\u{9b}\r\n");
        assert_eq!(line["message"], "done");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_wrong_filter_is_told() {
        let error = init_with(Format::Json, "tollgate=loudly", io::sink()).unwrap_err();

        assert!(matches!(error, LogError::Filter(_)));
        assert!(error.to_string().contains("info"));
    }
}
