//! Outputs of test runners.

use super::*;
use crate::session::evidence::runners::Verdict;

fn check(cases: &[(&str, &str, Option<u32>)]) {
    for (command, output, failed) in cases {
        let tests = judged(command, output).tests.map(|verdict| match verdict {
            Verdict::Failed(failed) => failed,
            Verdict::Passed => 0,
        });
        assert_eq!(tests, *failed, "{command}:\n{output}");
    }
}

#[test]
fn python() {
    check(&[
        (
            "pytest",
            "collected 4 items\n\ntests/test_cart.py .F.F\n\n_________ test_total _________\n\n>       assert total(c) == 3\nE       assert 4 == 3\n\
             ======= short test summary info =======\nFAILED tests/test_cart.py::test_total - assert 4 == 3\nFAILED tests/test_cart.py::test_tax\n======= 2 failed, 2 passed in 0.14s =======",
            Some(2),
        ),
        ("python -m pytest -q", "....\n4 passed in 0.03s", Some(0)),
        (
            "pytest",
            "=== 3 passed, 1 skipped, 2 warnings in 1.20s ===",
            Some(0),
        ),
        (
            "pytest",
            "ERROR tests/test_x.py\n!!! Interrupted: 1 error during collection !!!\n=== 1 error in 0.21s ===",
            Some(1),
        ),
        ("pytest --collect-only", "12 tests collected in 0.02s", None),
        ("pytest", "=== no tests ran in 0.01s ===", None),
        (
            "python -m unittest",
            "F.\n======\nFAIL: test_sum (test_math.SumTest)\n------\nTraceback (most recent call last):\n  File \"test_math.py\", line 8, in test_sum\nAssertionError: 4 != 3\n\nRan 2 tests in 0.001s\n\nFAILED (failures=1)",
            Some(1),
        ),
        (
            "python manage.py test",
            "Ran 12 tests in 0.410s\n\nFAILED (failures=2, errors=1)",
            Some(3),
        ),
        (
            "python -m unittest",
            "..\n------\nRan 2 tests in 0.000s\n\nOK",
            Some(0),
        ),
    ]);
}

#[test]
fn rust_and_go() {
    check(&[
        (
            "cargo test",
            "running 3 tests\ntest cart::adds ... ok\ntest cart::sums ... FAILED\n\nfailures:\n\n---- cart::sums stdout ----\nthread 'cart::sums' panicked at src/cart.rs:9:5:\nassertion `left == right` failed\n\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\nerror: test failed, to rerun pass `--lib`",
            Some(1),
        ),
        (
            "cargo test",
            "test result: ok. 5 passed; 0 failed; 0 ignored\n\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n\ntest result: FAILED. 0 passed; 3 failed; 0 ignored",
            Some(5),
        ),
        (
            "cargo test",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            Some(0),
        ),
        (
            "cargo test nothing",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out",
            None,
        ),
        (
            "cargo nextest run",
            "        FAIL [   0.008s] shop cart::sums\n────────\n     Summary [   0.012s] 3 tests run: 2 passed, 1 failed, 0 skipped",
            Some(1),
        ),
        (
            "cargo nextest run",
            "     Summary [   0.012s] 3 tests run: 3 passed, 0 skipped",
            Some(0),
        ),
        (
            "go test ./...",
            "--- FAIL: TestTotal (0.00s)\n    cart_test.go:14: got 4, want 3\nFAIL\nexit status 1\nFAIL\texample.org/shop/cart\t0.004s\nok  \texample.org/shop/tax\t0.002s",
            Some(1),
        ),
        (
            "go test ./...",
            "ok  \texample.org/shop/tax\t0.002s\nok  \texample.org/shop/cart\t(cached)\n?   \texample.org/shop\t[no test files]",
            Some(0),
        ),
        (
            "go test -v",
            "=== RUN   TestTotal\n--- PASS: TestTotal (0.00s)\nPASS\nok  \texample.org/shop\t0.002s",
            Some(0),
        ),
    ]);
}

