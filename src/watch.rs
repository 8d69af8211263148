//! Reloads when a file changes, and when the operator says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::live::Live;

/// Editors write a file in several steps: the last one counts.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches for as long as it lives.
pub type Watcher = notify::RecommendedWatcher;

/// Watches files and folders, and listens for SIGHUP.
pub fn watch(
    paths: &[PathBuf],
    live: Live,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Option<Watcher> {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let hup = changed.clone();
    let token = stop.clone();
    // Before anything waits: without it the signal would end the process.
    let signals = signal(SignalKind::hangup());
    tasks.spawn(async move {
        let Ok(mut signals) = signals else { return };
        while let Some(Some(())) = token.run_until_cancelled(signals.recv()).await {
            // A full channel means that a reload is due anyway.
            let _ = hup.try_send(());
        }
    });
    tasks.spawn(async move {
        while let Some(Some(())) = stop.run_until_cancelled(changes.recv()).await {
            tokio::time::sleep(SETTLE).await;
            let _ = changes.try_recv();
            let live = live.clone();
            // The faults have been logged; what was in force stays.
            let _ = tokio::task::spawn_blocking(move || live.reload().is_ok()).await;
        }
    });
    watcher(paths, changed)
}

fn watcher(paths: &[PathBuf], changed: mpsc::Sender<()>) -> Option<Watcher> {
    // Events name absolute paths when absolute paths are watched.
    let watched: Vec<PathBuf> = paths
        .iter()
        .filter_map(|path| std::path::absolute(path).ok())
        .collect();
    let ours_in = watched.clone();
    let notice = move |event: notify::Result<notify::Event>| {
        // Mounted configurations change by swapping a link called `..data`.
        let swapped = |path: &Path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b".."))
        };
        let ours = |path: &PathBuf| {
            ours_in
                .iter()
                .any(|one| path == one || path.parent() == Some(one))
                || swapped(path)
        };
        let touched =
            event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(ours));
        if touched {
            let _ = changed.try_send(());
        }
    };
    let mut watcher = match notify::recommended_watcher(notice) {
        Ok(watcher) => watcher,
        Err(error) => {
            warn!(%error, "files cannot be watched; send SIGHUP after a change");
            return None;
        }
    };
    for path in &watched {
        // A file is watched through its folder: editors replace it.
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(path)
        };
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            warn!(path = %folder.display(), %error, "a folder cannot be watched; send SIGHUP after a change in it");
        }
    }
    Some(watcher)
}
