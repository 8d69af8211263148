//! The directory of keys: an immutable snapshot that is swapped after each change has been committed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq;

use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::ids::KeyId;
use crate::domain::secret::Secret;
use crate::store::{Landed, Store, StoreError, Work};

use super::format::{self, Hash};
use super::key::{Key, NewKey, NotAKey};
use super::table;

/// Why a key that was presented is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Not the text of a key.
    Malformed,
    /// No such key, or the wrong secret.
    Unknown,
    /// It was revoked or rotated.
    Revoked,
    /// Its time is over.
    Expired,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "this is not a Tollgate key",
            Self::Unknown => "the key is not known",
            Self::Revoked => "the key was revoked",
            Self::Expired => "the key has expired",
        })
    }
}

impl std::error::Error for KeyFault {}

/// Why a change of the directory was refused.
#[derive(Debug)]
pub enum DirectoryError {
    /// A field is wrong.
    Invalid(NotAKey),
    /// There is no key of this id.
    NoSuchKey,
    /// The key is revoked or expired, so that there is nothing to rotate.
    Ended,
    /// The store took no write.
    Store(StoreError),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(fault) => fault.fmt(f),
            Self::NoSuchKey => f.write_str("there is no key of this id"),
            Self::Ended => f.write_str("the key is revoked or expired; make a new one"),
            Self::Store(_) => f.write_str("the keys could not be read or written"),
        }
    }
}

impl std::error::Error for DirectoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Known {
    key: Arc<Key>,
    hash: Hash,
}

type Snapshot = HashMap<KeyId, Known>;

/// All keys. A clone is the same directory.
#[derive(Clone, Debug)]
pub struct Directory {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    keys: Arc<ArcSwap<Snapshot>>,
}

