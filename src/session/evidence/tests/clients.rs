//! Conversations as clients send them.

use super::*;

const FAILS: &str = "test result: FAILED. 2 passed; 2 failed; 0 ignored\nerror: test failed";
const PASSES: &str = "test result: ok. 4 passed; 0 failed; 0 ignored";

fn failing(count: u32) -> String {
    format!("test cart::sums ... FAILED\ntest result: FAILED. 2 passed; {count} failed; 0 ignored")
}

#[test]
fn tests_fail_get_fewer_and_pass() {
    let session = Claude::default()
        .says("fix the sum")
        .runs("cargo test", true, &failing(3))
        .edits("a.rs", "1")
        .runs("cargo test 2>&1 | tail -5", false, &failing(1))
        .edits("a.rs", "2")
        .runs("cargo test", false, PASSES);

    let (signs, state) = session.read();

    assert_eq!(signs, "tests_failed*2 fewer_failed tests_passed same_error");
    assert_eq!(state.failing(), Some(0));
    assert_eq!(state.turns(), 5);
    let again = session
        .edits("a.rs", "3")
        .runs("cargo test", true, FAILS)
        .signs();
    assert!(again.contains("more_failed"), "{again}");
}

#[test]
fn red_tests_that_nobody_has_touched_say_nothing_of_the_model() {
    let looks = Claude::default()
        .says("fix the sum")
        .runs("cargo test", true, &failing(3));
    let (signs, found) = looks.read();
    let (_, tried) = looks
        .edits("a.rs", "1")
        .runs("cargo test", true, &failing(3))
        .read();

    assert_eq!(signs, "tests_failed");
    assert_eq!((words(&found.telling()).as_str(), found.steps()), ("", 1));
    assert_eq!(words(&tried.telling()), "tests_failed same_error");
    assert_eq!(tried.steps(), 3);
}

#[test]
fn other_tests_are_no_trend() {
    let session = Claude::default()
        .runs("cargo test cart", true, &failing(3))
        .runs("cargo test tax", true, FAILS);

    assert_eq!(session.signs(), "tests_failed*2");
}

#[test]
fn what_is_read_is_no_sign() {
    let text = "1\tTraceback (most recent call last):\n2\terror[E0308]: mismatched types\n=== 3 failed in 0.1s ===\nFAILED";
    let session = Claude::default()
        .says("look")
        .uses("Read", json!({"file_path": "log.txt"}), false, text)
        .uses("Grep", json!({"pattern": "FAILED"}), false, text)
        .runs("cat build.log | grep -n FAILED", false, text)
        .runs("git log -3 --stat", false, text)
        .uses("mcp__docs__search", json!({"query": "error"}), false, text)
        .uses("Task", json!({"prompt": "find out"}), false, text)
        .uses(
            "Write",
            json!({"file_path": "x.log", "content": text}),
            false,
            text,
        );

    assert_eq!(session.signs(), "");
}

#[test]
fn a_search_without_a_find_is_no_error() {
    let run = |command: &str, result: &str| Claude::default().runs(command, true, result).signs();

    assert_eq!(run("grep -rn totl src", "Exit code 1"), "");
    assert_eq!(
        run("cat missing", "Exit code 1\ncat: missing: No such file"),
        "error_result"
    );
}

#[test]
fn claude_codes_edits_fail_in_many_ways() {
    let edit = |text: &str| {
        let input = json!({"file_path": "a.rs", "old_string": "x", "new_string": "y"});
        Claude::default().uses("Edit", input, true, text).signs()
    };

    assert_eq!(
        edit("<tool_use_error>String to replace not found in file.\nString: x</tool_use_error>"),
        "patch_failed"
    );
    assert_eq!(
        edit(
            "<tool_use_error>Found 2 matches of the string to replace, but replace_all is false.</tool_use_error>"
        ),
        "patch_failed"
    );
    assert_eq!(
        edit("<tool_use_error>File has not been read yet. Read it first.</tool_use_error>"),
        "patch_failed"
    );
    assert_eq!(
        edit(
            "<tool_use_error>InputValidationError: Edit failed due to the following issue</tool_use_error>"
        ),
        "bad_arguments"
    );
    assert_eq!(
        edit("The user doesn't want to proceed with this tool use."),
        "interrupted"
    );
    assert_eq!(edit("EACCES: permission denied"), "error_result");
}

#[test]
fn repeats_count_only_when_nothing_changed() {
    let run = |session: Claude| session.runs("./x.sh", false, "done");
    let todo = |session: Claude| session.uses("TodoWrite", json!({"todos": []}), false, "ok");

    assert_eq!(
        run(run(Claude::default().says("go"))).signs(),
        "repeated_call"
    );
    assert_eq!(run(run(Claude::default()).edits("a", "1")).signs(), "");
    assert_eq!(run(run(Claude::default()).says("again please")).signs(), "");
    assert_eq!(todo(todo(Claude::default())).signs(), "");
    assert_eq!(
        Claude::default().edits("a", "1").edits("a", "1").signs(),
        "repeated_call"
    );
}

