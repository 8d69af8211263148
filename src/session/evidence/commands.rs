//! What a command line does: whether it runs something whose output tells of the work, or only looks around.
//!
//! A line counts by its strongest part. What only reads (`cat`, `grep`, `git log`) tells nothing, whatever words are in it.

use super::signature::Hash;

/// What a call does, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Does(u16);

impl Does {
    /// Looks around.
    pub(super) const READ: Self = Self(1);
    /// Runs something.
    pub(super) const RUN: Self = Self(2);
    pub(super) const TEST: Self = Self(4 | 2);
    pub(super) const BUILD: Self = Self(8 | 2);
    pub(super) const LINT: Self = Self(16 | 2);
    pub(super) const COMMIT: Self = Self(32 | 2);
    pub(super) const EDIT: Self = Self(64);
    /// Waits for what goes on already, or looks at it: doing it again is no repeat.
    pub(super) const WAIT: Self = Self(128);
    /// The output of what runs already.
    pub(super) const POLL: Self = Self(128 | 2);
    /// It ends in who reads or counts: how that ended says nothing of what was run before.
    pub(super) const PIPED: Self = Self(256);
    pub(super) const NOTHING: Self = Self(0);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without what does not matter beside the rest.
    fn strongest(self) -> Self {
        let more = self.0 & !(Self::READ.0 | Self::WAIT.0);
        match more & !Self::PIPED.0 {
            0 => Self(self.0 & !Self::PIPED.0),
            _ => Self(more),
        }
    }
}

/// What commands do, by their first words. The first row that fits holds; a word ending in `*` stands for all that begin so.
/// (As texts, not lists: a list would be a line a word.)
const COMMANDS: &[(Does, &str)] = &[
    (
        Does::TEST,
        "cargo test, cargo nextest, cargo t, cargo miri test, pytest, py.test, unittest, nosetests, tox, nox, trial, \
         manage.py test, setup.py test, go test, gotestsum, ginkgo, jest, react-scripts test, vitest, mocha, ava, \
         tap, jasmine, karma, playwright test, cypress run, npm test, npm t, npm run test*, yarn test*, \
         yarn run test*, pnpm test*, pnpm run test*, pnpm t, bun test, bun run test*, deno test, node --test, \
         nx test, turbo test, turbo run test*, ng test, mvn test, mvn verify, mvn install, mvnw test, mvnw verify, \
         gradle test, gradle check, gradlew test, gradlew check, sbt test, lein test, rspec, rake test*, rake spec, \
         rails test*, minitest, phpunit, pest, artisan test, composer test, dotnet test, vstest, ctest, make test*, \
         make check, ninja test, meson test, bazel test, swift test, xcodebuild test, mix test, prove, bats, busted, \
         dart test, flutter test, zig test, zig build test, stack test, cabal test, just test*, task test*, \
         invoke test*, hatch test, run_tests*, runtests*",
    ),
    (
        Does::LINT,
        "cargo fmt, eslint, ruff, flake8, pylint, black, isort, rubocop, golangci-lint, prettier, shellcheck, \
         stylelint, biome, gofmt, npm run lint*, yarn lint*, pnpm lint*, pnpm run lint*, make lint, make fmt, \
         ktlint, clang-tidy, clang-format, rustfmt, swiftlint, phpcs, pre-commit",
    ),
    (
        Does::BUILD,
        "cargo build, cargo b, cargo check, cargo c, cargo clippy, cargo rustc, cargo doc, rustc, go build, go vet, \
         go install, tsc, vue-tsc, npm run build*, npm run typecheck, npm run type-check, yarn build*, \
         yarn typecheck, yarn tsc, pnpm build*, pnpm run build*, pnpm typecheck, pnpm tsc, bun run build*, \
         bun build, deno check, vite build, next build, webpack, rollup, esbuild, ng build, nx build, turbo build, \
         turbo run build, make, gmake, cmake --build, ninja, meson compile, bazel build, scons, gcc, g++, cc, c++, \
         clang, clang++, mvn compile, mvn package, mvnw compile, mvnw package, gradle build, gradle assemble, \
         gradle compile*, gradlew build, gradlew assemble*, gradlew compile*, javac, kotlinc, scalac, sbt compile, \
         dotnet build, dotnet publish, msbuild, csc, swift build, swiftc, xcodebuild, mypy, pyright, basedpyright, \
         pyre, py_compile, compileall, mix compile, elixirc, ghc, stack build, cabal build, zig build, dart analyze, \
         flutter build, flutter analyze, php -l, ruby -c, node --check, docker build, just build*",
    ),
    (Does::COMMIT, "git commit, git-commit"),
    (
        Does::EDIT,
        "apply_patch, applypatch, patch, git apply, git am, sed -i*, perl -pi*, perl -i*",
    ),
    (
        Does::WAIT,
        "sleep, wait, ps, docker ps, kubectl get, tail -f, jobs, pgrep, lsof, curl, wget",
    ),
    (
        Does::READ,
        "cat, bat, head, tail, less, more, grep, egrep, fgrep, rg, ag, ack, ls, ll, eza, exa, find, fd, fdfind, \
         tree, wc, sed, awk, gawk, cut, sort, uniq, diff, cmp, comm, stat, file, du, df, pwd, which, whereis, type, \
         echo, printf, jq, yq, xxd, hexdump, od, strings, nl, column, tr, tac, rev, date, env, printenv, uname, \
         whoami, id, basename, dirname, realpath, readlink, tee, xargs, git log, git diff, git show, git status, \
         git blame, git grep, git branch, git ls-files, git ls-tree, git remote, git rev-parse, git stash list, \
         git config, git tag, git reflog, git shortlog, git describe, git cat-file, git fetch, man, docker logs, \
         docker images, docker inspect, kubectl logs, kubectl describe, journalctl, dmesg, gh, npm ls, npm view, \
         pip show, pip list, pip freeze, go doc, go list, cargo tree, cargo metadata, get-content, get-childitem, \
         select-string, findstr, dir, cd, pushd, popd, export, set, source, ., true, :, mkdir, touch, ulimit, unset, \
         alias, for, while, do, done, if, then, fi, test, [, [[, read, tmux capture-pane",
    ),
];

