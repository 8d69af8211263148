//! Which headers pass the gateway, in each direction. Lists of what may pass: what is not named stays behind.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::domain::dialect::Dialect;
use crate::domain::ids::AttemptId;
use crate::domain::kind::Habits;
use crate::domain::kind::habits::KeyIn;
use crate::domain::secret::Secret;
use crate::domain::wire::Wire;

/// Names the attempt to the target, so that its log can be held against our ledger.
pub const ATTEMPT: HeaderName = HeaderName::from_static("x-tollgate-attempt-id");

/// Headers of a caller that a target gets to see.
const OUT: &[&str] = &[
    "accept",
    "user-agent",
    "x-app",
    "x-request-id",
    "x-client-request-id",
    "originator",
    "traceparent",
];
const OUT_FAMILIES: &[&str] = &[
    "anthropic-",
    "openai-",
    "x-stainless-",
    "x-claude-code-",
    "x-codex-",
];

/// Those that mean the same to a target of another dialect.
const OUT_TRANSLATED: &[&str] = &[
    "user-agent",
    "x-request-id",
    "x-client-request-id",
    "traceparent",
];

/// Headers of a target that a caller gets to see.
const IN: &[&str] = &[
    "content-type",
    "request-id",
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
];
const IN_FAMILIES: &[&str] = &["openai-"];
/// Those that mean the same to a caller of another dialect.
const IN_TRANSLATED: &[&str] = &[
    "request-id",
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
];
/// They name our account there.
const ACCOUNT: &[&str] = &["openai-organization", "openai-project"];

/// The values of the caller's headers that a target gets to see.
pub fn shown(from_caller: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let shown = |name: &str| {
        OUT.contains(&name) || OUT_FAMILIES.iter().any(|family| name.starts_with(family))
    };
    let all = from_caller
        .iter()
        .filter(move |(name, _)| shown(name.as_str()));
    all.map(|(_, value)| value.as_bytes())
}

/// The headers that a target gets: the caller's that may pass, and the target's own key. What is for a provider of the
/// caller's dialect goes to no other.
pub fn outgoing(
    from_caller: &HeaderMap,
    wire: Wire,
    habits: &Habits,
    key: Option<&Secret>,
    attempt: AttemptId,
) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(from_caller.len() + 4);
    match wire.is_translated() {
        false => pass(from_caller, &mut out, OUT, OUT_FAMILIES, &[]),
        true => pass(from_caller, &mut out, OUT_TRANSLATED, &[], &[]),
    }
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if wire.dialect == Dialect::Messages && !out.contains_key("anthropic-version") {
        out.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    if let Some(key) = key {
        authorise(&mut out, wire.dialect, habits.key, key);
    }
    if let Ok(attempt) = HeaderValue::try_from(attempt.to_string()) {
        out.insert(ATTEMPT, attempt);
    }
    out
}

/// Puts a target's key where its kind looks for it. Anthropic and Google take theirs in headers of their own.
pub fn authorise(out: &mut HeaderMap, dialect: Dialect, place: KeyIn, key: &Secret) {
    let own_name = match (place, dialect) {
        (KeyIn::Own(name), _) => Some(HeaderName::from_static(name)),
        (_, Dialect::Messages) => Some(HeaderName::from_static("x-api-key")),
        (_, Dialect::Gemini) => Some(HeaderName::from_static("x-goog-api-key")),
        (_, Dialect::Chat | Dialect::Responses | Dialect::Completions) => None,
    };
    let bearer = own_name.is_none() || place == KeyIn::Both;
    let mut put = |name: HeaderName, text: String| {
        // The key was checked when it was read: it can stand in a header.
        if let Ok(mut value) = HeaderValue::try_from(text) {
            value.set_sensitive(true);
            out.insert(name, value);
        }
    };
    if let Some(name) = own_name {
        put(name, key.expose().to_owned());
    }
    if bearer {
        put(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
    }
}

/// The headers of a target's answer that a caller gets. What is translated says itself of what type it is.
pub fn incoming(from_target: &HeaderMap, wire: Wire) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(8);
    match wire.is_translated() {
        false => pass(from_target, &mut out, IN, IN_FAMILIES, ACCOUNT),
        true => pass(from_target, &mut out, IN_TRANSLATED, &[], ACCOUNT),
    }
    out
}

