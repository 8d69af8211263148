//! The entries as statements. Each says whether it changed anything.

use rusqlite::{Connection, params};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{AttemptId, RequestId};
use crate::domain::tokens::TokenCount;
use crate::ledger::book::Recovered;
use crate::ledger::entry::{Amount, CallEnd, CallHead, End, Ending, Intent, State};
use crate::ledger::record::Tags;

/// What no count reaches is kept as the largest that a row holds.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(tokens: TokenCount) -> i64 {
    int(tokens.0)
}

pub(super) fn intent(conn: &Connection, intent: &Intent) -> rusqlite::Result<bool> {
    call(conn, &intent.head, None)?;
    attempt(conn, intent, intent.mark, None)
}

/// Writes an attempt's row where there is none, as far as the attempt has come; says whether there was none.
pub(super) fn attempt(
    conn: &Connection,
    intent: &Intent,
    mark: Amount,
    ending: Option<&Ending>,
) -> rusqlite::Result<bool> {
    let Amount { usage, cost } = ending.map_or(mark, |ending| ending.amount);
    let changed = conn
        .prepare_cached(
            "INSERT INTO attempts (request, id, state, at, model, target, hosting, price, cost, input, cache_read,
               cache_write_short, cache_write_long, output, reasoning, end, ended_at, sent_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            intent.head.request.to_bytes(),
            intent.attempt.to_bytes(),
            ending.map_or(State::Open, |ending| ending.state) as u8,
            intent.at.millis(),
            intent.model.as_str(),
            intent.target.as_str(),
            intent.hosting.as_str(),
            intent.price.as_ref().map(|price| price.as_str()),
            cost.map(|cost| cost.0),
            count(usage.input),
            count(usage.cache_read),
            count(usage.cache_write_short),
            count(usage.cache_write_long),
            count(usage.output),
            count(usage.reasoning),
            ending.map(|ending| ending.end.as_str()),
            ending.map(|ending| ending.at.millis()),
            ending.and_then(|ending| ending.sent.map(Timestamp::millis)),
        ])?;
    Ok(changed > 0)
}

/// Writes the call's row where there is none, ended or not; says whether there was none.
pub(super) fn call(
    conn: &Connection,
    head: &CallHead,
    end: Option<&CallEnd>,
) -> rusqlite::Result<bool> {
    let explanation = explain(conn, head.explanation.get())?;
    let tags = match head.tags.is_empty() {
        true => None,
        false => Some(tags(&head.tags)?),
    };
    let changed = conn
        .prepare_cached(
            "INSERT INTO requests (id, at, tenant, key, tags, session, endpoint, asked, policy, rule, reason, task,
               explanation, closed_at, status, model, hosting, baseline, first_byte_ms, duration_ms, error,
               translation, flaws)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            head.request.to_bytes(),
            head.at.millis(),
            head.tenant.as_str(),
            head.key.as_str(),
            tags,
            head.session.as_ref().map(|session| session.as_str()),
            head.endpoint.as_str(),
            head.asked,
            head.policy.as_str(),
            head.rule,
            head.reason,
            head.task.as_str(),
            explanation,
            end.map(|end| end.at.millis()),
            end.map(|end| end.status),
            end.and_then(|end| end.model.as_ref().map(|model| model.as_str())),
            end.and_then(|end| end.hosting.map(|hosting| hosting.as_str())),
            end.and_then(|end| end.baseline.map(|baseline| baseline.0)),
            end.and_then(|end| end.first_byte_ms.map(int)),
            end.map(|end| int(end.duration_ms)),
            end.and_then(|end| end.error.as_deref()),
            end.and_then(|end| end.translation.as_deref()),
            end.and_then(|end| end.flaws.as_deref()),
        ])?;
    // Not looked for first: a call is seldom known, only where it is tried again or the journal is replayed.
    if changed == 0
        && let Some(id) = explanation
    {
        conn.prepare_cached("DELETE FROM explanations WHERE id = ?1")?
            .execute([id])?;
    }
    Ok(changed > 0)
}

