//! Streams that were written by hand in the targets' true order, and what each caller is told of them. Those files have been read.

use super::*;

/// The pairs whose files differ. What was told is written into the build folder, to be read and then copied.
fn differing() -> Vec<String> {
    let told_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/streams");
    let mut differing = Vec::new();
    for target in TARGETS {
        for (scene, caller) in SCENES
            .iter()
            .flat_map(|scene| CALLERS.map(|it| (scene, it)))
        {
            let name = format!("{target}/{scene}.to.{caller}.sse");
            let told = translated(target, &asked(caller), &[said(target, scene)]);
            let expected = std::fs::read_to_string(folder().join(&name)).unwrap_or_default();
            if told != expected {
                let file = told_folder.join(&name);
                std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                std::fs::write(file, told).expect("a file");
                differing.push(name);
            }
        }
    }
    differing
}

#[test]
fn each_caller_is_told_what_its_file_says() {
    let differing = differing();

    assert!(
        differing.is_empty(),
        "compare target/streams with tests/data/translate/streams: {differing:#?}"
    );
}
