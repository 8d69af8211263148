//! State that a provider gives out and only its owner can read: signatures, encrypted reasoning. It is given back to its owner alone.
//!
//! A caller that speaks another dialect carries it for us, in the field that its own dialect has for such state: [`Sealed::carried`]
//! writes whose it is before it, and [`Sealed::read`] finds that again.

use std::borrow::Cow;

use super::json::Str;
use crate::domain::closed::closed;
use crate::domain::dialect::Dialect;

/// Stands before state that is carried in a field of another dialect.
const TAG: &str = "tollgate1:";

closed!(
    /// What sort of state it is.
    Form {
        /// Anthropic's signature of a thought.
        Signature = "signature",
        /// Anthropic's thought that may not be read.
        Redacted = "redacted",
        /// OpenAI's encrypted reasoning.
        Encrypted = "encrypted",
        /// Google's signature of a part.
        ThoughtSignature = "thought_signature",
        /// Nothing sealed: a thought that may be read and that its maker wants back as it was said.
        Plain = "plain",
    }
);

/// Whose state it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The dialect that it came in.
    pub dialect: Dialect,
    /// Who made it, a model or a target, where that is known. Unknown is whoever speaks the dialect.
    pub maker: Option<Str<'a>>,
}

impl Owner<'_> {
    /// Whoever speaks the dialect.
    pub fn of(dialect: Dialect) -> Owner<'static> {
        Owner {
            dialect,
            maker: None,
        }
    }

    /// Can read what `other` has made.
    pub fn reads(&self, other: &Owner<'_>) -> bool {
        let makers = self.maker.as_deref().zip(other.maker.as_deref());
        self.dialect == other.dialect && makers.is_none_or(|(own, other)| own == other)
    }

    /// The same without a borrow.
    pub fn into_owned(self) -> Owner<'static> {
        Owner {
            dialect: self.dialect,
            maker: self.maker.map(|maker| Cow::Owned(maker.into_owned())),
        }
    }
}

/// State of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// Whose.
    pub owner: Owner<'a>,
    /// Of what sort.
    pub form: Form,
    /// What it is: not for us.
    pub data: Str<'a>,
}

impl<'a> Sealed<'a> {
    /// Says of a readable thought whose it is.
    pub fn plain(dialect: Dialect) -> Self {
        Self {
            owner: Owner::of(dialect),
            form: Form::Plain,
            data: Cow::Borrowed(""),
        }
    }

    /// State that stands in a field of `dialect`: its own, unless it says that it is another's which was carried.
    pub fn read(dialect: Dialect, form: Form, data: Str<'a>) -> Self {
        carried(&data).unwrap_or(Self {
            owner: Owner::of(dialect),
            form,
            data,
        })
    }

    /// What stands in a field of `dialect` for it: the state itself in its owner's own dialect, the owner's name before it
    /// otherwise.
    pub fn carried(&self, dialect: Dialect, form: Form) -> Str<'_> {
        if self.owner.maker.is_none() && (self.owner.dialect, self.form) == (dialect, form) {
            return Cow::Borrowed(&self.data);
        }
        let (owner, maker) = (
            self.owner.dialect,
            self.owner.maker.as_deref().unwrap_or_default(),
        );
        let (form, data) = (self.form, &self.data);
        Cow::Owned(format!("{TAG}{owner}:{form}:{}:{maker}{data}", maker.len()))
    }
}

fn carried<'a>(data: &str) -> Option<Sealed<'a>> {
    let mut parts = data.strip_prefix(TAG)?.splitn(4, ':');
    let dialect = parts.next()?.parse().ok()?;
    let form = parts.next()?.parse().ok()?;
    let length: usize = parts.next()?.parse().ok()?;
    let (maker, data) = parts.next()?.split_at_checked(length)?;
    let maker = (!maker.is_empty()).then(|| Cow::Owned(maker.to_owned()));
    Some(Sealed {
        owner: Owner { dialect, maker },
        form,
        data: Cow::Owned(data.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gemini(maker: Option<&'static str>) -> Sealed<'static> {
        Sealed {
            owner: Owner {
                dialect: Dialect::Gemini,
                maker: maker.map(Cow::Borrowed),
            },
            form: Form::ThoughtSignature,
            data: "ab:c==".into(),
        }
    }

    #[test]
    fn state_comes_back_from_a_field_of_another_dialect() {
        for maker in [None, Some("gemini-4.1"), Some("ü:1")] {
            let state = gemini(maker);

            let field = state.carried(Dialect::Messages, Form::Signature);
            let back = Sealed::read(Dialect::Messages, Form::Signature, field);

            assert_eq!(back, state);
        }
    }

    #[test]
    fn state_in_its_owners_own_field_is_as_the_owner_wrote_it() {
        let state = gemini(None);

        assert_eq!(
            state.carried(Dialect::Gemini, Form::ThoughtSignature),
            "ab:c=="
        );
    }

    #[test]
    fn a_name_that_only_looks_like_ours_is_the_callers_own() {
        let text = "tollgate1:gemini:signature:99:x";

        let read = Sealed::read(Dialect::Messages, Form::Signature, text.into());

        assert_eq!(
            (read.owner, &*read.data),
            (Owner::of(Dialect::Messages), text)
        );
    }

    #[test]
    fn an_owner_reads_its_own_only() {
        let owner = |maker: &'static str| Owner {
            dialect: Dialect::Messages,
            maker: Some(maker.into()),
        };

        assert!(owner("a").reads(&owner("a")));
        assert!(!owner("a").reads(&owner("b")));
        assert!(owner("a").reads(&Owner::of(Dialect::Messages)));
        assert!(!owner("a").reads(&Owner::of(Dialect::Responses)));
    }
}
