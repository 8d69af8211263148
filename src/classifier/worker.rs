//! The net's own thread: calls hand it small questions over a bounded queue and wait for the answer no longer than the
//! deadline. Whatever goes wrong is a [`Fallback`], never a failed call: a net that panics is survived, a thread that has
//! died is started again, but not at once.

mod panics;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, warn};

use super::artifact::Artifact;
use super::features::Input;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::Classification;
use crate::domain::tokens::TokenCount;
use crate::protocol::outline::Outline;
use crate::telemetry::Fallback;

/// The thread's name.
const NAME: &str = "classifier";

/// What can be asked what a call is.
pub trait Mind: fmt::Debug + Send + Sync {
    /// Says what a call is.
    fn classify(&self, input: &Input<'_>) -> Classification;
}

impl Mind for Artifact {
    fn classify(&self, input: &Input<'_>) -> Classification {
        self.net.classify(input)
    }
}

/// An [`Input`] that owns its text: at most the window, never a body.
#[derive(Clone, Debug)]
pub struct Question {
    /// The door.
    pub endpoint: Endpoint,
    /// The newest text of the person, within the window.
    pub text: Box<str>,
    /// What the call is made of.
    pub outline: Outline,
    /// The most output tokens that the caller allows.
    pub max_output: Option<TokenCount>,
}

impl Question {
    fn input(&self) -> Input<'_> {
        Input {
            endpoint: self.endpoint,
            text: &self.text,
            outline: &self.outline,
            max_output: self.max_output,
        }
    }
}

/// What is waited for, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Questions that may wait: more would be late anyway.
    pub queue: usize,
    /// How long a call waits for its answer.
    pub deadline: Duration,
    /// How long a thread that has died stays dead.
    pub rest: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 64,
            deadline: Duration::from_millis(5),
            rest: Duration::from_secs(10),
        }
    }
}

struct Job {
    // With the question: a call that came in under one net is answered by it.
    mind: Arc<dyn Mind>,
    question: Question,
    answer: oneshot::Sender<Option<Classification>>,
}

/// The thread and the way to it.
#[derive(Debug, Default)]
struct Crew {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// When a thread was last started, or could not be.
    tried: Option<Instant>,
    closed: bool,
}

/// Asks the net on a thread of its own, which is started with the first question.
#[derive(Debug, Default)]
pub struct Worker {
    settings: Settings,
    crew: Mutex<Crew>,
    told: [AtomicBool; Fallback::ALL.len()],
}

