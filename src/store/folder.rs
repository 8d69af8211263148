//! The store's folder: made private, locked against a second process, with space kept in reserve for a full disk.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::fault::OpenError;

/// Space that is given up on a full disk, so that what is owed still lands.
pub(super) const RESERVE: u64 = 16 << 20;

/// Makes the folder where it is missing (its parent must be there), readable by its owner only.
pub(super) fn make(path: &Path) -> Result<(), OpenError> {
    let fault = |error| OpenError::Folder(path.to_owned(), error);
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => Ok(()),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(fault(error)),
    }
}

/// Takes the folder for this process; the lock lasts as long as the file is held.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let fault = |error| OpenError::Folder(path.to_owned(), error);
    let mut file = private(&path.join("lock")).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: an unreadable holder is "another process".
            let _ = file.read_to_string(&mut holder);
            return Err(OpenError::Locked(
                path.to_owned(),
                holder.trim().parse().ok(),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(fault(error)),
    }
    file.set_len(0).map_err(fault)?;
    writeln!(file, "{}", std::process::id()).map_err(fault)?;
    Ok(file)
}

/// Opens a file for reading and writing, made with mode 0600 where it is missing.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a file for appending, made with mode 0600 where it is missing.
pub(super) fn appending(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The file that holds space free.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    pub(super) fn in_folder(path: &Path) -> Self {
        Self(path.join("reserve"))
    }

    /// Makes the reserve where it is missing or short.
    pub(super) fn fill(&self) -> io::Result<()> {
        if self.0.metadata().is_ok_and(|found| found.len() >= RESERVE) {
            return Ok(());
        }
        self.write(RESERVE)
    }

    /// Makes it again after a full disk, if twice its space is free: giving back exactly what was freed would only
    /// fill the disk anew.
    pub(super) fn refill(&self) -> io::Result<()> {
        self.write(2 * RESERVE)?;
        OpenOptions::new()
            .write(true)
            .open(&self.0)?
            .set_len(RESERVE)
    }

    /// Gives the space up.
    pub(super) fn release(&self) -> io::Result<()> {
        std::fs::remove_file(&self.0)
    }

    /// Writes zeros rather than setting a length, which would keep no space.
    fn write(&self, bytes: u64) -> io::Result<()> {
        let block = vec![0u8; 1 << 20];
        let mut file = private(&self.0)?;
        let written = (0..bytes >> 20).try_for_each(|_| file.write_all(&block));
        if written.is_err() {
            drop(file);
            self.release()?;
        }
        written
    }
}