fn pass(from: &HeaderMap, to: &mut HeaderMap, names: &[&str], families: &[&str], never: &[&str]) {
    // What `Connection` names belongs to that connection alone, whatever it is called.
    let hop = |name: &str| {
        from.get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|list| {
                list.split(',')
                    .any(|one| one.trim().eq_ignore_ascii_case(name))
            })
    };
    for (name, value) in from {
        let text = name.as_str();
        let listed =
            names.contains(&text) || families.iter().any(|family| text.starts_with(family));
        if listed && !never.contains(&text) && !hop(text) {
            to.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::{Endpoint, Hosting};
    use crate::domain::kind::Kind;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn out(
        list: &[(&'static str, &'static str)],
        endpoint: Endpoint,
        hosting: Hosting,
    ) -> HeaderMap {
        outgoing(
            &headers(list),
            Wire::own(endpoint),
            Kind::Other.habits(hosting),
            Some(&Secret::new("sk-target")),
            AttemptId(1),
        )
    }

    #[test]
    fn the_callers_key_stays_behind_and_the_targets_goes_out() {
        let caller = [
            ("authorization", "Bearer tg_caller"),
            ("x-api-key", "tg_caller"),
            ("cookie", "a=b"),
        ];

        let chat = out(&caller, Endpoint::Chat, Hosting::Vendor);
        let messages = out(&caller, Endpoint::Messages, Hosting::Vendor);

        assert_eq!(chat["authorization"], "Bearer sk-target");
        assert!(!chat.contains_key("x-api-key") && !chat.contains_key("cookie"));
        assert_eq!(messages["x-api-key"], "sk-target");
        assert!(!messages.contains_key("authorization"));
        assert!(!format!("{chat:?}{messages:?}").contains("sk-target"));
    }

    #[test]
    fn each_kind_finds_its_key_where_it_looks_for_it() {
        let sent = |kind: Kind, hosting, endpoint| {
            let key = Secret::new("sk-target");
            let (wire, habits) = (Wire::own(endpoint), kind.habits(hosting));
            let sent = outgoing(&HeaderMap::new(), wire, habits, Some(&key), AttemptId(1));
            let mut names: Vec<_> = ["authorization", "x-api-key", "api-key"].to_vec();
            names.retain(|name| sent.contains_key(*name));
            names
        };

        let chat = |kind, hosting| sent(kind, hosting, Endpoint::Chat);
        let messages = |kind, hosting| sent(kind, hosting, Endpoint::Messages);
        assert_eq!(chat(Kind::Azure, Hosting::Vendor), ["api-key"]);
        assert_eq!(chat(Kind::OpenAi, Hosting::Vendor), ["authorization"]);
        assert_eq!(messages(Kind::Anthropic, Hosting::Vendor), ["x-api-key"]);
        let both = ["authorization", "x-api-key"];
        assert_eq!(messages(Kind::Vllm, Hosting::Own), both);
        assert_eq!(messages(Kind::OpenRouter, Hosting::Vendor), both);
    }

    #[test]
    fn what_a_provider_needs_passes() {
        let caller = [
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "x"),
            ("x-stainless-lang", "python"),
            ("x-request-id", "1"),
            ("x-tollgate-model", "m"),
            ("connection", "close, openai-beta"),
            ("openai-beta", "y"),
        ];

        let sent = out(&caller, Endpoint::Messages, Hosting::Vendor);

        assert_eq!(sent["anthropic-version"], "2026-10-21");
        for name in ["anthropic-beta", "x-stainless-lang", "x-request-id"] {
            assert!(sent.contains_key(name), "{name}");
        }
        for name in ["x-tollgate-model", "connection", "openai-beta"] {
            assert!(!sent.contains_key(name), "{name}");
        }
        assert_eq!(
            out(&[], Endpoint::Messages, Hosting::Own)["anthropic-version"],
            "2023-06-01"
        );
    }

    #[test]
    fn quotas_cookies_and_account_names_do_not_reach_the_caller() {
        let seen = incoming(
            &headers(&[
                ("content-type", "application/json"),
                ("set-cookie", "a=b"),
                ("server", "x"),
                ("x-ratelimit-remaining-tokens", "1"),
                ("anthropic-ratelimit-tokens-limit", "1"),
                ("openai-organization", "us"),
                ("openai-processing-ms", "5"),
                ("retry-after", "3"),
            ]),
            Wire::own(Endpoint::Chat),
        );

        let mut names: Vec<_> = seen.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["content-type", "openai-processing-ms", "retry-after"]
        );
    }

    #[test]
    fn what_is_for_one_provider_goes_to_no_other() {
        let caller = headers(&[
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "x"),
            ("x-stainless-lang", "python"),
            ("user-agent", "sdk"),
        ]);
        let sent = |dialect| {
            let wire = Wire {
                endpoint: Endpoint::Messages,
                dialect,
            };
            let key = Secret::new("sk-target");
            let habits = Kind::Google.habits(Hosting::Vendor);
            outgoing(&caller, wire, habits, Some(&key), AttemptId(1))
        };

        let (chat, google) = (sent(Dialect::Chat), sent(Dialect::Gemini));

        for name in ["anthropic-version", "anthropic-beta", "x-stainless-lang"] {
            assert!(!chat.contains_key(name), "{name}");
        }
        assert_eq!(chat["user-agent"], "sdk");
        assert_eq!(google["x-goog-api-key"], "sk-target");
        assert!(!google.contains_key("authorization"));
    }

    #[test]
    fn a_call_that_is_translated_into_messages_has_a_version_and_no_more() {
        let wire = Wire {
            endpoint: Endpoint::Chat,
            dialect: Dialect::Messages,
        };
        let caller = headers(&[("openai-beta", "x")]);
        let habits = Kind::Anthropic.habits(Hosting::Vendor);

        let sent = outgoing(&caller, wire, habits, None, AttemptId(1));

        assert_eq!(sent["anthropic-version"], "2023-06-01");
        assert!(!sent.contains_key("openai-beta"));
    }
}
