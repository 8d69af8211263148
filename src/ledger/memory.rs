//! The reference: a ledger in maps, small enough to be seen to be right. It lasts as long as the process.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{AttemptId, RequestId};

use super::book::{Applied, Book, Recovered};
use super::entry::{CallHead, End, Entry, Intent, State};
use super::record::{self, AttemptRecord, Filter, Page, Record};
use super::spend::{By, SpendRow, Sums, Totals};

/// A ledger in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<RequestId, Call>);

#[derive(Clone, Debug)]
struct Call {
    record: Record,
    explanation: String,
    open: bool,
}

impl Memory {
    fn call(&mut self, head: &CallHead) -> &mut Call {
        self.0.entry(head.request).or_insert_with(|| Call {
            record: Record::open(head),
            explanation: head.explanation.get().to_owned(),
            open: true,
        })
    }

    fn intent(&mut self, intent: &Intent) -> Applied {
        let attempts = &mut self.call(&intent.head).record.attempts;
        if attempts.iter().any(|a| a.attempt_id == intent.attempt) {
            return Applied::Duplicate;
        }
        attempts.push(AttemptRecord::open(intent));
        attempts.sort_by_key(|a| a.attempt_id);
        Applied::Done
    }

    /// Changes an attempt that is open; anything else is a duplicate.
    fn open(
        &mut self,
        request: RequestId,
        attempt: AttemptId,
        change: impl FnOnce(&mut AttemptRecord),
    ) -> Applied {
        let call = self.0.get_mut(&request);
        let found = call.and_then(|call| {
            let mut attempts = call.record.attempts.iter_mut();
            attempts.find(|a| a.attempt_id == attempt && a.state == State::Open)
        });
        match found {
            Some(found) => {
                change(found);
                Applied::Done
            }
            None => Applied::Duplicate,
        }
    }

    fn within(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> impl Iterator<Item = Record> {
        let from = from.map_or(RequestId(0), record::first_at);
        let to = to.map_or(RequestId(u128::MAX), record::first_at);
        let calls = self.0.iter();
        calls
            .filter(move |(id, _)| (from..to).contains(*id))
            .map(|(_, call)| call.record.clone().totalled())
    }
}

impl Book for Memory {
    type Error = Infallible;

    fn apply(&mut self, entry: &Entry) -> Result<Applied, Infallible> {
        Ok(match entry {
            Entry::Intent(intent) => self.intent(intent),
            Entry::Progress {
                request,
                attempt,
                mark,
            } => self.open(*request, *attempt, |a| a.put(*mark)),
            Entry::Settle { .. } | Entry::Void { .. } => {
                entry.ending().map_or(Applied::Duplicate, |ending| {
                    self.open(ending.request, ending.attempt, |a| {
                        a.put(ending.amount);
                        a.state = ending.state;
                        a.end = Some(ending.end);
                    })
                })
            }
            Entry::Close { request, head, end } => {
                if let Some(head) = head {
                    self.call(head);
                }
                let Some(call) = self.0.get_mut(request) else {
                    return Ok(Applied::Duplicate);
                };
                if !std::mem::take(&mut call.open) {
                    return Ok(Applied::Duplicate);
                }
                call.record.close(end);
                Applied::Done
            }
        })
    }

    fn recover(&mut self, _at: Timestamp) -> Result<Recovered, Infallible> {
        let mut done = Recovered::default();
        for call in self.0.values_mut() {
            for attempt in &mut call.record.attempts {
                if attempt.state == State::Open {
                    attempt.state = State::Estimated;
                    attempt.end = Some(End::Recovered);
                    done.attempts += 1;
                }
            }
            if std::mem::take(&mut call.open) {
                let last = call.record.attempts.last();
                call.record.model = last.map(|attempt| attempt.model.clone());
                call.record.hosting = last.map(|attempt| attempt.hosting);
                call.record.error = Some(End::Recovered.as_str().to_owned());
                done.calls += 1;
            }
        }
        Ok(done)
    }

    fn record(&self, id: RequestId) -> Result<Option<Record>, Infallible> {
        Ok(self.0.get(&id).map(|call| Record {
            explanation: record::explanation(&call.explanation),
            ..call.record.clone().totalled()
        }))
    }

    fn records(&self, filter: &Filter) -> Result<Page, Infallible> {
        let mut found: Vec<_> = self
            .within(filter.since, None)
            .filter(|call| filter.cursor.is_none_or(|last| call.request_id < last))
            .filter(|call| filter.tenant.as_ref().is_none_or(|t| *t == call.tenant))
            .collect();
        found.reverse();
        found.truncate(filter.size() + 1);
        Ok(Page::of(found, filter.size()))
    }

    fn spend(
        &self,
        by: &By,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<SpendRow>, Infallible> {
        let mut sums = Sums::by(by);
        self.within(from, to).for_each(|call| sums.add(&call));
        Ok(sums.rows())
    }

    fn totals(&self) -> Result<Totals, Infallible> {
        let mut totals = Totals::default();
        self.within(None, None).for_each(|call| totals.add(&call));
        Ok(totals)
    }
}
