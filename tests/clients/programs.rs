//! The clients, each as its own documentation says how to point it at a gateway: what it runs, and what the model does.

use tokio::process::Command;
use tollgate::sim::Part;

use crate::house::{CLAUDE, GPT, House};
use crate::run::{Place, Ran, installed};

/// What every client's errand comes to, in `note.txt`.
pub(crate) const NOTE: &str = "all is well\n";

const TASK: &str = "Write the note.";
const DONE: &str = "The note is written.";

/// A real program.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// What the model has it do.
    pub(crate) part: fn(&Place) -> Part,
    pub(crate) command: fn(&Place, &House) -> Command,
    /// Whether what it printed says that all went well.
    pub(crate) content: fn(&Ran) -> bool,
    /// Words of lines that are no word about the gateway.
    pub(crate) of_its_own: &'static [&'static str],
    /// Why the gateway refuses something that it tries.
    pub(crate) refused: &'static [&'static str],
}

pub(crate) const CLAUDE_CODE: Client = Client {
    name: "Claude Code",
    part: |place| {
        let path = place.work().join("note.txt");
        let arguments = serde_json::json!({"file_path": path, "content": NOTE});
        part("Write", &arguments)
    },
    command: |place, house| {
        let mut command = node(place, "@anthropic-ai/claude-code/cli-wrapper.cjs");
        command
            .args([
                "--print",
                TASK,
                "--model",
                CLAUDE,
                "--output-format",
                "json",
            ])
            // It does not let root bypass permissions.
            .args([
                "--allowedTools",
                "Write",
                "--permission-mode",
                "acceptEdits",
            ])
            .env("ANTHROPIC_BASE_URL", house.url())
            .env("ANTHROPIC_AUTH_TOKEN", &house.key)
            .env("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1")
            .env("CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        command
    },
    content: |ran| {
        let told: serde_json::Value = serde_json::from_str(&ran.output).unwrap_or_default();
        told["subtype"] == "success" && told["is_error"] == false && told["result"] == DONE
    },
    of_its_own: &[],
    refused: &[],
};

pub(crate) const CODEX: Client = Client {
    name: "Codex",
    part: |_| {
        let cmd = format!("printf '%s' '{NOTE}' > note.txt");
        part("exec_command", &serde_json::json!({"cmd": cmd}))
    },
    command: |place, house| codex(place, house, ""),
    content: |ran| ran.output.contains("turn.completed") && !ran.output.contains(r#""error""#),
    of_its_own: &[],
    refused: &[],
};

/// It asks for a WebSocket, is told that there is none, and goes on at once.
pub(crate) const CODEX_SOCKET: Client = Client {
    name: "Codex, WebSocket first",
    command: |place, house| codex(place, house, "supports_websockets = true"),
    // It says so itself whatever the answer, and does as it should.
    of_its_own: &["failed to connect to Responses WebSocket"],
    refused: &["upgrade_required"],
    ..CODEX
};

pub(crate) const AIDER: Client = Client {
    name: "aider",
    // It gives the model no tools: an edit is text.
    part: |_| Part {
        says: format!("note.txt\n```\n{NOTE}```\n"),
        ..Part::default()
    },
    command: |place, house| {
        // It would fetch a list of models from elsewhere.
        place.setting(
            ".aider/caches/model_prices_and_context_window.json",
            r#"{"none": {}}"#,
        );
        let mut command = place.command("clients/aider/bin/aider");
        command
            .args(["--message", TASK, "--edit-format", "whole", "note.txt"])
            .args([
                "--model",
                &format!("openai/{GPT}"),
                "--weak-model",
                &format!("openai/{GPT}"),
            ])
            .args([
                "--yes-always",
                "--no-git",
                "--no-pretty",
                "--no-check-update",
            ])
            .args([
                "--no-analytics",
                "--no-show-release-notes",
                "--no-show-model-warnings",
            ])
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("OPENAI_API_BASE", format!("{}/v1", house.url()))
            .env("OPENAI_API_KEY", &house.key);
        command
    },
    content: |ran| ran.output.contains("Applied edit to note.txt"),
    of_its_own: &["Input is not a terminal"],
    refused: &[],
};

pub(crate) const LLM: Client = Client {
    name: "llm",
    part: |_| part("write_note", &serde_json::json!({"text": NOTE})),
    command: |place, house| {
        let url = house.url();
        let entry = format!(
            "- model_id: gateway\n  model_name: {GPT}\n  api_base: {url}/v1\n  api_key_name: tollgate\n  supports_tools: true\n"
        );
        let settings = place.setting("llm/extra-openai-models.yaml", &entry);
        let tool = "def write_note(text: str) -> str:\n    'Writes the note'\n    \
                    open('note.txt', 'w').write(text)\n    return 'written'\n";
        let mut command = place.command("clients/llm/bin/llm");
        command
            .args(["--model", "gateway", "--functions", tool, TASK])
            .args(["--key", &house.key])
            .envs(settings.parent().map(|folder| ("LLM_USER_PATH", folder)));
        command
    },
    content: |ran| ran.output.contains(DONE),
    of_its_own: &[],
    refused: &[],
};

/// The SDKs of one language.
pub(crate) const fn sdk(name: &'static str, command: fn(&Place, &House) -> Command) -> Client {
    Client {
        name,
        part: LLM.part,
        command,
        content: LLM.content,
        of_its_own: &[],
        refused: &[],
    }
}

/// An SDK in Python, by its dialect.
pub(crate) fn python(place: &Place, house: &House, dialect: &str, model: &str) -> Command {
    let mut command = place.command("venv/bin/python");
    command.arg(here("sdk.py"));
    errand(&mut command, house, dialect, model);
    command
}

/// An SDK in JavaScript, by its dialect.
pub(crate) fn javascript(place: &Place, house: &House, dialect: &str, model: &str) -> Command {
    let mut command = place.command("clients/bin/node");
    command
        .arg(here("sdk.mjs"))
        .env("PACKAGES", installed("clients/npm"));
    errand(&mut command, house, dialect, model);
    command
}

fn errand(command: &mut Command, house: &House, dialect: &str, model: &str) {
    command
        .args([dialect, model])
        .env("BASE_URL", house.url())
        .env("KEY", &house.key);
}

fn here(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

fn part(tool: &str, arguments: &serde_json::Value) -> Part {
    Part {
        calls: vec![(tool.to_owned(), arguments.to_string())],
        says: DONE.to_owned(),
    }
}

/// A program of npm's.
fn node(place: &Place, path: &str) -> Command {
    let mut command = place.command("clients/bin/node");
    command.arg(installed("clients/npm/node_modules").join(path));
    command
}

fn codex(place: &Place, house: &House, more: &str) -> Command {
    let url = house.url();
    let settings = format!(
        "model = \"{GPT}\"\nmodel_provider = \"tollgate\"\n\n[model_providers.tollgate]\nname = \"Tollgate\"\n\
         base_url = \"{url}/v1\"\nenv_key = \"TOLLGATE_KEY\"\nwire_api = \"responses\"\n{more}\n"
    );
    let settings = place.setting("codex/config.toml", &settings);
    let mut command = node(place, "@openai/codex/bin/codex.js");
    command
        .args(["exec", "--json", "--skip-git-repo-check"])
        // The command is ours, and a machine of tests may be without what the sandbox is made of.
        .args(["--dangerously-bypass-approvals-and-sandbox", TASK])
        .envs(settings.parent().map(|folder| ("CODEX_HOME", folder)))
        .env("TOLLGATE_KEY", &house.key);
    command
}