#[test]
fn the_same_error_after_an_edit() {
    let error =
        |line: u32| format!("error[E0425]: cannot find value `totl`\n --> src/cart.rs:{line}:5");
    let first = || Claude::default().runs("cargo build", true, &error(9));

    assert_eq!(
        first().runs("cargo build -q", true, &error(9)).signs(),
        "compile_error*2"
    );
    assert_eq!(
        first()
            .edits("a", "1")
            .runs("cargo build", true, &error(12))
            .signs(),
        "compile_error*2 same_error"
    );
    let other = "error[E0308]: mismatched types\n --> src/cart.rs:9:5";
    assert_eq!(
        first()
            .edits("a", "1")
            .runs("cargo build", true, other)
            .signs(),
        "compile_error*2"
    );
}

#[test]
fn streaks_churn_and_long_silence() {
    let mut streak = Claude::default();
    let mut churn = Claude::default();
    let mut silence = Claude::default();
    for n in 0..5 {
        streak = streak.runs(&format!("./{n}.sh"), true, "Exit code 1\nboom");
        churn = churn.edits("a.rs", &n.to_string());
    }
    for n in 0..25 {
        silence = silence.uses("Read", json!({"file_path": n.to_string()}), false, "x");
    }

    assert_eq!(streak.signs(), "error_result*5 error_streak");
    assert_eq!(churn.signs(), "many_edits");
    assert_eq!(silence.signs(), "no_progress*2");
}

#[test]
fn the_persons_word_counts_once_the_model_has_spoken() {
    let session = || {
        Claude::default()
            .says("it still doesn't work on windows, look")
            .answers("done")
    };

    assert_eq!(session().signs(), "");
    assert_eq!(session().says("still broken").signs(), "complaint");
    assert_eq!(session().says("thanks! now the footer").signs(), "thanks");
    assert_eq!(
        session().says("[Request interrupted by user]").signs(),
        "interrupted"
    );
    let (_, state) = session()
        .runs("./x.sh", true, "Exit code 1")
        .says("still broken")
        .read();
    assert_eq!(words(state.signs()), "error_result complaint");
    let (_, state) = session()
        .runs("./x.sh", true, "Exit code 1")
        .says("now write docs")
        .read();
    assert_eq!(words(state.signs()), "");
}

#[test]
fn empty_answers() {
    let chat = |answer: Value| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}, answer]});
        read(Endpoint::Chat, &body).0
    };

    assert_eq!(
        chat(json!({"role": "assistant", "content": " \n"})),
        "empty_answer"
    );
    assert_eq!(
        chat(json!({"role": "assistant", "content": null, "reasoning_content": "hm"})),
        "empty_answer"
    );
    assert_eq!(chat(json!({"role": "assistant", "content": "yes"})), "");
    let item = json!({"model": "m", "input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]});
    assert_eq!(read(Endpoint::Responses, &item).0, "");
}

#[test]
fn codex_is_understood() {
    let exec = |cmd: &str, output: &str| {
        json!({"model": "m", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
            {"type": "function_call", "call_id": "c", "name": "exec_command", "arguments": json!({"cmd": cmd}).to_string()},
            {"type": "function_call_output", "call_id": "c", "output": output}]})
    };
    let signs = |body: Value| read(Endpoint::Responses, &body).0;

    assert_eq!(
        signs(exec(
            "pytest -q",
            "Chunk ID: 1\nProcess exited with code 1\nOutput:\n2 failed, 1 passed in 0.1s"
        )),
        "tests_failed"
    );
    assert_eq!(signs(exec("cat a.py", "2 failed, 1 passed in 0.1s")), "");
    let array = json!({"model": "m", "input": [
        {"type": "function_call", "call_id": "c", "name": "shell", "arguments": "{\"command\":[\"bash\",\"-lc\",\"cd a && go test ./...\"]}"},
        {"type": "function_call_output", "call_id": "c", "output": "{\"output\":\"FAIL\\nFAIL\\ta/b\\t0.1s\\n\",\"metadata\":{\"exit_code\":1}}"}]});
    assert_eq!(signs(array), "tests_failed");
    let local = json!({"model": "m", "input": [
        {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["cargo", "test"]}},
        {"type": "local_shell_call_output", "call_id": "c", "output": PASSES}]});
    assert_eq!(signs(local), "tests_passed");
    let patch = |output: &str| {
        json!({"model": "m", "input": [
            {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** End Patch"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": output}]})
    };
    assert_eq!(
        signs(patch(
            "apply_patch verification failed: Failed to find expected lines in a.py:\nx"
        )),
        "patch_failed"
    );
    assert_eq!(
        signs(patch(
            "Exit code: 0\nOutput:\nSuccess. Updated the following files:\nM a.py"
        )),
        ""
    );
    let broken = json!({"model": "m", "input": [
        {"type": "function_call", "call_id": "c", "name": "exec_command", "arguments": "{\"cmd\": \"ls"},
        {"type": "function_call_output", "call_id": "c", "output": "failed to parse function arguments: EOF"}]});
    assert_eq!(signs(broken), "bad_arguments");
}

