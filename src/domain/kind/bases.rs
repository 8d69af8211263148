//! Where the doors of a kind of server are. People write the base of one and the same server in several ways: as this SDK takes it
//! or that, with the version or without.

use std::borrow::Cow;

use crate::domain::dialect::Dialect;

/// The endings of a base with which doors are reached, the usual one first. An empty one is the host alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bases {
    /// Those of OpenAI's dialects.
    pub openai: &'static [&'static str],
    /// The one where texts are completed.
    pub completions: &'static [&'static str],
    /// Those of Anthropic's dialect.
    pub messages: &'static [&'static str],
    /// Those of Google's.
    pub gemini: &'static [&'static str],
    /// What people write as well, and no door is behind.
    pub also: &'static [&'static str],
}

/// The path of most. Where nobody knows what runs there, a host alone may be right.
pub(super) const PLAIN: Bases = Bases {
    openai: &["", "/v1"],
    completions: &["", "/v1"],
    messages: &["/v1"],
    gemini: &["", "/v1", "/v1beta"],
    also: &[],
};

/// Everything below the version.
pub(super) const VERSION: Bases = Bases {
    openai: &["/v1"],
    completions: &["/v1"],
    messages: &["/v1"],
    gemini: &[],
    also: &[""],
};

pub(super) const OLLAMA: Bases = Bases {
    also: &["", "/api"],
    ..VERSION
};

pub(super) const AZURE: Bases = Bases {
    openai: &["/openai/v1"],
    completions: &["/openai/v1"],
    messages: &["/anthropic/v1"],
    also: &["", "/openai", "/anthropic"],
    ..VERSION
};

pub(super) const GOOGLE: Bases = Bases {
    openai: &["/v1beta/openai", "/v1/openai"],
    completions: &["/v1beta/openai"],
    gemini: &["/v1beta", "/v1"],
    also: &[""],
    messages: &["/v1"],
};

pub(super) const OPEN_ROUTER: Bases = Bases {
    openai: &["/api/v1"],
    completions: &["/api/v1"],
    messages: &["/api/v1"],
    also: &["", "/api"],
    gemini: &[],
};

/// What only the newest door takes is asked for by its own base.
pub(super) const DEEPSEEK: Bases = Bases {
    openai: &["", "/v1", "/beta"],
    completions: &["/beta"],
    messages: &["/anthropic/v1"],
    also: &["/anthropic"],
    gemini: &[],
};

pub(super) const MOONSHOT: Bases = Bases {
    messages: &["/anthropic/v1"],
    also: &["", "/anthropic"],
    ..VERSION
};

pub(super) const ZAI: Bases = Bases {
    openai: &["/api/paas/v4", "/api/coding/paas/v4"],
    completions: &["/api/paas/v4", "/api/coding/paas/v4"],
    messages: &["/api/anthropic/v1"],
    also: &["", "/api/anthropic"],
    gemini: &[],
};

pub(super) const ALIBABA: Bases = Bases {
    openai: &["/compatible-mode/v1"],
    completions: &["/compatible-mode/v1"],
    messages: &["/apps/anthropic/v1"],
    also: &["", "/compatible-mode", "/apps/anthropic"],
    gemini: &[],
};

impl Bases {
    /// What the doors of a dialect are below, whichever way the base is written. One with a path of somebody's own stays, but that
    /// Anthropic's SDK adds the version itself.
    pub fn of<'a>(&self, written: &'a str, dialect: Dialect) -> Cow<'a, str> {
        let there = match dialect {
            Dialect::Chat | Dialect::Responses => self.openai,
            Dialect::Completions => self.completions,
            Dialect::Messages => self.messages,
            Dialect::Gemini => self.gemini,
        };
        if there.is_empty() {
            return Cow::Borrowed(written);
        }
        match self.split(written) {
            Some((_, ending)) if there.contains(&ending) => Cow::Borrowed(written),
            Some((root, _)) => {
                let usual = there.first().copied().unwrap_or_default();
                Cow::Owned(format!("{root}{usual}"))
            }
            None if dialect == Dialect::Messages && !written.ends_with("/v1") => {
                Cow::Owned(format!("{written}/v1"))
            }
            None => Cow::Borrowed(written),
        }
    }

    /// Below which base the models are listed, for who speaks this dialect: with OpenAI's doors where Anthropic's are elsewhere.
    pub fn of_list<'a>(&self, written: &'a str, dialect: Dialect) -> Cow<'a, str> {
        let beside = self.messages.iter().all(|it| !self.openai.contains(it));
        match dialect {
            Dialect::Messages if beside => self.of(written, Dialect::Chat),
            _ => self.of(written, dialect),
        }
    }

    /// The base without its ending.
    pub fn root<'a>(&self, written: &'a str) -> &'a str {
        self.split(written).map_or(written, |(root, _)| root)
    }

    /// A base and its ending, the longest that is known. A host alone has an empty one.
    fn split<'a>(&self, written: &'a str) -> Option<(&'a str, &'static str)> {
        let all = [
            self.openai,
            self.completions,
            self.messages,
            self.gemini,
            self.also,
        ];
        let known = all.into_iter().flatten().copied();
        let ends = |ending: &&str| match ending.is_empty() {
            true => is_host(written),
            false => written.ends_with(ending),
        };
        let ending = known.filter(ends).max_by_key(|ending| ending.len())?;
        let root = written.strip_suffix(ending)?;
        Some((root, ending))
    }
}

