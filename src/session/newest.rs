//! The newest call of each editor: what is typed changes faster than models answer, and only the last question still matters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use tokio_util::sync::CancellationToken;

use super::hash::Key;
use super::identity;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{KeyId, RequestId};

/// When a call came; of two at one moment, the later one's request sorts behind.
type When = (Timestamp, RequestId);

/// Editors whose calls are under way. A clone is the same. There are never more of them than calls.
#[derive(Clone, Debug)]
pub struct Editors {
    key: Key,
    calls: Arc<Mutex<HashMap<u64, Call>>>,
}

#[derive(Debug)]
struct Call {
    when: When,
    over: CancellationToken,
}

/// The place of a call under way. Dropped, it is free.
#[derive(Debug)]
pub struct Place {
    editors: Editors,
    editor: u64,
    when: When,
    over: CancellationToken,
}

impl Editors {
    /// Tells editors apart by hashes with this key.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            calls: Arc::default(),
        }
    }

    /// Gives a call the place of its editor, and ends the call that had it. `None` where nothing tells the editor: a key alone
    /// may be shared by people, and the newer call of one must not end the other's.
    pub fn enter(&self, headers: &HeaderMap, caller: &KeyId, when: When) -> Option<Place> {
        let editor = identity::editor(headers, caller, &self.key)?;
        let over = CancellationToken::new();
        let mut calls = self.calls();
        match calls.get(&editor) {
            // It was overtaken on its way here.
            Some(newer) if newer.when > when => over.cancel(),
            _ => {
                let call = Call {
                    when,
                    over: over.clone(),
                };
                if let Some(older) = calls.insert(editor, call) {
                    older.over.cancel();
                }
            }
        }
        Some(Place {
            editors: self.clone(),
            editor,
            when,
            over,
        })
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Fires when a newer call has taken the place.
    pub fn over(&self) -> &CancellationToken {
        &self.over
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.editors.calls();
        if calls
            .get(&self.editor)
            .is_some_and(|it| it.when == self.when)
        {
            calls.remove(&self.editor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editors() -> Editors {
        Editors::new(Key::new([1; 16]))
    }

    fn enter(editors: &Editors, caller: &str, session: Option<&str>, moment: i64) -> Option<Place> {
        let mut headers = HeaderMap::new();
        if let Some(session) = session {
            headers.insert("x-tollgate-session", session.parse().expect("a value"));
        }
        let when = (Timestamp::from_millis(moment), RequestId(1));
        editors.enter(&headers, &caller.into(), when)
    }

    #[test]
    fn a_newer_call_of_the_same_editor_ends_the_older_and_no_other() {
        let editors = editors();
        let one = enter(&editors, "k", Some("a"), 1).expect("a place");
        let other = enter(&editors, "k", Some("b"), 1).expect("a place");
        let stranger = enter(&editors, "k2", Some("a"), 1).expect("a place");

        let two = enter(&editors, "k", Some("a"), 2).expect("a place");

        assert!(one.over().is_cancelled());
        assert!([&two, &other, &stranger].map(|it| it.over().is_cancelled()) == [false; 3]);
        assert!(enter(&editors, "k", None, 3).is_none(), "nobody is told");
    }

    #[test]
    fn a_call_that_was_overtaken_on_its_way_ends_itself() {
        let editors = editors();
        let newer = enter(&editors, "k", Some("a"), 2).expect("a place");

        let older = enter(&editors, "k", Some("a"), 1).expect("a place");

        assert!(older.over().is_cancelled() && !newer.over().is_cancelled());
    }

    #[test]
    fn nothing_is_left_of_calls_that_have_ended() {
        let editors = editors();
        let one = enter(&editors, "k", Some("a"), 1);
        let two = enter(&editors, "k", Some("a"), 2);

        drop(one);
        assert_eq!(editors.calls().len(), 1, "the newer one is still under way");
        drop(two);

        assert!(editors.calls().is_empty());
    }
}
