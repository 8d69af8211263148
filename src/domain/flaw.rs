//! What can be wrong with an answer that any reader would see, however good the rest of it is.

use super::closed::closed;
use super::sign::Sign;

closed!(
    /// What is wrong with an answer.
    Flaw {
        /// A tool is called with what is no JSON object.
        BadJson = "bad_json",
        /// A tool is called with what its schema does not allow.
        BadSchema = "bad_schema",
        /// A tool is called that was not on offer.
        UnknownTool = "unknown_tool",
        /// Neither words nor calls.
        Empty = "empty",
        /// The same words again and again, to the end.
        Repeats = "repeats",
    }
);

impl Flaw {
    /// What it says of how the work goes.
    pub fn sign(self) -> Sign {
        match self {
            Self::BadJson | Self::BadSchema | Self::UnknownTool => Sign::BadArguments,
            Self::Empty | Self::Repeats => Sign::EmptyAnswer,
        }
    }
}

closed!(
    /// What became of an answer in which a flaw was seen.
    Fate {
        /// Nobody has seen it: the same model was asked once more.
        AskedAgain = "asked_again",
        /// Nobody has seen it: the next candidate was asked.
        Next = "next",
        /// It was released, for nobody else could answer.
        Released = "released",
        /// It was on its way out already.
        Late = "late",
    }
);
