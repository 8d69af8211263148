//! The way through a survey: each question in turn, and what is not worth asking any more.

use tokio::time::Instant;

use super::ask::{Errand, Heard as Reply, Streamed, wire};
use super::course::{Course, Heard, Step};
use super::finding::{Finding, Mend, Verdict, What};
use super::{findings, listing};
use crate::catalog::{Model, nearest};
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::ids::TargetId;
use crate::domain::kind::KnownBy;
use crate::domain::wire::Wire;
use crate::upstream::manner::manner;
use crate::upstream::probe::Listed;

use Verdict::{No, NotAsked, Unclear, Yes};

/// Models that a list does not name are asked one by one, up to so many.
pub(super) const UNLISTED: usize = 8;

/// A survey under way.
pub(super) struct Survey<'a, 'h> {
    pub(super) course: Course<'a>,
    pub(super) errand: Errand<'a>,
    pub(super) heard: &'h mut Heard,
    /// The key is not taken: nothing else is worth asking.
    pub(super) locked: bool,
}

impl<'a> Survey<'a, '_> {
    fn found(&mut self, finding: Finding) {
        self.heard.findings.push(finding);
    }

    pub(super) async fn run(&mut self, tell: impl Fn(&str)) {
        tell("models");
        let Some(listed) = self.list().await else {
            return;
        };
        let unlisted = self.named(&listed);
        let mut absent = Vec::new();
        for model in unlisted.into_iter().take(UNLISTED) {
            tell(&format!("{}: is it there?", model.id));
            if self.unlisted(model, &listed).await == No {
                absent.push(&model.id);
            }
            if self.locked {
                return;
            }
        }
        let asked = self.course.asked.iter();
        let there: Vec<_> = asked.filter(|it| !absent.contains(&&it.id)).collect();
        for (place, model) in there.into_iter().enumerate() {
            let before = self.heard.findings.len();
            for step in self.course.steps(place) {
                tell(&format!("{}: {}", model.id, step.word()));
                self.step(step, model).await;
                if self.locked {
                    return;
                }
            }
            findings::abilities(model, &mut self.heard.findings[before..]);
        }
        findings::dialects(self.course.target, &mut self.heard.findings);
        if self.course.target.key.is_some() {
            let asked = self.errand.bill.calls > 0;
            let verdict = if asked { Yes } else { NotAsked };
            self.found(Finding::new(What::Key, verdict, ""));
        }
    }

    /// What it lists; nothing where nobody answers or our key is not taken.
    async fn list(&mut self) -> Option<Vec<Listed>> {
        let (target, dialect) = (self.course.target, self.course.main());
        let began = Instant::now();
        let heard = match listing::address(target, dialect) {
            Ok(url) => {
                self.errand
                    .fetch(url, listing::headers(target, dialect))
                    .await
            }
            Err(failed) => Reply::Failed(failed),
        };
        if let Some(why) = findings::is_away(&heard) {
            self.found(Finding::new(What::Reach, No, why.as_str()));
            return None;
        }
        if matches!(heard, Reply::Late) {
            self.found(Finding::new(What::Reach, No, "no answer in time"));
            return None;
        }
        self.heard.reached = true;
        let told = format!("{} ms", began.elapsed().as_millis());
        self.found(Finding::new(What::Reach, Yes, told));
        if findings::is_locked(&heard) {
            self.lock(&heard);
            return None;
        }
        let listed = match &heard {
            Reply::Good { body, .. } => listing::read(body).unwrap_or_default(),
            _ => Vec::new(),
        };
        self.kind(&listed);
        Some(listed)
    }

    fn lock(&mut self, heard: &Reply) {
        let (_, told) = findings::silent(heard);
        let target = self.course.target;
        let told = match target.key {
            Some(_) => told,
            None => format!("{told}: it asks for a key"),
        };
        let line = format!("key: {{ env: {} }}", variable(&target.id));
        let mend = Mend::new(findings::at_target(target), line);
        self.found(Finding::new(What::Key, No, told).differs(mend));
        self.locked = true;
    }

    /// The kind that its list tells.
    fn kind(&mut self, listed: &[Listed]) {
        let target = self.course.target;
        let Some(told) = listed.iter().find_map(|it| it.kind) else {
            return;
        };
        let mend = Mend::new(findings::at_target(target), format!("kind: {told}"));
        let finding = |verdict| Finding::new(What::Kind, verdict, format!("it says {told}"));
        let finding = match target.kind_by {
            _ if target.kind == told => finding(Yes),
            KnownBy::Written => finding(No).differs(mend),
            _ => finding(No).hint(mend),
        };
        self.found(finding);
    }

    /// Which models it lists and how much fits into them. Those that it does not list are given back.
    fn named(&mut self, listed: &[Listed]) -> Vec<&'a Model> {
        let mut unlisted = Vec::new();
        for model in self.course.models {
            match listing::find(listed, &model.name) {
                Some(found) => {
                    self.found(Finding::new(What::Model, Yes, "listed").of(&model.id));
                    self.window(model, found);
                }
                None if listed.is_empty() => {}
                None => unlisted.push(*model),
            }
        }
        unlisted
    }

    fn window(&mut self, model: &Model, found: &Listed) {
        let (Some(told), Some(configured)) = (found.window, model.window) else {
            return;
        };
        let mend = Mend::new(findings::at_model(model), format!("window: {told}"));
        let finding = |verdict| {
            let told = format!("{told} tokens, configured {}", configured.0);
            Finding::new(What::Window, verdict, told).of(&model.id)
        };
        self.found(match told.cmp(&configured.0) {
            std::cmp::Ordering::Less => finding(No).differs(mend),
            std::cmp::Ordering::Equal => finding(Yes),
            // Some leave room on purpose.
            std::cmp::Ordering::Greater => finding(Yes).hint(mend),
        });
    }

    /// A model that is not listed may be there all the same: lists leave out second names.
    async fn unlisted(&mut self, model: &Model, listed: &[Listed]) -> Verdict {
        let main = self.course.main();
        let heard = self.whole(Step::Dialect(main), model, true).await;
        let finding = match &heard {
            Reply::Good { .. } => Finding::new(What::Model, Yes, "not listed, and answers"),
            Reply::Refused {
                status: 400 | 404, ..
            } => {
                let (_, told) = findings::silent(&heard);
                let known: Vec<_> = listed.iter().map(|it| it.id.as_str()).collect();
                let close = nearest(&model.name, known.iter().copied());
                let name = close.first().or(known.first()).copied().unwrap_or_default();
                let mend = Mend::new(findings::at_model(model), format!("name: {name}"));
                Finding::new(What::Model, No, told).differs(mend)
            }
            heard => {
                let (_, told) = findings::silent(heard);
                let told = format!("not listed; {told}");
                Finding::new(What::Model, Unclear, told)
            }
        };
        if findings::is_locked(&heard) {
            self.lock(&heard);
            return Unclear;
        }
        let verdict = finding.verdict;
        self.found(finding.of(&model.id));
        verdict
    }

    async fn whole(&mut self, step: Step, model: &Model, forced: bool) -> Reply {
        let main = self.course.main();
        let wire = match step {
            Step::Dialect(dialect) => wire(dialect),
            Step::Gap => wire(Dialect::Completions),
            Step::Count => Wire::own(Endpoint::CountTokens),
            _ => wire(main),
        };
        let (body, output) = step.written(model, main, forced);
        self.errand.whole(model, wire, body, output).await
    }

    async fn step(&mut self, step: Step, model: &Model) {
        let main = self.course.main();
        match step {
            Step::Stream => return self.stream(model).await,
            Step::Tools => return self.tools(model).await,
            _ => {}
        }
        let heard = self.whole(step, model, true).await;
        if findings::is_locked(&heard) {
            return self.lock(&heard);
        }
        let found = |what, (verdict, told): (Verdict, String)| {
            Finding::new(what, verdict, told).of(&model.id)
        };
        let finding = match step {
            Step::Dialect(dialect) => findings::dialect(dialect, &heard),
            Step::Form => found(What::StructuredOutput, findings::formed(main, &heard)),
            Step::Thought => found(What::Thinking, findings::thought(main, &heard)),
            Step::Gap => found(What::Fim, findings::filled(&heard)),
            Step::Count => found(What::Counts, findings::counted(&heard)),
            Step::Stream | Step::Tools => return,
        };
        self.found(finding);
    }

    async fn stream(&mut self, model: &Model) {
        let (main, target) = (self.course.main(), self.course.target);
        let (body, output) = Step::Stream.written(model, main, true);
        let of = |finding: Finding| finding.of(&model.id);
        match self.errand.stream(model, wire(main), body, output).await {
            Streamed::Good {
                complete,
                used,
                text,
            } => {
                let (verdict, told) = match complete {
                    true => (Yes, ""),
                    false => (No, "it breaks off"),
                };
                self.found(of(Finding::new(What::Stream, verdict, told)));
                let told = if used.is_some() { Yes } else { No };
                let words = match (told, target.hosting) {
                    (No, Hosting::Vendor) => "its bills are estimated",
                    _ => "",
                };
                self.found(of(Finding::new(What::StreamUsage, told, words)));
                self.found(of(findings::cached(target, main, &text, used)));
            }
            Streamed::Not(heard) if findings::is_locked(&heard) => self.lock(&heard),
            Streamed::Not(Reply::Good { .. }) => {
                let told = "one answer came in place of a stream";
                self.found(of(Finding::new(What::Stream, No, told)));
            }
            Streamed::Not(heard) => {
                let (verdict, told) = findings::silent(&heard);
                self.found(of(Finding::new(What::Stream, verdict, told)));
            }
        }
    }

    /// First made to call, then, where that is refused, asked to.
    async fn tools(&mut self, model: &Model) {
        let (main, target) = (self.course.main(), self.course.target);
        let mut forced = (NotAsked, format!("{} refuses it", target.habits().name));
        let mut called = None;
        if manner(model, main).forced_tools {
            let heard = self.whole(Step::Tools, model, true).await;
            forced = findings::called(main, &heard);
            if findings::is_locked(&heard) {
                return self.lock(&heard);
            }
            called = (forced.0 != No).then(|| forced.clone());
        }
        if called.is_none() {
            let heard = self.whole(Step::Tools, model, false).await;
            called = Some(findings::called(main, &heard));
        }
        let (verdict, mut told) = called.unwrap_or((NotAsked, String::new()));
        if let (No, Some(flag)) = (verdict, target.habits().tools_flag) {
            told = format!("{told}; start {} with {flag}", target.habits().name);
        }
        self.found(Finding::new(What::Tools, verdict, told).of(&model.id));
        let (verdict, told) = forced;
        self.found(Finding::new(What::ForcedTool, verdict, told).of(&model.id));
    }
}

/// The name of a variable that a target's key could be in.
fn variable(target: &TargetId) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = target.as_str().chars().map(plain).collect();
    format!("{name}_API_KEY")
}
