//! What is known of a call before it is decided. Other rooms write it; the policy only reads.

use std::collections::BTreeSet;

use super::clock::Timestamp;
use super::closed::closed;
use super::dialect::Endpoint;
use super::ids::{KeyId, SessionId, TargetId, TenantId};
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
    /// Language of the code that a request is about.
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
        /// Shell scripts.
        Shell = "shell",
        /// SQL.
        Sql = "sql",
        /// HTML and CSS.
        Web = "web",
        /// None of these, or not known.
        Other = "other",
    }
);

/// What a classifier makes of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classification {
    /// Kind of work.
    pub task: Task,
    /// Mean of the difficulty belief.
    pub difficulty: f32,
    /// Its variance: wide where little is known.
    pub variance: f32,
    /// Output tokens that are expected.
    pub output: TokenCount,
}

/// Everything that a decision may look at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the call came in.
    pub at: Timestamp,
    /// The door.
    pub endpoint: Endpoint,
    /// Who pays.
    pub tenant: TenantId,
    /// By which key.
    pub key: KeyId,
    /// The conversation, where one could be told.
    pub session: Option<SessionId>,
    /// Prompt tokens, estimated from bytes.
    pub prompt: TokenCount,
    /// The most output tokens that the caller allows.
    pub max_output: Option<TokenCount>,
    /// The caller offers tools.
    pub tools: bool,
    /// The caller sent images.
    pub images: bool,
    /// The caller wants the middle filled in.
    pub fim: bool,
    /// What the classifier said.
    pub class: Classification,
    /// Targets that cannot be used now: down, or cooling off.
    pub down: BTreeSet<TargetId>,
}
