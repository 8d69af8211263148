//! What of a call has to be said in other words: what other dialects have no words for, its body for a target of another
//! dialect, and that target's answer for the caller.

use bytes::Bytes;

use crate::catalog::Model;
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::need::{Need, Unmet};
use crate::domain::wire::Wire;
use crate::policy::Candidate;
use crate::protocol::call::{BadCall, Call};
use crate::protocol::fit;
use crate::protocol::translate::asked::{Asked, Written};
use crate::protocol::translate::dropped::{self, Dropped, Field};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::json::Misread;
use crate::protocol::translate::manner::Manner;
use crate::protocol::translate::stream::{Shown, Translator};
use crate::protocol::translate::{self, said::Said, think};
use crate::session::sealed::Seals;
use crate::stages::{Short, Told, Translation, Work};
use crate::upstream::error::{UpstreamError, Why};
use crate::upstream::manner::{maker, manner, owner};

use super::bill::Bill;
use super::keeping::Keeping;

/// A call that has been read for whoever speaks another dialect.
pub(super) struct Reading<'a> {
    endpoint: Endpoint,
    read: Result<(Asked<'a>, Echo), Misread>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(endpoint: Endpoint, body: &'a [u8], seals: Option<&Seals>) -> Self {
        let read = read(endpoint, body, seals);
        Self { endpoint, read }
    }

    /// For each dialect that the call could be translated to, what it has no words for.
    fn unmet(&self) -> Unmet {
        let mut unmet = Unmet::default();
        for dialect in Wire::others(self.endpoint).iter().copied() {
            match &self.read {
                Ok((asked, _)) => Need::unmet(asked, dialect, &Manner::of(dialect))
                    .into_iter()
                    .for_each(|need| unmet.note(dialect, need)),
                Err(_) => unmet.note(dialect, Need::Readable),
            }
        }
        unmet
    }

    /// What is wrong with the body, where it could not be read.
    pub(super) fn misread(&self) -> Option<BadCall> {
        let misread = self.read.as_ref().err()?;
        Some(BadCall {
            code: "invalid_value",
            param: None,
            message: misread.to_string(),
        })
    }

    /// What the call's attempts need of it.
    pub(super) fn translation(&self) -> Translation {
        let echo = self.read.as_ref().ok().map(|(_, echo)| echo.clone());
        let unmet = self.unmet();
        Translation { echo, unmet }
    }

    /// The body for the first candidate, should that be asked in another dialect.
    pub(super) fn told(&self, first: &Candidate) -> Option<Told> {
        let (asked, _) = self.read.as_ref().ok()?;
        let wire = first.wire;
        wire.is_translated()
            .then(|| write(asked, &first.model, wire))
    }
}

/// The call as it is for whoever is asked in another dialect: it is read for that once, and not before somebody is.
fn translation(work: &Work) -> &Translation {
    work.translation.get_or_init(|| {
        let call = &work.parsed.call;
        Reading::of(call.endpoint, call.body(), None).translation()
    })
}

/// Whether a candidate can be told all of the call, in its dialect.
pub(super) fn can_be_told(work: &Work, candidate: &Candidate) -> bool {
    let wire = candidate.wire;
    !wire.is_translated() || translation(work).unmet.by(wire.dialect).is_none()
}

/// What is remembered of the call for an answer in another dialect.
pub(super) fn echo(work: &Work, wire: Wire) -> Option<&Echo> {
    match wire.is_translated() {
        true => translation(work).echo.as_ref(),
        false => None,
    }
}

fn read<'a>(
    endpoint: Endpoint,
    body: &'a [u8],
    seals: Option<&Seals>,
) -> Result<(Asked<'a>, Echo), Misread> {
    // It was read as text before.
    let text = std::str::from_utf8(body).map_err(|_| Misread::new("", "text"))?;
    let (mut asked, echo) = translate::read(endpoint.dialect(), text)?;
    if let Some(seals) = seals {
        seals.restore(&mut asked);
    }
    Ok((asked, echo))
}

fn write(asked: &Asked<'_>, model: &Model, wire: Wire) -> Told {
    let manner = manner(model, wire.dialect);
    let Written { body, dropped } = translate::write(wire.dialect, asked, &model.name, &manner);
    Told {
        model: model.id.clone(),
        body: body.into(),
        dropped: joined(&asked.dropped, &dropped),
    }
}

