//! What values in a file may point to: other files, variables, secrets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::node::Kind;
use super::reader::{Cursor, quoted};
use crate::domain::secret::Secret;

/// Words that stand in examples, never in a real deployment.
const EXAMPLES: [&str; 8] = [
    "changeme",
    "change-me",
    "change_me",
    "secret",
    "password",
    "todo",
    "your-key",
    "your-api-key",
];

/// The environment, and the folder that files are named relative to.
#[derive(Default)]
pub(crate) struct Ground {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) folder: PathBuf,
    /// Files whose change means reading everything again.
    pub(crate) watched: RefCell<Vec<PathBuf>>,
}

impl Ground {
    /// Reads the name of a file or folder. In the file it is relative to the file's folder, elsewhere to where the program runs.
    pub(crate) fn path(&self, cursor: &Cursor<'_>) -> Option<PathBuf> {
        let path = Path::new(cursor.text()?);
        Some(if cursor.node.place.is_file() {
            self.folder.join(path)
        } else {
            path.to_owned()
        })
    }

    /// Reads the name of a file that must be there.
    pub(crate) fn file(&self, cursor: &Cursor<'_>) -> Option<PathBuf> {
        let path = self.path(cursor)?;
        if path.is_file() {
            return Some(path);
        }
        let what = format!("there is no file {}", quoted(&path.to_string_lossy()));
        cursor.fault(what, "");
        None
    }

    /// Reads a secret. It never stands in the file, and what does is not shown again.
    pub(crate) fn secret(&self, cursor: &Cursor<'_>) -> Option<Secret> {
        match &cursor.node.kind {
            Kind::Text(text) if !cursor.node.place.is_file() => {
                self.fit(text, cursor, &cursor.node.place.to_string())
            }
            Kind::Map(_) => self.pointed(cursor),
            Kind::Empty | Kind::Text(_) | Kind::List(_) => {
                let mend = "write { env: NAME } or { file: PATH }";
                cursor.fault("a secret does not stand in the file", mend);
                None
            }
        }
    }

    fn pointed(&self, cursor: &Cursor<'_>) -> Option<Secret> {
        let fields = cursor.fields(&["env", "file"])?;
        match (fields.get("env"), fields.get("file")) {
            (Some(env), None) => {
                let name = env.text()?;
                let Some(text) = self.env.get(name) else {
                    // What does not look like a variable's name may be the secret itself.
                    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
                    let shown = if name.bytes().all(plain) {
                        name
                    } else {
                        "named here"
                    };
                    let what = format!("the environment variable {shown} is not set");
                    env.fault(what, "set it, or leave the key out");
                    return None;
                };
                self.fit(text, &env, &format!("the environment variable {name}"))
            }
            (None, Some(file)) => {
                let path = self.path(&file)?;
                let name = quoted(&path.to_string_lossy());
                match std::fs::read_to_string(&path) {
                    Ok(text) => {
                        self.watched.borrow_mut().push(path);
                        self.fit(&text, &file, &format!("the file {name}"))
                    }
                    Err(error) => {
                        file.fault(format!("the file {name} cannot be read: {error}"), "");
                        None
                    }
                }
            }
            _ => {
                let what = "a secret comes from one place";
                cursor.fault(what, "write { env: NAME } or { file: PATH }");
                None
            }
        }
    }

    fn fit(&self, text: &str, cursor: &Cursor<'_>, source: &str) -> Option<Secret> {
        let text = text.trim();
        let example = EXAMPLES.iter().any(|word| word.eq_ignore_ascii_case(text));
        let what = if text.is_empty() {
            format!("{source} is empty")
        } else if example || (text.starts_with('<') && text.ends_with('>')) {
            format!("{source} holds a word from an example")
        } else if !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            format!("{source} holds letters that a header cannot carry")
        } else {
            return Some(Secret::new(text));
        };
        cursor.fault(what, "set it to the real one");
        None
    }
}
