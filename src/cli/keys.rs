//! `tollgate keys`: create, list, rotate, revoke.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Outcome;
use super::books::{self, Books};
use super::output::{self, Format, complain, say};
use crate::admin::Wanted;
use crate::config::Sources;
use crate::tenant::DirectoryError;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key; it is shown this once
    Create(Create),
    /// List keys, never the keys themselves
    List,
    /// Make a new key with the scopes of an old one, which stops
    Rotate(Rotate),
    /// Stop a key at once
    Revoke {
        /// The key's public id
        id: String,
    },
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// Who pays
    #[arg(long)]
    tenant: String,
    /// What the key is for
    #[arg(long)]
    name: String,
    /// Models that it may use, with stars; without, all
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    models: Option<Vec<String>>,
    /// Dialects that it may speak; without, all
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    dialects: Option<Vec<String>>,
    /// Policies that it may choose by header
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    policies: Vec<String>,
    /// How far what it sends may go: public, internal (without), confidential or restricted
    #[arg(long, value_name = "CLASS")]
    data_class: Option<String>,
    /// When it stops: 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// Labels of its spending
    #[arg(long, value_delimiter = ',', value_name = "K=V,…")]
    tags: Vec<String>,
    /// May force a model by header
    #[arg(long)]
    force: bool,
}

#[derive(Args, Debug)]
pub(super) struct Rotate {
    /// The key's public id
    id: String,
    /// How long the old key lives on, in seconds
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    overlap: u64,
}

const COLUMNS: &[(&str, &str)] = &[
    ("id", "id"),
    ("tenant", "tenant"),
    ("name", "name"),
    ("models", "models"),
    ("dialects", "dialects"),
    ("tags", "tags"),
    ("data_class", "data class"),
    ("created", "created"),
    ("expires", "expires"),
    ("revoked", "revoked"),
];

pub(super) async fn run(sources: &Sources, command: Command, format: Format) -> Outcome {
    let result = match books::open(sources).await {
        Ok(Books::Here(here)) => {
            let answer = in_store(&here, &command).await;
            here.store.close().await;
            answer
        }
        Ok(Books::There(there)) => over_http(&there, &command).await,
        Err(outcome) => Err(outcome),
    };
    match result {
        Ok(answer) => {
            print(&command, &answer, format);
            Outcome::Done
        }
        Err(outcome) => outcome,
    }
}

async fn over_http(there: &books::There, command: &Command) -> Result<Value, Outcome> {
    match command {
        Command::Create(create) => there.post("/admin/v1/keys", &create.wanted()?).await,
        Command::List => there.get("/admin/v1/keys").await,
        Command::Rotate(Rotate { id, overlap }) => {
            let path = format!(
                "/admin/v1/keys/{id}/rotate?overlap_ms={}",
                overlap.saturating_mul(1_000)
            );
            there.post(&path, &Value::Null).await
        }
        Command::Revoke { id } => {
            there
                .post(&format!("/admin/v1/keys/{id}/revoke"), &Value::Null)
                .await
        }
    }
}

async fn in_store(here: &books::Here, command: &Command) -> Result<Value, Outcome> {
    let directory = &here.directory;
    let refuse = |error: DirectoryError| {
        complain(&error.to_string());
        Outcome::Refused
    };
    match command {
        Command::Create(create) => {
            let wanted: Wanted = serde_json::from_value(create.wanted()?)
                .expect("the fields are those of a wanted key");
            let new = wanted.into_new().map_err(|why| {
                complain(&why);
                Outcome::Refused
            })?;
            let (key, secret) = directory.create(new).await.map_err(refuse)?;
            Ok(json!({ "id": key.id, "key": secret.expose() }))
        }
        Command::List => {
            let keys = directory.list();
            let keys: Vec<_> = keys
                .iter()
                .map(AsRef::as_ref)
                .collect::<Vec<&crate::tenant::Key>>();
            Ok(json!({ "keys": keys }))
        }
        Command::Rotate(Rotate { id, overlap }) => {
            let overlap = i64::try_from(overlap.saturating_mul(1_000)).unwrap_or(i64::MAX);
            let (key, secret) = directory
                .rotate(&id.as_str().into(), overlap)
                .await
                .map_err(refuse)?;
            Ok(json!({ "id": key.id, "key": secret.expose() }))
        }
        Command::Revoke { id } => {
            let key = directory
                .revoke(&id.as_str().into())
                .await
                .map_err(refuse)?;
            Ok(json!(key.as_ref()))
        }
    }
}

impl Create {
    /// The key as the admin API takes it.
    fn wanted(&self) -> Result<Value, Outcome> {
        let mut tags = Map::new();
        for tag in &self.tags {
            let Some((name, value)) = tag.split_once('=') else {
                complain(&format!("--tags: {tag:?} is not a pair; write name=value"));
                return Err(Outcome::Refused);
            };
            tags.insert(name.to_owned(), value.into());
        }
        Ok(json!({
            "tenant": self.tenant,
            "name": self.name,
            "models": self.models,
            "dialects": self.dialects,
            "policies": self.policies,
            "data_class": self.data_class,
            "expires": self.expires,
            "tags": tags,
            "force": self.force,
        }))
    }
}

fn print(command: &Command, answer: &Value, format: Format) {
    match (command, format) {
        (Command::List, _) => output::rows(
            format,
            answer,
            answer["keys"].as_array().map_or(&[], Vec::as_slice),
            COLUMNS,
        ),
        (Command::Revoke { .. }, Format::Table) => say(&format!("revoked {}", text(&answer["id"]))),
        (Command::Create(_) | Command::Rotate(_), Format::Table) => {
            say(&format!("id   {}", text(&answer["id"])));
            say(&format!("key  {}", text(&answer["key"])));
            complain("keep it now: it is not shown again");
        }
        (_, Format::Csv) => output::rows(
            format,
            answer,
            std::slice::from_ref(answer),
            &[("id", "id"), ("key", "key")],
        ),
        (_, Format::Json) => say(&answer.to_string()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
