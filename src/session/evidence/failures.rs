//! What clients and tools say when a call could not be carried out: an edit that did not fit, arguments that no tool takes,
//! a person who said no. Looked for at the beginning of a result only, for files may quote them.

/// How far into a result.
const WITHIN: usize = 600;

/// An edit that did not apply. Lower case.
const PATCH: &[&str] = &[
    // Claude Code.
    "string to replace not found in file",
    "matches of the string to replace, but replace_all is false",
    "file has not been read yet",
    "file has been modified since read",
    "old_string and new_string are exactly the same",
    // The text editor tool of Anthropic's API.
    "no replacement was performed",
    "did not appear verbatim",
    // Codex.
    "apply_patch verification failed",
    "failed to find expected lines",
    "failed to find context",
    "invalid patch",
    "invalid hunk",
    "is not a valid patch",
    // git apply, patch, merges.
    "patch does not apply",
    "error: patch failed:",
    "error: corrupt patch",
    "saving rejects to file",
    "conflict (content): merge conflict in",
    // Cline, Roo Code.
    "does not match anything in the file",
    "no sufficiently similar match found",
    "unable to apply diff",
    "diff edit mismatch",
    // Gemini CLI, Qwen Code, Cursor, opencode, Copilot.
    "could not find the string to replace",
    "failed to edit, ",
    "string to replace was not found",
    "oldstring not found in",
    "found multiple matches for oldstring",
    "old_str not found",
    "the edit did not apply",
];

/// A call that the tool could not take. Lower case.
const ARGUMENTS: &[&str] = &[
    "inputvalidationerror",
    "no such tool available",
    "invalid tool parameters",
    "invalid tool arguments",
    "invalid arguments for tool",
    "the arguments provided to the tool are invalid",
    "failed to parse function arguments",
    "failed to parse arguments",
    "failed to parse tool",
    "could not parse tool",
    "unsupported call:",
    "unknown tool",
    "tool not found",
    "unavailable tool",
    "missing required parameter",
    "missing value for required parameter",
    "missing required argument",
    "required property",
    "params must have",
    "is not valid json",
    "you did not use a tool in your previous response",
];

/// The person said no, or stopped it. Lower case.
const REFUSED: &[&str] = &[
    "the user doesn't want to proceed with this tool use",
    "the user doesn't want to take this action",
    "the user denied this operation",
    "the user rejected this operation",
    "user rejected",
    "rejected by user",
    "aborted by user",
    "cancelled by user",
    "request interrupted by user",
];

/// Why a call was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Patch,
    Arguments,
    Refused,
}

/// The beginning of a result, in lower case.
pub(super) fn beginning(text: &str) -> String {
    text[..text.floor_char_boundary(WITHIN)].to_ascii_lowercase()
}

/// What the beginning of a result says. `edit` says that it is of an edit; others are believed only in their first words.
pub(super) fn of_result(beginning: &str, edit: bool, error: bool) -> Option<Failure> {
    let near = match edit || error {
        true => beginning,
        false => &beginning[..beginning.floor_char_boundary(120)],
    };
    let has = |list: &[&str]| list.iter().any(|it| near.contains(it));
    if has(REFUSED) {
        Some(Failure::Refused)
    } else if edit && has(PATCH) {
        Some(Failure::Patch)
    } else if has(ARGUMENTS) {
        Some(Failure::Arguments)
    } else {
        None
    }
}

/// Whether an output of a command says that a patch did not apply. Such an output may have come to it late.
pub(super) fn is_patch(text: &str) -> bool {
    const OF_COMMANDS: &[&str] = &[
        "patch does not apply",
        "error: patch failed:",
        "error: corrupt patch",
        "saving rejects to file",
        "Merge conflict in",
        "apply_patch verification failed",
        "Failed to find expected lines",
        "Failed to find context",
        "Invalid patch",
    ];
    OF_COMMANDS.iter().any(|it| text.contains(it))
}

/// A result that is an error, where the client does not say so: the tool's own word for it stands first.
pub(super) fn begins_as_error(beginning: &str) -> bool {
    const FIRST: &[&str] = &[
        "error:",
        "error ",
        "<tool_use_error>",
        "<error>",
        "{\"error\"",
        "[error]",
        "exception:",
        "failed to ",
    ];
    let start = beginning.trim_start();
    let nothing = start.starts_with("{\"error\":null") || start.starts_with("{\"error\":false");
    !nothing && FIRST.iter().any(|it| start.starts_with(it))
}
