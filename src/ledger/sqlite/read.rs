//! Rows read back as records.

use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use crate::domain::clock::Timestamp;
use crate::domain::dialect::Endpoint;
use crate::domain::ids::{
    AttemptId, KeyId, ModelId, PolicyId, PriceId, RequestId, SessionId, TargetId, TenantId,
};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::{TokenCount, Usage};
use crate::ledger::entry::{Amount, State};
use crate::ledger::record::{self, AttemptRecord, Record, Tags};

const COLUMNS: &str =
    "r.id, at, tenant, key, tags, session, endpoint, asked, policy, rule, reason, task,
  closed_at, status, model, hosting, baseline, first_byte_ms, duration_ms, error, translation, flaws";
/// The column of the explanation, where it is asked for.
const EXPLANATION: &str = "explained";
const PLAIN: &str = "FROM requests r";
const EXPLAINED: &str =
    ", e.text AS explained FROM requests r LEFT JOIN explanations e ON e.id = r.explanation";

const ATTEMPTS: &str = "SELECT id, state, model, target, hosting, price, end, cost,
  input, cache_read, cache_write_short, cache_write_long, output, reasoning
  FROM attempts WHERE request = ?1 ORDER BY id";

/// Which calls to read: ids from `from` until before `to`.
#[derive(Default)]
pub(super) struct Span<'t> {
    pub(super) from: Option<RequestId>,
    pub(super) to: Option<RequestId>,
    pub(super) tenant: Option<&'t TenantId>,
    /// The newest first; else the oldest.
    pub(super) newest: bool,
    /// So many; `None` for all.
    pub(super) most: Option<usize>,
    /// With their explanations.
    pub(super) explained: bool,
}

/// Calls `visit` with each record of the span.
pub(super) fn each(
    conn: &Connection,
    span: &Span<'_>,
    mut visit: impl FnMut(Record),
) -> rusqlite::Result<()> {
    let order = match span.newest {
        true => "DESC",
        false => "ASC",
    };
    let source = match span.explained {
        true => EXPLAINED,
        false => PLAIN,
    };
    // Source and order are words of ours; all else is bound.
    let sql = format!(
        "SELECT {COLUMNS} {source} WHERE r.id >= ?1 AND r.id < ?2 AND (?3 IS NULL OR tenant = ?3) ORDER BY r.id {order} LIMIT ?4"
    );
    let mut attempts = conn.prepare_cached(ATTEMPTS)?;
    let mut calls = conn.prepare_cached(&sql)?;
    let mut rows = calls.query(params![
        span.from.unwrap_or(RequestId(0)).to_bytes(),
        span.to.unwrap_or(RequestId(u128::MAX)).to_bytes(),
        span.tenant.map(|tenant| tenant.as_str()),
        span.most
            .map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)),
    ])?;
    while let Some(row) = rows.next()? {
        let mut found = record(row, &mut attempts)?;
        if span.explained {
            let text = row.get_ref(EXPLANATION)?.as_str_or_null()?;
            found.explanation = text.and_then(record::explanation);
        }
        visit(found);
    }
    Ok(())
}

/// One call with its explanation.
pub(super) fn one(conn: &Connection, id: RequestId) -> rusqlite::Result<Option<Record>> {
    let mut attempts = conn.prepare_cached(ATTEMPTS)?;
    let found = conn
        .prepare_cached(&format!("SELECT {COLUMNS} {PLAIN} WHERE r.id = ?1"))?
        .query_row([id.to_bytes()], |row| record(row, &mut attempts))
        .optional()?;
    let Some(call) = found else {
        return Ok(None);
    };
    let text: Option<String> = conn
        .prepare_cached(
            "SELECT e.text FROM requests r JOIN explanations e ON e.id = r.explanation WHERE r.id = ?1",
        )?
        .query_row([id.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(Some(Record {
        explanation: text.as_deref().and_then(record::explanation),
        ..call
    }))
}

fn record(row: &Row<'_>, attempts: &mut Statement<'_>) -> rusqlite::Result<Record> {
    let id: [u8; 16] = row.get(0)?;
    let endpoint: Endpoint = word(row, 6)?;
    let tags: Option<String> = row.get(4)?;
    let record = Record {
        request_id: RequestId(u128::from_be_bytes(id)),
        time: Timestamp::from_millis(row.get(1)?),
        tenant: TenantId::new(row.get::<_, String>(2)?),
        key_id: KeyId::new(row.get::<_, String>(3)?),
        session: row.get::<_, Option<String>>(5)?.map(SessionId::new),
        dialect: endpoint.dialect(),
        endpoint,
        task: word(row, 11)?,
        tags: tags.map_or(Ok(Tags::default()), |text| read_tags(&text))?,
        asked: row.get(7)?,
        model: row.get::<_, Option<String>>(14)?.map(ModelId::new),
        hosting: optional(row, 15)?,
        policy: PolicyId::new(row.get::<_, String>(8)?),
        rule: row.get(9)?,
        reason: row.get(10)?,
        status: row.get(13)?,
        error: row.get(19)?,
        cost_nano_usd: None,
        cost_usd: None,
        unpriced: false,
        baseline_nano_usd: row.get::<_, Option<i64>>(16)?.map(NanoUsd),
        saved_nano_usd: None,
        first_byte_ms: number(row, 17)?,
        duration_ms: number(row, 18)?,
        attempts: attempts
            .query_map([id], attempt)?
            .collect::<Result<_, _>>()?,
        translation: (row.get::<_, Option<String>>(20)?)
            .and_then(|text| record::explanation(&text)),
        flaws: (row.get::<_, Option<String>>(21)?).and_then(|text| record::explanation(&text)),
        explanation: None,
    };
    Ok(record.totalled())
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    let state: u8 = row.get(1)?;
    let tokens = |column| Ok::<_, rusqlite::Error>(TokenCount(number(row, column)?.unwrap_or(0)));
    let mut record = AttemptRecord {
        attempt_id: AttemptId(u128::from_be_bytes(row.get(0)?)),
        state: *State::ALL
            .get(usize::from(state))
            .ok_or_else(|| odd(1, "a state"))?,
        model: ModelId::new(row.get::<_, String>(2)?),
        target: TargetId::new(row.get::<_, String>(3)?),
        hosting: word(row, 4)?,
        price_id: row.get::<_, Option<String>>(5)?.map(PriceId::new),
        end: optional(row, 6)?,
        cost_nano_usd: None,
        cost_usd: None,
        tokens: Usage::default(),
    };
    record.put(Amount {
        cost: row.get::<_, Option<i64>>(7)?.map(NanoUsd),
        usage: Usage {
            input: tokens(8)?,
            cache_read: tokens(9)?,
            cache_write_short: tokens(10)?,
            cache_write_long: tokens(11)?,
            output: tokens(12)?,
            reasoning: tokens(13)?,
        },
    });
    Ok(record)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let value: Option<i64> = row.get(column)?;
    Ok(value.map(|value| u64::try_from(value).unwrap_or(0)))
}

fn word<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| odd(column, text))
}

fn optional<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => text.parse().map(Some).map_err(|_| odd(column, text)),
        None => Ok(None),
    }
}

fn read_tags(text: &str) -> rusqlite::Result<Tags> {
    let read: Result<Pairs, _> = serde_json::from_str(text);
    read.map(|pairs| Tags(pairs.0)).map_err(|_| odd(4, text))
}

fn odd(column: usize, text: &str) -> rusqlite::Error {
    let cause = format!("{text:?} is not a word of this ledger");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, cause.into())
}

/// A JSON object in its own order, names that repeat included.
struct Pairs(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}
