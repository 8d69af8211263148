//! The models that a target lists.

use http::{HeaderMap, HeaderValue};
use reqwest::Url;

use crate::catalog::Target;
use crate::domain::dialect::Dialect;
use crate::protocol::headers::authorise;
use crate::upstream::error::{UpstreamError, Why};
use crate::upstream::probe::Listed;

/// Where a target lists its models, for those who speak this dialect.
pub(super) fn address(target: &Target, dialect: Dialect) -> Result<Url, UpstreamError> {
    let written = target.urls.first().map_or("", String::as_str);
    let bases = target.habits().bases;
    let text = match &target.api_version {
        Some(version) => {
            let root = bases.root(written);
            format!("{root}/openai/models?api-version={version}")
        }
        None => format!("{}/models", bases.of_list(written, dialect)),
    };
    Url::parse(&text).map_err(|error| UpstreamError::new(Why::Refused, error.to_string()))
}

/// The headers that go with it.
pub(super) fn headers(target: &Target, dialect: Dialect) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if dialect == Dialect::Messages {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    if let Some(key) = &target.key {
        authorise(&mut headers, dialect, target.habits().key, key);
    }
    headers
}

/// The models of a list, in whichever of the usual forms; `None` where it is none.
pub(super) fn read(body: &[u8]) -> Option<Vec<Listed>> {
    let found = Listed::all(body)?;
    (!found.is_empty()).then_some(found)
}

/// The listed model that a name means: Google's names and Ollama's may be written shorter.
pub(super) fn find<'a>(listed: &'a [Listed], name: &str) -> Option<&'a Listed> {
    let plain = |id: &str| {
        let id = id.strip_prefix("models/").unwrap_or(id);
        id.strip_suffix(":latest").unwrap_or(id).to_owned()
    };
    let same = |it: &&Listed| it.id == name || plain(&it.id) == plain(name);
    listed.iter().find(same)
}
