//! What decisions were made by, as rows.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::clock::Timestamp;
use crate::domain::setting::Written;

/// Writes a setting where it is not there yet.
pub(crate) fn keep(conn: &Connection, setting: &Written, at: Timestamp) -> rusqlite::Result<()> {
    for (digest, text) in [&setting.policies, &setting.catalog] {
        conn.prepare_cached("INSERT INTO texts VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute([digest, text])?;
    }
    conn.prepare_cached("INSERT INTO settings VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?
        .execute(params![
            setting.id,
            at.millis(),
            setting.policies.0,
            setting.catalog.0,
            setting.classifier,
        ])?;
    Ok(())
}

const COLUMNS: &str =
    "SELECT s.id, p.digest, p.text, c.digest, c.text, s.classifier FROM settings s
  JOIN texts p ON p.digest = s.policies JOIN texts c ON c.digest = s.catalog";

/// The setting of this id.
pub(crate) fn one(conn: &Connection, id: &str) -> rusqlite::Result<Option<Written>> {
    conn.prepare_cached(&format!("{COLUMNS} WHERE s.id = ?1"))?
        .query_row([id], written)
        .optional()
}

/// The setting that came into force last, of those that had not been before.
pub(crate) fn last(conn: &Connection) -> rusqlite::Result<Option<Written>> {
    conn.prepare_cached(&format!("{COLUMNS} ORDER BY s.at DESC LIMIT 1"))?
        .query_row([], written)
        .optional()
}

fn written(row: &Row<'_>) -> rusqlite::Result<Written> {
    Ok(Written {
        id: row.get(0)?,
        policies: (row.get(1)?, row.get(2)?),
        catalog: (row.get(3)?, row.get(4)?),
        classifier: row.get(5)?,
    })
}
