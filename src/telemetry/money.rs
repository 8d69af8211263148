//! Totals of money: whole nano-dollars, turned into dollars only when they are exported.
//!
//! They are seeded from the ledger at start, so that a restart makes no gap, and read by taking differences.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::domain::dialect::Hosting;
use crate::domain::ids::{ModelId, TenantId};
use crate::domain::money::NanoUsd;

/// What a tenant or model beyond the limit is called.
pub(super) const OTHER: &str = "other";
/// Tenants with a label of their own.
const TENANTS: usize = 200;

/// The totals, shared by all copies.
#[derive(Clone, Default)]
pub(super) struct Money(Arc<RwLock<HashMap<TenantId, Tenant>>>);

#[derive(Default)]
struct Tenant {
    saved: AtomicI64,
    /// By model; own and vendor.
    spent: HashMap<ModelId, [AtomicI64; Hosting::ALL.len()]>,
    /// By the budget's name. Absent where the tenant shares `other`: what is left of several budgets has no sum.
    budgets: BTreeMap<Arc<str>, NanoUsd>,
}

impl Money {
    pub(super) fn spent(&self, tenant: &TenantId, model: &ModelId, host: Hosting, sum: NanoUsd) {
        let add = |tenant: &Tenant| {
            let total = tenant.spent.get(model)?.get(host as usize)?;
            total.fetch_add(sum.0, Ordering::Relaxed);
            Some(())
        };
        if find(&self.read(), tenant).and_then(add).is_none() {
            let mut all = self.write();
            let tenant = open(&mut all, tenant);
            tenant.spent.entry(model.clone()).or_default();
            add(tenant);
        }
    }

    pub(super) fn saved(&self, tenant: &TenantId, sum: NanoUsd) {
        let add = |tenant: &Tenant| tenant.saved.fetch_add(sum.0, Ordering::Relaxed);
        if find(&self.read(), tenant).map(add).is_none() {
            add(open(&mut self.write(), tenant));
        }
    }

    pub(super) fn remaining(&self, tenant: &TenantId, budget: &str, left: NanoUsd) {
        let mut all = self.write();
        open(&mut all, tenant);
        if let Some(own) = all.get_mut(tenant) {
            own.budgets.insert(budget.into(), left);
        }
    }

    // A panic while the lock was held leaves whole totals behind, so a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantId, Tenant>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<TenantId, Tenant>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tenant's totals as far as there are any: its own, or once 200 tenants have theirs, those of `other`.
fn find<'a>(all: &'a HashMap<TenantId, Tenant>, tenant: &TenantId) -> Option<&'a Tenant> {
    all.get(tenant)
        .or_else(|| all.get(OTHER).filter(|_| all.len() >= TENANTS))
}

/// The tenant's own totals, made where it has none, or those of `other` once 200 tenants have theirs.
fn open<'a>(all: &'a mut HashMap<TenantId, Tenant>, tenant: &TenantId) -> &'a mut Tenant {
    let name = if all.contains_key(tenant) || all.len() < TENANTS {
        tenant.clone()
    } else {
        TenantId::new(OTHER)
    };
    all.entry(name).or_default()
}

impl Collector for Money {
    fn desc(&self) -> Vec<&Desc> {
        // The registry refuses a collector without one, and uses it only to find names that are declared twice.
        static DESC: std::sync::OnceLock<Desc> = std::sync::OnceLock::new();
        vec![DESC.get_or_init(|| {
            Desc::new(SPEND.0.into(), SPEND.1.into(), vec![], HashMap::new())
                .expect("the name is valid")
        })]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let all = self.read();
        let mut families = [
            family(SPEND, MetricType::COUNTER),
            family(SAVED, MetricType::GAUGE),
            family(REMAINING, MetricType::GAUGE),
        ];
        let [spend, saved, remaining] = &mut families;
        for (name, tenant) in all.iter() {
            let name = ("tenant", name.as_str());
            let sum = NanoUsd(tenant.saved.load(Ordering::Relaxed));
            saved.mut_metric().push(gauge(&[name], sum));
            for (model, totals) in &tenant.spent {
                for (hosting, total) in Hosting::ALL.iter().zip(totals) {
                    let sum = NanoUsd(total.load(Ordering::Relaxed));
                    let labels = [
                        ("hosting", hosting.as_str()),
                        ("model", model.as_str()),
                        name,
                    ];
                    spend.mut_metric().push(counter(&labels, sum));
                }
            }
            for (budget, left) in &tenant.budgets {
                remaining
                    .mut_metric()
                    .push(gauge(&[("budget", budget), name], *left));
            }
        }
        families
            .into_iter()
            .filter(|family| !family.get_metric().is_empty())
            .collect()
    }
}

const SPEND: (&str, &str) = (
    "tollgate_spend_usd_total",
    "Dollars settled in the ledger since its first entry; take differences, increase() extrapolates",
);
const SAVED: (&str, &str) = (
    "tollgate_saved_usd_total",
    "Dollars saved against always asking the frontier with caching; it falls where routing cost more",
);
const REMAINING: (&str, &str) = (
    "tollgate_budget_remaining_usd",
    "Dollars left in a budget's window, holds taken off",
);

fn family((name, help): (&str, &str), kind: MetricType) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).into());
        pair.set_value((*value).into());
        pair
    });
    Metric::from_label(pairs.collect())
}

fn counter(labels: &[(&str, &str)], sum: NanoUsd) -> Metric {
    let mut value = Counter::default();
    value.set_value(dollars(sum));
    let mut metric = labelled(labels);
    metric.set_counter(value);
    metric
}

fn gauge(labels: &[(&str, &str)], sum: NanoUsd) -> Metric {
    let mut value = Gauge::default();
    value.set_value(dollars(sum));
    let mut metric = labelled(labels);
    metric.set_gauge(value);
    metric
}

/// The float nearest to the amount. A division would round twice beyond 2^53; reading the decimal text does not.
fn dollars(sum: NanoUsd) -> f64 {
    sum.to_string()
        .parse()
        .expect("an amount is written as a decimal number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_201st_tenant_shares_other_and_no_dollar_is_lost() {
        let money = Money::default();
        let model = ModelId::from("m");
        for n in 0..205 {
            let tenant = TenantId::new(format!("t{n}"));
            money.spent(&tenant, &model, Hosting::Own, NanoUsd(1_000_000_001));
            money.remaining(&tenant, "day", NanoUsd(5));
        }

        let families = money.collect();
        let spend: Vec<_> = families[0]
            .get_metric()
            .iter()
            .filter(|metric| metric.get_label()[0].value() == "own")
            .collect();
        let other = spend
            .iter()
            .find(|metric| metric.get_label()[2].value() == OTHER)
            .expect("a total of the others");
        let told: f64 = spend.iter().map(|m| m.get_counter().get_value()).sum();

        assert_eq!(spend.len(), TENANTS + 1);
        assert!((other.get_counter().get_value() - 5.000_000_005).abs() < f64::EPSILON);
        assert!((told - 205.000_000_205).abs() < 1e-9);
        assert_eq!(families[2].get_metric().len(), TENANTS);
    }

    #[test]
    fn dollars_are_the_nearest_float() {
        assert_eq!(dollars(NanoUsd(12_345)).to_string(), "0.000012345");
        assert_eq!(dollars(NanoUsd(-1)).to_string(), "-0.000000001");
        assert_eq!(
            dollars(NanoUsd(9_007_199_254_740_993)).to_string(),
            "9007199.254740993"
        );
    }
}
