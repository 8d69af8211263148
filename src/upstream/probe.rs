//! Asks a server for the models that it has: how an own model is found without a configuration.

use std::time::Duration;

use serde_json::Value;

use crate::domain::kind::Kind;
use crate::domain::kind::habits::WINDOWS;

/// A server on this machine answers at once or is not there.
const PATIENCE: Duration = Duration::from_millis(300);

/// A model that a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name there.
    pub id: String,
    /// Tokens that fit into one call, where the server says so.
    pub window: Option<u64>,
    /// What kind of server it is, where the list names it as the owner.
    pub kind: Option<Kind>,
}

impl Listed {
    /// The models of a list, in OpenAI's form, Anthropic's or Google's. `None` where it is no list.
    pub fn all(body: &[u8]) -> Option<Vec<Self>> {
        let list: Value = serde_json::from_slice(body).ok()?;
        let models = list.get("data").or_else(|| list.get("models"))?;
        Some(models.as_array()?.iter().filter_map(Self::one).collect())
    }

    fn one(model: &Value) -> Option<Self> {
        let id = model.get("id").or_else(|| model.get("name"))?.as_str()?;
        let at = |path: &&[&str]| {
            let mut steps = path.iter();
            steps
                .try_fold(model, |value, step| value.get(step))
                .and_then(Value::as_u64)
        };
        let owner = model.get("owned_by").and_then(Value::as_str);
        Some(Self {
            id: id.to_owned(),
            window: WINDOWS.iter().find_map(at),
            kind: owner.and_then(Kind::of_owner),
        })
    }
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
    Listed::all(&answer).filter(|listed| !listed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_each_form() {
        let of = |text: &str| {
            let listed = Listed::all(text.as_bytes())?.into_iter().next()?;
            Some((listed.id, listed.window, listed.kind))
        };
        let is = |id: &str, window, kind| Some((id.to_owned(), window, kind));

        for (text, listed) in [
            (
                r#"{"object":"list","data":[{"id":"m","owned_by":"vllm","max_model_len":4096}]}"#,
                is("m", Some(4_096), Some(Kind::Vllm)),
            ),
            (
                r#"{"data":[{"id":"m","owned_by":"llamacpp","meta":{"n_ctx":8192,"n_ctx_train":131072}}]}"#,
                is("m", Some(8_192), Some(Kind::LlamaCpp)),
            ),
            (
                r#"{"data":[{"type":"model","id":"m","max_input_tokens":200000}]}"#,
                is("m", Some(200_000), None),
            ),
            (
                r#"{"models":[{"name":"models/m","inputTokenLimit":1000}]}"#,
                is("models/m", Some(1_000), None),
            ),
            (
                r#"{"data":[{"id":"m","context_length":262144,"owned_by":"me"}]}"#,
                is("m", Some(262_144), None),
            ),
            (r#"{"error":"no"}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(of(text), listed, "{text}");
        }
    }
}
