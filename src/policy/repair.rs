//! What is done about answers that are wrong whoever reads them: whose are looked over, for what, and how long they are held back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::{Pick, Selector};
use crate::catalog::Model;
use crate::domain::closed::closed;
use crate::domain::dialect::Hosting;
use crate::protocol::inspect::Looks;

closed!(
    /// A kind of flaws that is looked for.
    Catch {
        /// Calls that no tool can take: no JSON, not by the schema, an unknown tool.
        Arguments = "arguments",
        /// Answers without words or calls.
        Empty = "empty",
        /// The same words again and again, to the end.
        Repeats = "repeats",
    }
);

/// What a policy says of flawed answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Whose answers are looked over; nobody's where it is empty.
    pub of: Selector,
    /// For what.
    pub catch: Vec<Catch>,
    /// The same model is asked once more before the next one.
    pub again: bool,
    /// How much of a stream waits.
    pub hold: Hold,
}

/// How much of a stream is held back until it is known to be good. What is released cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Words and thoughts that may wait, in bytes of them. 0 lets the first go at once, and with it all that follows.
    pub text: usize,
    /// The most that waits in all.
    pub bytes: usize,
    /// For so long at most.
    pub millis: u64,
}

impl Hold {
    /// For so long at most.
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            text: 0,
            bytes: 64 << 10,
            millis: 30_000,
        }
    }
}

impl Default for Repair {
    fn default() -> Self {
        let own = Pick::Kind {
            hosting: Some(Hosting::Own),
            targets: Vec::new(),
            can: Vec::new(),
        };
        Self {
            of: Selector(vec![own]),
            catch: Catch::ALL.to_vec(),
            again: true,
            hold: Hold::default(),
        }
    }
}

impl Repair {
    /// Looks at no answer.
    pub fn none() -> Self {
        Self {
            of: Selector(Vec::new()),
            ..Self::default()
        }
    }

    /// What a model's answers are looked over for; `None` where they are not.
    pub fn looks(&self, model: &Model) -> Option<Looks> {
        let looks_for = |kind| self.catch.contains(&kind);
        self.of.fits(model).then(|| Looks {
            arguments: looks_for(Catch::Arguments),
            empty: looks_for(Catch::Empty),
            repeats: looks_for(Catch::Repeats),
        })
    }
}
