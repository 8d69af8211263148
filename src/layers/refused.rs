//! A target's answer that is no success, as far as its caller may see it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::domain::clock::Timestamp;
use crate::domain::tokens::TokenCount;
use crate::protocol::headers;
use crate::protocol::refusal::{Retold, TooLong, has_forgotten, is_quoted, retell, too_long_for};
use crate::upstream::error::{self, Answer, UpstreamError, Why};
use crate::upstream::health::{LONGEST_RETRY_AFTER, retry_after};

use super::bill::Bill;
use super::collect::collect;
use super::translate;

/// The largest error of a target that is passed on, and how long it may take to arrive.
const LARGEST: usize = 1 << 20;
const WITHIN: Duration = Duration::from_secs(10);
/// OpenAI's and Azure's finer `Retry-After`.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Reads such an answer. One of another dialect is told in the caller's.
pub(super) async fn refused(
    answer: Response<reqwest::Body>,
    bill: &Bill,
    now: Timestamp,
) -> UpstreamError {
    let (head, body) = answer.into_parts();
    let (target, wire) = (&bill.attempt.model.target, bill.attempt.wire);
    let after = retry_after(&head.headers, now).map(|after| after.min(LONGEST_RETRY_AFTER));
    let read = timeout_at(Instant::now() + WITHIN, collect(body, LARGEST, WITHIN)).await;
    let mut body = read.ok().and_then(Result::ok).unwrap_or_default();
    if target.tells_key(&body) {
        // A provider that repeats our key in its error: nothing of it is shown.
        body = Bytes::new();
    }
    let long = too_long_for(head.status.as_u16(), &body);
    if let Some(long) = long {
        learn(long, bill);
    }
    let forgotten = has_forgotten(head.status.as_u16(), &body) && translate::forget(bill);
    let mut answer = Answer {
        status: head.status,
        headers: headers::incoming(&head.headers, wire),
        body,
        retry_after: after,
    };
    bound_retry_after(&mut answer.headers, after);
    if wire.is_translated() {
        retold(&mut answer, bill);
    }
    UpstreamError {
        why: match long {
            Some(_) => Why::TooLong,
            None if forgotten => Why::Forgotten,
            None => error::why(head.status),
        },
        answer: Some(Box::new(answer)),
        window: long.and_then(|long| long.most),
        detail: format!("answered {}", head.status),
    }
}

/// A prompt that does not fit is longer than we took it for: the next one that we take for as long goes elsewhere.
fn learn(long: TooLong, bill: &Bill) {
    let (parsed, model) = (&bill.work.parsed, &bill.attempt.model);
    let Some(talk) = &bill.work.talk else {
        return;
    };
    let untold = || Some(long.most.or(model.window)? + TokenCount(1));
    // Some count the room for the answer as well.
    let answer = parsed.call.max_output.unwrap_or_default();
    let Some(all) = long.sent.or_else(untold) else {
        return;
    };
    // What is learned here is so for all callers: it must not be what one of them wrote.
    let quoted = |most| is_quoted(most, parsed.call.body(), &parsed.headers);
    if !is_near(all, bill.attempt.prompt, answer) || long.most.is_some_and(quoted) {
        return;
    }
    let told = long.most.filter(|_| long.sent.is_some());
    let told = told.filter(|told| model.window.is_none_or(|window| *told < window));
    if let Some(window) = told.filter(|window| talk.narrowed(model, *window)) {
        warn!(model = %model.id, is = window.0, configured = ?model.window, "a model's window is smaller than configured");
    }
    let dialect = bill.attempt.wire.dialect;
    talk.overflowed((model, dialect), all.saturating_sub(model.room(answer)));
}

/// Whether a prompt can be as long as is told, by our own count of it. The answer's room may be in it or not.
fn is_near(told: TokenCount, prompt: TokenCount, answer: TokenCount) -> bool {
    const TIMES: u64 = 2;
    let most = (prompt + answer).0.saturating_mul(TIMES);
    (prompt.0 / TIMES..=most).contains(&told.0)
}

fn retold(answer: &mut Answer, bill: &Bill) {
    let (work, status) = (&bill.work, answer.status.as_u16());
    let (dialect, prompt) = (work.dialect(), bill.attempt.prompt);
    let retold = retell(status, &answer.body, dialect, prompt, work.trace().request);
    // What is no refusal of any dialect is nothing that a caller could read.
    let Some(Retold { status, body }) = retold else {
        answer.body = Bytes::new();
        return;
    };
    answer.status = StatusCode::from_u16(status).unwrap_or(answer.status);
    answer.body = body;
    answer.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
}

/// What a target says about coming again is passed on as far as it was understood and believed.
fn bound_retry_after(headers: &mut HeaderMap, after: Option<Duration>) {
    let Some(after) = after else {
        headers.remove(header::RETRY_AFTER);
        headers.remove(RETRY_AFTER_MS);
        return;
    };
    let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    for (name, value) in [
        (header::RETRY_AFTER, millis.div_ceil(1_000)),
        (RETRY_AFTER_MS, millis),
    ] {
        if let Some(told) = headers.get_mut(name) {
            *told = HeaderValue::from(value);
        }
    }
}
