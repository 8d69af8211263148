//! What is known of a call before it is decided. Other rooms write it; the policy only reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::clock::Timestamp;
use super::closed::closed;
use super::dialect::Endpoint;
use super::ids::{KeyId, ModelId, SessionId, TargetId, TenantId};
use super::need::Unmet;
use super::outlook::{Outlook, Standing};
use super::tokens::TokenCount;

closed!(
    /// Kind of work.
    Task {
        /// Fill in what is missing at the cursor.
        Complete = "complete",
        /// Change code that is there.
        Edit = "edit",
        /// Write something new.
        Generate = "generate",
        /// Find and mend a fault.
        Fix = "fix",
        /// Write or run tests.
        Test = "test",
        /// Change the shape, keep the behaviour.
        Refactor = "refactor",
        /// Say what code does.
        Explain = "explain",
        /// Judge a change.
        Review = "review",
        /// Think ahead.
        Plan = "plan",
        /// Shell, build, git, configuration.
        Command = "command",
        /// None of these, or not known.
        Other = "other",
    }
);

closed!(
    /// What the code of a call is written in.
    Language {
        /// Python.
        Python = "python",
        /// JavaScript.
        JavaScript = "javascript",
        /// TypeScript.
        TypeScript = "typescript",
        /// Java.
        Java = "java",
        /// Kotlin.
        Kotlin = "kotlin",
        /// Swift.
        Swift = "swift",
        /// C#.
        CSharp = "csharp",
        /// C++.
        Cpp = "cpp",
        /// C.
        C = "c",
        /// Go.
        Go = "go",
        /// Rust.
        Rust = "rust",
        /// Ruby.
        Ruby = "ruby",
        /// PHP.
        Php = "php",
        /// Shells.
        Shell = "shell",
        /// SQL.
        Sql = "sql",
        /// HTML, CSS.
        Web = "web",
        /// None, or not known.
        Other = "other",
    }
);

closed!(
    /// Where a classification came from.
    Source {
        /// The net.
        Net = "net",
        /// The net, asked at an earlier call of the same turn.
        Memory = "memory",
        /// The heuristic: the net was late, busy or absent.
        Heuristic = "heuristic",
        /// Plain from the call's shape: no net was needed.
        Shape = "shape",
    }
);

closed!(
    /// How far a call's text may go, from anywhere to hardly anywhere. The order of the words is the order of care.
    DataClass {
        /// Known to everybody.
        Public = "public",
        /// The daily work of a house: what a key has of which nobody said more.
        Internal = "internal",
        /// For few.
        Confidential = "confidential",
        /// For those alone who must have it.
        Restricted = "restricted",
    }
);

closed!(
    /// Who spoke last.
    Turn {
        /// The person, and nobody has answered yet.
        First = "first",
        /// The person, in a conversation under way.
        User = "user",
        /// A tool: the person has said nothing new.
        Tool = "tool",
    }
);

/// Which files a call names, as far as somebody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Paths {
    /// Paths as they stand in the call; not all of them where there are many.
    pub named: Vec<Arc<str>>,
    /// Of the globs that were asked for, as they were written, those that fit a path of the call, also one that was not kept.
    pub fitting: Vec<Arc<str>>,
}

/// What a classifier makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// Kind of work.
    pub task: Task,
    /// The next likeliest.
    pub second: Task,
    /// How likely `task` is.
    pub confidence: f32,
    /// Mean of the difficulty belief.
    pub difficulty: f32,
    /// Its variance: wide where little is known.
    pub variance: f32,
    /// Output tokens that are expected: as likely more as fewer.
    pub output: TokenCount,
    /// One answer in ten is shorter.
    pub output_low: TokenCount,
    /// One answer in ten is longer.
    pub output_high: TokenCount,
    /// What the code is written in.
    pub language: Language,
}

impl Classification {
    /// What is said of a call that nobody has looked at.
    pub const UNKNOWN: Self = Self {
        task: Task::Other,
        second: Task::Other,
        confidence: 0.0,
        difficulty: 0.0,
        variance: 4.0,
        output: TokenCount(0),
        output_low: TokenCount(0),
        output_high: TokenCount(0),
        language: Language::Other,
    };

    /// The same, of an answer that the caller lets grow to `most` at the most.
    #[must_use]
    pub fn within(self, most: Option<TokenCount>) -> Self {
        let bound = |tokens: TokenCount| most.map_or(tokens, |most| tokens.min(most));
        Self {
            output: bound(self.output),
            output_low: bound(self.output_low),
            output_high: bound(self.output_high),
            ..self
        }
    }
}

/// Everything that a decision may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// When the call came in.
    pub at: Timestamp,
    /// The door.
    pub endpoint: Endpoint,
    /// Who pays.
    pub tenant: TenantId,
    /// By which key.
    pub key: KeyId,
    /// The model that the caller asked for.
    pub asked: Arc<str>,
    /// The key's tags, then those of the call.
    pub tags: Vec<(String, String)>,
    /// How far the text may go: the key's class, or a stricter one that the caller named.
    pub data_class: DataClass,
    /// A secret stands in the text.
    pub secrets: bool,
    /// The files that the text names.
    pub paths: Arc<Paths>,
    /// The conversation, where one could be told.
    pub session: Option<SessionId>,
    /// Who spoke last.
    pub turn: Turn,
    /// How often the person has spoken.
    pub turns: u32,
    /// A number that is the same for all calls of a conversation and else like chance: shares are drawn by it.
    pub draw: u64,
    /// Prompt tokens, estimated from bytes alone; see [`Facts::prompt_for`].
    pub prompt: TokenCount,
    /// The most output tokens that the caller allows.
    pub max_output: Option<TokenCount>,
    /// The caller offers tools.
    pub tools: bool,
    /// The caller sent images.
    pub images: bool,
    /// The caller wants the middle filled in.
    pub fim: bool,
    /// What it needs that other dialects have no words for.
    pub unmet: Unmet,
    /// What the classifier said.
    pub class: Classification,
    /// Where that came from.
    pub source: Source,
    /// The classifier's name and version, where it said so itself.
    pub classifier: Option<Arc<str>>,
    /// Where the conversation stands.
    pub standing: Standing,
    /// How targets do.
    pub outlook: Outlook,
    /// Targets that cannot be used now: down, or cooling off.
    pub down: BTreeSet<TargetId>,
}

impl Facts {
    /// How long the prompt is for a model: tokens are not the same for all.
    pub fn prompt_for(&self, model: &ModelId) -> TokenCount {
        self.outlook.length(model).likely(self.prompt)
    }
}
