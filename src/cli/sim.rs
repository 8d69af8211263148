//! `tollgate sim`: a simulated target as a server of its own.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::Outcome;
use super::output::{complain, say};
use crate::sim::{self, Profile};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where it listens
    #[arg(long = "at", default_value = "127.0.0.1:4190", value_name = "ADDRESS")]
    at: SocketAddr,
    /// What it is like
    #[arg(long, value_enum, default_value_t = Kind::Own)]
    profile: Kind,
    /// The models that it knows; without, those of the profile
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    models: Option<Vec<String>>,
    /// The key that it asks for
    #[arg(long)]
    key: Option<String>,
    /// The same seed gives the same answers
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A small model on a GPU nearby
    Own,
    /// A provider's large models
    Frontier,
    /// No waiting at all, and every model is known
    Instant,
}

pub(super) async fn run(arguments: Arguments) -> Outcome {
    let mut profile = match arguments.profile {
        Kind::Own => Profile::own(),
        Kind::Frontier => Profile::frontier(),
        Kind::Instant => Profile::instant(),
    };
    profile.models = arguments.models.unwrap_or(profile.models);
    profile.key = arguments.key;
    profile.seed = arguments.seed.unwrap_or(profile.seed);
    say(&format!(
        "a simulated target listens at http://{}/v1; its bill is at /sim/bill",
        arguments.at
    ));
    let served = tokio::select! {
        served = sim::serve(profile, arguments.at) => served,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    match served {
        Ok(()) => Outcome::Done,
        Err(error) => {
            complain(&format!("cannot listen at {}: {error}", arguments.at));
            Outcome::Refused
        }
    }
}
