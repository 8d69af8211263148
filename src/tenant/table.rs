//! Keys as rows.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{KeyId, TenantId};
use crate::store::Room;

use super::format::Hash;
use super::key::Key;

/// The directory's table.
pub const ROOM: Room = Room {
    name: "tenant",
    steps: &[
        "CREATE TABLE keys (
           id TEXT PRIMARY KEY,
           hash BLOB NOT NULL,
           tenant TEXT NOT NULL,
           name TEXT NOT NULL,
           models TEXT,
           dialects TEXT,
           tags TEXT NOT NULL,
           policies TEXT NOT NULL,
           created INTEGER NOT NULL,
           expires INTEGER,
           revoked INTEGER,
           force INTEGER NOT NULL
         ) WITHOUT ROWID",
        "ALTER TABLE keys ADD COLUMN data_class TEXT NOT NULL DEFAULT 'internal'",
    ],
};

pub(super) fn insert(conn: &Connection, key: &Key, hash: &Hash) -> rusqlite::Result<()> {
    let words = key
        .dialects
        .as_ref()
        .map(|all| all.iter().map(|dialect| dialect.as_str()).collect());
    conn.execute(
        "INSERT INTO keys (id, hash, tenant, name, models, dialects, tags, policies, created, expires, revoked, force, data_class)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            key.id.as_str(),
            hash,
            key.tenant.as_str(),
            key.name,
            key.models.as_ref().map(json).transpose()?,
            words.as_ref().map(json::<Vec<&str>>).transpose()?,
            json(&key.tags)?,
            json(&key.policies)?,
            key.created.millis(),
            key.expires.map(Timestamp::millis),
            key.revoked.map(Timestamp::millis),
            key.force,
            key.data_class.as_str(),
        ],
    )?;
    Ok(())
}

/// Moves the end of a key forward, never back.
pub(super) fn revoke(conn: &Connection, id: &str, at: Timestamp) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE keys SET revoked = min(coalesce(revoked, ?2), ?2) WHERE id = ?1",
        params![id, at.millis()],
    )?;
    Ok(())
}

pub(super) fn all(conn: &Connection) -> rusqlite::Result<Vec<(Key, Hash)>> {
    let sql = "SELECT id, hash, tenant, name, models, dialects, tags, policies, created, expires, revoked, force, data_class FROM keys";
    conn.prepare(sql)?.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Key, Hash)> {
    let moment = |column| {
        let millis: Option<i64> = row.get(column)?;
        Ok::<_, rusqlite::Error>(millis.map(Timestamp::from_millis))
    };
    let dialects: Option<Vec<String>> = optional(row, 5)?;
    let dialects = dialects.map(|words| {
        let read = words.iter().map(|word| word.parse().map_err(|()| odd(5)));
        read.collect::<Result<Vec<_>, _>>()
    });
    let key = Key {
        id: KeyId::new(row.get::<_, String>(0)?),
        tenant: TenantId::new(row.get::<_, String>(2)?),
        name: row.get(3)?,
        models: optional(row, 4)?,
        dialects: dialects.transpose()?,
        tags: optional(row, 6)?.unwrap_or_default(),
        policies: optional(row, 7)?.unwrap_or_default(),
        created: moment(8)?.ok_or_else(|| odd(8))?,
        expires: moment(9)?,
        revoked: moment(10)?,
        force: row.get(11)?,
        data_class: word(row, 12)?,
    };
    Ok((key, row.get(1)?))
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn optional<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| odd(column)))
        .transpose()
}

fn word<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| odd(column))
}

fn odd(column: usize) -> rusqlite::Error {
    let cause = "a key's row cannot be read";
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, cause.into())
}
