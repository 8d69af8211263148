//! Answers that callers go on from by name, with what they answered: whoever answers next may be another, who knows nothing of
//! them and has to be told all of it.
//!
//! What such callers name may be the last answer of a conversation (`previous_response_id`) or items of any (`item_reference`).
//! What a call brought and what was answered is kept for the key that it came by, unless the caller wants nothing kept. The room is
//! that of its shelf; of a conversation of which a part is gone nothing can be told.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keep::{Given, Shelf};
use super::talk::Talks;
use crate::domain::dialect::Endpoint;
use crate::domain::ids::{KeyId, TargetId};
use crate::protocol::call::Call;
use crate::protocol::scan::{elements, members};
use crate::store::StoreError;

use self::items::{Items, with_input};

mod items;

/// Stands where an item is only named.
const REFERENCE: &[u8] = b"\"item_reference\"";
/// The longest call with its answer that is kept, in bytes.
const LONGEST: usize = 8 << 20;
/// The longest conversation that is put together.
const WHOLE: usize = 32 << 20;
/// The most that is read to find items that a call only names: each is looked for in all of its answer.
const READ: usize = 4 * WHOLE;
/// The most turns of one.
const TURNS: usize = 10_000;

/// One call and its answer.
#[derive(Serialize, Deserialize)]
struct Link<'a> {
    /// The answer that the call went on from.
    #[serde(borrow, rename = "p")]
    previous: Option<Cow<'a, str>>,
    /// The target that has the answer too, and knows it by this name.
    #[serde(rename = "t")]
    lies_at: Option<TargetId>,
    /// What all that was said until then gave away.
    #[serde(rename = "g")]
    given: Given,
    /// What the call brought: a text, or a list of items.
    #[serde(borrow, rename = "i")]
    input: Option<&'a RawValue>,
    /// The answer.
    #[serde(borrow, rename = "a")]
    answer: &'a RawValue,
}

/// Where an item of an answer is kept.
#[derive(Serialize, Deserialize)]
struct Place<'a> {
    /// The answer.
    #[serde(borrow, rename = "r")]
    answer: Cow<'a, str>,
    /// Its place in the answer's output.
    #[serde(rename = "n")]
    at: usize,
}

/// What has to be known of an answer to keep it.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    store: Option<bool>,
}

/// A conversation as it can be told to anybody.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The body of the call, with all that was said before in it.
    pub body: Bytes,
    /// The target that has the answer too that the call goes on from.
    pub lies_at: Option<TargetId>,
    /// What all that was said before gave away.
    pub given: Given,
}

/// Why a conversation cannot be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// Something that the call names is not known, or not any more.
    Unknown,
    /// It is known, and more than one call may have read.
    TooLong {
        /// A target has it too.
        elsewhere: bool,
    },
}

impl Untold {
    const TOO_LONG: Self = Self::TooLong { elsewhere: false };
}

/// The answers of one caller.
#[derive(Clone, Debug)]
pub struct Stored {
    talks: Talks,
    caller: KeyId,
}

impl Stored {
    /// Of the answers that came by this key.
    pub fn of(talks: &Talks, caller: &KeyId) -> Self {
        Self {
            talks: talks.clone(),
            caller: caller.clone(),
        }
    }

