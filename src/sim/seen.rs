//! The requests that a simulated target got, to the byte: what a test asks when it wants to know what was really sent.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// Path and query.
    pub path: String,
    /// Names in lower case, in the order of arrival; values that are not UTF-8 are shown with replacement characters.
    pub headers: Vec<(String, String)>,
    /// The exact body.
    pub body: Bytes,
}

impl SeenRequest {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The newest requests.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<VecDeque<SeenRequest>>);

impl Seen {
    pub(super) fn note(&self, head: &Parts, body: &Bytes, keep: usize) {
        if keep == 0 {
            return;
        }
        let headers = head.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let request = SeenRequest {
            path: head
                .uri
                .path_and_query()
                .map_or_else(String::new, ToString::to_string),
            headers: headers.collect(),
            body: body.clone(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.len() >= keep {
            kept.pop_front();
        }
        kept.push_back(request);
    }

    pub(super) fn read(&self) -> Vec<SeenRequest> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}
