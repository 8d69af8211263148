//! Conversations as rows.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answers::Answer;
use super::state::Kept;
use crate::domain::clock::Timestamp;
use crate::session::prefix::Trunk;
use crate::store::Room;

/// The tables of conversations, and the key of their hashes.
pub const ROOM: Room = Room {
    name: "session",
    steps: &[
        "CREATE TABLE session_secret (
           only INTEGER PRIMARY KEY CHECK (only = 1),
           secret BLOB NOT NULL
         );
         CREATE TABLE sessions (
           id INTEGER PRIMARY KEY,
           at INTEGER NOT NULL,
           state TEXT NOT NULL,
           trunk BLOB NOT NULL
         );
         CREATE INDEX sessions_by_age ON sessions (at)",
        "CREATE TABLE session_answers (
           id INTEGER PRIMARY KEY,
           at INTEGER NOT NULL,
           state TEXT NOT NULL
         );
         CREATE INDEX session_answers_by_age ON session_answers (at)",
    ],
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

/// An answer as it is written.
pub(super) struct Answered {
    id: i64,
    at: i64,
    state: String,
}

impl Answered {
    pub(super) fn of(id: u64, answer: &Answer) -> serde_json::Result<Self> {
        Ok(Self {
            id: id.cast_signed(),
            at: answer.at.millis(),
            state: serde_json::to_string(answer)?,
        })
    }
}

pub(super) fn write_answers(conn: &Connection, answers: &[Answered]) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO session_answers (id, at, state) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET at = ?2, state = ?3",
    )?;
    for answer in answers {
        put.execute(params![answer.id, answer.at, answer.state])?;
    }
    Ok(())
}

/// Throws away what came before `until`, and all but the newest `most`.
pub(super) fn forget_answers(
    conn: &Connection,
    until: Timestamp,
    most: usize,
) -> rusqlite::Result<usize> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "DELETE FROM session_answers WHERE at < max(?1, coalesce(
           (SELECT at FROM session_answers ORDER BY at DESC LIMIT 1 OFFSET ?2), ?1))",
    )?
    .execute([until.millis(), most])
}

fn read_answers(
    conn: &Connection,
    since: Timestamp,
    most: i64,
) -> rusqlite::Result<Vec<(u64, Answer)>> {
    let mut found = conn.prepare(
        "SELECT id, state FROM session_answers WHERE at >= ?1 ORDER BY at DESC LIMIT ?2",
    )?;
    let rows = found.query_map([since.millis(), most], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let read = |(id, state): (i64, String)| {
        let answer = serde_json::from_str(&state).ok()?;
        Some((id.cast_unsigned(), answer))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// What an earlier process left.
pub(super) struct Left<E> {
    /// Conversations, the newest first.
    pub(super) known: Vec<(u64, Kept<E>)>,
    /// Answers that lie at their providers, the newest first.
    pub(super) answers: Vec<(u64, Answer)>,
    /// How many could not be read.
    pub(super) odd: usize,
}

/// The newest conversations since the first of `since`, and the newest answers since the other.
pub(super) fn read<E: DeserializeOwned>(
    conn: &Connection,
    since: (Timestamp, Timestamp),
    most: usize,
) -> rusqlite::Result<Left<E>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found = conn.prepare(
        "SELECT id, at, state, trunk FROM sessions WHERE at >= ?1 ORDER BY at DESC LIMIT ?2",
    )?;
    let rows = found.query_map([since.0.millis(), most], |row| {
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
    let answers = read_answers(conn, since.1, most)?;
    Ok(Left {
        known,
        answers,
        odd,
    })
}
