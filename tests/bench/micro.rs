//! What single steps take, without a gateway around them: `cargo bench --bench gateway -- --micro`.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use candle_core::{Device, Tensor};
use tokio::time::Instant;
use tollgate::classifier::features::{Features, Input};
use tollgate::classifier::net::{Net, Shape};
use tollgate::domain::clock::Entropy;
use tollgate::domain::dialect::Endpoint;
use tollgate::domain::path_glob::PathGlob;
use tollgate::protocol::call::Call;
use tollgate::session::evidence::{Evidence, State};
use tollgate::session::hash::Key;
use tollgate::session::prefix::Prompt;
use tollgate::session::screen::paths::PathSet;
use tollgate::session::screen::secrets;
use tollgate::session::screen::verdicts::{USUAL, Verdicts};

use crate::decisions::{self, Desk};
use crate::replay;
use crate::report::quantile;
use crate::requests;
use crate::translation;

/// Measurements of a step.
const TIMES: usize = 5_000;

/// Prints what each step takes, in us.
pub(crate) fn run() -> io::Result<()> {
    let size = 200 * 1_024;
    let calls = [
        ("one long text", requests::body(size, None, false)),
        ("a text with blocks", requests::blocks(size)),
        ("a session of tools", requests::session(size)),
    ];
    let mut out = io::stdout().lock();
    writeln!(out, "{:<52}{:>10}{:>10}", "us", "p50", "p99")?;
    for (of, body) in calls {
        let body = Bytes::from(body);
        let [p50, p99] = time(|| Call::read(Endpoint::Chat, body.clone(), 64));
        let what = format!("read and outline a 200 KB call, {of}");
        writeln!(out, "{what:<52}{p50:>10.1}{p99:>10.1}")?;
        let call = Call::read(Endpoint::Chat, body.clone(), 64).map_err(io::Error::other)?;
        let key = Key::new([1; 16]);
        let [p50, p99] = time(|| Prompt::read(&call, &key));
        let what = format!("hash its prompt, {of}");
        writeln!(out, "{what:<52}{p50:>10.1}{p99:>10.1}")?;
    }
    screen(&mut out, requests::session(size).as_bytes())?;
    let sessions = [
        ("of a 200 KB session", requests::session(size)),
        ("of a test run of 1 MB", requests::test_run(1 << 20)),
        ("of 12 KB of one", requests::test_run(12 << 10)),
    ];
    for (of, body) in sessions {
        let call = Call::read(Endpoint::Chat, Bytes::from(body), 64).map_err(io::Error::other)?;
        let [p50, p99] =
            time(|| Evidence::step(&mut State::default(), call.body(), &call.messages));
        let what = format!("evidence {of}");
        writeln!(out, "{what:<52}{p50:>10.1}{p99:>10.1}")?;
    }
    translation::run(&mut out)?;
    let net = net()?;
    for (of, text) in requests::windows() {
        let (window, outline) = Input::bare(&text);
        let input = Input {
            endpoint: Endpoint::Chat,
            text: &window,
            outline: &outline,
            max_output: None,
        };
        let rows = net.shape().rows;
        let [p50, p99] = time(|| Features::read(&input, rows));
        let what = format!("features of {of}");
        writeln!(out, "{what:<52}{p50:>10.1}{p99:>10.1}")?;
        let [p50, p99] = time(|| net.classify(&input));
        let what = format!("features and net, {of}");
        writeln!(out, "{what:<52}{p50:>10.1}{p99:>10.1}")?;
    }
    let desk = Desk::new()?;
    for (of, facts) in decisions::calls() {
        let [p50, p99] = time(|| desk.decide(&facts));
        let what = format!("a decision, 8 models, 12 rules, {of}");
        writeln!(out, "{what:<52}{p50:>10.2}{p99:>10.2}")?;
        let plan = desk.decide(&facts).map_err(io::Error::other)?;
        let bytes = replay::logged(&desk, &facts, &plan).text().get().len();
        let [p50, p99] = time(|| replay::logged(&desk, &facts, &plan).text());
        let what = format!("its record, {bytes} bytes");
        writeln!(out, "{what:<52}{p50:>10.2}{p99:>10.2}")?;
        let bytes = plan.explanation(&facts).get().len();
        let [p50, p99] = time(|| plan.explanation(&facts));
        let what = format!("the same in full names, {bytes} bytes");
        writeln!(out, "{what:<52}{p50:>10.2}{p99:>10.2}")?;
    }
    Ok(())
}

/// What it takes to look through a text for secrets and paths, and to know it again.
fn screen(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let globs = ["**/payments/**", "**/secrets/**", "**/*.pem", "**/.env*"];
    let globs: Result<Vec<_>, _> = globs.iter().map(|it| PathGlob::parse(it)).collect();
    let paths = PathSet::new(globs.map_err(io::Error::other)?);
    let paths = paths.ok_or_else(|| io::Error::other("too many patterns"))?;
    let verdicts = Verdicts::new(&Entropy::system(), USUAL);
    let mut row =
        |what: &str, [p50, p99]: [f64; 2]| writeln!(out, "{what:<52}{p50:>10.1}{p99:>10.1}");
    row("secrets in 200 KB", time(|| secrets::kinds(text)))?;
    row("paths in 200 KB", time(|| paths.matched(text)))?;
    row(
        "200 KB that are known",
        time(|| verdicts.screen(&paths, [text])),
    )
}

/// A net of the usual size; what its weights are makes no difference to its speed.
fn net() -> io::Result<Net> {
    let shape = Shape::default();
    let tensor = |(name, dims): (String, Vec<usize>)| {
        Tensor::rand(-0.1_f32, 0.1, dims, &Device::Cpu).map(|tensor| (name, tensor))
    };
    let tensors = shape.tensors().into_iter().map(tensor);
    let tensors = tensors
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)?;
    Net::new(&shape, tensors).map_err(io::Error::other)
}

pub(crate) fn time<T>(step: impl Fn() -> T) -> [f64; 2] {
    let one = || {
        let start = Instant::now();
        black_box(step());
        start.elapsed()
    };
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let times: Vec<f64> = (0..TIMES).map(|_| micros(one())).collect();
    [0.5, 0.99].map(|share| quantile(&times, share).unwrap_or_default())
}
