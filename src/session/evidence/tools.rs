//! What a tool is for, by its name and by what it is called with, across clients.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::commands::{self, Does};
use super::signature::Hash;
use crate::protocol::scan::{elements, members};
use crate::protocol::transcript::{Arguments, Text, ToolCall};

/// Tools by their names, in lower case and without `-` and `_`.
const TOOLS: &[(Does, &str)] = &[
    (
        Does::RUN,
        "bash shell localshell execcommand exec containerexec runshellcommand runterminalcmd runterminalcommand runinterminal \
         executecommand runcommand runcommands terminal executebash executeshell runshell executeterminalcommand powershell \
         cmd unifiedexec shellcommand bashtool executecode runcode python codeinterpreter ipython runprocess",
    ),
    (
        Does::TEST,
        "runtests runtest test tests executetests runtestsuite pytest",
    ),
    (
        Does::POLL,
        "writestdin bashoutput taskoutput commandstatus readterminal getterminaloutput checkcommandstatus terminaloutput \
         wait sendcommandinput",
    ),
    (
        Does::EDIT,
        "edit multiedit write notebookedit applypatch strreplaceeditor strreplacebasededittool editfile writefile replace \
         writetofile replaceinfile applydiff searchandreplace insertcontent editexistingfile createfile createnewfile \
         inserteditintofile replacestringinfile multireplacestringinfile patch singlefindandreplace multiedits searchreplace \
         filewrite fileedit strreplace editor insert undoedit deletefile savefile updatefile modifyfile textreplace morph",
    ),
    (
        Does::READ,
        "read grep glob ls readfile searchfiles listfiles listdir listdirectory view viewimage viewfile filesearch grepsearch \
         codebasesearch semanticsearch websearch webfetch fetch readmanyfiles globfiles cat find search open readnotebook \
         listcodedefinitionnames listcodeusages geterrors toolsearch lsp readresource gitdiff gitstatus gitlog",
    ),
    (
        Does::WAIT,
        "todowrite todoread todo updateplan updatetodolist exitplanmode enterplanmode task agent askuserquestion sleep skill \
         askfollowupquestion attemptcompletion think killshell savememory managetodolist switchmode",
    ),
];

/// The table by name.
static BY_NAME: LazyLock<HashMap<&str, Does>> = LazyLock::new(|| {
    let each = |(does, tools): &(Does, &'static str)| {
        let does = *does;
        tools.split(' ').map(move |tool| (tool, does))
    };
    TOOLS.iter().flat_map(each).collect()
});

/// How much of the arguments is read.
const REACH: usize = 16 * 1_024;

/// What a call does, and to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Use {
    pub(super) does: Does,
    /// What it tests, or the file that it edits, by hash; 0 where that is not known.
    pub(super) of: u64,
    /// The arguments are no JSON, though they should be.
    pub(super) broken: bool,
    /// Name and arguments, by hash.
    pub(super) hash: u64,
}

/// What a tool does by its name; `None` where the name says nothing.
pub(super) fn by_name(name: &str) -> Option<Does> {
    let plain = |name: &str| -> String {
        let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
        letters
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect()
    };
    // `mcp__server__tool`, `functions.tool`.
    let last = name.rsplit("__").next().unwrap_or(name);
    let last = last.rsplit(['.', '/', ':']).next().unwrap_or(last);
    let names = [plain(name), plain(last)];
    let known = names.iter().find_map(|name| BY_NAME.get(name.as_str()));
    known.copied().or_else(|| by_part(&names[1]))
}

/// Tools of one's own are called after what they do.
fn by_part(name: &str) -> Option<Does> {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let begins = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    const LOOK: [&str; 7] = [
        "snapshot",
        "screenshot",
        "wait",
        "status",
        "poll",
        "computer",
        "browser",
    ];
    match name {
        _ if has(&LOOK) => Some(Does::WAIT),
        _ if begins(&[
            "read", "get", "list", "search", "find", "view", "show", "fetch", "query",
        ]) =>
        {
            Some(Does::READ)
        }
        _ if has(&["test"]) && has(&["run", "exec"]) => Some(Does::TEST),
        _ if has(&["bash", "shell", "terminal", "runcommand", "executecommand"]) => Some(Does::RUN),
        _ if has(&[
            "editfile",
            "applypatch",
            "applydiff",
            "writefile",
            "strreplace",
        ]) =>
        {
            Some(Does::EDIT)
        }
        _ => None,
    }
}

