//! What can answer where no configuration says so: an own server that listens here, providers whose keys are in the
//! environment, and, only where nothing at all was found, the simulated pair.

use std::io;
use std::sync::Arc;

use tracing::{info, warn};

use crate::catalog::{Rent, Target};
use crate::config::providers;
use crate::config::{self, Deployment, Faults, ModelEntry, Snapshot};
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::ids::TargetId;
use crate::domain::kind::{Kind, KnownBy};
use crate::domain::money::HourPrice;
use crate::domain::tokens::TokenCount;
use crate::sim::{Profile, Sim};
use crate::upstream::probe;

/// Servers that people run at home, in the order in which they are looked for at the port that each takes by default.
const USUAL: &[Kind] = &[
    Kind::Vllm,
    Kind::LlamaCpp,
    Kind::Ollama,
    Kind::Sglang,
    Kind::LmStudio,
];

const ALL: &[Dialect] = &[
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Completions,
];

/// The rent that the simulated own model is billed by: dollars an hour.
const SIMULATED_RENT: &str = "3.50";

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    targets: Vec<Target>,
    models: Vec<ModelEntry>,
    /// The simulated servers, for as long as this lives.
    sims: Arc<Vec<Sim>>,
}

impl Found {
    /// Whether only simulated models answer.
    pub fn simulated(&self) -> bool {
        !self.sims.is_empty()
    }

    /// Puts what was found under the deployment's policies.
    pub fn snapshot(&self, deployment: &Deployment) -> Result<Snapshot, Faults> {
        config::assemble(deployment, self.targets.clone(), self.models.clone(), None)
    }

    /// Stops the simulated servers.
    pub async fn stop(self) {
        for sim in Arc::into_inner(self.sims).into_iter().flatten() {
            sim.stop().await;
        }
    }
}

/// Looks around.
pub async fn discover(env: &[(String, String)]) -> io::Result<Found> {
    let (mut targets, mut models) = own(env).await;
    let (vendors, offered) = providers::found(env);
    targets.extend(vendors);
    models.extend(offered);
    let mut sims = Vec::new();
    if targets.is_empty() {
        warn!(
            "no model was found: two SIMULATED models answer, whose words mean nothing and whose costs are not real"
        );
        (sims, targets, models) = simulated().await?;
    }
    for target in &targets {
        info!(target = %target.id, hosting = %target.hosting, url = target.urls[0], "found a target");
    }
    Ok(Found {
        targets,
        models,
        sims: Arc::new(sims),
    })
}

/// The own server: where the operator says, else at the usual ports.
async fn own(env: &[(String, String)]) -> (Vec<Target>, Vec<ModelEntry>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let Ok(client) = client else {
        return Default::default();
    };
    if let Some(url) = said(env) {
        let bases = Kind::guess(url, Hosting::Own).0.habits(Hosting::Own).bases;
        let listed = probe::models(&client, &bases.of(url, Dialect::Chat)).await;
        if listed.is_none() {
            warn!(
                url,
                "TOLLGATE_OWN_URL does not list its models; it is asked for a model called \"own\""
            );
        }
        let listed = listed.unwrap_or_else(|| {
            vec![probe::Listed {
                id: "own".into(),
                window: None,
                kind: None,
            }]
        });
        return entries("own", url, listed);
    }
    for kind in USUAL {
        let Some(port) = kind.habits(Hosting::Own).port else {
            continue;
        };
        let url = format!("http://127.0.0.1:{port}/v1");
        if let Some(listed) = probe::models(&client, &url).await {
            return entries(kind.as_str(), &url, listed);
        }
    }
    Default::default()
}

/// Where the operator says that the own server is. A name that is set to nothing says nothing.
fn said(env: &[(String, String)]) -> Option<&str> {
    let (_, url) = env.iter().find(|(name, _)| name == "TOLLGATE_OWN_URL")?;
    Some(url.trim().trim_end_matches('/')).filter(|url| !url.is_empty())
}

fn entries(name: &str, url: &str, listed: Vec<probe::Listed>) -> (Vec<Target>, Vec<ModelEntry>) {
    let mut target = Target::new(name.into(), Hosting::Own, ALL.to_vec(), url);
    // What it says itself is worth more than what its port lets guess.
    if let Some(kind) = listed.iter().find_map(|it| it.kind) {
        (target.kind, target.kind_by) = (kind, KnownBy::Models);
    }
    // A name that policies could not use is still asked for by the server's own name.
    let named = listed.into_iter().enumerate().map(|(at, listed)| {
        let plain = config::is_name(&listed.id);
        let id = if plain {
            listed.id.clone()
        } else {
            format!("{name}-{at}")
        };
        let mut entry = ModelEntry::new(&id, &target.id);
        entry.name = (!plain).then_some(listed.id);
        entry.window = listed.window.map(TokenCount);
        entry
    });
    let models = named.collect();
    (vec![target], models)
}

/// An own model and a frontier, both made of paper.
async fn simulated() -> io::Result<(Vec<Sim>, Vec<Target>, Vec<ModelEntry>)> {
    let mut found = (Vec::new(), Vec::new(), Vec::new());
    let pair = [
        ("sim-own", Hosting::Own, Profile::own()),
        ("sim-frontier", Hosting::Vendor, Profile::frontier()),
    ];
    for (name, hosting, profile) in pair {
        let names = profile.models.clone();
        let sim = Sim::start(profile).await?;
        let id = TargetId::from(name);
        let mut target = Target::new(
            id.clone(),
            hosting,
            ALL.to_vec(),
            &format!("http://{}/v1", sim.addr()),
        );
        target.simulated = true;
        if hosting == Hosting::Own {
            let hour = HourPrice::parse(SIMULATED_RENT).map_err(io::Error::other)?;
            target.rent = Some(Rent {
                hour,
                gpus: 1,
                energy: Rent::ENERGY,
            });
        }
        for name in names {
            let mut model = ModelEntry::new(&name, &id);
            if hosting == Hosting::Own {
                model.like = Some("qwen3-coder-30b".to_owned());
                model.window = Some(TokenCount(131_072));
                model.max_output = Some(TokenCount(16_384));
                model.can = vec![Ability::Tools, Ability::Fim, Ability::Embeddings];
            }
            found.2.push(model);
        }
        found.0.push(sim);
        found.1.push(target);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_address_is_none() {
        let of = |url: &str| {
            let env = [("TOLLGATE_OWN_URL".to_owned(), url.to_owned())];
            said(&env).map(str::to_owned)
        };

        assert_eq!(
            of("http://gpu:8000/v1/").as_deref(),
            Some("http://gpu:8000/v1")
        );
        assert_eq!(of(""), None);
        assert_eq!(of(" "), None);
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn a_server_is_of_the_kind_that_its_list_of_models_says() {
        let found = |kind| {
            let listed = probe::Listed {
                id: "m".into(),
                window: None,
                kind,
            };
            let (targets, _) = entries("own", "http://127.0.0.1:8000/v1", vec![listed]);
            (targets[0].kind, targets[0].kind_by)
        };

        assert_eq!(found(None), (Kind::Vllm, KnownBy::Port));
        assert_eq!(found(Some(Kind::Sglang)), (Kind::Sglang, KnownBy::Models));
    }
}
