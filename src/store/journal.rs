//! The append-only file in front of SQLite: what is owed is in the kernel after one short write, and SQLite is fed from
//! it in batches. (Measured: 3 us an entry here, where a commit of its own takes SQLite 15 to 25.)
//!
//! What must stay true: an entry is queued for SQLite under the same lock under which it is appended, so that a segment
//! may go once everything queued before its end has been committed and synced. A replay brings entries again that SQLite
//! has already: whoever applies them must not mind.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::folder;
use super::handle::lock;

/// What each segment begins with: another layout gets another mark.
const MARK: &[u8] = b"tollgate journal 1\n";
/// A segment's size beyond which a new one is begun.
const SEGMENT: u64 = 8 << 20;
/// Length and check sum in front of each entry.
const HEAD: usize = 12;
/// A longer entry is refused: nothing that is written down of a call comes near it.
const LONGEST: usize = 1 << 20;

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

/// The journal of one store.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    number: u64,
    /// Half an entry could not be taken back: the next ones go into a new segment.
    broken: bool,
    /// The store is closed: nothing more is taken.
    closed: bool,
    current: Segment,
    /// The last entry as it was written: its room is used again.
    framed: Vec<u8>,
    /// Ended segments that may hold unsynced entries, and those that wait to be removed.
    ended: Vec<Segment>,
}

/// Entries that an earlier process left, in order, and where they lie.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) files: Vec<PathBuf>,
    /// Something in the files could not be read: they are kept aside.
    pub(super) unread: bool,
}

impl Backlog {
    /// Removes the files, whose entries are all applied; puts them aside where some could not be.
    pub(super) fn dispose(files: &[PathBuf], unread: bool) -> io::Result<()> {
        files.iter().try_for_each(|file| match unread {
            false => std::fs::remove_file(file),
            true => {
                tracing::error!(path = %file.display(), "a part of the journal could not be read; it is kept as .unread");
                std::fs::rename(file, file.with_extension("unread"))
            }
        })
    }
}

impl Journal {
    /// Reads what an earlier process left and begins a segment of its own.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Backlog)> {
        let mut backlog = Backlog::default();
        let mut last = 0;
        for (number, path) in segments(folder)? {
            backlog.unread |= !read(&path, &mut backlog.entries)?;
            backlog.files.push(path);
            last = number;
        }
        let number = last + 1;
        let current = segment(folder, number)?;
        let state = State {
            number,
            broken: false,
            closed: false,
            current,
            framed: Vec::new(),
            ended: Vec::new(),
        };
        Ok((
            Self {
                folder: folder.to_owned(),
                state: Mutex::new(state),
            },
            backlog,
        ))
    }

    /// Appends an entry and, still under the lock, calls `queue`. An entry that did not fit leaves no trace.
    pub(super) fn append<T>(&self, entry: &[u8], queue: impl FnOnce() -> T) -> io::Result<T> {
        if entry.len() > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the entry is too long",
            ));
        }
        let mut state = lock(&self.state);
        if state.broken || state.closed {
            return Err(io::Error::other("the journal takes nothing more"));
        }
        let State {
            broken,
            current,
            framed,
            ..
        } = &mut *state;
        frame(entry, framed);
        if let Err(error) = (&*current.file).write_all(framed) {
            // Half an entry would hide those behind it.
            *broken = current.file.set_len(current.length).is_err();
            return Err(error);
        }
        current.length += framed.len() as u64;
        Ok(queue())
    }

    /// Begins a new segment where the current one is long. From then on the older ones wait for [`Journal::remove_ended`].
    pub(super) fn rotate(&self) -> io::Result<bool> {
        let mut state = lock(&self.state);
        if state.closed || state.current.length < SEGMENT && !state.broken {
            return Ok(false);
        }
        let number = state.number + 1;
        let next = segment(&self.folder, number)?;
        state.number = number;
        state.broken = false;
        let ended = std::mem::replace(&mut state.current, next);
        state.ended.push(ended);
        Ok(true)
    }

    /// Brings every entry to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        let files: Vec<Arc<File>> = {
            let state = lock(&self.state);
            state
                .ended
                .iter()
                .chain([&state.current])
                .map(|segment| segment.file.clone())
                .collect()
        };
        files.iter().try_for_each(|file| file.sync_data())
    }

    /// Removes the ended segments: SQLite has all of their entries, on the disk.
    pub(super) fn remove_ended(&self) -> io::Result<()> {
        let ended = std::mem::take(&mut lock(&self.state).ended);
        ended
            .iter()
            .try_for_each(|segment| std::fs::remove_file(&segment.path))
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Removes everything: it is closed, and all of its entries are in SQLite, on the disk.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.remove_ended()?;
        std::fs::remove_file(&lock(&self.state).current.path)
    }
}

fn segment(folder: &Path, number: u64) -> io::Result<Segment> {
    let path = folder.join(format!("journal-{number:012}"));
    let file = folder::appending(&path)?;
    (&file).write_all(MARK)?;
    // The name has to last as well as what is in it.
    File::open(folder)?.sync_all()?;
    Ok(Segment {
        path,
        file: Arc::new(file),
        length: MARK.len() as u64,
    })
}