/// The call as it can go to a model that is asked in the caller's own dialect, with nothing in it that is another's, and nothing
/// that servers of its kind refuse: what is new in it alone, to a provider that has the rest.
pub(super) fn plain<'a>(work: &'a Work, model: &Model, wire: Wire) -> Option<&'a Call> {
    let parsed = &work.parsed;
    let call = match parsed.short.as_deref() {
        Some(short) if lies_at(short, model) => match short.forgotten.get() {
            None => &short.call,
            // What it gave out is named by names of its own, which mean nothing there now.
            Some(()) => return None,
        },
        _ => &parsed.call,
    };
    let is_foreign = |seals: Seals| {
        let owner = owner(model, wire.dialect);
        seals.is_foreign(call, &owner, model.target.hosting)
    };
    let seals = work.talk.as_ref().map(|talk| talk.seals());
    let taken = || fit::takes(call, model.target.habits());
    let plain = !wire.is_translated() && taken() && !seals.is_some_and(is_foreign);
    plain.then_some(call)
}

/// Whether a model's target has what a call goes on from. Own servers forget, or never keep: they are told all of it, which costs
/// nothing there.
fn lies_at(short: &Short, model: &Model) -> bool {
    let target = &model.target;
    target.hosting == Hosting::Vendor && short.lies_at.as_ref() == Some(&target.id)
}

/// Remembers that a target has nothing any more of what the call goes on from. Returns whether it can be told all of it now.
pub(super) fn forget(bill: &Bill) -> bool {
    let short = bill.work.parsed.short.as_deref();
    let short = short.filter(|short| lies_at(short, &bill.attempt.model));
    short.is_some_and(|short| short.forgotten.set(()).is_ok())
}

/// The body for a model that it is written for. That for the first candidate, where that is asked in another dialect, has been
/// written already; for any other the call is read again.
pub(super) fn outgoing(
    work: &Work,
    model: &Model,
    wire: Wire,
) -> Result<(Bytes, Dropped), UpstreamError> {
    let call: &Call = &work.parsed.call;
    let told = work.told.as_ref().filter(|told| told.model == model.id);
    if let Some(Told { body, dropped, .. }) = told {
        return Ok((body.clone(), dropped.clone()));
    }
    let seals = work.talk.as_ref().map(|talk| talk.seals());
    let (mut asked, _) = read(call.endpoint, call.body(), seals.as_ref())
        .map_err(|misread| UpstreamError::new(Why::CallerError, misread.to_string()))?;
    if model.target.hosting == Hosting::Own {
        Seals::disown(&mut asked);
        leave_out_safeguards(&mut asked);
    }
    let short = work.parsed.short.as_deref();
    if short.is_some_and(|short| short.forgotten.get().is_some()) {
        Seals::forget(&mut asked);
    }
    let Told { body, dropped, .. } = write(&asked, model, wire);
    Ok((body, dropped))
}

/// No own server looks over what tools may do.
fn leave_out_safeguards(asked: &mut Asked<'_>) {
    let before = asked.extras.len();
    asked.extras.retain(|extra| extra.name != "safeguards");
    if asked.extras.len() < before {
        asked.dropped.note(Field::Safeguards, dropped::Why::Unable);
    }
}

/// Whether thoughts may stand among a model's words: at own servers whose parser of reasoning is off.
pub(super) fn is_aloud(model: &Model, wire: Wire) -> bool {
    model.target.hosting == Hosting::Own && wire.dialect == Dialect::Chat
}

/// A whole answer in the caller's words.
pub(super) fn answer(
    body: &[u8],
    (wire, aloud): (Wire, bool),
    echo: &Echo,
    shown: Shown,
    keeping: Option<&Keeping>,
) -> Result<(Bytes, Dropped), Misread> {
    let text = std::str::from_utf8(body).map_err(|_| Misread::new("", "text"))?;
    let mut answer = translate::read_answer(wire.dialect, text, &shown.unnamed())?;
    if aloud {
        think::part(&mut answer.blocks);
    }
    if let Some(keeping) = keeping {
        keeping.answer(&mut answer, echo);
    }
    let Said { body, dropped } = translate::write_answer(&answer, echo, shown.created);
    Ok((body.into(), joined(&answer.dropped, &dropped)))
}

/// The translator of a stream whose target is asked in another dialect.
pub(super) fn stream(bill: &Bill) -> Option<Box<Translator>> {
    let wire = bill.attempt.wire;
    let echo = echo(&bill.work, wire)?.clone();
    let translator = Translator::new(wire.dialect, echo, shown(bill))?;
    let translator = match is_aloud(&bill.attempt.model, wire) {
        true => translator.thinking_aloud(),
        false => translator,
    };
    let maker = maker(&bill.attempt.model);
    Some(Box::new(translator.made_by(&maker)))
}

/// What a caller is shown of a call whose answer is translated.
pub(super) fn shown(bill: &Bill) -> Shown {
    let trace = bill.work.trace();
    Shown {
        request: trace.request,
        created: u64::try_from(trace.at.millis() / 1_000).unwrap_or(0),
        prompt: bill.attempt.prompt,
    }
}

fn joined(read: &Dropped, written: &Dropped) -> Dropped {
    let mut all = read.clone();
    all.extend(written);
    all
}
