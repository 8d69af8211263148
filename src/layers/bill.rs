//! An attempt's bill: what it has used so far, and the one entry that ends it, however it ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use tracing::{error, warn};

use super::count::whose;
use crate::catalog::{Billed, Tariff};
use crate::domain::clock::Clock;
use crate::domain::dialect::Endpoint;
use crate::domain::flaw::{Fate, Flaw};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::{TokenCount, Usage};
use crate::domain::wire::Wire;
use crate::ledger::{Amount, End, Entered, Hold, LedgerError};
use crate::protocol::count;
use crate::protocol::usage::{Terms, Told};
use crate::session::keep;
use crate::session::talk::Talk;
use crate::stages::{Attempt, Flawed, Held, Watch, Work};
use crate::telemetry::{Metrics, Settled};
use crate::upstream::client::Upstream;
use crate::upstream::load::Share;
use crate::upstream::pace::Reader;

use super::later::{Due, Later, goes_on, served};

/// Machine time that a mark allows for beyond what was used when it was written: ten seconds.
pub(super) const MARKED_NANOS: u64 = 10_000_000_000;

/// The largest body that is counted here only to learn from it.
const LARGEST_COMPARED: usize = 1 << 20;

/// The bill of one attempt. Dropped without an end, it is settled by what was relayed: its caller has gone.
pub(super) struct Bill {
    // `None` once it has ended.
    hold: Option<Hold>,
    entered: Entered,
    tariff: Tariff,
    share: Share,
    terms: Terms,
    used: Usage,
    sent_at: Option<Instant>,
    /// From then to the first byte of a stream.
    first_byte: Option<Duration>,
    /// The caller is given it.
    shown: bool,
    /// How long the caller kept a stream waiting.
    pub(super) reader: Reader,
    /// The answer's id at its provider.
    answer: Option<String>,
    /// Where the end of an answer is waited for that is made also where its caller has gone.
    later: Option<Later>,
    /// What the frontier would have cost, once the attempt has ended.
    baseline: Option<NanoUsd>,
    pub(super) work: Arc<Work>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) attempt: AttemptParts,
    clock: Clock,
    metrics: Metrics,
}

/// What of the attempt the answer's way back needs.
pub(super) struct AttemptParts {
    pub(super) id: crate::domain::ids::AttemptId,
    pub(super) model: Arc<crate::catalog::Model>,
    /// How long the prompt is for it, estimated.
    pub(super) prompt: TokenCount,
    pub(super) wire: Wire,
    pub(super) watch: Option<Watch>,
}

/// What a call uses as soon as it has gone out: its prompt. Counting is free.
pub(super) fn at_least(attempt: &Attempt) -> Usage {
    match attempt.work.parsed.call.endpoint {
        Endpoint::CountTokens => Usage::default(),
        _ => Usage {
            input: attempt.candidate.prompt,
            ..Usage::default()
        },
    }
}

impl Bill {
    pub(super) fn new(held: Held, clock: Clock, metrics: Metrics) -> Self {
        let Held {
            attempt,
            hold,
            tariff,
        } = held;
        let used = at_least(&attempt);
        let Attempt {
            work,
            id,
            candidate,
            upstream,
            share,
            watch,
            until: _,
        } = attempt;
        let attempt = AttemptParts {
            id,
            prompt: candidate.prompt,
            model: candidate.model.into_model(),
            wire: candidate.wire,
            watch,
        };
        let terms = Terms::default();
        Self {
            entered: hold.entered(),
            hold: Some(hold),
            tariff,
            share,
            terms,
            used,
            sent_at: None,
            first_byte: None,
            shown: false,
            reader: Reader::default(),
            answer: None,
            later: None,
            baseline: None,
            work,
            upstream,
            attempt,
            clock,
            metrics,
        }
    }

    /// What was written before anything went out.
    pub(super) fn entered(&self) -> Entered {
        self.entered
    }

    /// Whether its price is known.
    pub(super) fn is_priced(&self) -> bool {
        self.tariff.is_known()
    }

