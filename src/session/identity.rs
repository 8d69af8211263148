//! Which conversation a call belongs to, by what its client says of it.

use http::HeaderMap;
use serde::Deserialize;

use crate::domain::ids::SessionId;

/// Longer names are no names.
const LONGEST: usize = 128;

/// Headers in which clients name the session, ours first.
const HEADERS: &[&str] = &[
    "x-tollgate-session",
    "x-claude-code-session-id",
    "session-id",
    "x-session-id",
];

/// Finds the session's name: in a header, in `prompt_cache_key`, or in what Claude Code says of its user.
pub fn identify(
    headers: &HeaderMap,
    cache_key: Option<&str>,
    user: Option<&str>,
) -> Option<SessionId> {
    let header = HEADERS
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok());
    let named = header
        .or(cache_key)
        .filter(|name| is_name(name))
        .map(SessionId::from);
    named.or_else(|| of_user(user?))
}

fn of_user(user: &str) -> Option<SessionId> {
    #[derive(Deserialize)]
    struct User {
        session_id: String,
    }
    let session = serde_json::from_str::<User>(user).ok()?.session_id;
    is_name(&session).then(|| SessionId::new(session))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_where_clients_put_it() {
        let mut headers = HeaderMap::new();
        let none = identify(&headers, None, None);
        let key = identify(&headers, Some("k1"), None);
        let user = identify(
            &headers,
            None,
            Some(r#"{"device_id":"d","session_id":"s1"}"#),
        );
        headers.insert(
            "x-claude-code-session-id",
            http::HeaderValue::from_static("c1"),
        );
        let header = identify(&headers, Some("k1"), None);

        assert_eq!(none, None);
        assert_eq!(key, Some(SessionId::from("k1")));
        assert_eq!(user, Some(SessionId::from("s1")));
        assert_eq!(header, Some(SessionId::from("c1")));
        assert_eq!(
            identify(&HeaderMap::new(), Some("two words\n"), Some("plain")),
            None
        );
    }
}
