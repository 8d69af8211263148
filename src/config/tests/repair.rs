//! What policies say of flawed answers: read as it is meant, and each mistake with its mend.

use super::super::*;
use super::Folder;
use crate::policy::{Catch, Glob, Hold, Pick, Policy, Repair, Selector};

const HOUSE: &str = "targets:
  gpu: { hosting: own, dialects: [chat], url: http://127.0.0.1:8000/v1 }
models:
  base: { target: gpu }
";

fn folder(repair: &str) -> Folder {
    let policy = format!("version: 1\n{repair}");
    Folder::new(&[("tollgate.yaml", HOUSE), ("policies/default.yaml", &policy)])
}

fn read(repair: &str) -> Repair {
    let loaded = load(&folder(repair).sources(&[])).expect("it is right");
    let policy = Policy::clone(&loaded.snapshot.policies.by_name()["default"]);
    Repair::clone(&policy.repair)
}

#[test]
fn what_is_left_out_is_as_by_default() {
    assert_eq!(read(""), Repair::default());
    assert_eq!(read("repair: {}"), Repair::default());
    assert_eq!(read("repair: none"), Repair::none());
    let written = read(
        "repair: { of: base, catch: [empty, repeats], again: never, hold: { text_bytes: 400, bytes: 9000, ms: 0 } }",
    );
    let wanted = Repair {
        of: Selector(vec![Pick::Named(Glob::new("base"))]),
        catch: vec![Catch::Empty, Catch::Repeats],
        again: false,
        hold: Hold {
            text: 400,
            bytes: 9_000,
            millis: 0,
        },
    };
    assert_eq!(written, wanted);
}

#[test]
fn a_mistake_is_named_with_its_mend() {
    let cases = [
        ("repair: off", "write keys below it, or `repair: none`"),
        ("repair: { of: bse }", "did you mean \"base\"?"),
        (
            "repair: { catch: [argument] }",
            "did you mean \"arguments\"?",
        ),
        ("repair: { again: twice }", "write once or never"),
        ("repair: { hold: { text: 4 } }", "is not known here"),
        ("repair: { hold: { bytes: many } }", "is not a count"),
    ];
    for (repair, mend) in cases {
        let faults = load(&folder(repair).sources(&[])).expect_err("it is wrong");
        let told = faults.to_string();
        assert!(
            told.contains("default.yaml:2:") && told.contains(mend),
            "{told}"
        );
    }
}