/// The segments in the folder, the oldest first.
fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let Some(number) = name
            .strip_prefix("journal-")
            .and_then(|number| number.parse().ok())
        {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads entries up to the first that is not whole. Says whether all was read: a process that is killed leaves whole
/// entries; a machine that stops may tear the last ones, which were then not synced.
fn read(path: &Path, entries: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    let bytes = std::fs::read(path)?;
    if MARK.starts_with(&bytes) {
        // Killed before the first entry.
        return Ok(true);
    }
    let mut rest = bytes.strip_prefix(MARK).unwrap_or(&bytes);
    while let Some((entry, behind)) = unframe(rest) {
        entries.push(entry.to_vec());
        rest = behind;
    }
    if !rest.is_empty() {
        let offset = bytes.len() - rest.len();
        tracing::error!(path = %path.display(), offset, unread = rest.len(), "the journal cannot be read from here on");
    }
    Ok(rest.is_empty())
}

fn frame(entry: &[u8], framed: &mut Vec<u8>) {
    framed.clear();
    framed.reserve(HEAD + entry.len());
    framed.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(u32::MAX).to_le_bytes());
    framed.extend_from_slice(&sum(entry).to_le_bytes());
    framed.extend_from_slice(entry);
}

fn unframe(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (expected, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length))
        .ok()
        .filter(|length| *length <= LONGEST)?;
    let (entry, rest) = rest.split_at_checked(length)?;
    (sum(entry) == u64::from_le_bytes(*expected)).then_some((entry, rest))
}

/// Tells a torn write from a whole one, which is all that is asked of it. Eight bytes at a time.
fn sum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |sum: u64, word: u64| (sum.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let sum = words.iter().fold(bytes.len() as u64, |sum, word| {
        step(sum, u64::from_le_bytes(*word))
    });
    rest.iter()
        .fold(sum, |sum, byte| step(sum, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_appended_is_read_back_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, before) = Journal::open(folder.path()).expect("a journal");

        journal.append(b"one", || ()).expect("room");
        journal.append(b"two", || ()).expect("room");
        let (_, after) = Journal::open(folder.path()).expect("a journal");

        assert!(before.entries.is_empty());
        assert_eq!(after.entries, [b"one".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn an_entry_that_no_reader_would_take_is_refused_and_hides_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path()).expect("a journal");

        let refused = journal.append(&vec![0; LONGEST + 1], || ());
        journal.append(b"one", || ()).expect("room");
        let (_, after) = Journal::open(folder.path()).expect("a journal");

        assert!(refused.is_err() && !after.unread);
        assert_eq!(after.entries, [b"one".to_vec()]);
    }

    #[test]
    fn what_cannot_be_read_is_kept_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path()).expect("a journal");
        journal.append(b"one", || ()).expect("room");
        let (_, path) = segments(folder.path()).expect("a folder").remove(0);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend_from_slice(b"torn");
        std::fs::write(&path, &bytes).expect("written");

        let (_, backlog) = Journal::open(folder.path()).expect("a journal");
        Backlog::dispose(&backlog.files, backlog.unread).expect("moved");

        assert_eq!(backlog.entries, [b"one".to_vec()]);
        assert_eq!(
            std::fs::read(path.with_extension("unread")).expect("kept"),
            bytes
        );
    }

    #[test]
    fn a_closed_journal_takes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path()).expect("a journal");

        journal.close();

        assert!(!journal.rotate().expect("nothing to do"));
        assert!(journal.append(b"late", || ()).is_err());
    }

    #[test]
    fn a_finished_journal_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path()).expect("a journal");

        journal.append(b"one", || ()).expect("room");
        journal.finish().expect("removed");

        assert!(segments(folder.path()).expect("a folder").is_empty());
    }

    proptest! {
        #[test]
        fn a_torn_tail_costs_only_what_was_torn(entries in proptest::collection::vec("[a-z]{0,20}", 1..8), cut in 1usize..40) {
            let folder = tempfile::tempdir().expect("a folder");
            let (journal, _) = Journal::open(folder.path()).expect("a journal");
            for entry in &entries {
                journal.append(entry.as_bytes(), || ()).expect("room");
            }
            let (_, path) = segments(folder.path()).expect("a folder").remove(0);
            let bytes = std::fs::read(&path).expect("read");
            let left = bytes.len().saturating_sub(cut);
            std::fs::write(&path, &bytes[..left]).expect("written");

            let (_, after) = Journal::open(folder.path()).expect("a journal");

            let mut whole = MARK.len();
            let expected = entries.iter().take_while(|entry| { whole += HEAD + entry.len(); whole <= left });
            let expected: Vec<_> = expected.map(|entry| entry.as_bytes().to_vec()).collect();
            prop_assert_eq!(after.entries, expected);
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = &bytes[..];
            while let Some((_, behind)) = unframe(rest) {
                rest = behind;
            }
        }
    }
}