#[test]
fn script() {
    check(&[
        (
            "npx jest",
            "FAIL src/cart.test.ts\n  ● cart › sums\n\n    expect(received).toBe(expected)\n\nTest Suites: 1 failed, 2 passed, 3 total\nTests:       1 failed, 2 skipped, 7 passed, 10 total\nSnapshots:   0 total\nTime:        1.4 s",
            Some(1),
        ),
        (
            "npm test",
            "Test Suites: 3 passed, 3 total\nTests:       9 passed, 9 total",
            Some(0),
        ),
        (
            "npx jest",
            "FAIL src/a.test.js\n  ● Test suite failed to run\n\nTest Suites: 1 failed, 1 total\nTests:       0 total",
            Some(1),
        ),
        (
            "vitest run",
            " ❯ src/cart.test.ts (3 tests | 2 failed) 8ms\n   × cart > sums 4ms\n   × cart > adds 1ms\n\n Test Files  1 failed | 1 passed (2)\n      Tests  2 failed | 5 passed (7)\n   Duration  310ms",
            Some(2),
        ),
        (
            "vitest run",
            " Test Files  2 passed (2)\n      Tests  7 passed (7)",
            Some(0),
        ),
        (
            "vitest run",
            "\u{1b}[32m Test Files \u{1b}[39m \u{1b}[1m\u{1b}[32m2 passed\u{1b}[39m (2)\n\u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m1 failed\u{1b}[39m (7)",
            Some(1),
        ),
        (
            "npx mocha",
            "  cart\n    ✓ adds\n    1) sums\n\n  1 passing (9ms)\n  1 failing\n\n  1) cart\n       sums:\n     AssertionError: expected 4 to equal 3",
            Some(1),
        ),
        (
            "npx mocha",
            "  cart\n    ✓ adds\n\n  1 passing (9ms)",
            Some(0),
        ),
        (
            "bun test",
            "cart.test.ts:\n(fail) cart > sums [0.10ms]\n\n 2 pass\n 1 fail\n 3 expect() calls\nRan 3 tests across 1 files. [12.00ms]",
            Some(1),
        ),
        ("deno test", "ok | 3 passed | 0 failed (12ms)", Some(0)),
        ("deno test", "FAILED | 2 passed | 1 failed (12ms)", Some(1)),
        (
            "npx playwright test",
            "  1 failed\n    [chromium] › login.spec.ts:3:1 › logs in\n  4 passed (5.1s)",
            Some(1),
        ),
        (
            "node --test",
            "TAP version 13\nok 1 - adds\nnot ok 2 - sums\n1..2\n# tests 2\n# pass 1\n# fail 1",
            Some(1),
        ),
        ("node --test", "ℹ tests 2\nℹ pass 2\nℹ fail 0", Some(0)),
    ]);
}

