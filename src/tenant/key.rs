//! A virtual key: who pays, and what it may do. Never its secret.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::domain::clock::Timestamp;
use crate::domain::dialect::Dialect;
use crate::domain::facts::DataClass;
use crate::domain::ids::{KeyId, TenantId};

/// The longest name.
const LONGEST: usize = 128;
/// The most entries in one of a key's lists.
const MOST: usize = 256;

/// A key as it is known to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Its public part.
    pub id: KeyId,
    /// Who pays.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// The models that it may use, `*` standing for anything; `None` for all.
    pub models: Option<Vec<String>>,
    /// The dialects that it may speak; `None` for all.
    pub dialects: Option<Vec<Dialect>>,
    /// Labels that each of its calls bears.
    #[serde(serialize_with = "labels")]
    pub tags: Vec<(String, String)>,
    /// The policies that a caller may choose by header.
    pub policies: Vec<String>,
    /// How far what it sends may go; a caller may be stricter, never laxer.
    pub data_class: DataClass,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// From when on it is refused because it was revoked or rotated; that may lie ahead.
    pub revoked: Option<Timestamp>,
    /// Whether a caller may force a model.
    pub force: bool,
}

fn labels<S: Serializer>(tags: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(tags.len()))?;
    for (name, value) in tags {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

impl Key {
    /// Who calls where nobody has to say so.
    pub fn anybody() -> Self {
        Self::of_anybody("default".into())
    }

    /// Anybody of a tenant: a key that may do everything.
    pub fn of_anybody(tenant: TenantId) -> Self {
        Self {
            id: "open".into(),
            tenant,
            name: "anybody on this machine".into(),
            models: None,
            dialects: None,
            tags: Vec::new(),
            policies: Vec::new(),
            data_class: DataClass::Internal,
            created: Timestamp::from_millis(0),
            expires: None,
            revoked: None,
            force: true,
        }
    }

    /// Whether the key may use the model of this name.
    pub fn may_use(&self, model: &str) -> bool {
        let models = self.models.as_ref();
        models.is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, model)))
    }

    /// Whether the key may call in this dialect.
    pub fn may_speak(&self, dialect: Dialect) -> bool {
        let dialects = self.dialects.as_ref();
        dialects.is_none_or(|dialects| dialects.contains(&dialect))
    }
}

/// Whether a name fits a pattern in which `*` stands for anything, nothing included.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place that fits leaves the most for what follows.
    for part in middle.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(tail)
}

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// Who pays.
    pub tenant: String,
    /// What people call it.
    pub name: String,
    /// See [`Key::models`].
    pub models: Option<Vec<String>>,
    /// See [`Key::dialects`].
    pub dialects: Option<Vec<Dialect>>,
    /// See [`Key::tags`].
    pub tags: Vec<(String, String)>,
    /// See [`Key::policies`].
    pub policies: Vec<String>,
    /// See [`Key::data_class`]; `internal` where nothing is said.
    pub data_class: Option<DataClass>,
    /// See [`Key::expires`].
    pub expires: Option<Timestamp>,
    /// See [`Key::force`].
    pub force: bool,
}

/// What is wrong with a key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAKey {
    /// The field is empty.
    Empty(&'static str),
    /// The field is longer than 128 characters, or its list than 256 entries.
    TooLong(&'static str),
    /// The field has characters that do not print, or spaces at its ends.
    Unprintable(&'static str),
    /// The key would have expired already.
    Expired,
}

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(field) => write!(f, "`{field}` is empty"),
            Self::TooLong(field) => write!(
                f,
                "`{field}` is too long: {LONGEST} characters, {MOST} entries at most"
            ),
            Self::Unprintable(field) => write!(
                f,
                "`{field}` has characters that do not print, or a space at its end"
            ),
            Self::Expired => f.write_str("`expires` lies in the past"),
        }
    }
}

impl std::error::Error for NotAKey {}

impl NewKey {
    /// Checks the fields and makes the key.
    pub(super) fn check(self, id: &str, now: Timestamp) -> Result<Key, NotAKey> {
        name("tenant", &self.tenant)?;
        name("name", &self.name)?;
        names("models", self.models.iter().flatten())?;
        names("policies", self.policies.iter())?;
        names("tags", self.tags.iter().map(|(name, _)| name))?;
        for (_, value) in &self.tags {
            if !value.is_empty() {
                name("tags", value)?;
            }
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(NotAKey::Expired);
        }
        Ok(Key {
            id: id.into(),
            tenant: self.tenant.as_str().into(),
            name: self.name,
            models: self.models,
            dialects: self.dialects,
            tags: self.tags,
            policies: self.policies,
            data_class: self.data_class.unwrap_or(DataClass::Internal),
            created: now,
            expires: self.expires,
            revoked: None,
            force: self.force,
        })
    }
}

fn names<'n>(
    field: &'static str,
    mut names: impl Iterator<Item = &'n String>,
) -> Result<(), NotAKey> {
    for text in names.by_ref().take(MOST) {
        name(field, text)?;
    }
    match names.next() {
        Some(_) => Err(NotAKey::TooLong(field)),
        None => Ok(()),
    }
}

fn name(field: &'static str, text: &str) -> Result<(), NotAKey> {
    if text.trim().is_empty() {
        return Err(NotAKey::Empty(field));
    }
    if text.chars().count() > LONGEST {
        return Err(NotAKey::TooLong(field));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(NotAKey::Unprintable(field));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_people_mean_them() {
        for (pattern, name, fits) in [
            ("base1", "base1", true),
            ("base1", "base10", false),
            ("claude-*", "claude-opus", true),
            ("claude-*", "claude", false),
            ("*", "", true),
            ("*-mini", "gpt-mini-mini", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("a**a", "aa", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn names_are_checked() {
        let named = |name: &str| NewKey {
            tenant: "core".into(),
            name: name.into(),
            ..NewKey::default()
        };
        let now = Timestamp::from_millis(1);
        let check = |new: NewKey| new.check("id", now).map(|_| ());

        assert_eq!(check(named("ci")), Ok(()));
        assert_eq!(check(named("")), Err(NotAKey::Empty("name")));
        assert_eq!(check(named("a\nb")), Err(NotAKey::Unprintable("name")));
        assert_eq!(
            check(named(&"x".repeat(129))),
            Err(NotAKey::TooLong("name"))
        );
        let late = NewKey {
            expires: Some(now),
            ..named("ci")
        };
        assert_eq!(check(late), Err(NotAKey::Expired));
    }
}