    /// Keeps a call and its answer, as the caller is told it. `native` is the target, where it is that which gave the answer its name.
    pub fn keep(&self, call: &Call, answer: &str, native: Option<&TargetId>, given: &Given) {
        let wanted = call.endpoint == Endpoint::Responses && call.asks.stores;
        if !wanted || !self.talks.keeps_answers() || call.size() + answer.len() > LONGEST {
            return;
        }
        // What lies in a conversation of the provider's goes on there.
        if call.asks.conversation.is_some() {
            return;
        }
        let (Ok(told), Ok(answer)) = (serde_json::from_str::<Told<'_>>(answer), raw(answer)) else {
            return;
        };
        // What has yet to be answered, or failed, is nothing to go on from.
        if !matches!(told.status.as_deref(), Some("completed" | "incomplete")) {
            return;
        }
        let body = String::from_utf8_lossy(call.body());
        let link = Link {
            previous: call.asks.previous.as_deref().map(Cow::Borrowed),
            lies_at: native.filter(|_| told.store != Some(false)).cloned(),
            given: given.clone(),
            input: member(&body, "input"),
            answer,
        };
        if let Ok(text) = serde_json::to_string(&link) {
            self.talks.shelve(Shelf::Answer, self.id(&told.id), &text);
            self.keep_places(&told.id, answer);
        }
    }

    /// Remembers by their names where the items of an answer are.
    fn keep_places(&self, id: &str, answer: &RawValue) {
        let Some(output) = member(answer.get(), "output") else {
            return;
        };
        let mut at = 0;
        elements(output.get(), |item| {
            let answer = Cow::Borrowed(id);
            let named = serde_json::from_str::<Named<'_>>(item).ok();
            if let Some(name) = named.and_then(|named| named.id)
                && let Ok(place) = serde_json::to_string(&Place { answer, at })
            {
                self.talks.shelve(Shelf::Answer, self.id(&name), &place);
            }
            at += 1;
        });
    }

    /// Whether a call names something that was said and does not bring it.
    pub fn refers(call: &Call) -> bool {
        let responses = call.endpoint == Endpoint::Responses;
        let named = || memmem::find(call.body(), REFERENCE).is_some();
        responses && (call.asks.previous.is_some() || named())
    }

    /// What a call that names what was said is with all of it in it.
    pub fn whole(&self, call: &Call) -> Result<Whole, Untold> {
        let mut named = Known::default();
        let previous = call.asks.previous.as_deref();
        self.put_together(call, &mut named)
            .map_err(|why| match why {
                Untold::Unknown => why,
                Untold::TooLong { .. } => {
                    let lies_at = previous.and_then(|id| self.lies_at(id));
                    let elsewhere = lies_at.is_some() || named.places.iter().any(Option::is_some);
                    Untold::TooLong { elsewhere }
                }
            })
    }

    fn put_together(&self, call: &Call, named: &mut Known) -> Result<Whole, Untold> {
        let mut previous = call.asks.previous.clone();
        let (mut links, mut size) = (Vec::new(), call.size());
        while let Some(id) = previous {
            let text = self.text(&id).ok_or(Untold::Unknown)?;
            size += text.len();
            if size > WHOLE || links.len() == TURNS {
                return Err(Untold::TOO_LONG);
            }
            let link = link(&text).ok_or(Untold::Unknown)?;
            previous = link.previous.map(Cow::into_owned);
            links.push(text);
        }
        let body = std::str::from_utf8(call.body()).map_err(|_| Untold::Unknown)?;
        let mut items = Items::default();
        for text in links.iter().rev() {
            let link = link(text).ok_or(Untold::Unknown)?;
            self.add(&mut items, link.input, named)?;
            items.add(member(link.answer.get(), "output"));
            // Only what this call names itself has to lie where it goes.
            *named = Known {
                given: link.given.clone(),
                places: vec![link.lies_at],
            };
        }
        self.add(&mut items, member(body, "input"), named)?;
        Ok(Whole {
            body: with_input(body, &items.json).into(),
            lies_at: named.lies_at(),
            given: std::mem::take(&mut named.given),
        })
    }

    /// Adds items, those that are only named as they were.
    fn add(
        &self,
        items: &mut Items,
        json: Option<&RawValue>,
        known: &mut Known,
    ) -> Result<(), Untold> {
        let refers = |json: &str| memmem::find(json.as_bytes(), REFERENCE).is_some();
        let Some(list) = json.filter(|json| refers(json.get())) else {
            items.add(json);
            return Ok(());
        };
        let mut whole = Ok(());
        elements(list.get(), |item| {
            if whole.is_ok() {
                match name_of(item) {
                    None => items.push(item),
                    Some(name) => whole = self.named(&name, items, known),
                }
            }
        });
        whole
    }

