//! What the shipped policies decide, and the examples of their README.

use super::calls::{self, HOUSE};
use super::*;

fn house(files: &[(&str, &str)]) -> Snapshot {
    let files: Vec<_> = [("tollgate.yaml", HOUSE)]
        .into_iter()
        .chain(files.iter().copied())
        .collect();
    let folder = Folder::new(&files);
    match load(&folder.sources(&[])) {
        Ok(loaded) => loaded.snapshot,
        Err(faults) => panic!("{}", folder.lines(&faults).join("\n")),
    }
}

fn shipped(name: &str) -> Snapshot {
    let text = std::fs::read_to_string(root().join("policies").join(name)).expect("a file");
    house(&[("policies/default.yaml", &text)])
}

#[track_caller]
fn decides(snapshot: &Snapshot, lines: &str) {
    let wrong = calls::run(snapshot, lines);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_default_takes_own_models_first_as_long_as_the_work_is_ordinary() {
    decides(
        &shipped("default.yaml"),
        "{} -> base1, base1-v2, claude-sonnet, claude-opus
{ asked: claude-opus } -> base1, base1-v2, claude-sonnet, claude-opus
{ difficulty: 1 } -> claude-sonnet, claude-opus, base1, base1-v2
{ asked: base1 } -> base1
{ images: true } -> claude-sonnet, claude-opus
{ prompt_tokens: 200000, task: fix, secrets: found } -> claude-sonnet, claude-opus
{ endpoint: completions } -> base1, base1-v2
{ down: gpu } -> claude-sonnet, claude-opus
{ asked: nonsense } -> refused",
    );
}

#[test]
fn a_frugal_team_pays_for_hard_work_only() {
    decides(
        &shipped("examples/frugal.yaml"),
        "{} -> base1, claude-sonnet
{ asked: claude-opus } -> base1, claude-sonnet
{ task: explain } -> base1, claude-sonnet
{ task: explain, difficulty: 2 } -> claude-sonnet, claude-opus, base1
{ task: fix, difficulty: 2 } -> claude-opus, claude-sonnet, base1
{ task: fix, difficulty: 1.5 } -> claude-sonnet, base1
{ task: fix, difficulty: 2, tag: { job: ci } } -> base1
{ task: edit, tag: { job: release } } -> base1, claude-sonnet
{ task: complete, endpoint: completions } -> base1
{ task: complete, images: true } -> refused
{ images: true } -> claude-sonnet
{ down: gpu } -> claude-sonnet
{ tag: { job: nightly }, down: gpu } -> base1",
    );
}

#[test]
fn a_team_for_quality_asks_the_ablest_first() {
    decides(
        &shipped("examples/quality-first.yaml"),
        "{} -> claude-opus, claude-sonnet, base1
{ task: explain } -> claude-sonnet, claude-opus, base1
{ task: test, difficulty: -2 } -> claude-sonnet, claude-opus, base1
{ task: test, difficulty: 0 } -> claude-opus, claude-sonnet, base1
{ task: complete, endpoint: completions } -> base1
{ task: complete } -> base1
{ down: away } -> base1
{ asked: base1 } -> base1
{ asked: gpt-4 , prompt_tokens: 500000 } -> claude-opus, claude-sonnet",
    );
}

#[test]
fn an_enterprise_keeps_its_code_at_home_however_a_call_asks() {
    decides(
        &shipped("examples/stay-home.yaml"),
        "{} -> base1
{ asked: claude-opus } -> base1
{ force: claude-opus } -> refused
{ force: base1 } -> base1
{ down: gpu } -> base1
{ images: true } -> refused
{ endpoint: embeddings } -> refused
{ endpoint: count_tokens } -> base1
{ tag: { team: website } } -> base1
{ tenant: website } -> base1, claude-sonnet, claude-opus
{ tenant: website, force: claude-opus } -> claude-opus
{ tenant: website, force: claude-opus, secrets: found } -> refused
{ tenant: website, data_class: confidential } -> base1
{ tenant: website, data_class: restricted } -> base1
{ tenant: website, path: src/Payments/card.ts } -> base1
{ tenant: website, path: 'C:\\site\\.env.local' } -> base1
{ tenant: website, path: docs/payments.md } -> base1, claude-sonnet, claude-opus
{ tenant: website, images: true, secrets: found } -> refused
{ tenant: handbook, task: review } -> claude-opus, claude-sonnet, base1
{ tenant: handbook, task: review, secrets: found } -> base1",
    );
}

#[test]
fn the_examples_of_the_readme_load_and_do_what_it_says() {
    let readme = std::fs::read_to_string(root().join("policies/README.md")).expect("a file");
    let (mut blocks, mut said) = (0, 0);
    let mut snapshot = None;
    for block in readme
        .split("\n```")
        .filter(|it| it.starts_with(char::is_alphabetic))
    {
        let (kind, text) = block.split_once('\n').expect("a line");
        match kind {
            "yaml" if text.contains("\nfor:") => {
                snapshot = Some(house(&[("policies/team.yaml", text)]));
            }
            "yaml" => snapshot = Some(house(&[("policies/default.yaml", text)])),
            "yaml prices" => {
                house(&[("policies/prices.yaml", text)]);
            }
            "calls" => {
                decides(snapshot.as_ref().expect("a policy before its calls"), text);
                said += text.matches("->").count();
            }
            _ => continue,
        }
        blocks += 1;
    }
    assert_eq!((blocks, said), (23, 38));
}