    /// The request goes out now: from here on it may cost money.
    pub(super) fn sent(&mut self) {
        let (now, amount) = (self.clock.now(), self.amount(self.used));
        self.sent_at = Some(Instant::now());
        if let Some(hold) = &mut self.hold {
            hold.sent(now);
            hold.relayed(amount);
        }
    }

    /// The first byte of a stream has come.
    pub(super) fn began(&mut self) {
        self.first_byte = self.sent_at.map(|at| at.elapsed());
    }

    /// From here on the caller is given what comes.
    pub(super) fn shows(&mut self) {
        self.shown = true;
    }

    /// Something is wrong with the answer, and its caller gets it all the same.
    pub(super) fn flawed(&self, flaw: Flaw, fate: Fate) {
        let model = &self.attempt.model.id;
        self.metrics.flaw(model, flaw, fate);
        if let Some(talk) = &self.work.talk {
            talk.heard(flaw.sign(), true);
        }
        self.work.trace().story().flaws.push(Flawed {
            model: model.clone(),
            flaw,
            fate,
        });
    }

    /// The answer's id, by which a later call may go on from it. That of a translated answer is of our making: no target knows it.
    pub(super) fn named(&mut self, id: Option<&str>) {
        let native = !self.attempt.wire.is_translated();
        self.answer = id.filter(|_| native).map(str::to_owned);
    }

    /// What a whole answer tells of its model's pace.
    fn note_pace(&self, output: TokenCount) {
        let (paces, model) = (&self.upstream.paces, &self.attempt.model.id);
        match (self.sent_at.map(|at| at.elapsed()), self.first_byte) {
            (Some(whole), Some(first)) => {
                paces.streamed(model, (first, whole), self.reader.kept, output);
            }
            (Some(whole), None) => paces.answered(model, whole, output),
            (None, _) => {}
        }
    }

    /// So much was used by our own count.
    pub(super) fn so_far(&mut self, used: Usage, terms: &Terms) {
        self.used = used;
        if self.terms != *terms {
            self.terms = terms.clone();
        }
    }

    /// A whole answer has come: should it not tell its usage, its length will have to do.
    pub(super) fn whole(&mut self, body: &[u8]) {
        // Vectors are not written, and counts are free.
        if !matches!(
            self.work.parsed.call.endpoint,
            Endpoint::Embeddings | Endpoint::CountTokens
        ) {
            self.used.output = TokenCount((body.len() as u64).div_ceil(3));
        }
    }

