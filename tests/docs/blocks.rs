//! Finds the fenced blocks of a document, and what the comments around them ask for.

/// A fenced block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where its text begins.
    pub(crate) line: usize,
    pub(crate) language: String,
    /// What the comment on the line above says.
    pub(crate) marker: String,
    pub(crate) text: String,
    /// What has to occur in its output.
    pub(crate) expected: Vec<String>,
}

/// All blocks, in order.
pub(crate) fn read(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut above = "";
    let mut lines = document.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .collect();
            blocks.push(Block {
                line: at + 2,
                language: language.to_owned(),
                marker: comment(above).unwrap_or_default().to_owned(),
                text: text.join("\n"),
                expected: Vec::new(),
            });
        } else if let Some(expected) = comment(line).and_then(|it| it.strip_prefix("expect: "))
            // What is printed may be shown in a block of its own, which nobody runs.
            && let Some(block) = blocks.iter_mut().rfind(|block| block.marker == "test")
        {
            block.expected.push(expected.to_owned());
        }
        above = line;
    }
    blocks
}

fn comment(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("<!--")?.strip_suffix("-->")?;
    Some(inner.trim())
}

#[test]
fn blocks_are_found_with_what_belongs_to_them() {
    let document = "\
<!-- test -->
```sh
one
two
```

<!-- expect: three -->
```text
three and more
```
";

    let found = read(document);

    assert_eq!(
        found[0],
        Block {
            line: 3,
            language: "sh".into(),
            marker: "test".into(),
            text: "one\ntwo".into(),
            expected: vec!["three".into()],
        }
    );
    assert_eq!(found[1].marker, "expect: three");
}