/// Words before the command itself.
const WRAPPERS: &str = "sudo, time, nice, nohup, exec, command, builtin, env, npx, bunx, pnpx, xvfb-run, stdbuf, uv run, \
     poetry run, pdm run, pipenv run, hatch run, rye run, pixi run, bundle exec, pnpm exec, pnpm dlx, yarn exec, \
     npm exec, corepack, python -m, python3 -m, python -u, python, python3, py, bin/, coverage run -m, \
     coverage run, php, ruby, mise exec, direnv exec, winpty, timeout, gtimeout, do, then, {, (, !, --";

/// Options of the commands that take a word, where they stand before what tells them apart.
const VALUED: &str = "-C, -c, --prefix, --cwd, --dir, -p, -F, --filter, -f, --manifest-path";

/// What a command line comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) does: Does,
    /// What is tested, by hash: the words of that part without its options.
    pub(super) scope: u64,
}

/// Reads a command line. What follows a here-document is somebody's text, not commands.
pub(super) fn read(line: &str) -> Line {
    let mut all = Line::default();
    let mut piped = false;
    for part in Parts(line) {
        let words: Vec<&str> = words(part.text).take(24).collect();
        if let Some(inside) = shell_within(part.text, &words) {
            let inside = read(inside);
            all.does = all.does.with(inside.does);
            all.scope ^= inside.scope;
            continue;
        }
        let words = unwrapped(&words);
        let mut does = kind(words);
        let reads = does == Does::READ;
        if reads && !piped && writes_file(part.text) {
            does = Does::EDIT;
        }
        if reads && piped {
            does = Does::PIPED;
        }
        all.does = all.does.with(does);
        if does.has(Does::TEST) {
            all.scope ^= scope(words);
        }
        piped = part.piped;
        if part.text.contains("<<") {
            break;
        }
    }
    all.does = all.does.strongest();
    all
}

/// The text that a shell is told to run: `bash -lc '…'`.
fn shell_within<'a>(part: &'a str, words: &[&str]) -> Option<&'a str> {
    let shell = words.first()?.rsplit('/').next()?;
    let told = words.get(1)?;
    let is_shell = matches!(
        shell,
        "bash" | "sh" | "zsh" | "dash" | "pwsh" | "powershell"
    );
    if !(is_shell && told.starts_with('-') && told.ends_with(['c', 'd'])) {
        return None;
    }
    let rest = part.split_once(told)?.1.trim();
    let inside = rest.strip_prefix(['\'', '"']);
    let inside = inside.and_then(|rest| rest.strip_suffix(['\'', '"']));
    Some(inside.unwrap_or(rest)).filter(|inside| inside.len() < part.len())
}

