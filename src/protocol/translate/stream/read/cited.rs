//! Where words come from: pages are known to several dialects, other sources to one.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::dialect::Dialect;
use crate::protocol::translate::block::{Citation, Page};
use crate::protocol::translate::json::{Json, text};

/// Reads a citation of Anthropic's, or an annotation of OpenAI's.
pub(super) fn citation(from: Dialect, raw: &RawValue) -> Citation<'_> {
    let flat: Source<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    // Chat nests what Responses says flat.
    let nested = flat.url_citation.map(RawValue::get);
    let nested = nested.and_then(|nested| serde_json::from_str::<Source<'_>>(nested).ok());
    let source = nested.unwrap_or(flat);
    match source.url.and_then(text) {
        Some(url) => Citation::Page(Page {
            url,
            title: source.title.and_then(text),
            quote: source.cited_text.and_then(text),
            span: source.start_index.zip(source.end_index),
        }),
        None => Citation::Foreign(from, Json::from(raw)),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source<'a> {
    #[serde(borrow)]
    url_citation: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    cited_text: Option<&'a RawValue>,
    start_index: Option<u64>,
    end_index: Option<u64>,
}
