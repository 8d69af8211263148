//! Opening: the folder, the checks that a file is ours and sound, the migrations, the connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::OpenError;
use super::folder;

/// `SQLITE_VERSION_NUMBER` of the first release without the fault that loses pages when a checkpoint meets a write.
const SOUND_SQLITE: i32 = 3_051_003;
/// Marks the file as Tollgate's: "Toll".
const APPLICATION: i64 = 0x546f_6c6c;
/// The layout of the table of rooms itself.
const LAYOUT: i64 = 1;
/// Up to this size the whole file is checked before use; a larger one would delay the start by seconds.
const CHECKED_BYTES: u64 = 64 << 20;

/// Where the store lies and how much may wait for it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder.
    pub path: PathBuf,
    /// Writes that may wait, room reserved for later ones included.
    pub queue: usize,
}

impl Settings {
    /// The usual settings for a folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue: 16_384,
        }
    }
}

/// A room's tables: its name, and the SQL of each version after the one before.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// The room's name; never changed.
    pub name: &'static str,
    /// What each version adds. Append only.
    pub steps: &'static [&'static str],
}

/// The connection that writes, after all checks and migrations.
pub(super) fn writer(settings: &Settings, rooms: &[Room]) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < SOUND_SQLITE {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    let file = file(&settings.path);
    // With a mode of its own; SQLite would take the umask's.
    folder::private(&file).map_err(|error| OpenError::Folder(settings.path.clone(), error))?;
    let fault = |error| refusal(&file, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(&file, flags).map_err(fault)?;
    // Reads come first: a file that is not ours is not touched.
    inspect(&conn, &file)?;
    tune(&conn).map_err(fault)?;
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 20000; PRAGMA journal_size_limit = 67108864;")
        .map_err(fault)?;
    migrate(&mut conn, &file, rooms)?;
    Ok(conn)
}

/// The connection that reads.
pub(super) fn reader(settings: &Settings) -> Result<Connection, OpenError> {
    let file = file(&settings.path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(&file, flags)
        .and_then(|conn| tune(&conn).map(|()| conn))
        .map_err(|error| refusal(&file, error))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("tollgate.db")
}

/// The write-ahead log, which the syncer syncs. The database file itself is never opened beside SQLite: closing it would
/// drop the process's locks on it.
pub(super) fn log(folder: &Path) -> PathBuf {
    folder.join("tollgate.db-wal")
}

fn refusal(file: &Path, error: rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => {
            OpenError::Corrupt(file.to_owned(), error.to_string())
        }
        _ => OpenError::Sql(file.to_owned(), error),
    }
}

fn tune(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;",
    )
}

fn number(conn: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}

fn inspect(conn: &Connection, file: &Path) -> Result<(), OpenError> {
    let fault = |error| refusal(file, error);
    let fresh = number(conn, "schema_version").map_err(fault)? == 0;
    if !fresh && number(conn, "application_id").map_err(fault)? != APPLICATION {
        return Err(OpenError::Foreign(file.to_owned()));
    }
    let layout = number(conn, "user_version").map_err(fault)?;
    if layout > LAYOUT {
        return Err(OpenError::Newer(
            file.to_owned(),
            "layout".into(),
            layout,
            LAYOUT,
        ));
    }
    if file.metadata().map_or(0, |found| found.len()) > CHECKED_BYTES {
        return Ok(());
    }
    let verdict: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(fault)?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(OpenError::Corrupt(file.to_owned(), verdict)),
    }
}

/// Brings every room to its newest version, all of them or none.
fn migrate(conn: &mut Connection, file: &Path, rooms: &[Room]) -> Result<(), OpenError> {
    let fault = |error| refusal(file, error);
    let change = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fault)?;
    change
        .execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {LAYOUT};
             CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
        ))
        .map_err(fault)?;
    for room in rooms {
        let found = version(&change, room.name).map_err(fault)?;
        let known = i64::try_from(room.steps.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(OpenError::Newer(
                file.to_owned(),
                room.name.into(),
                found,
                known,
            ));
        }
        advance(&change, room, found, known).map_err(fault)?;
    }
    change.commit().map_err(fault)
}

fn version(conn: &Connection, room: &str) -> rusqlite::Result<i64> {
    conn.query_row(
        "SELECT coalesce(max(version), 0) FROM rooms WHERE name = ?1",
        [room],
        |row| row.get(0),
    )
}

fn advance(conn: &Connection, room: &Room, found: i64, known: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(found).unwrap_or(0);
    for step in room.steps.iter().skip(done) {
        conn.execute_batch(step)?;
    }
    conn.execute(
        "INSERT INTO rooms VALUES (?1, ?2) ON CONFLICT DO UPDATE SET version = ?2 WHERE version < ?2",
        rusqlite::params![room.name, known],
    )?;
    Ok(())
}
