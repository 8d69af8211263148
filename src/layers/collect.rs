//! A target's answer, held until all of it has come.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;

use crate::upstream::client::chain;
use crate::upstream::error::{UpstreamError, Why};

/// Collects a body; silence of `between` ends it.
pub(super) async fn collect(
    mut body: reqwest::Body,
    limit: usize,
    between: Duration,
) -> Result<Bytes, UpstreamError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let next = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let frame = tokio::time::timeout(between, next).await;
        let frame = frame.map_err(|_| {
            UpstreamError::new(Why::IdleTimeout, "silence in the middle of the answer")
        })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| UpstreamError::new(Why::Truncated, chain(&error)))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if first.len() + rest.len() + piece.len() > limit {
            return Err(UpstreamError::new(
                Why::BadBody,
                format!("the answer is larger than {limit} bytes"),
            ));
        }
        match first.is_empty() && rest.is_empty() {
            true => first = piece,
            false => {
                rest.extend_from_slice(&std::mem::take(&mut first));
                rest.extend_from_slice(&piece);
            }
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
