//! Keys from making to revoking.

use std::sync::Arc;

use super::*;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::dialect::Dialect;
use crate::domain::facts::DataClass;
use crate::store::{Settings, Store};

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);

async fn directory(path: &std::path::Path) -> Directory {
    let store = Store::open(&Settings::at(path), &[ROOM]).expect("a store");
    Directory::open(store, Clock::fixed(NOW), Entropy::system())
        .await
        .expect("a directory")
}

fn new(name: &str) -> NewKey {
    NewKey {
        tenant: "core".into(),
        name: name.into(),
        models: Some(vec!["base1".into(), "claude-*".into()]),
        dialects: Some(vec![Dialect::Messages]),
        tags: vec![("team".into(), "payments".into())],
        policies: vec!["cheap".into()],
        data_class: Some(DataClass::Restricted),
        expires: Some(NOW.plus_millis(1_000)),
        force: true,
    }
}

#[tokio::test]
async fn a_key_is_known_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = directory(dir.path()).await;

    let (made, secret) = keys.create(new("ci")).await.expect("a key");

    let text = secret.expose();
    assert_eq!(keys.authenticate(text, NOW), Ok(Arc::clone(&made)));
    assert!(made.may_use("claude-opus") && !made.may_use("gpt-5"));
    assert!(made.may_speak(Dialect::Messages) && !made.may_speak(Dialect::Chat));
    drop(keys);
    let again = directory(dir.path()).await;
    assert_eq!(again.authenticate(text, NOW), Ok(made));
    for file in std::fs::read_dir(dir.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        let secret = text.split('_').nth(2).expect("a secret").as_bytes();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
}

#[tokio::test]
async fn what_is_no_key_of_ours_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = directory(dir.path()).await;
    let (_, secret) = keys.create(new("ci")).await.expect("a key");
    let (id, stranger, _) = format::make(&Entropy::system());
    let refused = |text: &str, now| keys.authenticate(text, now).expect_err("refused");

    for text in ["", "sk-ant-123", "tg_", &secret.expose()[..60], "tg_a_b_c"] {
        assert_eq!(refused(text, NOW), KeyFault::Malformed, "{text}");
    }
    assert_eq!(refused(&stranger, NOW), KeyFault::Unknown, "{id}");
    assert_eq!(
        refused(secret.expose(), NOW.plus_millis(1_000)),
        KeyFault::Expired
    );
}

#[tokio::test]
async fn a_known_id_with_another_secret_is_unknown() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = directory(dir.path()).await;
    let (made, _) = keys.create(new("ci")).await.expect("a key");
    // The same id, and a secret and checksum that belong together.
    let forged = format::with_id(made.id.as_str(), &Entropy::system());

    assert_eq!(keys.authenticate(&forged, NOW), Err(KeyFault::Unknown));
}

#[tokio::test]
async fn a_revoked_key_stays_revoked() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = directory(dir.path()).await;
    let (made, secret) = keys.create(new("ci")).await.expect("a key");

    keys.revoke(&made.id).await.expect("revoked");

    assert_eq!(
        keys.authenticate(secret.expose(), NOW),
        Err(KeyFault::Revoked)
    );
    assert!(matches!(
        keys.rotate(&made.id, 0).await,
        Err(DirectoryError::Ended)
    ));
    assert!(matches!(
        keys.revoke(&"nobody".into()).await,
        Err(DirectoryError::NoSuchKey)
    ));
    drop(keys);
    let again = directory(dir.path()).await;
    assert_eq!(
        again.authenticate(secret.expose(), NOW),
        Err(KeyFault::Revoked)
    );
}

#[tokio::test]
async fn a_rotated_key_works_beside_the_new_one_for_the_overlap_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = directory(dir.path()).await;
    let (old, first) = keys.create(new("ci")).await.expect("a key");

    let (fresh, second) = keys.rotate(&old.id, 500).await.expect("rotated");

    assert_ne!(old.id, fresh.id);
    assert_eq!((&fresh.models, &fresh.tags), (&old.models, &old.tags));
    let at = |text: &str, later| {
        keys.authenticate(text, NOW.plus_millis(later))
            .map(|key| key.id.clone())
    };
    assert_eq!(at(first.expose(), 499), Ok(old.id.clone()));
    assert_eq!(at(first.expose(), 500), Err(KeyFault::Revoked));
    assert_eq!(at(second.expose(), 500), Ok(fresh.id.clone()));
    assert_eq!(keys.list().len(), 2);
}

#[tokio::test]
async fn a_listed_key_shows_no_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = directory(dir.path()).await;
    let (made, _) = keys.create(new("ci")).await.expect("a key");

    let listed = serde_json::to_value(&*keys.list()[0]).expect("JSON");

    let expected = serde_json::json!({
        "id": made.id, "tenant": "core", "name": "ci", "models": ["base1", "claude-*"], "dialects": ["messages"],
        "tags": {"team": "payments"}, "policies": ["cheap"], "data_class": "restricted", "created": NOW, "expires": NOW.plus_millis(1_000),
        "revoked": null, "force": true,
    });
    assert_eq!(listed, expected);
}