fn tags(tags: &[(String, String)]) -> rusqlite::Result<String> {
    serde_json::to_string(&Tags(tags.to_vec()))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn explain(conn: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    conn.prepare_cached("INSERT INTO explanations (text) VALUES (?1)")?
        .insert([text])
        .map(Some)
}

pub(super) fn progress(
    conn: &Connection,
    request: RequestId,
    attempt: AttemptId,
    mark: Amount,
) -> rusqlite::Result<bool> {
    let usage = mark.usage;
    let changed = conn
        .prepare_cached(
            "UPDATE attempts SET cost = ?3, input = ?4, cache_read = ?5, cache_write_short = ?6,
               cache_write_long = ?7, output = ?8, reasoning = ?9
             WHERE request = ?1 AND id = ?2 AND state = 0",
        )?
        .execute(params![
            request.to_bytes(),
            attempt.to_bytes(),
            mark.cost.map(|cost| cost.0),
            count(usage.input),
            count(usage.cache_read),
            count(usage.cache_write_short),
            count(usage.cache_write_long),
            count(usage.output),
            count(usage.reasoning),
        ])?;
    Ok(changed > 0)
}

/// Ends an attempt that is open.
pub(super) fn end(conn: &Connection, ending: &Ending) -> rusqlite::Result<bool> {
    let usage = ending.amount.usage;
    let changed = conn
        .prepare_cached(
            "UPDATE attempts SET state = ?3, cost = ?4, input = ?5, cache_read = ?6, cache_write_short = ?7,
               cache_write_long = ?8, output = ?9, reasoning = ?10, end = ?11, ended_at = ?12, sent_at = ?13
             WHERE request = ?1 AND id = ?2 AND state = 0",
        )?
        .execute(params![
            ending.request.to_bytes(),
            ending.attempt.to_bytes(),
            ending.state as u8,
            ending.amount.cost.map(|cost| cost.0),
            count(usage.input),
            count(usage.cache_read),
            count(usage.cache_write_short),
            count(usage.cache_write_long),
            count(usage.output),
            count(usage.reasoning),
            ending.end.as_str(),
            ending.at.millis(),
            ending.sent.map(Timestamp::millis),
        ])?;
    Ok(changed > 0)
}

pub(super) fn close(
    conn: &Connection,
    request: RequestId,
    head: Option<&CallHead>,
    end: &CallEnd,
) -> rusqlite::Result<bool> {
    let new = match head {
        Some(head) => call(conn, head, Some(end))?,
        None => false,
    };
    Ok(new || finish(conn, request, end)?)
}

fn finish(conn: &Connection, request: RequestId, end: &CallEnd) -> rusqlite::Result<bool> {
    let changed = conn
        .prepare_cached(
            "UPDATE requests SET closed_at = ?2, status = ?3, model = ?4, hosting = ?5, baseline = ?6,
               first_byte_ms = ?7, duration_ms = ?8, error = ?9, translation = ?10, flaws = ?11
             WHERE id = ?1 AND closed_at IS NULL",
        )?
        .execute(params![
            request.to_bytes(),
            end.at.millis(),
            end.status,
            end.model.as_ref().map(|model| model.as_str()),
            end.hosting.map(|hosting| hosting.as_str()),
            end.baseline.map(|baseline| baseline.0),
            end.first_byte_ms.map(int),
            int(end.duration_ms),
            end.error,
            end.translation,
            end.flaws,
        ])?;
    Ok(changed > 0)
}

/// Ends all that is open: attempts at their marks, calls with the last model that was asked.
pub(super) fn recover(conn: &Connection, at: Timestamp) -> rusqlite::Result<Recovered> {
    let word = End::Recovered.as_str();
    let attempts = conn.execute(
        "UPDATE attempts SET state = 2, end = ?1, ended_at = ?2 WHERE state = 0",
        params![word, at.millis()],
    )?;
    let calls = conn.execute(
        "UPDATE requests SET closed_at = ?2, error = ?1,
           (model, hosting) = (SELECT model, hosting FROM attempts WHERE request = requests.id ORDER BY id DESC LIMIT 1)
         WHERE closed_at IS NULL",
        params![word, at.millis()],
    )?;
    Ok(Recovered {
        attempts: u64::try_from(attempts).unwrap_or(u64::MAX),
        calls: u64::try_from(calls).unwrap_or(u64::MAX),
    })
}
