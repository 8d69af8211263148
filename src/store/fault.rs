//! What can go wrong with the store, in words that say how to mend it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the store could not be opened. Nothing was changed.
#[derive(Debug)]
pub enum OpenError {
    /// The folder is missing and could not be made, is no folder, or cannot be written.
    Folder(PathBuf, io::Error),
    /// Another process (its id, where it could be read) has the folder.
    Locked(PathBuf, Option<u32>),
    /// The file is not a sound database.
    Corrupt(PathBuf, String),
    /// The file belongs to some other program.
    Foreign(PathBuf),
    /// A newer Tollgate wrote the file: room, its version there, the newest known here.
    Newer(PathBuf, String, i64, i64),
    /// The SQLite that is linked has a known fault.
    OldSqlite(&'static str),
    /// SQLite refused for another reason.
    Sql(PathBuf, rusqlite::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path, error) => folder(f, path, error.kind()),
            Self::Locked(path, pid) => {
                write!(f, "the store {} is in use by ", path.display())?;
                match pid {
                    Some(pid) => write!(f, "process {pid}")?,
                    None => f.write_str("another process")?,
                }
                f.write_str("; stop it, or give this one its own `store.path`")
            }
            Self::Corrupt(path, what) => write!(
                f,
                "{} is damaged ({what}); it was left as it is: restore a backup, or move the file away to start empty",
                path.display()
            ),
            Self::Foreign(path) => write!(
                f,
                "{} is a database of another program; point `store.path` at a folder of Tollgate's own",
                path.display()
            ),
            Self::Newer(path, room, theirs, ours) => write!(
                f,
                "{} was written by a newer Tollgate ({room} is at version {theirs}, this binary knows {ours}); run that version",
                path.display()
            ),
            Self::OldSqlite(version) => write!(
                f,
                "SQLite {version} is linked, which can lose pages; build with 3.51.3 or newer"
            ),
            Self::Sql(path, _) => write!(f, "{} could not be opened", path.display()),
        }
    }
}

fn folder(f: &mut fmt::Formatter<'_>, path: &std::path::Path, kind: io::ErrorKind) -> fmt::Result {
    let path = path.display();
    match kind {
        io::ErrorKind::NotFound => write!(
            f,
            "the store's folder {path} cannot be made, for its parent is missing; make the parent, or change `store.path`"
        ),
        io::ErrorKind::PermissionDenied => write!(
            f,
            "the store's folder {path} may not be read and written by this user; change its owner, or `store.path`"
        ),
        io::ErrorKind::ReadOnlyFilesystem => write!(
            f,
            "the store's folder {path} is on a read-only file system; change `store.path`"
        ),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => write!(
            f,
            "the store's path {path} is not a folder; change `store.path`"
        ),
        io::ErrorKind::StorageFull => {
            write!(
                f,
                "the disk of the store's folder {path} is full; make room"
            )
        }
        _ => write!(f, "the store's folder {path} cannot be used"),
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Folder(_, error) => Some(error),
            Self::Sql(_, error) => Some(error),
            _ => None,
        }
    }
}

/// Why a read or a write did not happen.
#[derive(Debug)]
pub enum StoreError {
    /// More work is waiting than the queue holds.
    Saturated,
    /// The disk is full, or another program keeps the file locked.
    Full,
    /// The store stopped writing after a failure.
    Dead,
    /// The store was closed.
    Closed,
    /// SQLite refused this statement.
    Sql(rusqlite::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Saturated => "the store's queue is full",
            Self::Full => "the store's disk is full",
            Self::Dead => "the store has failed and needs a restart",
            Self::Closed => "the store is closed",
            Self::Sql(_) => "the store refused a statement",
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sql(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// What a failed write means for the writes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No space: it may land later.
    Full,
    /// Someone else has the file: it may land later.
    Busy,
    /// The file is in doubt.
    Dead,
    /// This statement alone is at fault.
    Statement,
}

impl Trouble {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        // SQLITE_IOERR_SHMSIZE: growing the shared index failed, which is how a full disk shows there.
        const SHM_SIZE: i32 = 10 | (19 << 8);
        match error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                Code::DiskFull => Self::Full,
                Code::SystemIoFailure if failure.extended_code == SHM_SIZE => Self::Full,
                Code::DatabaseBusy | Code::DatabaseLocked => Self::Busy,
                Code::SystemIoFailure
                | Code::DatabaseCorrupt
                | Code::NotADatabase
                | Code::ReadOnly
                | Code::CannotOpen => Self::Dead,
                _ => Self::Statement,
            },
            _ => Self::Statement,
        }
    }
}