/// Reads a call.
pub(super) fn read(call: &ToolCall<'_>, plain: &mut String) -> Use {
    let name = call.name.raw();
    let whole = call.arguments.read(REACH, plain);
    let mut hash = Hash::default();
    // The ends and the length tell long arguments apart well enough.
    let raw = call.arguments.raw().as_bytes();
    let (head, tail) = raw.split_at(raw.len().min(REACH));
    let tail = &tail[tail.len().saturating_sub(REACH)..];
    for piece in [name.as_bytes(), b" ", head, tail, &raw.len().to_le_bytes()] {
        hash.write(piece);
    }
    let mut seen = Seen::default();
    let read = match call.arguments {
        Arguments::Json(json) => members(json, |key, value| seen.take(key, value)),
        Arguments::Text(_) => members(plain, |key, value| seen.take(key, value)),
    };
    let named = by_name(name);
    // A tool's own language, not JSON: `apply_patch` has it, and shells may.
    let free = matches!(call.arguments, Arguments::Text(_)) && !plain.trim_start().starts_with('{');
    let mut used = Use {
        does: named.unwrap_or_default(),
        of: seen.file,
        broken: !read && whole && !free && !plain.trim().is_empty(),
        hash: hash.finish(),
    };
    let line = match (&seen.command, free) {
        (Some(command), _) => Some(command.as_str()),
        (None, true) if named == Some(Does::RUN) => Some(plain.as_str()),
        _ => None,
    };
    match (named, line) {
        // The editor of Anthropic's API is told what to do; the others have no command line.
        (Some(Does::EDIT), Some("view")) => used.does = Does::READ,
        (Some(Does::RUN) | None, Some(line)) => {
            let line = commands::read(line);
            used.does = line.does;
            used.of = line.scope;
        }
        (Some(Does::EDIT), _) if used.of == 0 => used.of = patched(plain),
        _ => {}
    }
    used
}

/// What is looked for among the arguments.
#[derive(Default)]
struct Seen {
    command: Option<String>,
    file: u64,
}

impl Seen {
    fn take(&mut self, key: &str, value: &str) {
        match key {
            "command" | "cmd" | "script" | "commands" | "CommandLine" | "command_line" => {
                self.command = command(value).or(self.command.take());
            }
            "file_path" | "path" | "filePath" | "filename" | "notebook_path" | "target_file"
            | "file" | "filepath" | "absolute_path" => {
                self.file = Hash::of(value.trim_matches('"'));
            }
            _ => {}
        }
    }
}

/// A command line, or the words of one.
fn command(json: &str) -> Option<String> {
    if json.starts_with('"') {
        return serde_json::from_str(json).ok();
    }
    let mut words: Vec<String> = Vec::new();
    elements(json, |word| {
        words.extend(serde_json::from_str::<String>(word).ok())
    });
    match words.as_slice() {
        [] => None,
        // The last word of a shell is a line of its own.
        [shell, told, line] if shell.ends_with("sh") && told.starts_with('-') => Some(line.clone()),
        words => Some(words.join(" ")),
    }
}

/// The first file that a patch names, by hash; 0 if none.
pub(super) fn patched(patch: &str) -> u64 {
    let named = |line: &str| {
        let line = line.trim_start_matches(['"', '\\']);
        let marks = [
            "*** Update File: ",
            "*** Add File: ",
            "*** Delete File: ",
            "+++ b/",
        ];
        marks
            .iter()
            .find_map(|mark| Some(line.split_once(mark)?.1.to_owned()))
    };
    // In JSON that nobody has unescaped, lines end in `\n` as two letters.
    let mut lines = patch.lines().flat_map(|line| line.split("\\n"));
    lines
        .find_map(named)
        .map_or(0, |file| Hash::of(file.trim()))
}

/// The text of a call that a client writes as XML: `<execute_command><command>…</command></execute_command>`.
pub(super) fn in_text(text: &str) -> Option<Use> {
    let mut lines = text.lines();
    let name = lines.find_map(|line| {
        let name = line.trim().strip_prefix('<')?.split('>').next()?;
        let known = name.contains('_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        (known && by_name(name).is_some() && text.contains(&format!("</{name}>"))).then_some(name)
    })?;
    let inside = text
        .split_once(&format!("<{name}>"))?
        .1
        .split(&format!("</{name}>"))
        .next()?;
    let field = |tag: &str| {
        let rest = inside.split_once(&format!("<{tag}>"))?.1;
        rest.split(&format!("</{tag}>")).next()
    };
    let mut hash = Hash::of(name);
    hash ^= Hash::of(inside.trim());
    let mut used = Use {
        does: by_name(name)?,
        of: field("path").map_or(0, Hash::of),
        broken: false,
        hash,
    };
    if let (Does::RUN, Some(line)) = (used.does, field("command")) {
        let line = commands::read(line.trim());
        used.does = line.does;
        used.of = line.scope;
    }
    Some(used)
}

/// What the heading of such a call's result says: `[execute_command for 'npm test'] Result:`.
pub(super) fn in_heading(heading: &str) -> Option<Use> {
    let inside = heading.strip_prefix('[')?.split("] Result:").next()?;
    let (name, rest) = inside.split_once(' ').unwrap_or((inside, ""));
    let mut used = Use {
        does: by_name(name)?,
        ..Use::default()
    };
    let quoted = rest
        .find('\'')
        .and_then(|at| rest[at + 1..].strip_suffix('\''));
    match (used.does, quoted) {
        (Does::RUN, Some(line)) => {
            let line = commands::read(line);
            used.does = line.does;
            used.of = line.scope;
        }
        (_, Some(file)) => used.of = Hash::of(file),
        _ => {}
    }
    Some(used)
}

/// The hash of a call's name.
pub(super) fn id(text: Text<'_>) -> u64 {
    Hash::of(text.raw())
}