#[test]
fn aider_is_understood() {
    let chat = |texts: &[(&str, &str)]| {
        let messages = texts
            .iter()
            .map(|(role, text)| json!({"role": role, "content": text}));
        read(
            Endpoint::Chat,
            &json!({"model": "m", "messages": messages.collect::<Vec<_>>()}),
        )
    };
    let block = "src/a.py\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```";
    let (unfit, _) = chat(&[
        ("user", "fix it"),
        ("assistant", block),
        (
            "user",
            "# 1 SEARCH/REPLACE block failed to match!\n\n## SearchReplaceNoExactMatch: This SEARCH block failed",
        ),
    ]);
    let (ran, state) = chat(&[
        ("user", "fix it"),
        ("assistant", block),
        (
            "user",
            "I ran this command:\n\npytest\n\nAnd got this output:\n\n=== 1 failed, 2 passed in 0.1s ===",
        ),
        ("assistant", block),
    ]);
    let (lint, _) = chat(&[
        ("assistant", block),
        (
            "user",
            "# Fix any errors below, if possible.\n\na.py:1:1: E999 x",
        ),
    ]);
    let (committed, _) = chat(&[
        ("assistant", block),
        (
            "user",
            "I committed the changes with git hash 1a2b3c4 & commit msg: x",
        ),
    ]);

    assert_eq!(unfit, "patch_failed");
    assert_eq!((ran.as_str(), state.failing()), ("tests_failed", Some(1)));
    assert_eq!(lint, "lint_error");
    assert_eq!(committed, "committed");
}

#[test]
fn cline_is_understood() {
    let session = |call: &str, results: &[&str]| {
        let parts = results
            .iter()
            .map(|text| json!({"type": "text", "text": text}));
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "<task>fix it</task>"},
            {"role": "assistant", "content": call},
            {"role": "user", "content": parts.collect::<Vec<_>>()}]});
        read(Endpoint::Chat, &body).0
    };
    let around = "<environment_details>\n2 failed, still broken\n</environment_details>";
    let npm = "<execute_command>\n<command>npm test</command>\n</execute_command>";
    let replace = "I change it.\n\n<replace_in_file>\n<path>a.ts</path>\n<diff>\nx\n</diff>\n</replace_in_file>";
    let read_file = "<read_file>\n<path>a.log</path>\n</read_file>";

    assert_eq!(
        session(
            npm,
            &[
                "[execute_command for 'npm test'] Result:",
                "Command executed.\nOutput:\nTests:       1 failed, 2 total",
                around
            ]
        ),
        "tests_failed"
    );
    assert_eq!(
        session(
            replace,
            &[
                "[replace_in_file for 'a.ts'] Result:\nThe tool execution failed with the following error:\n<error>\nThe SEARCH block:\nx\n...does not match anything in the file.",
                around
            ]
        ),
        "patch_failed"
    );
    assert_eq!(
        session(
            replace,
            &[
                "[replace_in_file for 'a.ts'] Result:",
                "The content was successfully saved",
                around
            ]
        ),
        ""
    );
    assert_eq!(
        session(
            read_file,
            &[
                "[read_file for 'a.log'] Result:",
                "=== 3 failed in 0.1s ===",
                around
            ]
        ),
        ""
    );
    assert_eq!(
        session(
            "I am done.",
            &[
                "[ERROR] You did not use a tool in your previous response!",
                around
            ]
        ),
        "bad_arguments"
    );
}

#[test]
fn plain_function_calling_is_understood() {
    let call = |name: &str, arguments: &str, result: &str| {
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "fix it"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "c", "content": result}]});
        read(Endpoint::Chat, &body).0
    };

    assert_eq!(
        call("run_command", r#"{"command":"cargo test"}"#, FAILS),
        "tests_failed"
    );
    assert_eq!(call("run_all_tests", "{}", FAILS), "tests_failed");
    assert_eq!(
        call("my_tool", r#"{"cmd":["pytest","-q"]}"#, "4 passed in 0.1s"),
        "tests_passed"
    );
    assert_eq!(call("weather", r#"{"city":"#, "x"), "bad_arguments");
    assert_eq!(
        call(
            "weather",
            r#"{"city":"Bonn"}"#,
            r#"{"error":"no such city"}"#
        ),
        "error_result"
    );
    assert_eq!(
        call(
            "weather",
            r#"{"city":"Bonn"}"#,
            "errors are rare in Bonn: 3 failed, 1 passed"
        ),
        ""
    );
    assert_eq!(
        call(
            "str_replace_editor",
            r#"{"command":"view","path":"a"}"#,
            "1 error: FAILED"
        ),
        ""
    );
    assert_eq!(
        call(
            "str_replace_editor",
            r#"{"command":"str_replace","path":"a"}"#,
            "No replacement was performed, old_str did not appear verbatim in a."
        ),
        "patch_failed"
    );
    assert_eq!(
        call(
            "edit",
            r#"{"filePath":"a"}"#,
            "Error: oldString not found in content"
        ),
        "patch_failed"
    );
    assert_eq!(
        call(
            "replace",
            r#"{"file_path":"a"}"#,
            "Error: Failed to edit, could not find the string to replace."
        ),
        "patch_failed"
    );
}