    /// Writes a mark that allows for `output` in all.
    pub(super) fn mark(
        &mut self,
        output: TokenCount,
    ) -> Option<impl Future<Output = Result<(), LedgerError>> + Send + 'static + use<>> {
        let usage = Usage {
            output: output.max(self.used.output),
            ..self.used
        };
        let amount = Amount {
            usage,
            cost: self.cost(usage, self.share.nanos().saturating_add(MARKED_NANOS)),
        };
        self.hold.as_mut().map(|hold| hold.progress(amount))
    }

    /// Ends the attempt by what the target told; where it told nothing that can be, by our own count.
    pub(super) fn settle(&mut self, told: Option<Told>, terms: &Terms, end: End) {
        let (usage, actual, end) = self.believed(told, terms, end);
        self.end(usage, actual, end);
    }

    /// The same for a whole answer, after which nothing more can become of the call: its end is written with the
    /// attempt's.
    pub(super) fn settle_last(&mut self, told: Option<Told>, terms: &Terms, status: StatusCode) {
        let (usage, actual, end) = self.believed(told, terms, End::Complete);
        let Some((hold, amount)) = self.ended(usage, actual, end) else {
            return;
        };
        let (trace, now) = (self.work.trace(), self.clock.now());
        let mut story = trace.story();
        match story.closing.take() {
            Some(closing) => {
                let close = story.end(status.as_u16(), now, trace.started.elapsed());
                hold.settle_last((amount, actual, end), closing, close);
            }
            None => hold.settle(amount, actual, end, now),
        }
    }

    /// What is to be billed, whether the target told it, and what that end is called.
    fn believed(&mut self, told: Option<Told>, terms: &Terms, end: End) -> (Usage, bool, End) {
        self.so_far(self.used, terms);
        match told {
            Some(Told::Usage(usage)) => {
                if matches!(end, End::Complete | End::Caught) {
                    self.note_pace(usage.output);
                }
                (usage, true, end)
            }
            Some(Told::Rejected) => {
                warn!(attempt = %self.attempt.id, "the target told a usage that cannot be");
                let end = match end {
                    // Nobody has seen it, whatever it says.
                    End::Caught => end,
                    _ => End::UsageRejected,
                };
                (self.used, false, end)
            }
            None if end == End::Complete => (self.used, false, End::UsageMissing),
            None => (self.used, false, end),
        }
    }

    /// Ends the attempt by our own count.
    pub(super) fn estimate(&mut self, end: End) {
        self.end(self.used, false, end);
    }

    /// The answer is made in the background: should it not be told to its end, that is known `later`.
    pub(super) fn made_in_background(&mut self, later: &Later) {
        let native = self.attempt.wire == Wire::own(Endpoint::Responses);
        let background = native && self.work.parsed.call.asks.background;
        self.later = background.then(|| later.clone());
    }

    /// The name under which an answer has begun. It is looked for by that while it is still being told.
    pub(super) fn begun(&mut self, id: Option<&str>) {
        if self.later.is_none() || self.answer.is_some() || id.is_none() {
            return;
        }
        self.named(id);
        if let (Some(talk), Some(id)) = (&self.work.talk, &self.answer) {
            talk.begun((&self.attempt.model, self.attempt.wire.dialect), id);
        }
    }

    /// Leaves the attempt open where its answer goes on though nobody hears it any more. Returns whether it does.
    fn leave(&mut self, end: End) -> bool {
        let (Some(later), Some(id)) = (self.later.take(), self.answer.clone()) else {
            return false;
        };
        // Whoever has seen none of it does not know its name, and may be answered by another.
        if !self.shown || !goes_on(end) {
            return false;
        }
        let Some(due) = self.due(end) else {
            return false;
        };
        let cost = self.amount(self.used).cost;
        self.note(self.used, cost, (Settled::Estimated, end));
        later.wait(self.work.parsed.caller.key.id.clone(), id, due);
        true
    }

    /// Leaves the attempt open: its answer is still being made. `end` is what it ends with where nothing more is heard of it.
    pub(super) fn due(&mut self, end: End) -> Option<Due> {
        let hold = self.hold.take()?;
        self.tell_talk(self.used, false, end);
        Some(Due {
            hold: Some(hold),
            end,
            tariff: self.tariff.clone(),
            model: self.attempt.model.clone(),
            tenant: self.work.head.tenant.clone(),
            at: self.work.trace().at,
            gpu_nanos: self.share.nanos(),
            used: self.used,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        })
    }

    /// Ends the attempt without a cost: nothing went out, or the target refused.
    pub(super) fn void(&mut self, end: End) {
        if let Some(hold) = self.hold.take() {
            self.metrics.settled(Settled::Void);
            self.work.trace().story().record.settled = Some(Settled::Void);
            hold.void(end, self.clock.now());
        }
    }

    /// What became of the call by an end, as its caller sees it.
    fn became(&self, end: End) -> keep::End {
        match end {
            End::Complete | End::UsageMissing | End::UsageRejected => keep::End::Answered,
            End::Caught => keep::End::Caught,
            _ if self.shown => keep::End::Cut,
            // Nobody has heard anything of it.
            _ => keep::End::Failed,
        }
    }

    /// What the frontier would have cost for an attempt that has ended.
    pub(super) fn would_have_cost(&self) -> Option<NanoUsd> {
        self.baseline
    }

    /// Tells the conversation what became of the call.
    fn tell_talk(&self, usage: Usage, actual: bool, end: End) {
        let Some(talk) = &self.work.talk else { return };
        let ended = self.became(end);
        if let (Some(usage), keep::End::Answered) = (actual.then_some(usage), ended) {
            self.compare(talk, usage);
        }
        let (model, id) = (&self.attempt.model, self.answer.as_deref());
        talk.ended(
            (model, self.attempt.wire.dialect),
            actual.then_some(usage),
            ended,
            id,
        );
    }

    /// Once in a while a prompt that was billed is counted here as well, to learn how the model counts. Only where somebody has
    /// counted before: whoever never does never pays for it.
    fn compare(&self, talk: &Talk, billed: Usage) {
        let (call, model) = (&self.work.parsed.call, &self.attempt.model.id);
        if !count::is_ready() || call.size() > LARGEST_COMPARED {
            return;
        }
        let Some((talks, place)) = talk.wants_count(model, self.attempt.wire.dialect) else {
            return;
        };
        let (body, model) = (call.body().clone(), model.clone());
        let caller = call.endpoint.dialect();
        let whose = whose(&self.attempt.model, self.attempt.wire.dialect);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            if let Some(counted) = count::count(caller, &body) {
                talks.learn_count(&model, (&counted, whose), billed.prompt());
            }
        });
    }

    fn end(&mut self, usage: Usage, actual: bool, end: End) {
        if !actual && self.leave(end) {
            return;
        }
        if let Some((hold, amount)) = self.ended(usage, actual, end) {
            hold.settle(amount, actual, end, self.clock.now());
        }
    }

    /// Takes the entry that has yet to be written, and tells of it.
    fn ended(&mut self, usage: Usage, actual: bool, end: End) -> Option<(Hold, Amount)> {
        let hold = self.hold.take()?;
        self.tell_talk(usage, actual, end);
        let amount = self.amount(usage);
        let state = if actual {
            Settled::Actual
        } else {
            Settled::Estimated
        };
        self.tell(usage, amount.cost, (state, end));
        Some((hold, amount))
    }

    /// Adds the end to the call's story and to the totals.
    fn tell(&mut self, usage: Usage, cost: Option<NanoUsd>, (state, end): (Settled, End)) {
        let (model, hosting) = (&self.attempt.model.id, self.attempt.model.target.hosting);
        self.metrics.settled(state);
        self.metrics.tokens(model, &usage);
        if let Some(cost) = cost {
            let tenant = &self.work.head.tenant;
            self.metrics.spent(tenant, model, hosting, cost);
        }
        self.note(usage, cost, (state, end));
    }

    /// Adds the end to the call's story.
    fn note(&mut self, usage: Usage, cost: Option<NanoUsd>, (state, end): (Settled, End)) {
        let baseline = self.baseline(usage);
        self.baseline = baseline;
        let mut story = self.work.trace().story();
        story.record.settled = Some(state);
        story.record.usage = story.record.usage + usage;
        // The frontier would have answered once: what the caller sees says how much.
        if matches!(self.became(end), keep::End::Answered | keep::End::Cut) {
            story.baseline = baseline;
        }
        if let Some(cost) = cost {
            story.record.cost = story.record.cost + cost;
        }
        story.saves();
    }

    /// What the same tokens, cached alike, would have cost at the frontier.
    fn baseline(&self, usage: Usage) -> Option<NanoUsd> {
        let now = self.clock.now();
        self.work
            .baseline
            .as_ref()?
            .tariff(now)
            .cost(&Billed::plain(usage, now))
            .ok()
            .flatten()
    }

    fn amount(&self, usage: Usage) -> Amount {
        Amount {
            usage,
            cost: self.cost(usage, self.share.nanos()),
        }
    }

    fn cost(&self, usage: Usage, gpu_nanos: u64) -> Option<NanoUsd> {
        let billed = Billed {
            usage,
            served: served(self.terms.clone()),
            gpu_nanos,
            at: self.work.trace().at,
        };
        match self.tariff.cost(&billed) {
            Ok(cost) => cost,
            Err(too_large) => {
                error!(attempt = %self.attempt.id, error = %too_large, "a cost cannot be written down");
                None
            }
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        if self.hold.is_some() {
            self.work.trace().story().record.client_gone = true;
            self.end(self.used, false, End::ClientGone);
        }
    }
}
