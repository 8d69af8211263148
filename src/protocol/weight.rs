//! How long a prompt is taken to be before anybody has counted: by its bytes.

use crate::domain::tokens::TokenCount;

/// Bytes of text that a picture is taken for: 1,500 tokens.
const BYTES_PER_IMAGE: u64 = 5_250;

/// Tokens of a prompt: 3.5 bytes each, which is what code in JSON comes to.
pub(super) fn prompt(body: &[u8], images: bool) -> TokenCount {
    TokenCount((weight(body, images) * 2).div_ceil(7))
}

/// The bytes that a piece of a body counts as: pictures by their number, not their bytes.
pub fn weight(json: &[u8], images: bool) -> u64 {
    let mut bytes = json.len();
    if !images {
        return bytes as u64;
    }
    let mut pictures = 0;
    for at in memchr::memmem::find_iter(json, b"base64") {
        let encoded = encoded(&json[at + 6..]);
        if encoded > 0 {
            bytes = bytes.saturating_sub(encoded);
            pictures += 1;
        }
    }
    bytes as u64 + pictures * BYTES_PER_IMAGE
}

/// The length of the base64 text that begins soon after its mark.
fn encoded(rest: &[u8]) -> usize {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut from = 0;
    while from < rest.len().min(128) {
        let run = rest[from..].iter().take_while(|byte| plain(byte)).count();
        if run >= 256 {
            return run;
        }
        from += run + 1;
    }
    0
}
