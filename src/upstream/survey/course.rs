//! The course of a survey: what is asked of one target, and what that comes to.

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::Instant;

use super::ask::{self, Bill, Errand};
use super::finding::{Finding, Verdict, What};
use super::question;
use super::walk::{Survey, UNLISTED};
use crate::catalog::{Model, Target};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::dialect::Dialect;
use crate::domain::ids::TargetId;
use crate::domain::kind::{Kind, KnownBy};
use crate::protocol::translate::asked::Asked;
use crate::protocol::translate::write;
use crate::upstream::client::Upstreams;
use crate::upstream::manner::manner;

/// What is to be asked of one target.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// The target.
    pub target: &'a Target,
    /// Every model that is configured there.
    pub models: &'a [&'a Model],
    /// Those that are asked what they can do.
    pub asked: &'a [&'a Model],
    /// How long all of it may take.
    pub limit: Duration,
}

/// What was heard of one target.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The target.
    pub target: TargetId,
    /// What kind it is taken for, and why.
    pub kind: (Kind, KnownBy),
    /// Somebody answered there.
    pub reached: bool,
    /// What was found out.
    pub findings: Vec<Finding>,
    /// What it cost.
    pub bill: Bill,
}

/// One of the questions, as a step of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Dialect(Dialect),
    Stream,
    Tools,
    Form,
    Thought,
    Gap,
    Count,
}

impl Course<'_> {
    /// The dialect that most is asked in: the first in which one can converse.
    pub(super) fn main(&self) -> Dialect {
        let mut spoken = self.target.dialects.iter().copied();
        let talks = spoken.find(|dialect| *dialect != Dialect::Completions);
        talks.unwrap_or(Dialect::Completions)
    }

    /// The steps for the model that stands at this place among those asked.
    pub(super) fn steps(&self, place: usize) -> Vec<Step> {
        let spoken = &self.target.dialects;
        let mut steps = Vec::new();
        if place == 0 {
            steps.extend(spoken.iter().copied().map(Step::Dialect));
        }
        if self.main() != Dialect::Completions {
            steps.extend([Step::Stream, Step::Tools, Step::Form, Step::Thought]);
        }
        if spoken.contains(&Dialect::Completions) {
            steps.push(Step::Gap);
        }
        if spoken.contains(&Dialect::Messages) {
            steps.push(Step::Count);
        }
        steps
    }

    /// What it will come to at most.
    pub fn plan(&self, at: Timestamp) -> Bill {
        let bill = |model: &Model, steps: &[Step]| {
            let mut bill = Bill::default();
            for step in steps {
                // One that will not be made to call a tool is asked to.
                for _ in 0..if *step == Step::Tools { 2 } else { 1 } {
                    let (body, output) = step.written(model, self.main(), true);
                    bill.calls += 1;
                    bill.add(model, ask::most(&body, output), at);
                }
            }
            bill
        };
        // Dialects are asked of the first model that is there: it may be the dearest.
        let dialects: Vec<_> = (self.target.dialects.iter().copied())
            .map(Step::Dialect)
            .collect();
        let dialects = self.asked.iter().map(|model| bill(model, &dialects));
        let rest = self.asked.iter().map(|model| bill(model, &self.steps(1)));
        // No list has to name a model.
        let main = [Step::Dialect(self.main())];
        let unlisted = self.models.iter().map(|model| bill(model, &main));
        let all = rest.fold(dearest(dialects, 1), Bill::and);
        all.and(dearest(unlisted, UNLISTED))
    }

    /// Asks. Each step is told before it is taken.
    pub async fn run(
        self,
        upstreams: &Upstreams,
        at: Timestamp,
        entropy: &Entropy,
        tell: impl Fn(&str),
    ) -> Heard {
        let mut heard = Heard {
            target: self.target.id.clone(),
            kind: (self.target.kind, self.target.kind_by),
            reached: false,
            findings: Vec::new(),
            bill: Bill::default(),
        };
        let client = match upstreams.client(self.target.timeouts.connect.min(self.limit)) {
            Ok(client) => client,
            Err(error) => {
                let told = error.why.as_str();
                heard
                    .findings
                    .push(Finding::new(What::Reach, Verdict::No, told));
                return heard;
            }
        };
        let errand = Errand {
            target: self.target,
            client,
            deadline: Instant::now() + self.limit,
            at,
            entropy,
            bill: Bill::default(),
        };
        let mut survey = Survey {
            course: self,
            errand,
            heard: &mut heard,
            locked: false,
        };
        survey.run(tell).await;
        heard.bill = survey.errand.bill;
        heard
    }
}

/// What so many of the bills come to, whichever they are.
fn dearest(bills: impl Iterator<Item = Bill>, most: usize) -> Bill {
    let mut bills: Vec<Bill> = bills.collect();
    let mut sum = Bill::default();
    bills.sort_by_key(|bill| Reverse(bill.spent));
    let spent = bills.iter().take(most).map(|bill| bill.spent);
    sum.spent = spent.fold(sum.spent, |sum, spent| sum + spent);
    bills.sort_by_key(|bill| Reverse(bill.unpriced));
    for bill in bills.iter().take(most) {
        sum.calls += bill.calls;
        sum.unpriced += bill.unpriced;
    }
    sum
}

impl Step {
    fn asked(self) -> Asked<'static> {
        match self {
            Self::Stream => question::word(true),
            Self::Tools => question::tool(true),
            Self::Form => question::form(),
            Self::Thought => question::thought(),
            Self::Dialect(_) | Self::Gap | Self::Count => question::word(false),
        }
    }

    /// Its body for a model, and the most that the answer may have.
    pub(super) fn written(self, model: &Model, main: Dialect, forced: bool) -> (String, u64) {
        let text = match self {
            Self::Dialect(Dialect::Completions) => question::text(&model.name),
            Self::Gap => question::gap(&model.name),
            Self::Count => question::count(&model.name),
            _ => String::new(),
        };
        let asked = match self {
            Self::Tools => question::tool(forced),
            step => step.asked(),
        };
        let output = match self {
            Self::Count => 0,
            _ => asked.max_output.unwrap_or_default(),
        };
        if !text.is_empty() {
            return (text, output);
        }
        let dialect = match self {
            Self::Dialect(dialect) => dialect,
            _ => main,
        };
        let body = write(dialect, &asked, &model.name, &manner(model, dialect)).body;
        (body, output)
    }

    pub(super) fn word(self) -> String {
        match self {
            Self::Dialect(dialect) => dialect.to_string(),
            Self::Stream => What::Stream.to_string(),
            Self::Tools => What::Tools.to_string(),
            Self::Form => What::StructuredOutput.to_string(),
            Self::Thought => What::Thinking.to_string(),
            Self::Gap => What::Fim.to_string(),
            Self::Count => What::Counts.to_string(),
        }
    }
}
