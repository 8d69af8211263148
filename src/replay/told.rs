//! Records with their decisions as people read them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::ids::RequestId;
use crate::ledger::{Ledger, LedgerError, Record};
use crate::policy::{Beside, Logged, Setting};

/// A call with its decision in full names. What an older version wrote is told as it stands.
pub async fn told(ledger: &Ledger, id: RequestId) -> Result<Option<Record>, LedgerError> {
    let Some(mut record) = ledger.record(id).await? else {
        return Ok(None);
    };
    let logged = record.explanation.as_ref();
    if let Some(logged) = logged.and_then(|text| Logged::read(text.get()))
        && let Some(setting) = Settings::default().find(ledger, logged.setting()).await?
    {
        let full = logged.explanation(&beside(&record), &setting);
        record.explanation = full.or(record.explanation);
    }
    Ok(Some(record))
}

/// What the ledger's columns say of a call.
pub(super) fn beside(record: &Record) -> Beside {
    Beside {
        at: record.time,
        endpoint: record.endpoint,
        tenant: record.tenant.clone(),
        key: record.key_id.clone(),
        asked: record.asked.as_str().into(),
        tags: record.tags.0.clone(),
        session: record.session.clone(),
        task: record.task,
        policy: record.policy.clone(),
        rule: record.rule.clone(),
        reason: record.reason.clone(),
    }
}

/// Settings that were looked for, each once; `None` for those that are not there or cannot be read.
#[derive(Debug, Default)]
pub(super) struct Settings(HashMap<Arc<str>, Option<Arc<Setting>>>);

impl Settings {
    /// The setting of an id.
    pub(super) async fn find(
        &mut self,
        ledger: &Ledger,
        id: &Arc<str>,
    ) -> Result<Option<Arc<Setting>>, LedgerError> {
        if let Some(known) = self.0.get(id) {
            return Ok(known.clone());
        }
        let written = ledger.setting(Arc::clone(id)).await?;
        let restored = written.and_then(|written| match Setting::restore(&written) {
            Ok(setting) => Some(Arc::new(setting)),
            Err(error) => {
                tracing::warn!(setting = %id, %error, "what calls were decided by cannot be read");
                None
            }
        });
        self.0.insert(Arc::clone(id), restored.clone());
        Ok(restored)
    }

    /// The setting of an id that was looked for.
    pub(super) fn get(&self, id: &str) -> Option<&Arc<Setting>> {
        self.0.get(id)?.as_ref()
    }
}