/// Whether the output goes into a file, and is written from the command line itself.
fn writes_file(part: &str) -> bool {
    let writer = ["cat", "echo", "printf", "tee"];
    let first = words(part).next().unwrap_or_default();
    let target = part.find(" > ").or(part.find(" >> ")).or(part.find(" >"));
    let to_file =
        target.is_some_and(|at| !part[at..].contains("/dev/null") && !part[at..].contains(">&"));
    writer.contains(&first) && (to_file || first == "tee")
}

/// The words without what stands before the command: wrappers, settings of the environment, folders.
fn unwrapped<'w, 'a>(mut words: &'w [&'a str]) -> &'w [&'a str] {
    'again: loop {
        let Some(first) = words.first() else {
            return words;
        };
        let sets = first.split_once('=').is_some_and(|(name, _)| is_name(name));
        let limit = first.starts_with(|c: char| c.is_ascii_digit());
        if sets || limit || (first.starts_with('-') && words.len() > 1) {
            words = &words[1..];
            continue;
        }
        for wrapper in WRAPPERS.split(", ") {
            let length = wrapper.split(' ').count();
            if words.len() > length && starts(words, wrapper) {
                words = &words[length..];
                continue 'again;
            }
        }
        return words;
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a command begins with these words.
fn starts(words: &[&str], with: &str) -> bool {
    let mut words = words.iter().enumerate();
    with.split(' ').all(|want| {
        let word = words.next().map(|(at, word)| match at {
            0 => base(word),
            _ => *word,
        });
        word.is_some_and(|word| match want.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == want,
        })
    })
}

/// A program's name without its folder and extension.
fn base(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.strip_suffix(".exe")
        .or(name.strip_suffix(".cmd"))
        .unwrap_or(name)
}

fn kind(words: &[&str]) -> Does {
    if words.is_empty() {
        return Does::NOTHING;
    }
    // What tells a command apart may stand behind options: `go -C x test`, `make -j8 check`.
    let plain: Vec<&str> = plain(words).collect();
    let row = COMMANDS.iter().find(|(_, commands)| {
        let mut commands = commands.split(", ");
        commands.any(|command| starts(words, command) || starts(&plain, command))
    });
    // Builders do what they are told last.
    let builder = matches!(
        base(words[0]),
        "mvn" | "mvnw" | "gradle" | "gradlew" | "make" | "sbt" | "xcodebuild"
    );
    let tests = |word: &&str| {
        let goal = word.rsplit(':').next().unwrap_or(word);
        goal.starts_with("test") || goal.ends_with("Test") || matches!(goal, "check" | "verify")
    };
    match row {
        _ if builder && plain[1..].iter().any(tests) => Does::TEST,
        Some((does, _)) => *does,
        None if builder => Does::BUILD,
        None => Does::RUN,
    }
}

/// The words that are no options.
fn plain<'w, 'a>(words: &'w [&'a str]) -> impl Iterator<Item = &'a str> + 'w {
    let behind_valued = |at: usize| at > 0 && VALUED.split(", ").any(|it| it == words[at - 1]);
    let plain = words.iter().enumerate();
    let plain =
        plain.filter(move |(at, word)| *at == 0 || !(word.starts_with('-') || behind_valued(*at)));
    plain.map(|(_, word)| *word)
}

fn scope(words: &[&str]) -> u64 {
    let mut hash = Hash::default();
    for word in
        plain(words).filter(|word| !word.starts_with(['>', '<', '&']) && !word.starts_with("2>"))
    {
        hash.write(word.as_bytes());
        hash.write(b" ");
    }
    hash.finish()
}

/// A part of a line, up to what separates commands.
struct Part<'a> {
    text: &'a str,
    /// Its output goes to the next.
    piped: bool,
}

