//! Outputs of compilers, linters, and of what breaks off.

use super::*;

fn check(cases: &[(&str, &str, &str)]) {
    for (command, output, want) in cases {
        assert_eq!(
            words(&judged(command, output).signs),
            *want,
            "{command}:\n{output}"
        );
    }
}

#[test]
fn errors_of_compilers() {
    check(&[
        (
            "cargo build",
            "error[E0425]: cannot find value `totl` in this scope\n --> src/cart.rs:9:5\n  |\n9 |     totl\n\nerror: could not compile `shop` (lib) due to 1 previous error",
            "compile_error",
        ),
        (
            "cargo check | head -20",
            "error: expected one of `!` or `::`, found `x`\n --> src/cart.rs:3:4",
            "compile_error",
        ),
        (
            "cargo test",
            "error[E0308]: mismatched types\n  --> src/cart.rs:3:4\nerror: could not compile `shop` (lib test) due to 1 previous error",
            "compile_error",
        ),
        (
            "gcc -c cart.c",
            "cart.c: In function 'sum':\ncart.c:4:9: error: 'totl' undeclared (first use in this function)",
            "compile_error",
        ),
        (
            "make -j8",
            "/usr/bin/ld: cart.o: in function `main':\ncart.c:(.text+0x5): undefined reference to `sum'\ncollect2: error: ld returned 1 exit status",
            "compile_error",
        ),
        (
            "clang++ x.cc",
            "x.cc:1:10: fatal error: 'missing.h' file not found",
            "compile_error",
        ),
        (
            "npx tsc --noEmit",
            "src/cart.ts(4,7): error TS2322: Type 'string' is not assignable to type 'number'.",
            "compile_error",
        ),
        (
            "tsc --pretty",
            "src/cart.ts:4:7 - error TS2322: Type 'string' is not assignable to type 'number'.\n\nFound 1 error in src/cart.ts:4",
            "compile_error",
        ),
        (
            "javac Cart.java",
            "Cart.java:4: error: cannot find symbol\n        totl;\n        ^\n1 error",
            "compile_error",
        ),
        (
            "mvn package",
            "[ERROR] COMPILATION ERROR : \n[ERROR] /w/src/main/java/Cart.java:[4,9] cannot find symbol",
            "compile_error",
        ),
        (
            "./gradlew build",
            "e: file:///w/src/Cart.kt:4:9 Unresolved reference: totl\n\nFAILURE: Build failed with an exception.\n* What went wrong:\nExecution failed for task ':app:compileDebugKotlin'.",
            "compile_error",
        ),
        (
            "go build ./...",
            "# example.org/shop/cart\ncart/cart.go:9:2: undefined: totl",
            "compile_error",
        ),
        (
            "go test ./...",
            "# example.org/shop\n./cart_test.go:9:2: undefined: totl\nFAIL\texample.org/shop [build failed]\nFAIL",
            "tests_failed",
        ),
        (
            "dotnet build",
            "/w/Cart.cs(4,9): error CS0103: The name 'totl' does not exist in the current context\nBuild FAILED.",
            "compile_error",
        ),
        (
            "mypy .",
            "cart.py:4: error: Name \"totl\" is not defined  [name-defined]\nFound 1 error in 1 file (checked 3 source files)",
            "compile_error",
        ),
        (
            "pyright",
            "/w/cart.py\n  /w/cart.py:4:5 - error: \"totl\" is not defined (reportUndefinedVariable)\n1 error, 0 warnings, 0 informations",
            "compile_error",
        ),
        (
            "swift build",
            "/w/Cart.swift:4:9: error: cannot find 'totl' in scope",
            "compile_error",
        ),
        (
            "npm run build",
            "ERROR in ./src/cart.ts 4:7\nModule not found: Error: Can't resolve './tax'",
            "compile_error",
        ),
        (
            "make",
            "Exit code 2\nmake: *** No targets.  Stop.",
            "compile_error",
        ),
    ]);
}

