//! Which blocks go, and which words stay.

use proptest::prelude::*;

use super::*;

fn kept(text: &str) -> Vec<&str> {
    let pieces = own(text).pieces;
    pieces.into_iter().map(|piece| &text[piece]).collect()
}

#[test]
fn each_tag_is_there_once() {
    for (index, (tag, _)) in TAGS.iter().enumerate() {
        assert_eq!(find(tag), Some(index), "{tag}");
    }
}

#[test]
fn a_block_goes_and_the_words_around_it_stay() {
    let text =
        "one\n<system-reminder>\nno\n</system-reminder>\n\n two \n  <git_status>x</git_status>\n";

    assert_eq!(kept(text), ["one", "two"]);
    assert_eq!(
        kept("<file_content path=\"a.rs\">\nfn a()\n</file_content>\nwords"),
        ["words"]
    );
}

#[test]
fn a_wrapper_goes_and_the_words_in_it_stay() {
    assert_eq!(kept("<task>\nbuild it\n</task>"), ["build it"]);
    assert_eq!(
        kept("<task>build <b>it</b></task><environment_details>\nno\n</environment_details>\nsoon"),
        ["build <b>it</b>", "soon"]
    );
}

#[test]
fn who_writes_of_a_tag_loses_nothing() {
    let whole = |text: &str| assert_eq!(kept(text), [text]);

    whole("what does <system-reminder> do?");
    whole("what does <system-reminder>this</system-reminder> do?");
    whole("<system-reminder> is never closed\nis it?");
    whole("<system-reminder> and </system-reminder> are tags");
    whole("wrap it so: <task>\nwords\n</task>");
    whole("</system-reminder>\nwords");
    whole("<context>\n<bean/>\n</context>");
    whole("<html>\n<body>\n</body>\n</html>");
    whole("I wrote: # *SEARCH/REPLACE block* Rules:");
    whole("why does it say \"[Request interrupted by user]\"?");
}

#[test]
fn what_is_never_closed_stays_beside_what_is() {
    let text = "<system-reminder>\nsee above\n<system-reminder>\nno\n</system-reminder>\nwords";

    assert_eq!(kept(text), ["<system-reminder>\nsee above", "words"]);
}

#[test]
fn a_block_in_a_block_goes_with_it() {
    let text = "<system-reminder>\na\n<system-reminder>\nb\n</system-reminder>\nc\n</system-reminder>\nwords";

    assert_eq!(kept(text), ["words"]);
}

#[test]
fn the_heading_of_a_block_goes_with_it() {
    let text =
        "# AGENTS.md instructions for here\n\n<INSTRUCTIONS>\nuse make\n</INSTRUCTIONS>\nbuild";

    assert_eq!(kept(text), ["build"]);
    assert_eq!(
        kept("# AGENTS.md instructions for here\n\nuse make"),
        [""; 0]
    );
}

#[test]
fn the_rules_behind_the_words_go() {
    let text = "build\n\n# *SEARCH/REPLACE block* Rules:\n\nmore";

    assert_eq!(kept(text), ["build"]);
    assert!(own(text).ended);
}

#[test]
fn raw_texts_are_judged_by_the_same_rules() {
    let wrapped = |quoted: &str| is_wrapped(quoted, &mut String::new());

    assert!(wrapped(r#""<git_status>\nx\n</git_status>""#));
    assert!(wrapped(
        r#""\n\n \u003cgit_status\u003ex\u003c/git_status\u003e""#
    ));
    assert!(wrapped(r#""[Request interrupted by user for tool use]""#));
    assert!(wrapped(r#""  \n""#));
    assert!(!wrapped(r#""<git_status>\nx\n</git_status>\nwords""#));
    assert!(!wrapped(r#""words\n<git_status>\nx\n</git_status>""#));
    assert!(is_result(r#""[list_files for 'src'] Result:\na.rs""#));
    assert!(!is_result(r#""[list_files] is broken""#));
}

#[test]
fn many_tags_cost_no_more_than_their_number() {
    let text = "<task>\n".repeat(100_000) + &"</task>\n".repeat(100_000);

    assert!(!kept(&text).is_empty());
}

proptest! {
    #[test]
    fn pieces_are_in_order_and_not_blank(
        text in "(<task>|</task>|<git_status>|</git_status>|<context>|</context>|\\n|é😀| |[a-z<>/=]){0,40}"
    ) {
        let mut end = 0;
        for piece in own(&text).pieces {
            prop_assert!(end <= piece.start && !text[piece.clone()].trim().is_empty());
            end = piece.end;
        }
        let quoted = serde_json::to_string(&text).expect("JSON");
        prop_assert_eq!(is_wrapped(&quoted, &mut String::new()), own(&text).pieces.is_empty());
    }
}