/// Splits where commands are separated, outside of quotes.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let text = self
            .0
            .trim_start_matches([' ', '\n', ';', '&', '|', '\t', '\r']);
        if text.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        let (mut quote, mut at) = (0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if quote != b'\'' => at += 1,
                byte if byte == quote => quote = 0,
                byte @ (b'\'' | b'"') if quote == 0 => quote = byte,
                // `2>&1` and `&>` are no separators.
                b'&' if quote == 0
                    && (bytes.get(at + 1) == Some(&b'>') || at > 0 && bytes[at - 1] == b'>') => {}
                b';' | b'|' | b'&' | b'\n' if quote == 0 => break,
                _ => {}
            }
            at += 1;
        }
        let at = text.floor_char_boundary(at.min(text.len()));
        let piped = text[at..].starts_with('|') && !text[at..].starts_with("||");
        self.0 = &text[at..];
        Some(Part {
            text: text[..at].trim(),
            piped,
        })
    }
}

/// The words of a part, without their quotes.
fn words(part: &str) -> impl Iterator<Item = &str> {
    let words = part.split_ascii_whitespace();
    words
        .map(|word| word.trim_matches(['"', '\'', '(', ')', '`', '$']))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart() {
        let cases = [
            ("cargo test", Does::TEST),
            (
                "cd app && RUST_LOG=debug cargo test --lib 2>&1 | tail -20",
                Does::TEST,
            ),
            ("bash -lc 'cd x && pytest -q'", Does::TEST),
            ("uv run python -m pytest tests/a.py", Does::TEST),
            ("timeout 60 npx vitest run", Does::TEST),
            ("npm run test:unit -- --watch=false", Does::TEST),
            ("./gradlew :app:testDebugUnitTest", Does::TEST),
            ("make -j8 check", Does::TEST),
            ("mvn -q -B clean verify", Does::TEST),
            ("go -C srv test ./...", Does::TEST),
            ("python manage.py test shop", Does::TEST),
            ("make", Does::BUILD),
            ("cargo clippy --all-targets", Does::BUILD),
            ("npx tsc --noEmit", Does::BUILD),
            ("npx eslint src", Does::LINT),
            (
                "git add -A && git commit -m 'fix; cargo test'",
                Does::COMMIT.with(Does::RUN),
            ),
            ("cat log.txt", Does::READ),
            ("cat log.txt | grep FAILED", Does::READ),
            ("grep -rn 'cargo test; npm test' src", Does::READ),
            ("cd src && ls -la; git log --oneline | head", Does::READ),
            ("git diff HEAD~1 && git status", Does::READ),
            ("docker logs web 2>&1 | tail", Does::READ),
            ("sed -n 1,40p a.rs", Does::READ),
            ("sed -i s/a/b/ a.rs", Does::EDIT),
            ("cat > a.py <<'EOF'\npytest\nmake\nEOF", Does::EDIT),
            ("apply_patch <<'EOF'\n*** Begin Patch\nEOF", Does::EDIT),
            ("echo hi 2>/dev/null", Does::READ),
            ("python script.py", Does::RUN),
            ("./run.sh", Does::RUN),
            ("sleep 5", Does::WAIT),
            ("", Does::NOTHING),
        ];
        for (line, want) in cases {
            let does = Does(read(line).does.0 & !Does::PIPED.0);
            assert_eq!(does, want, "{line}");
        }
    }

    #[test]
    fn who_reads_at_the_end_hides_how_it_ended() {
        let hidden = |line| read(line).does.has(Does::PIPED);

        assert!(hidden("cargo test 2>&1 | grep FAILED"));
        assert!(hidden("make | tee out.log"));
        assert!(!hidden("cargo test"));
        assert!(!hidden("cat x | grep y"));
    }

    #[test]
    fn the_scope_is_what_is_tested() {
        let same = |a: &str, b: &str| read(a).scope == read(b).scope;

        assert!(same(
            "cargo test foo",
            "cd x && cargo test foo 2>&1 | tail -5"
        ));
        assert!(same(
            "pytest -q tests/a.py",
            "python -m pytest tests/a.py -x"
        ));
        assert!(!same("pytest tests/a.py", "pytest tests/b.py"));
        assert!(!same("cargo test", "cargo test foo"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in "[ a-z'\"|&;<>$()=\\\\\né/-]{0,60}") {
            read(&line);
        }
    }
}
