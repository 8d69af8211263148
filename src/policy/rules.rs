//! What operators wrote, after every name in it has been followed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::glob::Glob;
use crate::catalog::nearest;
use crate::domain::ids::{KeyId, ModelId, PolicyId, TenantId};

/// One policy file.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its file's stem.
    pub id: PolicyId,
    /// Requested names that are routed; other known names are honoured as asked.
    pub answers: Vec<Glob>,
    /// The models that may answer, the preferred one first.
    pub models: Models,
}

/// The models that a policy may choose from.
#[derive(Clone, Debug)]
pub enum Models {
    /// Every one of the catalogue: own ones first, then the one that was asked for by name, then the others as written.
    All(Vec<ModelId>),
    /// Those named, in this order.
    Listed(Vec<ModelId>),
}

impl Models {
    /// The names, in the order in which they were written.
    pub fn ids(&self) -> &[ModelId] {
        match self {
            Self::All(ids) | Self::Listed(ids) => ids,
        }
    }
}

/// Every policy, and who is ruled by which.
#[derive(Clone, Debug)]
pub struct Policies {
    by_name: BTreeMap<PolicyId, Arc<Policy>>,
    default: Arc<Policy>,
    tenants: BTreeMap<TenantId, Arc<Policy>>,
    keys: BTreeMap<KeyId, Arc<Policy>>,
}

impl Policies {
    /// Starts with the policy that rules everyone of whom no other says so.
    pub fn new(default: Policy) -> Self {
        let default = Arc::new(default);
        Self {
            by_name: BTreeMap::from([(default.id.clone(), Arc::clone(&default))]),
            default,
            tenants: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Adds a policy for some tenants and keys. That no two claim the same is checked where files are read.
    pub fn add(&mut self, policy: Policy, tenants: Vec<TenantId>, keys: Vec<KeyId>) {
        let policy = Arc::new(policy);
        let claim = |_| Arc::clone(&policy);
        self.tenants
            .extend(tenants.into_iter().map(|t| (t, claim(()))));
        self.keys.extend(keys.into_iter().map(|k| (k, claim(()))));
        self.by_name.insert(policy.id.clone(), policy);
    }

    /// Returns the policy that was asked for by name, else the key's, else the tenant's, else the default.
    /// Whether the key may ask for it is for the caller to check.
    pub fn choose(
        &self,
        tenant: &TenantId,
        key: &KeyId,
        asked: Option<&str>,
    ) -> Result<&Arc<Policy>, UnknownPolicy> {
        if let Some(name) = asked {
            return self.by_name.get(name).ok_or_else(|| self.unknown(name));
        }
        let claimed = self.keys.get(key).or_else(|| self.tenants.get(tenant));
        Ok(claimed.unwrap_or(&self.default))
    }

    /// Every policy by name.
    pub fn by_name(&self) -> &BTreeMap<PolicyId, Arc<Policy>> {
        &self.by_name
    }

    fn unknown(&self, asked: &str) -> UnknownPolicy {
        let close = nearest(asked, self.by_name.keys().map(PolicyId::as_str));
        UnknownPolicy {
            asked: asked.to_owned(),
            nearest: close.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// No policy has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPolicy {
    /// The name.
    pub asked: String,
    /// Names close to it.
    pub nearest: Vec<String>,
}

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no policy is named {:?}", self.asked)?;
        match self.nearest.first() {
            Some(name) => write!(f, "; did you mean {name:?}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownPolicy {}
