//! State that only this target can have made: signatures of thoughts, encrypted reasoning, ids that tell how they came about.
//!
//! Nothing of it is kept. A seal holds what it takes to make it again, so each can be tried at any time.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::json::base64;

/// What a seal is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anthropic's signature of a thought, bound to what is shown of it.
    Signature,
    /// Anthropic's thought that may not be read.
    Redacted,
    /// OpenAI's encrypted reasoning.
    Reasoning,
    /// Google's signature of a part, bound to the model.
    Thought,
    /// The number of a tool call that a thought came before.
    CallAfterThought,
    /// The number of any other tool call.
    Call,
    /// The number of an answer that is kept.
    Kept,
    /// The number of an answer that is not kept.
    Passing,
}

/// Makes seals and tries them.
#[derive(Clone, Debug)]
pub(super) struct Seals {
    secret: u64,
    /// Thoughts in the Messages dialect are signed.
    signs: bool,
    /// How often all that was kept has been forgotten.
    forgot: Arc<AtomicU64>,
}

impl Seals {
    pub(super) fn new(secret: u64) -> Self {
        Self {
            secret,
            signs: true,
            forgot: Arc::default(),
        }
    }

    /// From here on nothing is known by the ids under which it was kept so far.
    pub(super) fn forget(&self) {
        self.forgot.fetch_add(1, Ordering::SeqCst);
    }

    /// The same of a server that leaves the place of a signature empty.
    pub(super) fn unsigned(self) -> Self {
        Self {
            signs: false,
            ..self
        }
    }

    fn digest(&self, kind: Kind, bound: &str, serial: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.secret.to_le_bytes());
        hash.update([kind as u8]);
        if kind == Kind::Kept {
            hash.update(self.forgot.load(Ordering::SeqCst).to_le_bytes());
        }
        hash.update(serial.to_le_bytes());
        hash.update(bound);
        hash.finalize().into()
    }

    /// A seal for the answer of this number. What it is bound to must stay as it is.
    pub(super) fn seal(&self, kind: Kind, bound: &str, serial: u64) -> String {
        if kind == Kind::Signature && !self.signs {
            return String::new();
        }
        let digest = self.digest(kind, bound, serial);
        format!("{serial:016x}{}", base64(&digest[..30]))
    }

    /// Whether it was made here, for this.
    pub(super) fn opens(&self, kind: Kind, bound: &str, seal: &str) -> bool {
        if kind == Kind::Signature && !self.signs {
            return seal.is_empty();
        }
        let serial = seal
            .get(..16)
            .and_then(|it| u64::from_str_radix(it, 16).ok());
        serial.is_some_and(|serial| self.seal(kind, bound, serial) == seal)
    }

    /// Whether a seal is of the answer that made a call.
    pub(super) fn led_to(seal: &str, call: &str) -> bool {
        let serial = seal.get(8..16);
        serial.is_some() && serial == low(call)
    }

    /// Whether two ids are of one answer.
    pub(super) fn together(one: &str, other: &str) -> bool {
        low(one).is_some() && low(one) == low(other)
    }

    /// An id that says of itself what kind it is of. `at` tells apart what belongs to one answer.
    pub(super) fn id(&self, prefix: &str, kind: Kind, serial: u64, at: usize) -> String {
        // Ids hold the low half of the number alone.
        let low = serial & 0xffff_ffff;
        let digest = self.digest(kind, &at.to_string(), low);
        let mut id = String::with_capacity(prefix.len() + 24);
        id.push_str(prefix);
        for byte in &digest[..7] {
            let _ = write!(id, "{byte:02x}");
        }
        let _ = write!(id, "{:02x}{low:08x}", at & 0xff);
        id
    }

    /// Whether an id was made here and is of this kind.
    pub(super) fn knows(&self, prefix: &str, kind: Kind, id: &str) -> bool {
        // Where nothing is signed, nothing can be held against it.
        if kind == Kind::CallAfterThought && !self.signs {
            return false;
        }
        let rest = id.strip_prefix(prefix).filter(|rest| rest.len() == 24);
        let part = |range| rest.and_then(|it| u64::from_str_radix(it.get(range)?, 16).ok());
        let (Some(at), Some(low)) = (part(14..16), part(16..24)) else {
            return false;
        };
        usize::try_from(at).is_ok_and(|at| self.id(prefix, kind, low, at) == id)
    }
}

/// The number at the end of an id.
fn low(id: &str) -> Option<&str> {
    id.get(id.len().checked_sub(8)?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_for_its_maker_and_its_purpose_alone() {
        let (ours, theirs) = (Seals::new(1), Seals::new(2));

        let seal = ours.seal(Kind::Signature, "a thought", 7);

        assert!(ours.opens(Kind::Signature, "a thought", &seal));
        assert!(!ours.opens(Kind::Signature, "another", &seal));
        assert!(!ours.opens(Kind::Redacted, "a thought", &seal));
        assert!(!theirs.opens(Kind::Signature, "a thought", &seal));
        assert!(!ours.opens(Kind::Signature, "a thought", &format!("{seal}A")));
        assert!(!ours.opens(Kind::Signature, "", "é short"));
    }

    #[test]
    fn an_id_tells_how_it_came_about() {
        let (ours, theirs) = (Seals::new(1), Seals::new(2));

        let id = ours.id("call_", Kind::Call, 0x1_0000_0007, 1);

        assert!(ours.knows("call_", Kind::Call, &id));
        assert!(!ours.knows("call_", Kind::CallAfterThought, &id));
        assert!(
            !theirs.knows("call_", Kind::Call, &id) && !ours.knows("call_", Kind::Call, "call_1")
        );
    }
}
