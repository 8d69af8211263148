//! The README's examples, run as a reader would run them.
//!
//! A block of `sh` with `<!-- test -->` on the line above it runs against a gateway that was started as the README says;
//! each `<!-- expect: TEXT -->` behind it has to occur in what it prints. A block of `yaml` with
//! `<!-- test: tollgate.yaml -->` above it has to pass `tollgate check`, and so have the policies' examples. What these decide
//! is looked at where policies are read.

mod blocks;
mod shell;

use std::fs;
use std::path::Path;

use blocks::Block;
use shell::Shell;

/// The models that the policies' README speaks of.
const HOUSE: &str = "targets:
  gpu: { hosting: own, dialects: [chat], url: http://127.0.0.1:8000/v1 }
  away: { hosting: vendor, dialects: [chat], url: http://away }
models:
  base1: { target: gpu }
  base1-v2: { target: gpu }
  claude-sonnet: { target: away }
  claude-opus: { target: away }
";

fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).expect("the file ships")
}

fn readme() -> Vec<Block> {
    blocks::read(&shipped("README.md"))
}

fn marked<'a>(blocks: &'a [Block], language: &str, marker: &str) -> Vec<&'a Block> {
    let found = blocks.iter();
    let found = found.filter(|block| block.language == language && block.marker == marker);
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "no block of {language} is marked");
    found
}

#[test]
fn commands_of_the_readme_do_what_it_says() {
    let policies = blocks::read(&shipped("policies/README.md"));
    let blocks = readme();
    let shell = Shell::beside_a_gateway();
    // The calls of the first are what the second looks back on.
    let commands = [&blocks, &policies].map(|blocks| marked(blocks, "sh", "test"));

    for block in commands.concat() {
        let ran = shell.run(&block.text);

        assert!(
            ran.passed,
            "line {}:\n{}\n{}",
            block.line, block.text, ran.output
        );
        for expected in &block.expected {
            assert!(
                ran.output.contains(expected),
                "line {}: {expected:?} is not in\n{}",
                block.line,
                ran.output
            );
        }
    }
}

#[test]
fn configurations_of_the_readme_pass_the_check() {
    let blocks = readme();

    for block in marked(&blocks, "yaml", "test: tollgate.yaml") {
        let ran = shell::check(&block.text);

        assert!(ran.passed, "line {}:\n{}", block.line, ran.output);
    }
}

#[test]
fn policies_of_their_readme_and_examples_pass_the_check() {
    let readme = blocks::read(&shipped("policies/README.md"));
    let mut policies: Vec<(String, String)> = readme
        .into_iter()
        .filter(|block| block.language == "yaml")
        .map(|block| (format!("line {}", block.line), block.text))
        .collect();
    for name in ["frugal", "quality-first", "stay-home"] {
        policies.push((
            name.into(),
            shipped(&format!("policies/examples/{name}.yaml")),
        ));
    }

    for (place, policy) in policies {
        let claims = policy.contains("\nfor:");
        let file = if claims { "team.yaml" } else { "default.yaml" };
        let ran = shell::check_with(HOUSE, Some((file, &policy)));

        assert!(ran.passed, "{place}:\n{}", ran.output);
    }
}

#[test]
fn every_marker_belongs_to_a_block() {
    let text = shipped("README.md");
    let blocks = blocks::read(&text);

    let known = ["test", "test: tollgate.yaml"];
    let used = blocks.iter().filter(|b| known.contains(&b.marker.as_str()));
    let expected: usize = blocks.iter().map(|block| block.expected.len()).sum();

    assert_eq!(text.matches("<!-- test").count(), used.count());
    assert_eq!(text.matches("<!-- expect:").count(), expected);
}
