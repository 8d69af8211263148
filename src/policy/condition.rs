//! What a rule asks of a call. Asking costs no allocation.

use serde::{Deserialize, Serialize};

use crate::domain::clock::{Timestamp, mix};
use crate::domain::dialect::Dialect;
use crate::domain::facts::{DataClass, Facts, Language, Paths, Task, Turn};
use crate::domain::path_glob::PathGlob;
use crate::domain::share::Share;

use super::glob::Glob;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440;

/// What a rule asks of a call. Where several are listed, any of them will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// Every one of these.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// Who pays.
    Tenant(Vec<Glob>),
    /// By which key.
    Key(Vec<Glob>),
    /// A tag of the call has one of these values.
    Tag(Box<str>, Vec<Glob>),
    /// The format that the caller speaks.
    Dialect(Vec<Dialect>),
    /// The model that the caller named.
    Requested(Vec<Glob>),
    /// Kind of work.
    Task(Vec<Task>),
    /// How hard the work is thought to be.
    Difficulty(Bounds<f32>),
    /// What the code is written in.
    Language(Vec<Language>),
    /// A file that the call names.
    Path(Vec<PathGlob>),
    /// The size of the prompt.
    PromptTokens(Bounds<u64>),
    /// Whether tools are offered.
    Tools(bool),
    /// Whether there are images.
    Images(bool),
    /// The call's class is this one or a stricter one: raising the class never leads out of a rule.
    DataClass(DataClass),
    /// Whether a secret stands in the call.
    Secrets(bool),
    /// Who spoke last.
    Turn(Vec<Turn>),
    /// How often the person has spoken.
    Turns(Bounds<u64>),
    /// The conversation belongs to a part of them all.
    Share(Portion),
    /// The time of the week.
    Hours(Vec<Hours>),
}

impl Condition {
    /// Whether a call fits.
    pub fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Not(part) => !part.holds(facts),
            Self::Tenant(globs) => named(globs, facts.tenant.as_str()),
            Self::Key(globs) => named(globs, facts.key.as_str()),
            Self::Tag(name, globs) => {
                let mut tags = facts.tags.iter();
                tags.any(|(tag, value)| **tag == **name && named(globs, value))
            }
            Self::Dialect(dialects) => dialects.contains(&facts.endpoint.dialect()),
            Self::Requested(globs) => named(globs, &facts.asked),
            Self::Task(tasks) => tasks.contains(&facts.class.task),
            Self::Difficulty(bounds) => bounds.hold(facts.standing.belief.mean as f32),
            Self::Language(languages) => languages.contains(&facts.class.language),
            Self::Path(globs) => globs.iter().any(|glob| touched(glob, &facts.paths)),
            Self::PromptTokens(bounds) => bounds.hold(facts.prompt.0),
            Self::Tools(wanted) => facts.tools == *wanted,
            Self::Images(wanted) => facts.images == *wanted,
            Self::DataClass(least) => facts.data_class >= *least,
            Self::Secrets(wanted) => facts.secrets == *wanted,
            // The first word of a conversation is a word of the person.
            Self::Turn(turns) => {
                let first = facts.turn == Turn::First && turns.contains(&Turn::User);
                first || turns.contains(&facts.turn)
            }
            Self::Turns(bounds) => bounds.hold(u64::from(facts.turns)),
            Self::Share(portion) => portion.takes(facts.draw),
            Self::Hours(hours) => hours.iter().any(|hours| hours.hold(facts.at)),
        }
    }

    /// What a caller could say to step out of this condition, where it asks for the absence of such a thing: its own words are
    /// no way out of a rule that guards data.
    pub fn way_out(&self) -> Option<&'static str> {
        self.chosen(false)
    }

    fn chosen(&self, denied: bool) -> Option<&'static str> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().find_map(|part| part.chosen(denied))
            }
            Self::Not(part) => part.chosen(!denied),
            Self::Tag(..) if denied => Some("a tag"),
            Self::DataClass(_) if denied => Some("a data class"),
            _ => None,
        }
    }

    /// Shows each part that asks something by itself to `see`.
    pub(super) fn walk(&self, see: &mut dyn FnMut(&Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.walk(see)),
            Self::Not(part) => part.walk(see),
            _ => see(self),
        }
    }
}

fn named(globs: &[Glob], name: &str) -> bool {
    globs.iter().any(|glob| glob.matches(name))
}

fn touched(glob: &PathGlob, paths: &Paths) -> bool {
    let mut fitting = paths.fitting.iter();
    fitting.any(|found| **found == *glob.as_str())
        || paths.named.iter().any(|path| glob.matches(path))
}

/// What lies between two numbers, both left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds<T> {
    /// More than this.
    pub above: Option<T>,
    /// Less than this.
    pub below: Option<T>,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    fn hold(&self, value: T) -> bool {
        self.above.is_none_or(|above| value > above) && self.below.is_none_or(|below| value < below)
    }
}

/// A part of all conversations. Two rules draw apart from each other, by their salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    /// How large it is.
    pub share: Share,
    /// Tells one drawing from another.
    pub salt: u64,
}

impl Portion {
    fn takes(self, draw: u64) -> bool {
        self.share.takes(mix(draw ^ self.salt))
    }
}

/// A part of the week, in a zone of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The days on which it begins; bit 0 is Monday.
    pub days: u8,
    /// The first minute of the day.
    pub from: u16,
    /// The minute at which it is over; where that is not after `from`, on the day after.
    pub to: u16,
    /// Minutes that the zone is ahead of UTC.
    pub ahead: i16,
}

impl Hours {
    fn hold(&self, at: Timestamp) -> bool {
        let local = at.plus_millis(i64::from(self.ahead) * MINUTE);
        let minute = local.millis().div_euclid(MINUTE).rem_euclid(DAY);
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        let begins = |day: u8| self.days >> day & 1 == 1;
        let today = local.weekday();
        if from < to {
            return begins(today) && (from..to).contains(&minute);
        }
        (minute >= from && begins(today)) || (minute < to && begins((today + 6) % 7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        // Friday nights, an hour ahead of UTC.
        let hours = Hours {
            days: 1 << 4,
            from: 22 * 60,
            to: 6 * 60,
            ahead: 60,
        };
        for (text, wanted) in [
            ("2026-11-20T20:59:00Z", false),
            ("2026-11-20T21:00:00Z", true),
            ("2026-11-20T23:30:00Z", true),
            ("2026-11-21T04:59:59Z", true),
            ("2026-11-21T05:00:00Z", false),
            ("2026-11-21T22:00:00Z", false),
            ("2026-11-20T03:00:00Z", false),
        ] {
            let at = Timestamp::parse(text).expect("a moment");
            assert_eq!(hours.hold(at), wanted, "{text}");
        }
    }

    #[test]
    fn a_whole_day_ends_at_its_midnight() {
        let hours = Hours {
            days: 1 << 5,
            from: 0,
            to: 1_440,
            ahead: -330,
        };
        for (text, wanted) in [
            ("2026-11-21T05:29:59Z", false),
            ("2026-11-21T05:30:00Z", true),
            ("2026-11-22T05:29:59Z", true),
            ("2026-11-22T05:30:00Z", false),
        ] {
            let at = Timestamp::parse(text).expect("a moment");
            assert_eq!(hours.hold(at), wanted, "{text}");
        }
    }
}
