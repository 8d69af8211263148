//! Conversations as rows.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::Kept;
use crate::domain::clock::Timestamp;
use crate::session::prefix::Trunk;
use crate::store::Room;

/// The tables of conversations, and the key of their hashes.
pub const ROOM: Room = Room {
    name: "session",
    steps: &["CREATE TABLE session_secret (
           only INTEGER PRIMARY KEY CHECK (only = 1),
           secret BLOB NOT NULL
         );
         CREATE TABLE sessions (
           id INTEGER PRIMARY KEY,
           at INTEGER NOT NULL,
           state TEXT NOT NULL,
           trunk BLOB NOT NULL
         );
         CREATE INDEX sessions_by_age ON sessions (at)"],
};

/// A conversation as it is written.
pub(super) struct Row {
    id: i64,
    at: i64,
    state: String,
    trunk: Vec<u8>,
}

impl Row {
    pub(super) fn of<E: Serialize>(id: u64, kept: &Kept<E>) -> serde_json::Result<Self> {
        Ok(Self {
            id: id.cast_signed(),
            at: kept.last.0.millis(),
            state: serde_json::to_string(kept)?,
            trunk: kept.trunk.to_bytes(),
        })
    }

    fn read<E: DeserializeOwned>(&self) -> Option<(u64, Kept<E>)> {
        let mut kept: Kept<E> = serde_json::from_str(&self.state).ok()?;
        kept.trunk = Trunk::from_bytes(&self.trunk)?;
        Some((self.id.cast_unsigned(), kept))
    }
}

/// The key's bytes: those of the first start, or `new`.
pub(super) fn secret(conn: &Connection, new: [u8; 16]) -> rusqlite::Result<[u8; 16]> {
    let kept = || {
        conn.query_row("SELECT secret FROM session_secret", [], |row| row.get(0))
            .optional()
    };
    if let Some(secret) = kept()? {
        return Ok(secret);
    }
    conn.execute("INSERT INTO session_secret VALUES (1, ?1)", [new])?;
    Ok(new)
}

pub(super) fn write(conn: &Connection, rows: &[Row], gone: &[u64]) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO sessions (id, at, state, trunk) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET at = ?2, state = ?3, trunk = ?4",
    )?;
    for row in rows {
        put.execute(params![row.id, row.at, row.state, row.trunk])?;
    }
    let mut remove = conn.prepare_cached("DELETE FROM sessions WHERE id = ?1")?;
    for id in gone {
        remove.execute([id.cast_signed()])?;
    }
    Ok(())
}

/// Throws away what was last used before `until`.
pub(super) fn forget(conn: &Connection, until: Timestamp) -> rusqlite::Result<usize> {
    conn.prepare_cached("DELETE FROM sessions WHERE at < ?1")?
        .execute([until.millis()])
}

/// What an earlier process left.
pub(super) struct Left<E> {
    /// Conversations, the newest first.
    pub(super) known: Vec<(u64, Kept<E>)>,
    /// How many could not be read.
    pub(super) odd: usize,
}

/// The newest conversations since `since`.
pub(super) fn read<E: DeserializeOwned>(
    conn: &Connection,
    since: Timestamp,
    most: usize,
) -> rusqlite::Result<Left<E>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found = conn.prepare(
        "SELECT id, at, state, trunk FROM sessions WHERE at >= ?1 ORDER BY at DESC LIMIT ?2",
    )?;
    let rows = found.query_map([since.millis(), most], |row| {
        Ok(Row {
            id: row.get(0)?,
            at: row.get(1)?,
            state: row.get(2)?,
            trunk: row.get(3)?,
        })
    })?;
    let (mut known, mut odd) = (Vec::new(), 0);
    for row in rows {
        match row?.read() {
            Some(kept) => known.push(kept),
            None => odd += 1,
        }
    }
    Ok(Left { known, odd })
}
