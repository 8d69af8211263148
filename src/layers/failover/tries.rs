//! Who is tried next, and what of those before is still there to be given.

use std::slice::Iter;

use http::Response;
use tokio::time::Instant;

use crate::body::Body;
use crate::domain::flaw::{Fate, Flaw};
use crate::domain::ids::ModelId;
use crate::domain::tokens::TokenCount;
use crate::layers::inspect::Caught;
use crate::layers::translate::can_be_told;
use crate::policy::{Candidate, Plan};
use crate::protocol::translate::dropped::Dropped;
use crate::stages::{Watch, Work};
use crate::upstream::error::{UpstreamError, Why};

/// An answer that was caught. Better than none.
pub(super) struct Kept {
    pub(super) response: Response<Body>,
    pub(super) candidate: Candidate,
    pub(super) caught: Caught,
    translated: Option<(crate::domain::dialect::Dialect, Dropped)>,
}

impl Kept {
    /// Puts into the call's story that this is the answer.
    pub(super) fn tell(&self, work: &Work) {
        let model = &self.candidate.model;
        let mut story = work.trace().story();
        story.translated = self.translated.clone();
        story.baseline = self.caught.baseline;
        story.saves();
        story.record.model = Some(model.id.clone());
        story.record.target = Some(model.target.id.clone());
        story.record.hosting = Some(model.target.hosting);
    }
}

/// One try.
pub(super) struct Now {
    /// Who is asked.
    pub(super) candidate: Candidate,
    /// How the answer is looked over.
    pub(super) watch: Option<Watch>,
    /// By when it has to be there.
    pub(super) until: Option<Instant>,
}

impl Now {
    /// A try whose answer nobody looks over.
    pub(super) fn plain(candidate: Candidate) -> Self {
        Self {
            candidate,
            watch: None,
            until: None,
        }
    }
}

/// The tries of one call.
pub(super) struct Tries<'p> {
    plan: &'p Plan,
    work: &'p Work,
    left: Iter<'p, Candidate>,
    /// Who is tried now.
    pub(super) candidate: Candidate,
    /// It has been asked before.
    again: bool,
    /// The last answer that was caught.
    pub(super) kept: Option<Kept>,
    /// By when the call has to be answered, once an answer to it was caught.
    until: Option<Instant>,
}

impl<'p> Tries<'p> {
    pub(super) fn new(plan: &'p Plan, work: &'p Work) -> Self {
        let mut left = plan.candidates.iter();
        left.next();
        Self {
            plan,
            work,
            left,
            candidate: plan.first().clone(),
            again: false,
            kept: None,
            until: None,
        }
    }

    /// The try that is to be made now.
    pub(super) fn now(&self) -> Now {
        Now {
            candidate: self.candidate.clone(),
            watch: self.watch(),
            until: self.until,
        }
    }

    /// How the answer of the one who is tried now is looked over. It waits only where somebody else could answer.
    fn watch(&self) -> Option<Watch> {
        let repair = &self.plan.repair;
        let looks = repair.looks(&self.candidate.model)?;
        let others = self.plan.failover && self.left.len() > 0;
        let more = (repair.again && !self.again) || others;
        let hold = Some(repair.hold).filter(|_| more && self.is_in_time());
        Some(Watch { looks, hold })
    }

    /// Keeps an answer that was caught, and gives one back that was not.
    pub(super) fn keep(
        &mut self,
        work: &Work,
        mut response: Response<Body>,
    ) -> Option<Response<Body>> {
        let Some(caught) = response.extensions_mut().remove::<Caught>() else {
            return Some(response);
        };
        let total = self.candidate.model.target.timeouts.total;
        let until = total.map(|total| work.trace().started + total);
        self.until = self.until.or(until);
        let story = work.trace().story();
        self.kept = Some(Kept {
            response,
            candidate: self.candidate.clone(),
            caught,
            translated: story.translated.clone(),
        });
        None
    }

    /// Who is tried after an answer with this flaw, and what becomes of that answer so.
    pub(super) fn after_flaw(&mut self, flaw: Flaw) -> Option<(Candidate, Fate)> {
        if !self.is_in_time() {
            return None;
        }
        // What has begun to say the same again would do so again.
        if self.plan.repair.again && !self.again && flaw != Flaw::Repeats {
            self.again = true;
            return Some((self.candidate.clone(), Fate::AskedAgain));
        }
        let next = self.next(|_| true).filter(|_| self.plan.failover)?;
        Some((next.clone(), Fate::Next))
    }

    /// Who is tried after an attempt that failed.
    pub(super) fn after_failure(&mut self, failed: &UpstreamError) -> Option<Candidate> {
        if failed.why == Why::Forgotten {
            // It can answer: it only has to be told all of it. It says so once.
            return Some(self.candidate.clone()).filter(|_| self.is_in_time());
        }
        let window = failed.window.or(self.candidate.model.window);
        let may = self.plan.failover && failed.next_may_help() && self.is_in_time();
        let next = self.next(|next| failed.why != Why::TooLong || is_larger(next, window));
        next.filter(|_| may).cloned()
    }

    /// The next candidate that will do. One that is asked in another dialect must have words for all of the call.
    fn next(&mut self, will_do: impl Fn(&Candidate) -> bool) -> Option<&'p Candidate> {
        self.again = false;
        let work = self.work;
        self.left
            .find(|next| will_do(next) && can_be_told(work, next))
    }

    /// Why it is this one who answers: the plan's own words, and what was wrong before.
    pub(super) fn reason(&self, candidate: &Candidate, released: bool) -> String {
        let reason = self.plan.reason_for(candidate);
        let Some(kept) = &self.kept else {
            return reason;
        };
        let (model, flaw): (&ModelId, Flaw) = (&kept.candidate.model.id, kept.caught.flaw);
        match (released, *model == candidate.model.id) {
            (true, _) => format!("{reason}; released with a flaw: {flaw}"),
            (false, true) => format!("{reason}; asked again after a flaw: {flaw}"),
            (false, false) => format!(
                "{}: after an answer of {model} with a flaw: {flaw}",
                candidate.model.id
            ),
        }
    }

    fn is_in_time(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// Whether more may fit into a candidate's window than into this one.
fn is_larger(candidate: &Candidate, window: Option<TokenCount>) -> bool {
    match (candidate.model.window, window) {
        (Some(next), Some(window)) => next > window,
        // Who does not know may try.
        (None, _) | (_, None) => true,
    }
}
