//! Who calls: virtual keys, what each may do, and the directory that knows them.
//!
//! A key's text is shown once, when it is made; only a hash of its secret is kept. What must stay true: a text of the wrong
//! form costs no look-up, and an unknown key takes the same work as a wrong secret.

mod directory;
mod format;
mod key;
mod table;
#[cfg(test)]
mod tests;

pub use directory::{Directory, DirectoryError, KeyFault};
pub use key::{Key, NewKey, NotAKey};
pub use table::ROOM;
