//! A call whose entries met before the first was written: its rows are written as they are to stay. (A short call costs
//! half of what it takes to insert them open and update them; and what has ended never enters the indices of open rows.)

use rusqlite::{Connection, params};

use crate::domain::clock::Timestamp;
use crate::domain::tokens::Usage;
use crate::ledger::entry::{Amount, CallEnd, Ending, Entry, Intent, State};

use super::write::{count, explain, int, tags};

/// A call with its first attempt, from the intent as far as it has come.
pub(super) struct Life<'e> {
    intent: &'e Intent,
    mark: Amount,
    ending: Option<Ending>,
    close: Option<&'e CallEnd>,
}

impl<'e> Life<'e> {
    /// Reads the usual order of entries: an intent, marks, its end, the call's end. Any other is not for here.
    pub(super) fn of(entries: &'e [Entry]) -> Option<Self> {
        let (Entry::Intent(intent), rest) = entries.split_first()? else {
            return None;
        };
        let mut life = Self {
            intent,
            mark: intent.mark,
            ending: None,
            close: None,
        };
        rest.iter().all(|entry| life.goes_on(entry)).then_some(life)
    }

    fn goes_on(&mut self, entry: &'e Entry) -> bool {
        if self.close.is_some() || entry.request() != self.intent.head.request {
            return false;
        }
        match entry {
            Entry::Progress { attempt, mark, .. } => {
                self.mark = *mark;
                self.ending.is_none() && *attempt == self.intent.attempt
            }
            Entry::Settle { attempt, .. } | Entry::Void { attempt, .. } => {
                let first = self.ending.is_none() && *attempt == self.intent.attempt;
                self.ending = entry.ending();
                first
            }
            Entry::Close { end, .. } => {
                self.close = Some(end);
                true
            }
            Entry::Intent(_) => false,
        }
    }

    /// Writes the rows. `false` where some are there already: then the entries have yet to be applied one by one.
    pub(super) fn insert(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let explanation = explain(conn, self.intent.head.explanation.get())?;
        if self.insert_call(conn, explanation)? {
            return self.insert_attempt(conn);
        }
        // Cheaper than to look first: a call is seldom known, only where it is tried again or the journal is replayed.
        if let Some(id) = explanation {
            conn.prepare_cached("DELETE FROM explanations WHERE id = ?1")?
                .execute([id])?;
        }
        Ok(false)
    }

    fn insert_call(&self, conn: &Connection, explanation: Option<i64>) -> rusqlite::Result<bool> {
        let (head, end) = (&self.intent.head, self.close);
        let tags = match head.tags.is_empty() {
            true => None,
            false => Some(tags(&head.tags)?),
        };
        let changed = conn
            .prepare_cached(
                "INSERT INTO requests (id, at, tenant, key, tags, session, endpoint, asked, policy, rule, reason, task,
                   explanation, closed_at, status, model, hosting, baseline, first_byte_ms, duration_ms, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                head.request.to_bytes(),
                head.at.millis(),
                head.tenant.as_str(),
                head.key.as_str(),
                tags,
                head.session.as_ref().map(|session| session.as_str()),
                head.endpoint.as_str(),
                head.asked,
                head.policy.as_str(),
                head.rule,
                head.reason,
                head.task.as_str(),
                explanation,
                end.map(|end| end.at.millis()),
                end.map(|end| end.status),
                end.and_then(|end| end.model.as_ref().map(|model| model.as_str())),
                end.and_then(|end| end.hosting.map(|hosting| hosting.as_str())),
                end.and_then(|end| end.baseline.map(|baseline| baseline.0)),
                end.and_then(|end| end.first_byte_ms.map(int)),
                end.map(|end| int(end.duration_ms)),
                end.and_then(|end| end.error.as_deref()),
            ])?;
        Ok(changed > 0)
    }

    fn insert_attempt(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let (intent, ending) = (self.intent, self.ending.as_ref());
        let Amount { usage, cost } = ending.map_or(self.mark, |ending| ending.amount);
        let Usage {
            input,
            cache_read,
            cache_write_short,
            cache_write_long,
            output,
            reasoning,
        } = usage;
        let changed = conn
            .prepare_cached(
                "INSERT INTO attempts (request, id, state, at, model, target, hosting, price, cost, input, cache_read,
                   cache_write_short, cache_write_long, output, reasoning, end, ended_at, sent_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                intent.head.request.to_bytes(),
                intent.attempt.to_bytes(),
                ending.map_or(State::Open, |ending| ending.state) as u8,
                intent.at.millis(),
                intent.model.as_str(),
                intent.target.as_str(),
                intent.hosting.as_str(),
                intent.price.as_ref().map(|price| price.as_str()),
                cost.map(|cost| cost.0),
                count(input),
                count(cache_read),
                count(cache_write_short),
                count(cache_write_long),
                count(output),
                count(reasoning),
                ending.map(|ending| ending.end.as_str()),
                ending.map(|ending| ending.at.millis()),
                ending.and_then(|ending| ending.sent.map(Timestamp::millis)),
            ])?;
        Ok(changed > 0)
    }
}
