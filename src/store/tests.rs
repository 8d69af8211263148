//! The store on a real disk: opening, writing, syncing, faults.

use std::any::Any;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Health, OpenError, Owed, Room, Settings, Store, StoreError};

const NOTES: Room = Room {
    name: "notes",
    steps: &["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"],
};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&Settings::at(path), &[NOTES])
}

fn put(text: &str) -> super::Work {
    let text = text.to_owned();
    Box::new(move |conn: &Connection| {
        conn.prepare_cached("INSERT INTO notes (text) VALUES (?1)")?
            .execute([&text])
            .map(|_| ())
    })
}

async fn texts(store: &Store) -> Vec<String> {
    let read = store.read(|conn| {
        conn.prepare("SELECT text FROM notes ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect()
    });
    read.await.expect("a read")
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let dir = folder();
    let store = open(&dir.path().join("s")).expect("a new store");
    let first = store
        .begin(put("one"))
        .await
        .expect("room")
        .committed()
        .await
        .expect("a commit");
    store
        .slot()
        .await
        .expect("a slot")
        .send(b"entry", put("two"));
    store.synced(first).await.expect("on the disk");
    assert_eq!(texts(&store).await, ["one", "two"]);

    store.close().await;

    assert_eq!(store.health(), Health::Dead);
    assert!(matches!(
        store.begin(put("late")).await,
        Err(StoreError::Closed)
    ));
    let again = open(&dir.path().join("s")).expect("the same store");
    assert_eq!(texts(&again).await, ["one", "two"]);
}

#[tokio::test]
async fn dropping_the_store_writes_what_is_queued() {
    let dir = folder();
    let store = open(dir.path()).expect("a store");
    let spare = store.slot().await.expect("a slot");
    for text in ["a", "b"] {
        store
            .slot()
            .await
            .expect("a slot")
            .send(b"entry", put(text));
    }

    drop(store);
    spare.send(b"entry", put("nowhere"));

    assert_eq!(
        texts(&open(dir.path()).expect("unlocked")).await,
        ["a", "b"]
    );
}

#[tokio::test]
async fn a_bad_statement_fails_alone() {
    let dir = folder();
    let store = open(dir.path()).expect("a store");
    let good = store.begin(put("good")).await.expect("room");
    let bad = store
        .begin(Box::new(|conn| {
            conn.execute("INSERT INTO nothing VALUES (1)", [])
                .map(|_| ())
        }))
        .await
        .expect("room");
    let other = store.begin(put("other")).await.expect("room");

    assert!(good.committed().await.is_ok());
    assert!(matches!(bad.committed().await, Err(StoreError::Sql(_))));
    assert!(other.committed().await.is_ok());
    assert_eq!(texts(&store).await, ["good", "other"]);
    assert_eq!(store.health(), Health::Ok);
}

#[test]
fn a_second_handle_on_the_folder_is_refused_and_the_first_is_unharmed() {
    let dir = folder();
    let first = open(dir.path()).expect("a store");

    let second = open(dir.path()).expect_err("locked");

    let me = format!("in use by process {}", std::process::id());
    assert!(second.to_string().contains(&me), "{second}");
    assert_eq!(first.health(), Health::Ok);
}

#[test]
fn garbage_is_refused_and_left_as_it_is() {
    let dir = folder();
    let file = dir.path().join("tollgate.db");
    let garbage = b"this is no database, but someone's precious notes. ".repeat(200);
    fs::write(&file, &garbage).expect("written");

    let fault = open(dir.path()).expect_err("damaged");

    assert!(matches!(fault, OpenError::Corrupt(..)), "{fault:?}");
    assert!(fault.to_string().contains("restore a backup"), "{fault}");
    assert_eq!(fs::read(&file).expect("still there"), garbage);
}

#[test]
fn a_damaged_page_is_refused_and_left_as_it_is() {
    let dir = folder();
    let file = dir.path().join("tollgate.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = open(dir.path()).expect("a store");
        for _ in 0..200 {
            store
                .slot()
                .await
                .expect("a slot")
                .send(b"entry", put(&"x".repeat(500)));
        }
        store.close().await;
    });
    let mut bytes = fs::read(&file).expect("the file");
    let end = bytes.len();
    bytes[end - 8192..end - 4096].fill(0xa5);
    fs::write(&file, &bytes).expect("damaged");

    let fault = open(dir.path()).expect_err("damaged");

    assert!(matches!(fault, OpenError::Corrupt(..)), "{fault:?}");
    assert_eq!(fs::read(&file).expect("still there"), bytes);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let dir = folder();
    let other = Connection::open(dir.path().join("tollgate.db")).expect("a database");
    other
        .execute_batch("CREATE TABLE theirs (x)")
        .expect("a table");
    drop(other);

    assert!(matches!(open(dir.path()), Err(OpenError::Foreign(_))));
}

#[test]
fn a_newer_store_is_refused() {
    let dir = folder();
    let newer = Room {
        name: "notes",
        steps: &["CREATE TABLE notes (id)", "CREATE TABLE more (id)"],
    };
    drop(Store::open(&Settings::at(dir.path()), &[newer]).expect("a store"));

    let fault = open(dir.path()).expect_err("newer");

    assert!(fault.to_string().contains("newer Tollgate"), "{fault}");
}