impl Worker {
    /// Keeps to these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            crew: Mutex::default(),
            told: Default::default(),
        }
    }

    /// Asks `mind`, and waits for the answer until the deadline. Cancel-safe: a question whose asker has gone is skipped.
    pub async fn ask(
        &self,
        mind: Arc<dyn Mind>,
        question: Question,
    ) -> Result<Classification, Fallback> {
        let said = self.try_ask(mind, question).await;
        said.inspect_err(|why| self.tell(*why))
    }

    /// Asks `mind` something, so that the first call does not wait for the thread and its first pages.
    pub async fn warm(&self, mind: Arc<dyn Mind>) {
        let question = Question {
            endpoint: Endpoint::Chat,
            text: "Fix the failing test.".into(),
            outline: Outline::default(),
            max_output: None,
        };
        match self.try_ask(mind, question).await {
            // To be late at the first time is what this is for.
            Ok(_) | Err(Fallback::Late) => {}
            Err(why) => self.tell(why),
        }
    }

    fn tell(&self, why: Fallback) {
        if !self.told[why as usize].swap(true, Ordering::Relaxed) {
            warn!(
                reason = why.as_str(),
                "the heuristic classifies in the net's place; this is told once for each reason, and counted always"
            );
        }
    }

    async fn try_ask(
        &self,
        mind: Arc<dyn Mind>,
        question: Question,
    ) -> Result<Classification, Fallback> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Job {
            mind,
            question,
            answer,
        })?;
        match tokio::time::timeout(self.settings.deadline, answered).await {
            Ok(Ok(Some(class))) => Ok(class),
            Ok(Ok(None)) => Err(Fallback::Failed),
            // The thread has died with the question.
            Ok(Err(_)) => Err(Fallback::Dead),
            Err(_) => Err(Fallback::Late),
        }
    }

    fn hand_over(&self, job: Job) -> Result<(), Fallback> {
        let mut crew = self.crew();
        let job = match &crew.jobs {
            Some(jobs) => match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(Fallback::Full),
                Err(TrySendError::Disconnected(job)) => job,
            },
            None => job,
        };
        let jobs = crew.start(&self.settings).ok_or(Fallback::Dead)?;
        jobs.try_send(job).map_err(|_| Fallback::Full)
    }

    /// Whether a thread works.
    pub fn runs(&self) -> bool {
        let crew = self.crew();
        crew.thread.as_ref().is_some_and(|it| !it.is_finished())
    }

    /// Ends the thread and waits until it has ended: as long as the question takes that it is at.
    pub async fn close(&self) {
        let thread = self.crew().close();
        if let Some(thread) = thread {
            // How it ended is told already.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn crew(&self) -> MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Worker {
    /// Waits as [`Worker::close`] does, where that was not called.
    fn drop(&mut self) {
        if let Some(thread) = self.crew().close() {
            let _ = thread.join();
        }
    }
}

impl Crew {
    /// Starts a thread, unless one was started not long ago.
    fn start(&mut self, settings: &Settings) -> Option<&SyncSender<Job>> {
        let rests = |tried: Instant| tried.elapsed() < settings.rest;
        if self.closed || self.tried.is_some_and(rests) {
            return None;
        }
        let again = self.tried.replace(Instant::now()).is_some();
        self.jobs = None;
        panics::keep_quiet();
        let (jobs, waiting) = sync_channel(settings.queue);
        let thread = thread::Builder::new().name(NAME.to_owned());
        match thread.spawn(move || work(&waiting)) {
            Ok(thread) => {
                if again {
                    warn!("the classifier's thread had died and was started again");
                }
                // Of one that has died nothing is left to wait for.
                self.thread = Some(thread);
                Some(self.jobs.insert(jobs))
            }
            Err(error) => {
                error!(%error, "the classifier's thread cannot be started; the heuristic classifies until it can");
                None
            }
        }
    }

    fn close(&mut self) -> Option<JoinHandle<()>> {
        self.closed = true;
        self.jobs = None;
        self.thread.take()
    }
}

/// Answers one question after the other, for as long as somebody may ask.
fn work(jobs: &Receiver<Job>) {
    let mut told = Told::default();
    while let Ok(Job {
        mind,
        question,
        answer,
    }) = jobs.recv()
    {
        // The deadline has passed, or the caller has hung up.
        if answer.is_closed() {
            continue;
        }
        let class = told.classify(&*mind, &question);
        // Whoever asked may have gone meanwhile.
        let _ = answer.send(class);
    }
}

/// What was said of failures already: each kind of them once.
#[derive(Debug, Default)]
struct Told {
    panic: bool,
    odd: bool,
}

impl Told {
    fn classify(&mut self, mind: &dyn Mind, question: &Question) -> Option<Classification> {
        // Nothing is left half done: the net does not change when it is asked.
        let answer = catch_unwind(AssertUnwindSafe(|| mind.classify(&question.input())));
        match answer {
            Ok(class) if is_sound(&class) => return Some(class),
            Ok(class) if !self.odd => {
                self.odd = true;
                error!(
                    difficulty = class.difficulty,
                    variance = class.variance,
                    "the net's answer is no number"
                );
            }
            Err(_) if !self.panic => {
                self.panic = true;
                error!(at = panics::last(), "the net has panicked, and is asked on");
            }
            Ok(_) | Err(_) => {}
        }
        None
    }
}

/// Whether a decision can reckon with it.
fn is_sound(class: &Classification) -> bool {
    class.difficulty.is_finite()
        && class.variance.is_finite()
        && class.variance >= 0.0
        && (0.0..=1.0).contains(&class.confidence)
}
