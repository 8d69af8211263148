//! What operators wrote, after every name in it has been followed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::glob::Glob;
use super::repair::Repair;
use super::rule::{Objective, Rule, TaskRule};
use crate::catalog::nearest;
use crate::domain::facts::Task;
use crate::domain::ids::{KeyId, ModelId, PolicyId, TenantId};
use crate::domain::path_glob::PathGlob;

/// One policy file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Its file's stem.
    pub id: PolicyId,
    /// Requested names that are routed; other known names are honoured as asked.
    pub answers: Vec<Glob>,
    /// The models that may answer, the preferred one first.
    pub models: Models,
    /// What failing, waiting and changing cost.
    pub objective: Objective,
    /// What differs by kind of work, each kind once.
    pub tasks: Vec<TaskRule>,
    /// What differs by call, from the top.
    pub rules: Vec<Rule>,
    /// What is done about flawed answers.
    #[serde(default)]
    pub repair: Arc<Repair>,
}

impl Policy {
    /// A policy without rules.
    pub fn plain(id: PolicyId, answers: Vec<Glob>, models: Models) -> Self {
        Self {
            id,
            answers,
            models,
            objective: Objective::default(),
            tasks: Vec::new(),
            rules: Vec::new(),
            repair: Arc::default(),
        }
    }

    /// What it says of a kind of work.
    pub(super) fn task(&self, task: Task) -> Option<&TaskRule> {
        self.tasks.iter().find(|rule| rule.task == task)
    }
}

/// The models that a policy may choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    looks: Looks,
}

/// What rules look for in the text of calls; nothing else need be searched.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// Patterns of paths, each once.
    pub paths: Vec<PathGlob>,
    /// Secrets.
    pub secrets: bool,
}

impl Looks {
    fn add(&mut self, policy: &Policy) {
        let conditions = policy.rules.iter().filter_map(|rule| rule.when.as_ref());
        for condition in conditions {
            condition.walk(&mut |part| match part {
                Condition::Secrets(_) => self.secrets = true,
                Condition::Path(globs) => {
                    let new = globs.iter().filter(|glob| !self.paths.contains(glob));
                    let new: Vec<_> = new.cloned().collect();
                    self.paths.extend(new);
                }
                _ => {}
            });
        }
    }
}

/// What rules one call: the chosen policy, and those whose data rules bind it as well.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The policy that was chosen.
    pub policy: Arc<Policy>,
    /// The tenant's and the key's own, where they are others.
    also: [Option<Arc<Policy>>; 2],
}

impl Ruling {
    /// A policy that rules alone.
    pub fn alone(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            also: [None, None],
        }
    }

    /// Every policy whose data rules bind the call.
    pub fn binding(&self) -> impl Iterator<Item = &Policy> {
        let also = self.also.iter().flatten();
        also.chain([&self.policy]).map(Arc::as_ref)
    }
}

impl Policies {
    /// Starts with the policy that rules everyone of whom no other says so.
    pub fn new(default: Policy) -> Self {
        let mut looks = Looks::default();
        looks.add(&default);
        let default = Arc::new(default);
        Self {
            looks,
            by_name: BTreeMap::from([(default.id.clone(), Arc::clone(&default))]),
            default,
            tenants: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Adds a policy for some tenants and keys. That no two claim the same is checked where files are read.
    pub fn add(&mut self, policy: Policy, tenants: Vec<TenantId>, keys: Vec<KeyId>) {
        self.looks.add(&policy);
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

    /// Returns what rules a call: the policy that [`Policies::choose`] names, and with it the data rules of the tenant's policy
    /// (the default where no file claims the tenant) and of the key's: naming another leads out of none of them.
    pub fn ruling(
        &self,
        tenant: &TenantId,
        key: &KeyId,
        asked: Option<&str>,
    ) -> Result<Ruling, UnknownPolicy> {
        let policy = self.choose(tenant, key, asked)?;
        let of_tenant = Some(self.tenants.get(tenant).unwrap_or(&self.default));
        let also = [of_tenant, self.keys.get(key)];
        let other = |it: &&Arc<Policy>| !Arc::ptr_eq(it, policy);
        Ok(Ruling {
            also: also.map(|it| it.filter(other).cloned()),
            policy: Arc::clone(policy),
        })
    }

    /// What the text of calls is searched for.
    pub fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Every policy by name.
    pub fn by_name(&self) -> &BTreeMap<PolicyId, Arc<Policy>> {
        &self.by_name
    }

    /// Every policy and its claims, to be written down.
    pub fn kept(&self) -> Kept {
        let id = |policy: &Arc<Policy>| policy.id.clone();
        let tenants = self.tenants.iter();
        let keys = self.keys.iter();
        Kept {
            default: id(&self.default),
            policies: self.by_name.values().cloned().collect(),
            tenants: tenants.map(|(who, by)| (who.clone(), id(by))).collect(),
            keys: keys.map(|(who, by)| (who.clone(), id(by))).collect(),
        }
    }

    fn unknown(&self, asked: &str) -> UnknownPolicy {
        let close = nearest(asked, self.by_name.keys().map(PolicyId::as_str));
        UnknownPolicy {
            asked: asked.to_owned(),
            nearest: close.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Policies as they are written down, once for all the calls that they rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    default: PolicyId,
    policies: Vec<Arc<Policy>>,
    tenants: Vec<(TenantId, PolicyId)>,
    keys: Vec<(KeyId, PolicyId)>,
}

impl Kept {
    /// The policies again; `None` where the default is not among them.
    pub fn restore(self) -> Option<Policies> {
        let (default, others): (Vec<_>, Vec<_>) = (self.policies.into_iter())
            .map(Arc::unwrap_or_clone)
            .partition(|policy| policy.id == self.default);
        let mut policies = Policies::new(default.into_iter().next()?);
        for policy in others {
            let of_tenants = self.tenants.iter().filter(|(_, by)| *by == policy.id);
            let of_keys = self.keys.iter().filter(|(_, by)| *by == policy.id);
            let tenants = of_tenants.map(|(who, _)| who.clone()).collect();
            let keys = of_keys.map(|(who, _)| who.clone()).collect();
            policies.add(policy, tenants, keys);
        }
        Some(policies)
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
