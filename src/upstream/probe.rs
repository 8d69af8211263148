//! Asks a server for the models that it has: how an own model is found without a configuration.

use std::time::Duration;

use serde::Deserialize;

/// A server on this machine answers at once or is not there.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Listing {
    data: Vec<Listed>,
}

/// A model that a server has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// Its name there.
    pub id: String,
    /// Tokens that fit into one call, where the server says so.
    #[serde(default)]
    pub max_model_len: Option<u64>,
}

/// The models that `{base}/models` lists, or `None` where no such server answers.
pub async fn models(client: &reqwest::Client, base: &str) -> Option<Vec<Listed>> {
    let asked = client
        .get(format!("{base}/models"))
        .timeout(PATIENCE)
        .send();
    let answer = asked
        .await
        .ok()?
        .error_for_status()
        .ok()?
        .bytes()
        .await
        .ok()?;
    let listing: Listing = serde_json::from_slice(&answer).ok()?;
    (!listing.data.is_empty()).then_some(listing.data)
}