impl Directory {
    /// Reads the keys from a store that has this room's [`super::ROOM`].
    pub async fn open(
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, DirectoryError> {
        let rows = store.read(table::all).await;
        let known = rows.map_err(DirectoryError::Store)?.into_iter();
        let keys: Snapshot = known
            .map(|(key, hash)| {
                let key = Arc::new(key);
                (key.id.clone(), Known { key, hash })
            })
            .collect();
        Ok(Self {
            store,
            clock,
            entropy,
            keys: Arc::new(ArcSwap::from_pointee(keys)),
        })
    }

    /// The key whose text was presented, if it is good now.
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Arc<Key>, KeyFault> {
        let parts = format::parse(presented).ok_or(KeyFault::Malformed)?;
        let hash = format::hash(parts.secret);
        let keys = self.keys.load();
        let known = keys.get(parts.id);
        // An unknown id is compared as well, with what no secret is hashed to, so that both take the same time.
        let kept = known.map_or(&[0; 32], |known| &known.hash);
        let right = bool::from(hash.ct_eq(kept));
        let key = known.filter(|_| right).ok_or(KeyFault::Unknown)?;
        usable(&key.key, now).map(|()| Arc::clone(&key.key))
    }

    /// Makes a key. Its text is told here and never again.
    pub async fn create(&self, new: NewKey) -> Result<(Arc<Key>, Secret), DirectoryError> {
        let (id, text, hash) = format::make(&self.entropy);
        let key = new.check(&id, self.clock.now());
        let key = Arc::new(key.map_err(DirectoryError::Invalid)?);
        self.add(Arc::clone(&key), hash, None).await?;
        Ok((key, Secret::new(text)))
    }

    /// All keys, the oldest first, ended ones included.
    pub fn list(&self) -> Vec<Arc<Key>> {
        let keys = self.keys.load();
        let mut list: Vec<_> = keys.values().map(|known| Arc::clone(&known.key)).collect();
        list.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        list
    }

    /// The key of this id, else the only one of this name that is good now.
    pub fn named(&self, name: &str) -> Option<Arc<Key>> {
        let now = self.clock.now();
        let keys = self.list();
        if let Some(key) = keys.iter().find(|key| key.id.as_str() == name) {
            return Some(Arc::clone(key));
        }
        let mut named = keys
            .iter()
            .filter(|key| key.name == name && usable(key, now).is_ok());
        let key = named.next()?;
        named.next().is_none().then(|| Arc::clone(key))
    }

    /// Makes a key with the same scopes, under a new id and secret. The old one ends at once, or after `overlap_ms`.
    pub async fn rotate(
        &self,
        id: &KeyId,
        overlap_ms: i64,
    ) -> Result<(Arc<Key>, Secret), DirectoryError> {
        let now = self.clock.now();
        let old = self.find(id)?;
        usable(&old, now).map_err(|_| DirectoryError::Ended)?;
        let (new, text, hash) = format::make(&self.entropy);
        let key = Arc::new(Key {
            id: KeyId::new(new),
            created: now,
            revoked: None,
            ..(*old).clone()
        });
        let end = now.plus_millis(overlap_ms.max(0));
        self.add(Arc::clone(&key), hash, Some((id.clone(), end)))
            .await?;
        Ok((key, Secret::new(text)))
    }

    /// Ends a key at once. Revoking it again changes nothing.
    pub async fn revoke(&self, id: &KeyId) -> Result<Arc<Key>, DirectoryError> {
        self.find(id)?;
        let (at, name) = (self.clock.now(), id.clone());
        let work = Box::new(move |conn: &_| table::revoke(conn, name.as_str(), at));
        let (keys, name) = (Arc::clone(&self.keys), id.clone());
        let landed = Box::new(move || swap(&keys, |snapshot| end(snapshot, &name, at)));
        self.change(work, landed).await?;
        self.find(id)
    }

    fn find(&self, id: &KeyId) -> Result<Arc<Key>, DirectoryError> {
        let keys = self.keys.load();
        let known = keys.get(id).ok_or(DirectoryError::NoSuchKey)?;
        Ok(Arc::clone(&known.key))
    }

    /// Adds a key, and ends the one that it replaces, in one write.
    async fn add(
        &self,
        key: Arc<Key>,
        hash: Hash,
        old: Option<(KeyId, Timestamp)>,
    ) -> Result<(), DirectoryError> {
        let (row, replaced) = (Arc::clone(&key), old.clone());
        let work = Box::new(move |conn: &_| {
            if let Some((id, at)) = &replaced {
                table::revoke(conn, id.as_str(), *at)?;
            }
            table::insert(conn, &row, &hash)
        });
        let keys = Arc::clone(&self.keys);
        let landed = Box::new(move || {
            swap(&keys, |snapshot| {
                if let Some((id, at)) = &old {
                    end(snapshot, id, *at);
                }
                let key = Arc::clone(&key);
                snapshot.insert(key.id.clone(), Known { key, hash });
            });
        });
        self.change(work, landed).await
    }

    /// The snapshot changes when the commit has happened, also when the asker has gone meanwhile.
    async fn change(&self, work: Work, landed: Landed) -> Result<(), DirectoryError> {
        let pending = self.store.begin_then(work, landed).await;
        let done = pending.map_err(DirectoryError::Store)?.committed().await;
        done.map(|_| ()).map_err(DirectoryError::Store)
    }
}

fn usable(key: &Key, now: Timestamp) -> Result<(), KeyFault> {
    let past = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now);
    if past(key.revoked) {
        return Err(KeyFault::Revoked);
    }
    if past(key.expires) {
        return Err(KeyFault::Expired);
    }
    Ok(())
}

fn swap(keys: &ArcSwap<Snapshot>, change: impl Fn(&mut Snapshot)) {
    keys.rcu(|now| {
        let mut next = Snapshot::clone(now);
        change(&mut next);
        next
    });
}

fn end(snapshot: &mut Snapshot, id: &KeyId, at: Timestamp) {
    if let Some(known) = snapshot.get_mut(id) {
        let mut key = (*known.key).clone();
        key.revoked = Some(key.revoked.map_or(at, |earlier| earlier.min(at)));
        known.key = Arc::new(key);
    }
}
