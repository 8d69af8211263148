//! `tollgate explain --request`: what would become of a request that nobody has sent. A gateway that runs is asked, for it knows
//! its targets and conversations; else the files alone decide, and what they cannot tell is said.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use super::books::{self, Books};
use super::output::complain;
use crate::admin::Asked;
use crate::config::{self, Loaded, Sources};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::dialect::Endpoint;
use crate::rehearse::{self, Parts};
use crate::session::talk::Talks;
use crate::tenant::Directory;

/// No request is larger.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Args, Debug)]
#[group(skip)]
pub(super) struct Arguments {
    /// A request's body as a client would send it: it is decided, and not sent; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) request: Option<PathBuf>,
    /// Where the request would come in: chat, responses, messages, completions, count_tokens or embeddings; without it, what
    /// it looks like
    #[arg(long, requires = "request", value_parser = endpoint)]
    endpoint: Option<Endpoint>,
    /// A header of the request, such as 'x-tollgate-data-class: restricted'; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "request", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Who would ask, by a key that may do everything
    #[arg(long, requires = "request", conflicts_with = "key")]
    tenant: Option<String>,
    /// The key that would be shown, by its id or name
    #[arg(long, requires = "request")]
    key: Option<String>,
}

fn endpoint(word: &str) -> Result<Endpoint, String> {
    word.parse().map_err(|()| {
        let known: Vec<_> = Endpoint::ALL.iter().map(|it| it.as_str()).collect();
        format!("write {}", known.join(", "))
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':');
    let (name, value) = pair.ok_or("write it as 'name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// What would become of the request in `file`, in the words of a record.
pub(super) async fn ask(
    sources: &Sources,
    file: &Path,
    arguments: Arguments,
) -> Result<Value, Outcome> {
    let asked = Asked {
        request: read(file).map_err(|told| refuse(&told))?,
        endpoint: arguments.endpoint,
        headers: arguments.headers,
        tenant: arguments.tenant,
        key: arguments.key,
    };
    let loaded = config::load(sources).map_err(|faults| refuse(&faults.to_string()))?;
    // To look for keys must not make a store.
    if !loaded.deployment.store.exists() {
        return here(loaded, asked, None).await;
    }
    match books::open(sources).await? {
        Books::There(there) => there.post("/admin/v1/explain", &json!(asked)).await,
        Books::Here(store) => {
            let told = here(loaded, asked, Some(&store.directory)).await;
            store.store.close().await;
            told
        }
    }
}

async fn here(
    Loaded {
        deployment,
        snapshot,
    }: Loaded,
    asked: Asked,
    directory: Option<&Directory>,
) -> Result<Value, Outcome> {
    if snapshot.catalog.models.is_empty() {
        return Err(refuse(
            "no model is configured here: name a tollgate.yaml by --config, or start a gateway, which finds some by itself",
        ));
    }
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let rehearse = rehearse::rehearse(Parts {
        talks: Talks::alone(clock.clone(), &entropy),
        clock,
        entropy,
        upstreams: Arc::default(),
        depth: deployment.limits.json_depth,
        live: false,
    });
    let question = asked.question(directory, Arc::new(snapshot));
    let question = question.map_err(|told| refuse(&told))?;
    let told = rehearse.ask(question).await;
    told.map_err(|error| refuse(&error.message))
}

fn refuse(told: &str) -> Outcome {
    complain(told);
    Outcome::Refused
}

fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let name = file.display();
    let read = if file.as_os_str() == "-" {
        io::stdin().take(MOST_BYTES + 1).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
    };
    read.map_err(|error| format!("{name} cannot be read: {error}"))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("{name} has more than {MOST_BYTES} bytes"));
    }
    Ok(text)
}