#[test]
fn linters_are_weak_and_builds_may_be_green() {
    check(&[
        (
            "npx eslint src",
            "/w/src/cart.ts\n  4:7  error  'totl' is not defined  no-undef\n\n✖ 1 problem (1 error, 0 warnings)",
            "lint_error",
        ),
        (
            "ruff check .",
            "cart.py:4:5: F821 Undefined name `totl`\nFound 1 error.",
            "lint_error",
        ),
        (
            "cargo fmt --check",
            "Diff in /w/src/cart.rs:4:\n-    x\n+x",
            "lint_error",
        ),
        (
            "cargo build",
            "   Compiling shop v0.1.0\n    Finished `dev` profile [unoptimized + debuginfo] target(s) in 0.52s",
            "build_green",
        ),
        (
            "cargo clippy",
            "warning: unused variable: `x`\n --> src/cart.rs:4:9\n    Finished `dev` profile [unoptimized] target(s) in 0.5s",
            "build_green",
        ),
        ("./ci.sh", "BUILD SUCCESSFUL in 3s", "build_green"),
        ("npx tsc --noEmit", "", "build_green"),
        (
            "mypy .",
            "Success: no issues found in 3 source files",
            "build_green",
        ),
        (
            "./ci.sh",
            "0 errors, 0 warnings, 0 informations",
            "build_green",
        ),
        (
            "git commit -m 'sum'",
            "[main 1a2b3c4] sum\n 1 file changed, 2 insertions(+)",
            "committed",
        ),
        (
            "git commit -m 'sum'",
            "On branch main\nnothing to commit, working tree clean",
            "",
        ),
        (
            "cargo test && git commit -am x",
            "test result: ok. 3 passed; 0 failed; 0 ignored\n[main 1a2b3c4] x\n 1 file changed",
            "tests_passed committed",
        ),
    ]);
}

#[test]
fn what_breaks_off() {
    check(&[
        (
            "python app.py",
            "Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\n    main()\nKeyError: 'total'",
            "crash",
        ),
        (
            "node app.js",
            "/w/app.js:3\n    x.y();\n      ^\n\nTypeError: Cannot read properties of undefined (reading 'y')\n    at Object.<anonymous> (/w/app.js:3:7)\n    at Module._compile (node:internal/modules/cjs/loader:1554:14)",
            "crash",
        ),
        (
            "cargo run",
            "    Finished `dev` profile [unoptimized] target(s) in 0.1s\n     Running `target/debug/shop`\nthread 'main' panicked at src/main.rs:3:5:\nindex out of bounds",
            "crash",
        ),
        (
            "go run .",
            "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:",
            "crash",
        ),
        (
            "java Main",
            "Exception in thread \"main\" java.lang.NullPointerException\n\tat Main.main(Main.java:3)",
            "crash",
        ),
        ("./a.out", "Segmentation fault (core dumped)", "crash"),
        (
            "python bad.py",
            "  File \"bad.py\", line 3\n    if x\n        ^\nSyntaxError: expected ':'",
            "compile_error",
        ),
        ("./deploy.sh", "Exit code 3\nno such host", "error_result"),
        ("npm install", "added 3 packages in 1s", ""),
        (
            "./migrate.sh",
            "0 errors while migrating; FAILED rows: none",
            "",
        ),
        (
            "git apply x.patch",
            "error: patch failed: a.rs:3\nerror: a.rs: patch does not apply",
            "",
        ),
    ]);
}

#[test]
fn clients_say_how_a_command_ended() {
    let signs = |output: &str| words(&judged("./x.sh", output).signs);

    for failed in [
        "Exit code 1\nboom",
        "boom\n\nExit code: 1",
        "Chunk ID: 3f\nWall time: 0.1 seconds\nProcess exited with code 1\nOutput:\nboom",
        "boom\n[The command completed with exit code 1.]",
        "Command failed with exit code 1.\nOutput:\nboom",
        r#"{"output":"boom\n","metadata":{"exit_code":1,"duration_seconds":0.1}}"#,
        r#"{"stdout":"","stderr":"boom","returncode":2}"#,
    ] {
        assert_eq!(signs(failed), "error_result", "{failed}");
    }
    for went in [
        "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nfine",
        r#"{"output":"fine","metadata":{"exit_code":0}}"#,
    ] {
        assert_eq!(signs(went), "", "{went}");
    }
    let wrapped = r#"{"output":"=== 2 failed, 1 passed in 0.1s ===\n","metadata":{"exit_code":1}}"#;
    assert_eq!(words(&judged("pytest", wrapped).signs), "tests_failed");
}
