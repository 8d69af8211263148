//! Tells when the arguments of a tool call are a whole JSON value, without keeping them.
//!
//! Chat Completions has no word for the end of one call. Most servers write their calls one after the other, and a
//! value that is closed cannot go on: so what comes after it is another part of the answer, for sure.

/// Follows one JSON value, piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Balance {
    depth: u32,
    in_text: bool,
    escaped: bool,
    begun: bool,
}

impl Balance {
    /// Looks at the next piece.
    pub(super) fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            self.step(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                self.begun = true;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// The object has been closed: nothing but white space can follow.
    pub(super) fn whole(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pieces: &[&str]) -> bool {
        let mut balance = Balance::default();
        pieces.iter().for_each(|piece| balance.push(piece));
        balance.whole()
    }

    #[test]
    fn an_object_is_whole_when_its_last_brace_has_come() {
        assert!(whole(&["{\"a\":", "[1,{}]", "}"]));
        assert!(whole(&["{}", " \n"]));
        assert!(!whole(&[]) && !whole(&[""]) && !whole(&["{\"a\":{}"]));
    }

    #[test]
    fn braces_within_texts_do_not_count() {
        assert!(!whole(&["{\"a\":\"}"]));
        assert!(!whole(&["{\"a\":\"\\", "\"}"]));
        assert!(whole(&["{\"a\":\"\\\\\"}"]));
    }
}