/// There is no path behind the host.
fn is_host(written: &str) -> bool {
    let host = written.split_once("://").map_or(written, |(_, host)| host);
    !host.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_the_same_however_it_is_written_and_a_path_of_ones_own_stays() {
        for written in ["https://h", "https://h/v1", "https://h/anthropic"] {
            assert_eq!(MOONSHOT.of(written, Dialect::Chat), "https://h/v1");
            assert_eq!(MOONSHOT.root(written), "https://h");
        }
        let list = MOONSHOT.of_list("https://h/anthropic", Dialect::Messages);
        assert_eq!(list, "https://h/v1");
        let own = "https://proxy/kimi";
        assert_eq!(MOONSHOT.of(own, Dialect::Chat), own);
        assert_eq!(MOONSHOT.of(own, Dialect::Messages), "https://proxy/kimi/v1");
        assert_eq!(
            MOONSHOT.of("https://proxy/kimi/anthropic", Dialect::Chat),
            "https://proxy/kimi/v1"
        );
    }

    #[test]
    fn the_host_alone_is_the_base_of_who_is_not_known() {
        assert_eq!(PLAIN.of("http://h:1", Dialect::Chat), "http://h:1");
        assert_eq!(PLAIN.of("http://h:1", Dialect::Messages), "http://h:1/v1");
        assert_eq!(
            PLAIN.of("http://h:1/v1", Dialect::Messages),
            "http://h:1/v1"
        );
        assert_eq!(
            PLAIN.of_list("http://h:1", Dialect::Messages),
            "http://h:1/v1"
        );
        assert_eq!(PLAIN.root("http://h:1/v1"), "http://h:1");
    }

    #[test]
    fn a_version_that_somebody_wrote_behind_a_path_of_their_own_stands_once() {
        let own = "https://proxy/own";
        for (bases, told) in [
            (PLAIN, "https://proxy/own/v1"),
            (VERSION, "https://proxy/own/v1"),
            (GOOGLE, "https://proxy/own/v1"),
            (AZURE, "https://proxy/own/v1"),
            (OPEN_ROUTER, "https://proxy/own/v1"),
            (ZAI, "https://proxy/own/v1"),
            (ALIBABA, "https://proxy/own/v1"),
            // These know the ending as one of their own.
            (DEEPSEEK, "https://proxy/own/anthropic/v1"),
            (MOONSHOT, "https://proxy/own/anthropic/v1"),
        ] {
            let versioned = format!("{own}/v1");
            assert_eq!(bases.of(&versioned, Dialect::Messages), told, "{bases:?}");
            assert_eq!(bases.of(own, Dialect::Messages), format!("{own}/v1"));
        }
    }

    #[test]
    fn a_kind_without_googles_dialect_leaves_its_base_as_it_is_written() {
        let known = [
            VERSION,
            OLLAMA,
            AZURE,
            OPEN_ROUTER,
            DEEPSEEK,
            MOONSHOT,
            ZAI,
            ALIBABA,
        ];
        for bases in known {
            for written in [
                "https://h",
                "https://h/v1",
                "https://h/api/v1",
                "https://h/own",
            ] {
                assert_eq!(bases.of(written, Dialect::Gemini), written, "{bases:?}");
            }
        }
    }
}
