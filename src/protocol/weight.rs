//! How long a prompt is taken to be before anybody has counted: by its bytes.

use std::ops::Range;

use crate::domain::tokens::TokenCount;

/// Bytes of text that a picture is taken for: 1,500 tokens.
const BYTES_PER_IMAGE: u64 = 5_250;

/// Bytes of text that a paper is taken for: 3,000 tokens, a page or two. Nobody knows how many it has.
const BYTES_PER_PAPER: u64 = 10_500;
/// How far before its bytes something says what it is.
const BEFORE: usize = 64;

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
    for at in memchr::memmem::find_iter(json, b"base64") {
        let rest = &json[at + 6..];
        if let Some(encoded) = encoded(rest) {
            let around = &json[at.saturating_sub(BEFORE)..at + 6 + encoded.start];
            let picture = memchr::memmem::find(around, b"image").is_some();
            let length = (encoded.end - encoded.start) as u64;
            bytes = bytes.saturating_sub(length);
            bytes += if picture {
                BYTES_PER_IMAGE
            } else {
                BYTES_PER_PAPER
            };
        }
    }
    bytes
}

/// Where the base64 text stands that begins soon after its mark.
fn encoded(rest: &[u8]) -> Option<Range<usize>> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut from = 0;
    while from < rest.len().min(128) {
        let run = rest[from..].iter().take_while(|byte| plain(byte)).count();
        if run >= 256 {
            return Some(from..from + run);
        }
        from += run + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::domain::dialect::Endpoint;
    use crate::protocol::call::Call;

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
