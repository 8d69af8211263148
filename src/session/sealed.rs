//! Whose sealed state is: what providers gave out is known again when a conversation brings it back, and what a caller could not
//! carry is put back in its place.

use std::sync::Arc;

use crate::domain::dialect::{Dialect, Hosting};
use crate::domain::ids::KeyId;
use crate::protocol::call::Call;
use crate::protocol::seals::{self, Seal};
use crate::protocol::translate::aside::{self, Aside, Mark};
use crate::protocol::translate::asked::Asked;
use crate::protocol::translate::block::{Block, Thought};
use crate::protocol::translate::sealed::{Form, Owner, Sealed, is_carried};

use super::keep::Shelf;
use super::talk::Talks;

/// Whoever made it, it was nobody whose name is known.
const NOBODY: &str = "?";

/// The state of one caller's conversations.
#[derive(Clone, Debug)]
pub struct Seals {
    talks: Talks,
    caller: KeyId,
}

impl Seals {
    /// Of conversations by this key.
    pub fn of(talks: &Talks, caller: &KeyId) -> Self {
        Self {
            talks: talks.clone(),
            caller: caller.clone(),
        }
    }

    fn id(&self, mark: Mark) -> u64 {
        let parts = [self.caller.as_str().as_bytes(), b"aside", &mark.0];
        self.talks.key().all(parts)
    }

    /// State is the same whoever carries it.
    fn blob(&self, state: &str) -> u64 {
        self.talks
            .key()
            .all([b"maker".as_slice(), state.as_bytes()])
    }

    /// Keeps what a caller cannot carry.
    pub fn lay_aside(&self, state: Vec<(Mark, Aside)>) {
        for (mark, aside) in state {
            if let Ok(text) = serde_json::to_string(&aside) {
                self.talks.shelve(Shelf::Aside, self.id(mark), &text);
            }
        }
    }

    /// `maker` has given this out, in its caller's own dialect.
    pub fn made(&self, state: &str, maker: &str) {
        self.talks.shelve(Shelf::Maker, self.blob(state), maker);
    }

    /// Puts back what was laid aside, and says of what the caller brought whose it is.
    pub fn restore(&self, asked: &mut Asked<'_>) {
        aside::restore(asked, |mark| {
            let text = self.talks.shelved(Shelf::Aside, self.id(mark))?;
            serde_json::from_str(&text).ok()
        });
        let from = asked.from;
        let blocks = asked.passages.iter_mut().flat_map(|it| &mut it.blocks);
        for block in blocks {
            if let Block::Thought(thought) = block {
                self.name(thought, from);
            }
        }
    }

    fn name(&self, thought: &mut Thought<'_>, from: Dialect) {
        match &mut thought.sealed {
            Some(sealed) if sealed.form == Form::Plain => {}
            Some(sealed) => {
                if sealed.owner.dialect == from
                    && let Some(maker) = self.maker(&sealed.data)
                {
                    sealed.owner.claim(Some(&maker));
                }
            }
            // What lies at its provider under its name is sealed by that.
            None => {
                let maker = thought.item.as_deref().and_then(|item| self.maker(item));
                thought.sealed = maker.map(|maker| Sealed {
                    owner: Owner {
                        dialect: from,
                        maker: Some(maker.to_string().into()),
                    },
                    form: Form::Encrypted,
                    data: "".into(),
                });
            }
        }
    }

    /// Says of state that nobody is known to have made that it is not for whoever speaks the dialect.
    pub fn disown(asked: &mut Asked<'_>) {
        for block in asked.passages.iter_mut().flat_map(|it| &mut it.blocks) {
            if let Block::Thought(Thought {
                sealed: Some(sealed),
                ..
            }) = block
            {
                sealed.owner.claim(Some(NOBODY));
            }
        }
    }

    /// Says of thoughts that lie at a provider under their names that they are gone: it has forgotten them.
    pub fn forget(asked: &mut Asked<'_>) {
        let blocks = asked.passages.iter_mut().flat_map(|it| &mut it.blocks);
        for block in blocks {
            if let Block::Thought(thought) = block {
                let named = |sealed: &&mut Sealed<'_>| sealed.data.is_empty();
                if let Some(sealed) = thought.sealed.as_mut().filter(named) {
                    sealed.owner.maker = Some(NOBODY.into());
                }
            }
        }
    }

    /// Something in the conversation is not for `owner`, whom it would otherwise reach as it came.
    pub fn is_foreign(&self, call: &Call, owner: &Owner<'_>, hosting: Hosting) -> bool {
        let vendor = hosting == Hosting::Vendor;
        let mut foreign = false;
        seals::of_call(call, |seal| {
            foreign |= match seal {
                // A vendor refuses what it has not signed; servers of one's own sign nothing.
                Seal::Open => vendor,
                // Even its own has our name of it before it.
                Seal::State(state) if is_carried(&state) => true,
                Seal::State(state) => match self.maker(&state) {
                    Some(maker) => owner.maker.as_deref() != Some(&*maker),
                    // From before this was remembered: whoever made the dialect has made it.
                    None => !vendor,
                },
            };
        });
        foreign
    }

