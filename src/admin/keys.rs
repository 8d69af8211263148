//! Keys over the admin API: shown once, when they are made.

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use crate::body::{Body, Inbound};
use crate::domain::clock::Timestamp;
use crate::domain::facts::DataClass;
use crate::domain::ids::KeyId;
use crate::domain::secret::Secret;
use crate::tenant::{DirectoryError, Key, NewKey};

use super::Parts;
use super::answer::{Refused, body, json, param};

/// A key as it is asked for, over the API and on the command line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    tenant: String,
    name: String,
    #[serde(default)]
    models: Option<Vec<String>>,
    #[serde(default)]
    dialects: Option<Vec<String>>,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    data_class: Option<String>,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    force: bool,
}

/// A key as it is shown, this once.
#[derive(Serialize)]
struct Made<'a> {
    id: &'a KeyId,
    key: &'a str,
}

#[derive(Serialize)]
struct Keys<'a> {
    keys: Vec<&'a Key>,
}

impl Wanted {
    /// The key that it means; else what is wrong with it.
    pub fn into_new(self) -> Result<NewKey, String> {
        let dialects = self.dialects.map(|names| {
            let parse = |name: String| {
                name.parse()
                    .map_err(|()| format!("there is no dialect {name:?}"))
            };
            names.into_iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        let class = self.data_class.map(|word| {
            let known = DataClass::ALL.iter().map(|class| class.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            word.parse()
                .map_err(|()| format!("there is no data class {word:?}; known are {known}"))
        });
        let expires = self.expires.map(|text| {
            let wrong =
                || format!("{text:?} is not a date; write 2027-01-31 or 2027-01-31T12:00:00Z");
            Timestamp::parse(&text).ok_or_else(wrong)
        });
        Ok(NewKey {
            tenant: self.tenant,
            name: self.name,
            models: self.models,
            dialects: dialects.transpose()?,
            policies: self.policies,
            data_class: class.transpose()?,
            expires: expires.transpose()?,
            tags: self.tags.into_iter().collect(),
            force: self.force,
        })
    }
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NoSuchKey => Self::NotFound,
            DirectoryError::Invalid(_) | DirectoryError::Ended => {
                Self::BadRequest(error.to_string())
            }
            DirectoryError::Store(_) => Self::Store(error.to_string()),
        }
    }
}

impl Parts {
    pub(super) fn list_keys(&self) -> Response<Body> {
        let keys = self.directory.list();
        json(&Keys {
            keys: keys.iter().map(AsRef::as_ref).collect(),
        })
    }

    pub(super) async fn create_key(
        &self,
        request: Request<Inbound>,
    ) -> Result<Response<Body>, Refused> {
        let wanted: Wanted = body(request).await?;
        let (key, secret) = self
            .directory
            .create(wanted.into_new().map_err(Refused::BadRequest)?)
            .await?;
        Ok(made(&key, &secret))
    }

    pub(super) async fn revoke_key(&self, id: &str) -> Result<Response<Body>, Refused> {
        let key = self.directory.revoke(&id.into()).await?;
        Ok(json(key.as_ref()))
    }

    /// `overlap_ms` lets the old key live on for so long; without it, it stops at once.
    pub(super) async fn rotate_key(
        &self,
        id: &str,
        query: &str,
    ) -> Result<Response<Body>, Refused> {
        let overlap = match param(query, "overlap_ms") {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| Refused::BadRequest("overlap_ms is not a count".into()))?,
        };
        let (key, secret) = self.directory.rotate(&id.into(), overlap).await?;
        Ok(made(&key, &secret))
    }
}

fn made(key: &Key, secret: &Secret) -> Response<Body> {
    json(&Made {
        id: &key.id,
        key: secret.expose(),
    })
}