#[test]
fn machines_of_others() {
    check(&[
        (
            "mvn -q test",
            "[INFO] Running org.shop.CartTest\n[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.03 s <<< FAILURE!\n[ERROR]   CartTest.sums:21 expected: <3> but was: <4>\n[ERROR] Tests run: 8, Failures: 1, Errors: 1, Skipped: 0\n[INFO] BUILD FAILURE",
            Some(2),
        ),
        (
            "mvn test",
            "[INFO] Tests run: 8, Failures: 0, Errors: 0, Skipped: 1\n[INFO] BUILD SUCCESS",
            Some(0),
        ),
        (
            "./gradlew test",
            "> Task :test FAILED\n\nCartTest > sums() FAILED\n    org.opentest4j.AssertionFailedError at CartTest.java:21\n\n5 tests completed, 1 failed\n\nBUILD FAILED in 3s",
            Some(1),
        ),
        (
            "./gradlew test",
            "BUILD SUCCESSFUL in 2s\n3 actionable tasks: 3 executed",
            Some(0),
        ),
        (
            "java -jar junit.jar",
            "[         3 tests successful      ]\n[         2 tests failed          ]",
            Some(2),
        ),
        (
            "bundle exec rspec",
            "Failures:\n\n  1) Cart sums\n     Failure/Error: expect(c.total).to eq(3)\n\n3 examples, 1 failure, 1 pending\n\nrspec ./spec/cart_spec.rb:7 # Cart sums",
            Some(1),
        ),
        ("rspec", "3 examples, 0 failures", Some(0)),
        (
            "rake test",
            "3 runs, 5 assertions, 1 failures, 1 errors, 0 skips",
            Some(2),
        ),
        (
            "rails test",
            "3 runs, 5 assertions, 0 failures, 0 errors, 0 skips",
            Some(0),
        ),
        (
            "vendor/bin/phpunit",
            "There was 1 failure:\n\n1) CartTest::testSum\n\nFAILURES!\nTests: 3, Assertions: 5, Failures: 1.",
            Some(1),
        ),
        ("phpunit", "OK (3 tests, 5 assertions)", Some(0)),
        (
            "dotnet test",
            "  Failed Shop.CartTest.Sums [12 ms]\n\nFailed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 31 ms - Shop.dll (net9.0)",
            Some(1),
        ),
        (
            "dotnet test",
            "Passed!  - Failed:     0, Passed:     3, Skipped:     0, Total:     3, Duration: 31 ms",
            Some(0),
        ),
        (
            "ctest",
            "2/2 Test #2: sums .............***Failed    0.01 sec\n\n50% tests passed, 1 tests failed out of 2\n\nThe following tests FAILED:\n\t  2 - sums (Failed)",
            Some(1),
        ),
        (
            "ctest",
            "100% tests passed, 0 tests failed out of 2",
            Some(0),
        ),
        (
            "./build/cart_test",
            "[==========] 2 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 1 test.\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Cart.Sums",
            Some(1),
        ),
        (
            "swift test",
            "Test Case '-[ShopTests.CartTests testSum]' failed (0.003 seconds).\n\t Executed 3 tests, with 1 failure (0 unexpected) in 0.006 (0.008) seconds",
            Some(1),
        ),
        (
            "xcodebuild test",
            "\t Executed 3 tests, with 0 failures (0 unexpected) in 0.006 (0.008) seconds\n** TEST SUCCEEDED **",
            Some(0),
        ),
        (
            "prove -l",
            "t/a.t .. ok\nAll tests successful.\nFiles=1, Tests=2\nResult: PASS",
            Some(0),
        ),
        (
            "mix test",
            "  1) test sums (CartTest)\n\n3 tests, 1 failure",
            Some(1),
        ),
    ]);
}

#[test]
fn what_only_looks_like_a_run_is_none() {
    check(&[
        (
            "./deploy.sh",
            "3 files changed, 10 insertions(+), 2 deletions(-)",
            None,
        ),
        (
            "./report.sh",
            "2 failed logins since Monday\n10 passed the gate",
            None,
        ),
        ("./run.sh", "OK", None),
        ("./run.sh", "PASS", None),
        ("python seed.py", "inserted 3 tests", None),
        ("./run.sh", "", None),
        ("pip install x", "Successfully installed x-1.0", None),
    ]);
}

#[test]
fn a_run_that_fails_without_a_word_counts() {
    let signs = |command, output: &str| words(&judged(command, output).signs);

    assert_eq!(
        signs(
            "make test",
            "Exit code 2\nmake: *** [Makefile:3: test] Error 1"
        ),
        "tests_failed"
    );
    assert_eq!(
        signs("pytest", "Exit code 127\nbash: pytest: command not found"),
        "error_result"
    );
    assert_eq!(
        signs(
            "npm test",
            "npm error Missing script: \"test\"\nexit code: 1"
        ),
        "error_result"
    );
    assert_eq!(
        signs(
            "npm test && npm run lint",
            "4 passed in 0.1s\n✖ 2 problems (2 errors, 0 warnings)\nExit code 1"
        ),
        "tests_passed lint_error"
    );
}
