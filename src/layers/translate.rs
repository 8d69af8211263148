//! What of a call has to be said in other words: what other dialects have no words for, its body for a target of another
//! dialect, and that target's answer for the caller.

use bytes::Bytes;

use crate::catalog::Model;
use crate::domain::dialect::Endpoint;
use crate::domain::need::{Need, Unmet};
use crate::domain::wire::Wire;
use crate::policy::Candidate;
use crate::protocol::call::{BadCall, Call};
use crate::protocol::translate::asked::{Asked, Written};
use crate::protocol::translate::dropped::Dropped;
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::json::Misread;
use crate::protocol::translate::manner::Manner;
use crate::protocol::translate::stream::{Shown, Translator};
use crate::protocol::translate::{self, said::Said};
use crate::stages::{Told, Translation};
use crate::upstream::error::{UpstreamError, Why};
use crate::upstream::manner::manner;

use super::bill::Bill;

/// A call that has been read for whoever speaks another dialect.
pub(super) struct Reading<'a> {
    endpoint: Endpoint,
    read: Result<(Asked<'a>, Echo), Misread>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(endpoint: Endpoint, body: &'a [u8]) -> Self {
        let read = read(endpoint, body);
        Self { endpoint, read }
    }

    /// For each dialect that the call could be translated to, what it has no words for.
    pub(super) fn unmet(&self) -> Unmet {
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

    /// What the call's attempts need of it: what is to be remembered for answers, and the body for the first candidate, should
    /// that be asked in another dialect.
    pub(super) fn keep(self, first: &Candidate) -> Option<Translation> {
        let (asked, echo) = self.read.ok()?;
        let wire = first.wire;
        let first = wire
            .is_translated()
            .then(|| write(&asked, &first.model, wire));
        Some(Translation { echo, first })
    }
}

fn read(endpoint: Endpoint, body: &[u8]) -> Result<(Asked<'_>, Echo), Misread> {
    // It was read as text before.
    let text = std::str::from_utf8(body).map_err(|_| Misread::new("", "text"))?;
    translate::read(endpoint.dialect(), text)
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

/// The body for a model that is asked in another dialect. That for the first candidate has been written already; for one that
/// is asked in its place the call is read again.
pub(super) fn outgoing(
    call: &Call,
    translation: Option<&Translation>,
    model: &Model,
    wire: Wire,
) -> Result<(Bytes, Dropped), UpstreamError> {
    let first = translation.and_then(|it| it.first.as_ref());
    if let Some(Told { body, dropped, .. }) = first.filter(|told| told.model == model.id) {
        return Ok((body.clone(), dropped.clone()));
    }
    let (asked, _) = read(call.endpoint, call.body())
        .map_err(|misread| UpstreamError::new(Why::CallerError, misread.to_string()))?;
    let Told { body, dropped, .. } = write(&asked, model, wire);
    Ok((body, dropped))
}

/// A whole answer in the caller's words; `now` is in seconds since 1970.
pub(super) fn answer(
    body: &[u8],
    wire: Wire,
    echo: &Echo,
    now: u64,
) -> Result<(Bytes, Dropped), Misread> {
    let text = std::str::from_utf8(body).map_err(|_| Misread::new("", "text"))?;
    let answer = translate::read_answer(wire.dialect, text)?;
    let Said { body, dropped } = translate::write_answer(&answer, echo, now);
    Ok((body.into(), joined(&answer.dropped, &dropped)))
}

/// The translator of a stream whose target is asked in another dialect.
pub(super) fn stream(bill: &Bill) -> Option<Box<Translator>> {
    let wire = bill.attempt.wire;
    let translation = bill.work.translation.as_ref();
    let echo = translation.filter(|_| wire.is_translated())?.echo.clone();
    let trace = bill.work.trace();
    let shown = Shown {
        request: trace.request,
        created: u64::try_from(trace.at.millis() / 1_000).unwrap_or(0),
        prompt: bill.work.parsed.call.prompt,
    };
    Translator::new(wire.dialect, echo, shown).map(Box::new)
}

fn joined(read: &Dropped, written: &Dropped) -> Dropped {
    let mut all = read.clone();
    all.extend(written);
    all
}