    fn maker(&self, state: &str) -> Option<Arc<str>> {
        self.talks.shelved(Shelf::Maker, self.blob(state))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::clock::{Clock, Entropy, Timestamp};
    use crate::domain::dialect::Endpoint;
    use crate::protocol::translate::manner::Manner;
    use crate::protocol::translate::{read, write};

    fn seals() -> Seals {
        let clock = Clock::fixed(Timestamp::from_millis(1_795_262_400_000));
        Seals::of(&Talks::alone(clock, &Entropy::seeded(3)), &"k".into())
    }

    fn owner(dialect: Dialect, maker: &'static str) -> Owner<'static> {
        Owner {
            dialect,
            maker: Some(maker.into()),
        }
    }

    fn conversation(thought: &str) -> String {
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":[{thought},{{"type":"text","text":"y"}}]}},{{"role":"user","content":"z"}}]}}"#
        )
    }

    fn is_foreign(seals: &Seals, thought: &str, maker: &'static str, hosting: Hosting) -> bool {
        let body = Bytes::from(conversation(thought));
        let call = Call::read(Endpoint::Messages, body, 64).expect("a valid body");
        seals.is_foreign(&call, &owner(Dialect::Messages, maker), hosting)
    }

    /// What `maker` is told of a conversation that is not all its own.
    fn told(seals: &Seals, thought: &str, maker: &'static str, hosting: Hosting) -> String {
        let body = conversation(thought);
        let (mut asked, _) = read(Dialect::Messages, &body).expect("a request");
        seals.restore(&mut asked);
        if hosting == Hosting::Own {
            Seals::disown(&mut asked);
        }
        let mut manner = Manner::of(Dialect::Messages);
        manner.owner = owner(Dialect::Messages, maker);
        write(Dialect::Messages, &asked, "m", &manner).body
    }

    const SIGNED: &str = r#"{"type":"thinking","thinking":"hm","signature":"c2ln"}"#;
    use Hosting::{Own, Vendor};

    #[test]
    fn state_is_its_makers_and_nobody_elses() {
        let seals = seals();
        seals.made("c2ln", "a/opus");

        assert!(!is_foreign(&seals, SIGNED, "a/opus", Vendor));
        for (maker, hosting) in [("b/opus", Vendor), ("a/haiku", Vendor), ("gpu/qwen", Own)] {
            assert!(is_foreign(&seals, SIGNED, maker, hosting), "{maker}");
            assert!(!told(&seals, SIGNED, maker, hosting).contains("hm"));
        }
        assert!(told(&seals, SIGNED, "a/opus", Vendor).contains(SIGNED));
    }

    #[test]
    fn unknown_state_is_a_vendors() {
        let seals = seals();

        assert!(!is_foreign(&seals, SIGNED, "a/opus", Vendor));
        assert!(is_foreign(&seals, SIGNED, "gpu/qwen", Own));
        assert!(!told(&seals, SIGNED, "gpu/qwen", Own).contains("hm"));
    }

    #[test]
    fn what_nobody_signed_goes_to_no_vendor() {
        let (seals, open) = (
            seals(),
            r#"{"type":"thinking","thinking":"hm","signature":""}"#,
        );

        assert!(is_foreign(&seals, open, "a/opus", Vendor));
        assert!(!is_foreign(&seals, open, "gpu/qwen", Own));
        assert!(!told(&seals, open, "a/opus", Vendor).contains("hm"));
    }

    #[test]
    fn what_is_carried_for_another_dialect_goes_to_nobody_of_this_one() {
        let state = Sealed {
            owner: owner(Dialect::Gemini, "g/pro"),
            form: Form::ThoughtSignature,
            data: "c2ln".into(),
        };
        let carried = state.carried(Dialect::Messages, Form::Signature);
        let thought = SIGNED.replace("c2ln", &carried);

        assert!(is_foreign(&seals(), &thought, "a/opus", Vendor));
        assert!(!told(&seals(), &thought, "a/opus", Vendor).contains("c2ln"));
    }

    #[test]
    fn an_item_that_lies_at_its_provider_is_named_to_nobody_else() {
        let body = r#"{"model":"m","input":[{"type":"message","role":"user","content":"x"},{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","role":"assistant","content":"y"},{"type":"message","role":"user","content":"z"}]}"#;
        let seals = seals();
        seals.made("rs_1", "o/gpt");
        let told = |maker: &'static str| {
            let (mut asked, _) = read(Dialect::Responses, body).expect("a request");
            seals.restore(&mut asked);
            let mut manner = Manner::of(Dialect::Responses);
            manner.owner = owner(Dialect::Responses, maker);
            write(Dialect::Responses, &asked, "m", &manner).body
        };

        let own = told("o/gpt");
        assert!(
            own.contains("rs_1") && !own.contains("encrypted_content\":"),
            "{own}"
        );
        assert!(!told("o/mini").contains("rs_1"));
    }
}