    /// Adds the item of this name.
    fn named(&self, name: &str, items: &mut Items, known: &mut Known) -> Result<(), Untold> {
        let place = self.text(name).ok_or(Untold::Unknown)?;
        let Place { answer, at } = serde_json::from_str(&place).map_err(|_| Untold::Unknown)?;
        let text = self.text(&answer).ok_or(Untold::Unknown)?;
        items.read += text.len();
        if items.read > READ {
            return Err(Untold::TOO_LONG);
        }
        let (item, link) = item(&text, at).ok_or(Untold::Unknown)?;
        items.push(item);
        known.places.push(link.lies_at);
        known.given.add(&link.given);
        match items.json.len() <= WHOLE {
            true => Ok(()),
            false => Err(Untold::TOO_LONG),
        }
    }

    /// An answer as its caller was told it, and what the call brought that it answered.
    pub fn answer(&self, id: &str) -> Option<(Bytes, Vec<String>)> {
        let text = self.text(id)?;
        let link = link(&text)?;
        let mut items = Items::default();
        items.add(link.input);
        let mut list = Vec::new();
        elements(&format!("[{}]", items.json), |item| {
            list.push(item.to_owned())
        });
        Some((link.answer.get().to_owned().into(), list))
    }

    /// The target that has an answer of this name, if it is known to lie at one.
    pub fn lies_at(&self, id: &str) -> Option<TargetId> {
        match self.text(id).as_deref().and_then(link) {
            Some(link) => link.lies_at,
            None => self.talks.lies_at(self.id(id)),
        }
    }

    /// Throws an answer away, for good. Returns whether it was there.
    pub async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        // Items of answers have names as well.
        let there = self.text(id).is_some_and(|text| link(&text).is_some());
        if there {
            self.talks.unshelve(Shelf::Answer, self.id(id)).await?;
        }
        Ok(there)
    }

    fn id(&self, id: &str) -> u64 {
        self.talks.answer(&self.caller, id)
    }

    fn text(&self, id: &str) -> Option<std::sync::Arc<str>> {
        self.talks.shelved(Shelf::Answer, self.id(id))
    }
}

/// What is known of what a call names.
#[derive(Default)]
struct Known {
    given: Given,
    /// Where each of it lies.
    places: Vec<Option<TargetId>>,
}

impl Known {
    /// The one target that has all of it.
    fn lies_at(&self) -> Option<TargetId> {
        let first = self.places.first()?;
        let same = self.places.iter().all(|place| place == first);
        first.clone().filter(|_| same)
    }
}

/// An item's name and kind.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// The name that stands in the place of an item.
fn name_of(item: &str) -> Option<String> {
    let named = serde_json::from_str::<Named<'_>>(item).ok()?;
    let id = named
        .id
        .filter(|_| named.kind.as_deref() == Some("item_reference"));
    id.map(Cow::into_owned)
}

fn link(text: &str) -> Option<Link<'_>> {
    serde_json::from_str(text).ok()
}

/// The item that stands at this place in an answer's output.
fn item(text: &str, at: usize) -> Option<(&str, Link<'_>)> {
    let link = link(text)?;
    let (output, mut n) = (member(link.answer.get(), "output")?, 0);
    let mut found = None;
    elements(output.get(), |item| {
        if n == at {
            found = Some(item);
        }
        n += 1;
    });
    Some((found?, link))
}

fn raw(json: &str) -> serde_json::Result<&RawValue> {
    serde_json::from_str(json)
}

fn member<'a>(body: &'a str, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    members(body, |key, value| {
        if key == name && value != "null" {
            found = raw(value).ok();
        }
    });
    found
}

#[cfg(test)]
mod tests;
