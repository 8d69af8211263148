//! Texts that clients write where they have no tools: aider's blocks and its talk, the headings of Cline and its kin.

use super::commands;
use super::pattern::Pattern;
use super::signature::Hash;
use super::tools::{self, Use};

/// The marks of an edit in aider's search and replace format.
const SEARCH: &str = "<<<<<<< SEARCH";
const REPLACE: &str = ">>>>>>> REPLACE";

/// What a client says in a text of the person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said<'a> {
    /// The heading of a result, and what stands behind it.
    Result { used: Use, text: &'a str },
    /// The person ran a command and shows what came.
    Ran { used: Use, output: &'a str },
    /// Edits did not fit.
    Unfit,
    /// The answer called no tool, or none that can be.
    NoTool,
    /// A linter's word.
    Lint(&'a str),
    /// The person stopped the model.
    Stopped,
    /// The edits were committed.
    Committed,
    /// Something around the conversation.
    Around,
    /// Nothing of this: the words are somebody's.
    Nothing,
}

/// How clients begin what they say, and what it is.
const OPENINGS: &[(&str, Said<'static>)] = &[
    // aider.
    ("# @ SEARCH/REPLACE block", Said::Unfit),
    ("The LLM did not conform to the edit format", Said::Unfit),
    (
        "I didn't see any properly formatted edits in your reply",
        Said::Unfit,
    ),
    ("UnifiedDiffNoMatch", Said::Unfit),
    ("UnifiedDiffNotUnique", Said::Unfit),
    ("I committed the changes with git hash", Said::Committed),
    // Cline, Roo Code.
    ("[ERROR] You did not use a tool", Said::NoTool),
    ("<environment_details>", Said::Around),
    // Claude Code, Codex.
    ("[Request interrupted by user", Said::Stopped),
    ("<turn_aborted>", Said::Stopped),
    ("<system-reminder>", Said::Around),
];

/// Reads the beginning of a text of the person.
pub(super) fn said(text: &str) -> Said<'_> {
    let text = text.trim_start();
    let mut openings = OPENINGS.iter().copied();
    if let Some((_, said)) = openings.find(|(pattern, _)| Pattern(pattern).matches(text)) {
        return said;
    }
    if text.starts_with("# Fix any errors below") {
        return Said::Lint(text);
    }
    ran(text).or_else(|| heading(text)).unwrap_or(Said::Nothing)
}

/// aider's word for a command and its output.
fn ran(text: &str) -> Option<Said<'_>> {
    let rest = text.strip_prefix("I ran this command:")?;
    let (command, output) = rest.split_once("And got this output:")?;
    let line = commands::read(command.trim().trim_matches('`'));
    let used = Use {
        does: line.does,
        of: line.scope,
        hash: Hash::of(command),
        broken: false,
    };
    Some(Said::Ran { used, output })
}

/// `[execute_command for 'npm test'] Result:`, alone or with the result behind it.
fn heading(text: &str) -> Option<Said<'_>> {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let used = tools::in_heading(line)?;
    line.contains("] Result:")
        .then_some(Said::Result { used, text: rest })
}

/// Whether such a client's result is an error.
pub(super) fn is_error(result: &str) -> bool {
    let start = result.trim_start();
    start.starts_with("The tool execution failed")
        || start.starts_with("Error")
        || start.starts_with("<error>")
}

/// A raw text of the model may have edits or calls in it.
pub(super) fn may_act(raw: &str) -> bool {
    let has = |it: &str| memchr::memmem::find(raw.as_bytes(), it.as_bytes()).is_some();
    has(SEARCH) || (has("</") && raw.contains('_')) || has("\\u003c")
}

/// The files that aider's blocks edit, by hash, one a block. A block has its file on the line above, or above its fence.
pub(super) fn edits(text: &str) -> Vec<u64> {
    let mut files = Vec::new();
    let (mut above, mut open) = ("", None);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(SEARCH) {
            open = Some(above);
        } else if line.starts_with(REPLACE) {
            files.extend(open.take().map(Hash::of));
        } else if open.is_none() && !line.is_empty() && !line.starts_with("```") {
            above = line;
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_name_their_files() {
        let text = "Change it:\n\nsrc/a.py\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n\nb.py\n<<<<<<< SEARCH\n=======\nz\n>>>>>>> REPLACE\n<<<<<<< SEARCH\nnever closed";

        assert_eq!(edits(text), [Hash::of("src/a.py"), Hash::of("b.py")]);
        assert!(may_act(text) && !may_act("plain words"));
    }

    #[test]
    fn what_a_person_says_is_nobody_elses() {
        for text in [
            "[this] Result: odd",
            "I ran this command: ls",
            "# SEARCH/REPLACE blocks are hard",
            "",
        ] {
            assert_eq!(said(text), Said::Nothing, "{text}");
        }
    }
}
