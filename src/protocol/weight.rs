//! How long a prompt is taken to be before anybody has counted: by its bytes.

use std::ops::Range;

use crate::domain::tokens::TokenCount;

/// Bytes of text that a picture is taken for: 1,500 tokens.
const BYTES_PER_IMAGE: u64 = 5_250;

/// Bytes of text that a paper is taken for: 3,000 tokens, a page or two. Nobody knows how many it has.
const BYTES_PER_PAPER: u64 = 10_500;
/// How far before its bytes something says what it is.
const BEFORE: usize = 64;
/// What stands before such bytes, and how far before them its first byte may be.
const MARK: &[u8] = b"base64";
const REACH: usize = MARK.len() + 128;
/// Shorter runs of letters and digits are names and words.
const SHORTEST: usize = 256;

/// Tokens of a prompt: 3.5 bytes each, which is what code in JSON comes to.
pub(super) fn prompt(body: &[u8], attached: bool) -> TokenCount {
    TokenCount((weight(body, attached) * 2).div_ceil(7))
}

/// The bytes that a piece of a body counts as. Pictures and papers, where any are `attached`, count by their number, not their bytes.
pub fn weight(json: &[u8], attached: bool) -> u64 {
    let mut bytes = json.len() as u64;
    if !attached {
        return bytes;
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    // Each run is looked at once, and so is what stands before it: a mark belongs to the first long run behind it.
    let (mut start, mut free) = (0, 0);
    for run in json.split(|byte| !plain(byte)) {
        let end = start + run.len();
        if run.len() >= SHORTEST {
            if let Some(taken_for) = marked(json, free.max(start.saturating_sub(REACH))..start) {
                bytes = bytes - run.len() as u64 + taken_for;
            }
            free = end;
        }
        start = end + 1;
    }
    bytes
}

/// What a run counts as where its mark stands before it, in this range.
fn marked(json: &[u8], before: Range<usize>) -> Option<u64> {
    let mark = before.start + memchr::memmem::find(&json[before.clone()], MARK)?;
    let around = &json[mark.saturating_sub(BEFORE)..before.end];
    match memchr::memmem::find(around, b"image") {
        Some(_) => Some(BYTES_PER_IMAGE),
        None => Some(BYTES_PER_PAPER),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::domain::dialect::Endpoint;
    use crate::protocol::call::Call;

    use super::{BYTES_PER_IMAGE, BYTES_PER_PAPER, weight};

    #[test]
    fn one_run_is_one_paper_however_often_it_says_that_it_is_one() {
        let data = "base64".repeat(1_000);
        let marked = format!(r#"{{"type":"base64","data":"{data}"}}"#);
        let text = format!(r#"{{"type":"text","text":"{data}"}}"#);

        let rest = (marked.len() - data.len()) as u64;
        assert_eq!(weight(marked.as_bytes(), true), rest + BYTES_PER_PAPER);
        assert_eq!(weight(text.as_bytes(), true), text.len() as u64);
    }

    #[test]
    fn each_picture_and_each_paper_counts_once() {
        let data = "A/+=".repeat(100);
        let picture = format!(r#"{{"url":"data:image/png;base64,{data}"}}"#);
        let paper = format!(
            r#"{{"type":"base64","media_type":"application/pdf","data":"{data}","title":"{data}"}}"#
        );
        let both = format!("[{picture},{paper},{picture}]");

        // What stands behind a paper is not it.
        let plain = (both.len() - 3 * data.len()) as u64;
        assert_eq!(
            weight(both.as_bytes(), true),
            plain + 2 * BYTES_PER_IMAGE + BYTES_PER_PAPER
        );
        assert_eq!(weight(both.as_bytes(), false), both.len() as u64);
    }

    #[test]
    fn a_paper_counts_by_its_number_not_its_bytes() {
        let data = "JVBERi0xLjcK".repeat(100_000);
        let parts = [
            (
                Endpoint::Messages,
                format!(
                    r#"{{"type":"document","source":{{"type":"base64","media_type":"application/pdf","data":"{data}"}}}}"#
                ),
            ),
            (
                Endpoint::Chat,
                format!(
                    r#"{{"type":"file","file":{{"filename":"a.pdf","file_data":"data:application/pdf;base64,{data}"}}}}"#
                ),
            ),
        ];
        for (endpoint, part) in parts {
            let body =
                format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#);

            let call = Call::read(endpoint, Bytes::from(body), 64).expect("a valid body");

            let tokens = call.prompt.0;
            assert!((3_000..3_200).contains(&tokens), "{endpoint:?}: {tokens}");
        }
    }
}
