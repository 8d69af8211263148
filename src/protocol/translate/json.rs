//! JSON that is carried as it came: schemas, arguments, and what only one dialect knows. Never a tree of values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Number;
use serde_json::value::RawValue;

/// A text that is borrowed from the body where it has no escapes.
pub type Str<'a> = Cow<'a, str>;

/// A piece of JSON, byte for byte.
#[derive(Clone)]
pub struct Json<'a>(Cow<'a, RawValue>);

impl<'a> Json<'a> {
    /// Reads a text that should be JSON.
    pub fn parse(text: &str) -> Option<Json<'static>> {
        let raw = RawValue::from_string(text.to_owned()).ok()?;
        Some(Json(Cow::Owned(raw)))
    }

    /// `{}`
    pub fn empty() -> Json<'static> {
        Json::parse("{}").expect("an empty object is JSON")
    }

    /// A text as JSON.
    pub fn text(text: &str) -> Json<'static> {
        Self::of(&text)
    }

    /// What a value is written as.
    /// Reads an object.
    pub fn of(value: &impl Serialize) -> Json<'static> {
        let raw = serde_json::value::to_raw_value(value);
        Json(Cow::Owned(raw.expect("texts and numbers are always JSON")))
    }

    /// The JSON.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// It is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// The same without a borrow.
    pub fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self(Cow::Borrowed(raw))
    }
}

impl PartialEq for Json<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json<'_> {}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A body that is not what its dialect says: where, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// The path of the field.
    pub place: String,
    /// What should be there.
    pub wrong: &'static str,
}

impl Misread {
    /// What is wrong, and where.
    pub fn new(place: impl Into<String>, wrong: &'static str) -> Self {
        let place = place.into();
        Self { place, wrong }
    }

    /// The same fault, seen from further out.
    #[must_use]
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        self.place = match self.place.is_empty() {
            true => outer.to_string(),
            false => format!("{outer}.{}", self.place),
        };
        self
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(self.wrong),
            place => write!(f, "the field \"{place}\" is {}", self.wrong),
        }
    }
}

impl std::error::Error for Misread {}

/// An object whose members are taken one by one, so that those which nobody took can be named.
#[derive(Debug)]
pub struct Object<'a> {
    members: Vec<(Str<'a>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Reads an object.
    pub fn read(json: &'a str) -> Result<Self, Misread> {
        let members = serde_json::from_str(json);
        let Members(members) = members.map_err(|_| Misread::new("", "not an object"))?;
        Ok(Self { members })
    }

    /// Reads an object.
    pub fn of(raw: &'a RawValue) -> Result<Self, Misread> {
        Self::read(raw.get())
    }

    /// The member of this name; `null` is none. Of several, the last.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.members.retain(|(key, value)| {
            let same = key == name;
            if same {
                found = Some(*value);
            }
            !same
        });
        found.filter(|raw| raw.get() != "null")
    }

    /// The text of this name, if there is one.
    pub fn text(&mut self, name: &str) -> Result<Option<Str<'a>>, Misread> {
        let raw = self.take(name);
        let read = |raw| text(raw).ok_or_else(|| Misread::new(name, "not a text"));
        raw.map(read).transpose()
    }

    /// A text that must be there.
    pub fn need(&mut self, name: &str) -> Result<Str<'a>, Misread> {
        self.text(name)?
            .ok_or_else(|| Misread::new(name, "missing"))
    }

    /// The yes or no of this name, if there is one.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Misread> {
        self.value(name, "neither true nor false")
    }

    /// The count of this name, if there is one.
    pub fn count(&mut self, name: &str) -> Result<Option<u64>, Misread> {
        self.value(name, "not a count")
    }

    /// The number of this name, its digits kept, if there is one.
    pub fn number(&mut self, name: &str) -> Result<Option<Number>, Misread> {
        self.value(name, "not a number")
    }

    fn value<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        wrong: &'static str,
    ) -> Result<Option<T>, Misread> {
        let raw = self.take(name);
        let read = |raw: &'a RawValue| serde_json::from_str(raw.get());
        raw.map(read)
            .transpose()
            .map_err(|_| Misread::new(name, wrong))
    }

    /// The elements of the list of this name; none where there is no list.
    pub fn list(&mut self, name: &str) -> Result<Vec<&'a RawValue>, Misread> {
        let raw = self.take(name);
        let read = |raw| list(raw).ok_or_else(|| Misread::new(name, "not a list"));
        Ok(raw.map(read).transpose()?.unwrap_or_default())
    }

    /// The texts of the list of this name; none where there is no list.
    pub fn texts(&mut self, name: &str) -> Result<Vec<Str<'a>>, Misread> {
        let list = self.list(name)?.into_iter();
        list.map(|raw| text(raw).ok_or_else(|| Misread::new(name, "not a list of texts")))
            .collect()
    }

    /// The object of this name, if there is one.
    pub fn object(&mut self, name: &str) -> Result<Option<Object<'a>>, Misread> {
        let raw = self.take(name);
        raw.map(|raw| Self::of(raw).map_err(|wrong| wrong.within(name)))
            .transpose()
    }

    /// The member of this name as it came, if there is one.
    pub fn json(&mut self, name: &str) -> Option<Json<'a>> {
        self.take(name).map(Json::from)
    }

    /// What nobody took, `null` left out.
    pub fn rest(self) -> impl Iterator<Item = (Str<'a>, Json<'a>)> {
        let told = self
            .members
            .into_iter()
            .filter(|(_, raw)| raw.get() != "null");
        told.map(|(name, raw)| (name, Json::from(raw)))
    }
}

/// The text of a JSON string. A half of a surrogate pair, which clients that cut by UTF-16 units send, is read as a mark of its own.
pub fn text(raw: &RawValue) -> Option<Str<'_>> {
    unquoted(raw.get())
}

/// The same of a piece of JSON that was cut out of a whole.
pub fn unquoted(json: &str) -> Option<Str<'_>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    match serde_json::from_str(json) {
        Ok(text) => Some(Cow::Owned(text)),
        Err(_) => {
            let mut plain = String::new();
            crate::protocol::escape::unescape(inside, usize::MAX, &mut plain);
            Some(Cow::Owned(plain))
        }
    }
}

/// The elements of a JSON array.
pub fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

struct Members<'a>(Vec<(Str<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Str<'de>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Self)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Str<'a>);
