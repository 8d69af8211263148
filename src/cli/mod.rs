//! The command line: one file a command.

mod books;
mod check;
mod classify;
mod dry;
mod eval;
mod explain;
mod keys;
mod output;
mod probe;
mod serve;
mod sim;
mod simulate;
mod spend;
mod train;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Flags, Sources};

use output::Format;

/// A drop-in LLM endpoint for coding tools that routes by cost and records what every request cost.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, subcommand_required = false)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone, Debug)]
struct Common {
    /// The configuration; without it `tollgate.yaml` in this folder, if there is one
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where callers come in, instead of the configuration's `listen`
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the operator comes in, instead of `admin.listen`
    #[arg(long, global = true, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The folder of ledger and keys, instead of `store.path`
    #[arg(long, global = true, value_name = "FOLDER")]
    store: Option<String>,
    /// The folder of policies and prices, instead of `policies`
    #[arg(long, global = true, value_name = "FOLDER")]
    policies: Option<String>,
    /// Who may call, instead of `access`: `keys` or `open`
    #[arg(long, global = true, value_name = "WHO")]
    access: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take calls (what happens without a command)
    Serve(serve::Arguments),
    /// Read configuration, policies and prices, and say every mistake in them; or ask the targets what they can do
    Check(check::Arguments),
    /// Say what the classifier makes of a text or a request, and what of it counted
    Classify(classify::Arguments),
    /// Create, list, rotate and revoke keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Say why a call was answered as it was, or what would become of one: candidates, costs, rules
    #[command(
        override_usage = "tollgate explain <ID>\n       tollgate explain --request <FILE> [OPTIONS]"
    )]
    Explain(explain::Arguments),
    /// Try a policy on the calls in the log: what would have changed in money, failures and waiting
    Simulate(simulate::Arguments),
    /// Say what was spent
    Spend(spend::Arguments),
    /// Fit a classifier to your own data
    Train(train::Arguments),
    /// Measure a router on outcomes that are known
    Eval(eval::Arguments),
    /// Run a simulated target that speaks the real dialects
    Sim(sim::Arguments),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As asked.
    Done,
    /// Refused, or the input is wrong.
    Refused,
    /// A gateway or a target that should answer does not.
    NotReachable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Refused => 1,
            Outcome::NotReachable => 3,
        })
    }
}

/// Runs one command; its result is the process's exit code: 0 done, 1 refused, 2 usage, 3 not reachable.
pub fn main(arguments: Vec<OsString>, env: Vec<(String, String)>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to the parser, but none to people.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let runtime = match runtime().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("no threads can be started: {error}"));
            return Outcome::Refused.into();
        }
    };
    let outcome = runtime.block_on(run(arguments, env));
    // Nothing that still blocks may keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.into()
}

/// On a single core a second thread of execution would only cost switches.
fn runtime() -> tokio::runtime::Builder {
    match std::thread::available_parallelism() {
        Ok(cores) if cores.get() == 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    }
}

async fn run(arguments: Arguments, env: Vec<(String, String)>) -> Outcome {
    let Arguments { common, command } = arguments;
    let format = common.format;
    let sources = common.sources(env);
    match command.unwrap_or(Command::Serve(serve::Arguments::default())) {
        Command::Serve(arguments) => serve::run(sources, arguments).await,
        Command::Check(arguments) => check::run(&sources, arguments, format).await,
        Command::Classify(arguments) => classify::run(&sources, arguments, format),
        Command::Keys(command) => keys::run(&sources, command, format).await,
        Command::Explain(arguments) => explain::run(&sources, arguments, format).await,
        Command::Simulate(arguments) => simulate::run(&sources, arguments, format).await,
        Command::Spend(arguments) => spend::run(&sources, arguments, format).await,
        Command::Train(arguments) => train::run(&sources, arguments).await,
        Command::Eval(arguments) => eval::run(arguments, format),
        Command::Sim(arguments) => sim::run(arguments).await,
    }
}

impl Common {
    fn sources(self, env: Vec<(String, String)>) -> Sources {
        let usual = PathBuf::from("tollgate.yaml");
        let file = self.config.or_else(|| usual.exists().then_some(usual));
        let Self {
            listen,
            admin_listen,
            store,
            policies,
            access,
            ..
        } = self;
        Sources {
            file,
            env,
            flags: Flags {
                listen,
                admin_listen,
                store,
                policies,
                access,
            },
        }
    }
}
