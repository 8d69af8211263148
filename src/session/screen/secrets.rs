//! Finds keys, tokens and passwords in a text: what kind, and where. Never what they say: nothing here keeps or shows a value.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use super::anchors::Anchors;
use super::assigned;
use super::kinds::{Kind, Kinds};
use super::rules::{Form, GROUPS, Rule, Shape};
use super::shapes;
use super::text::{Set, Value, char_at, char_before};

/// A secret, by kind and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it opens.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
}

/// What a shape made of an anchor.
pub(super) type Hit = Option<(Kind, Range<usize>)>;

/// A place that a rule points to.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    pub(super) text: &'t [u8],
    /// Where the anchor begins.
    pub(super) at: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What the rule says that it is.
    pub(super) kind: Kind,
}

/// The rules, ready to be asked.
struct Group {
    anchors: Anchors,
    /// By anchor.
    rules: Vec<(&'static Rule, usize)>,
}

static ALL: LazyLock<Vec<Group>> = LazyLock::new(|| GROUPS.iter().map(Group::new).collect());

impl Group {
    fn new(rules: &&'static [Rule]) -> Self {
        let each = |rule: &'static Rule| rule.anchors.iter().map(move |anchor| (rule, *anchor));
        let all: Vec<(&Rule, &str)> = rules.iter().flat_map(each).collect();
        let texts: Vec<&str> = all.iter().map(|(_, anchor)| *anchor).collect();
        Self {
            anchors: Anchors::new(&texts),
            rules: all.iter().map(|(rule, it)| (*rule, it.len())).collect(),
        }
    }

    fn find(&self, text: &[u8], each: &mut impl FnMut(Found)) {
        for (which, at) in self.anchors.all(text) {
            let (rule, length) = self.rules[which];
            let place = Place {
                text,
                at,
                end: at + length,
                kind: rule.kind,
            };
            if let Some((kind, at)) = place.judge(rule) {
                each(Found { kind, at });
            }
        }
    }
}

/// Calls `each` with every secret in a text of JSON, or any other. The order is no particular one, and one secret may be
/// found by two rules.
pub fn find(text: &[u8], mut each: impl FnMut(Found)) {
    ALL.iter().for_each(|group| group.find(text, &mut each));
}

/// The kinds of secrets in a text.
pub fn kinds(text: &[u8]) -> Kinds {
    let mut kinds = Kinds::default();
    find(text, |found| kinds.add(found.kind));
    kinds
}

impl Place<'_> {
    fn judge(&self, rule: &Rule) -> Hit {
        match &rule.form {
            Form::Token {
                set,
                least,
                most,
                sound,
            } => self.token(*set, (*least, *most), *sound),
            Form::Shape(shape) => match shape {
                Shape::Pem => shapes::pem(self),
                Shape::Putty => shapes::putty(self),
                Shape::Jwt => shapes::jwt(self),
                Shape::OpenAi => shapes::openai(self),
                Shape::Stripe => shapes::stripe(self),
                Shape::Telegram => shapes::telegram(self),
                Shape::Twilio => shapes::twilio(self),
                Shape::SlackHook => shapes::slack_hook(self),
                Shape::AzureAccount => shapes::azure_key(self, 88),
                Shape::AzureShared => shapes::azure_key(self, 44),
                Shape::AzureSignature => shapes::azure_signature(self),
                Shape::Url => shapes::url(self),
                Shape::Header => shapes::header(self),
                Shape::Password | Shape::Assigned => assigned::find(self),
            },
        }
    }

    /// A token from the anchor on.
    fn token(&self, set: Set, (least, most): (usize, usize), sound: fn(&[u8]) -> bool) -> Hit {
        if !self.begins(self.at) {
            return None;
        }
        let mut value = Value::read(self.text, self.end, set, most);
        value.trim_dots();
        let whole = (least..=most).contains(&value.bytes().len()) && self.ends(value.end, set);
        (whole && sound(value.bytes())).then(|| self.hit(self.at, value.end))
    }

    /// No word goes on at `start`.
    pub(super) fn begins(&self, start: usize) -> bool {
        !Set::Word.has(char_before(self.text, start))
    }

    /// No letter of the set goes on at `end`. The full stop of a sentence is none.
    pub(super) fn ends(&self, end: usize, set: Set) -> bool {
        match char_at(self.text, end) {
            Some((b'.', next)) => char_at(self.text, next).is_none_or(|(c, _)| !set.has(c)),
            Some((c, _)) => !set.has(c),
            None => true,
        }
    }

    /// Found, as the rule says.
    pub(super) fn hit(&self, start: usize, end: usize) -> (Kind, Range<usize>) {
        (self.kind, start..end)
    }
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({}..{})", self.at, self.end)
    }
}