#[test]
fn a_folder_that_cannot_be_is_refused_with_the_mend() {
    let dir = folder();
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");

    let missing = open(&dir.path().join("no/such")).expect_err("no parent");
    let not_a_folder = open(&file).expect_err("a file");

    assert!(missing.to_string().contains("make the parent"), "{missing}");
    assert!(
        not_a_folder.to_string().contains("is not a folder"),
        "{not_a_folder}"
    );
}

#[cfg(unix)]
#[test]
fn the_folder_and_the_file_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let path = dir.path().join("s");

    let _store = open(&path).expect("a store");

    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&path), mode(&path.join("tollgate.db"))),
        (0o700, 0o600)
    );
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_refused_with_the_mend() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).expect("set");
    // Root may write anywhere; there is nothing to see then.
    if fs::write(dir.path().join("probe"), "").is_ok() {
        return;
    }

    let fault = open(dir.path()).expect_err("read only");

    assert!(fault.to_string().contains("change its owner"), "{fault}");
}

/// A note that takes up later ones about the same.
struct Gathering(u128, Vec<String>);

impl Owed for Gathering {
    fn apply(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let text = self.1.join("+");
        conn.execute("INSERT INTO notes (text) VALUES (?1)", [text])
            .map(drop)
    }

    fn about(&self) -> Option<u128> {
        Some(self.0)
    }

    fn join(&mut self, later: Box<dyn Owed>) -> Result<(), Box<dyn Owed>> {
        if self.1.len() == 2 {
            return Err(later);
        }
        let later: Box<dyn Any> = later;
        self.1
            .extend(later.downcast::<Self>().expect("about one thing").1);
        Ok(())
    }
}

#[tokio::test]
async fn what_meets_in_the_queue_is_written_together_if_it_can_be() {
    let dir = folder();
    let store = open(dir.path()).expect("a store");
    // What is asked for holds the writer up, until all is queued.
    let (release, held) = mpsc::channel::<()>();
    let (began, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let begun = store.begin(Box::new(move |_| {
        let _ = (began.send(()), held.recv());
        Ok(())
    }));
    let begun = begun.await.expect("room");
    runs.recv().await.expect("the writer runs");
    for (about, text) in [(1, "a"), (2, "b"), (1, "c"), (1, "d"), (1, "e"), (2, "f")] {
        let slot = store.slot().await.expect("a slot");
        slot.send(b"entry", Gathering(about, vec![text.to_owned()]));
    }

    drop(release);

    begun.committed().await.expect("a commit");
    assert_eq!(texts(&store).await, ["a+c", "b+f", "d+e"]);
}

/// A write that finds the disk full while the flag is up.
fn put_unless(full: &Arc<AtomicBool>, text: &str) -> super::Work {
    let (full, mut work) = (Arc::clone(full), put(text));
    Box::new(move |conn: &Connection| {
        work(conn)?;
        match full.load(Ordering::SeqCst) {
            true => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                None,
            )),
            false => Ok(()),
        }
    })
}

#[tokio::test]
async fn on_a_full_disk_new_work_is_refused_and_what_is_owed_lands_later_in_order() {
    let dir = folder();
    let store = open(dir.path()).expect("a store");
    let full = Arc::new(AtomicBool::new(true));
    let slots = [
        store.slot().await.expect("a slot"),
        store.slot().await.expect("a slot"),
    ];

    let refused = store.begin(put_unless(&full, "new")).await.expect("room");
    assert!(matches!(refused.committed().await, Err(StoreError::Full)));

    assert_eq!(store.health(), Health::DiskFull);
    assert!(matches!(store.slot().await, Err(StoreError::Full)));
    assert!(!dir.path().join("reserve").exists());
    let [first, second] = slots;
    first.send(b"entry", put_unless(&full, "first"));
    second.send(b"entry", put("second"));
    assert_eq!(texts(&store).await, [""; 0]);
    full.store(false, Ordering::SeqCst);
    while store.health() == Health::DiskFull {
        store.flush().await.expect("tried");
    }
    assert_eq!(texts(&store).await, ["first", "second"]);
    assert!(dir.path().join("reserve").exists());
    assert!(store.slot().await.is_ok());
}

/// On a small disk of its own: `mount -t tmpfs -o size=40m none DIR; TOLLGATE_SMALL_DISK=DIR cargo test -- --ignored small_disk`.
#[tokio::test]
#[ignore = "needs a small disk"]
#[expect(clippy::disallowed_methods, reason = "a test by hand")]
async fn a_small_disk_fills_and_recovers() {
    let path = std::env::var("TOLLGATE_SMALL_DISK").expect("a folder");
    let path = Path::new(&path);
    let store = open(&path.join("s")).expect("a store");
    let slot = store.slot().await.expect("a slot");
    let ballast = path.join("ballast");
    let mut bytes = fs::File::create(&ballast).expect("a file");
    while std::io::Write::write_all(&mut bytes, &[7; 4096]).is_ok() {}

    let mut refused = false;
    for _ in 0..1_000 {
        match store.begin(put(&"x".repeat(3_000))).await {
            Ok(pending) => refused |= pending.committed().await.is_err(),
            Err(_) => refused = true,
        }
    }
    assert!(refused);
    assert_eq!(store.health(), Health::DiskFull);
    slot.send(b"entry", put("owed"));
    assert!(texts(&store).await.contains(&"owed".to_owned()));

    drop(bytes);
    fs::remove_file(&ballast).expect("removed");
    while store.health() == Health::DiskFull {
        store.flush().await.expect("tried");
    }
    assert!(
        store
            .write(|conn| conn.execute("DELETE FROM notes", []))
            .await
            .is_ok()
    );
}
