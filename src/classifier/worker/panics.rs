//! Keeps the messages of the net's panics to itself: one about a text's inside quotes the text, and prompts are not logged.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;
use std::thread;

use super::NAME;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on a panic of the classifier's thread leaves its place here and prints nothing; all others go on as before.
pub(super) fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(NAME) {
                return others(panic);
            }
            let place = panic.location().map(ToString::to_string);
            LAST.with_borrow_mut(|last| *last = place.unwrap_or_default());
        }));
    });
}

/// Where this thread has panicked last.
pub(super) fn last() -> String {
    LAST.with_borrow(Clone::clone)
}
