//! The thread when the net is slow, busy, broken or gone.

use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, PoisonError};

use super::*;
use crate::domain::facts::Task;

/// What a scripted net does with a question.
#[derive(Clone, Copy, Debug)]
enum Step {
    Answer,
    /// Waits until it is let go.
    Block,
    Panic,
    /// Panics so that the thread dies of it.
    Die,
    Odd,
}

/// A net that does what a test says: by the question's text.
#[derive(Debug, Default)]
struct Scripted {
    asked: AtomicUsize,
    free: Mutex<bool>,
    freed: Condvar,
}

/// Panics once more when it is dropped: no thread survives that.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("it falls");
    }
}

impl Scripted {
    fn let_go(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.freed.notify_all();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Mind for Scripted {
    fn classify(&self, input: &Input<'_>) -> Classification {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match input.text {
            "block" => {
                let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = self.freed.wait_while(free, |free| !*free);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            "panic" => panic!("of the text {}", input.text),
            "die" => std::panic::panic_any(Bomb),
            "odd" => {
                return Classification {
                    difficulty: f32::NAN,
                    ..fix()
                };
            }
            _ => {}
        }
        fix()
    }
}

fn fix() -> Classification {
    Classification {
        task: Task::Fix,
        ..Classification::UNKNOWN
    }
}

fn question(step: Step) -> Question {
    let text = match step {
        Step::Answer => "answer",
        Step::Block => "block",
        Step::Panic => "panic",
        Step::Die => "die",
        Step::Odd => "odd",
    };
    Question {
        endpoint: Endpoint::Chat,
        text: text.into(),
        outline: Outline::default(),
        max_output: None,
    }
}

/// A worker that waits as long as it takes.
fn patient() -> Worker {
    Worker::new(Settings {
        queue: 2,
        deadline: Duration::from_secs(60),
        ..Settings::default()
    })
}

#[tokio::test]
async fn a_question_is_answered_on_the_thread_of_its_own() {
    let (worker, mind) = (patient(), Arc::new(Scripted::default()));
    assert!(!worker.runs());

    let said = worker.ask(mind.clone(), question(Step::Answer)).await;

    assert_eq!(said, Ok(fix()));
    assert!(worker.runs());
}

#[tokio::test(start_paused = true)]
async fn a_net_that_is_late_is_not_waited_for() {
    let (worker, mind) = (
        Worker::new(Settings::default()),
        Arc::new(Scripted::default()),
    );
    let began = Instant::now();

    let said = worker.ask(mind.clone(), question(Step::Block)).await;

    assert_eq!(said, Err(Fallback::Late));
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(5) && waited < Duration::from_millis(8));
    mind.let_go();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_told_at_once_and_what_nobody_waits_for_is_skipped() {
    let worker = Worker::new(Settings {
        queue: 2,
        ..Settings::default()
    });
    let mind = Arc::new(Scripted::default());
    let began = Instant::now();
    let mut late = pin!(worker.ask(mind.clone(), question(Step::Block)));
    tokio::select! {
        biased;
        said = &mut late => panic!("{said:?}"),
        () = std::future::ready(()) => {}
    }
    // Time stands still meanwhile.
    while mind.asked() == 0 {
        thread::yield_now();
    }
    let late = late.await;

    let (one, two, three) = tokio::join!(
        worker.ask(mind.clone(), question(Step::Answer)),
        worker.ask(mind.clone(), question(Step::Answer)),
        worker.ask(mind.clone(), question(Step::Answer)),
    );
    let waited = began.elapsed();
    mind.let_go();
    worker.close().await;

    assert_eq!(late, Err(Fallback::Late));
    assert_eq!((one, two), (Err(Fallback::Late), Err(Fallback::Late)));
    assert_eq!(three, Err(Fallback::Full));
    assert!(waited < Duration::from_millis(16), "{waited:?}");
    assert_eq!(mind.asked(), 1, "nobody waited for the others");
}

#[tokio::test]
async fn a_net_that_panics_or_answers_nonsense_is_asked_on() {
    let (worker, mind) = (patient(), Arc::new(Scripted::default()));

    for step in [Step::Panic, Step::Panic, Step::Odd] {
        let said = worker.ask(mind.clone(), question(step)).await;
        assert_eq!(said, Err(Fallback::Failed), "{step:?}");
    }
    let said = worker.ask(mind.clone(), question(Step::Answer)).await;

    assert_eq!(said, Ok(fix()));
    assert_eq!(mind.asked(), 4);
}

#[tokio::test]
async fn a_thread_that_dies_rests_and_is_started_again() {
    let worker = Worker::new(Settings {
        rest: Duration::from_secs(10),
        deadline: Duration::from_secs(60),
        ..Settings::default()
    });
    let mind = Arc::new(Scripted::default());

    let died = worker.ask(mind.clone(), question(Step::Die)).await;
    while worker.runs() {
        thread::yield_now();
    }
    let rests = worker.ask(mind.clone(), question(Step::Answer)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    let again = worker.ask(mind.clone(), question(Step::Answer)).await;

    assert_eq!(died, Err(Fallback::Dead));
    assert_eq!(rests, Err(Fallback::Dead));
    assert_eq!(again, Ok(fix()));
    assert_eq!(mind.asked(), 2);
}

#[tokio::test]
async fn a_worker_that_is_closed_has_ended_its_thread_and_starts_none() {
    let (worker, mind) = (patient(), Arc::new(Scripted::default()));
    worker
        .ask(mind.clone(), question(Step::Answer))
        .await
        .expect("an answer");
    let watched = Arc::downgrade(&mind);

    worker.close().await;
    let said = worker.ask(mind, question(Step::Answer)).await;

    assert_eq!(said, Err(Fallback::Dead));
    assert!(!worker.runs());
    assert!(watched.upgrade().is_none(), "nothing of it is held");
}

#[tokio::test]
async fn each_call_is_answered_by_the_net_that_it_came_in_under() {
    let (worker, old, new) = (
        Arc::new(patient()),
        Arc::new(Scripted::default()),
        Arc::new(Scripted::default()),
    );

    let (first, second) = tokio::join!(
        worker.ask(old.clone(), question(Step::Answer)),
        worker.ask(new.clone(), question(Step::Answer)),
    );

    assert_eq!((first, second), (Ok(fix()), Ok(fix())));
    assert_eq!((old.asked(), new.asked()), (1, 1));
}

#[test]
fn a_panic_on_that_thread_is_known_by_its_place_and_says_nothing_of_the_text() {
    panics::keep_quiet();
    let panicking = thread::Builder::new().name(NAME.to_owned()).spawn(|| {
        let _ = catch_unwind(|| panic!("a person's words"));
        panics::last()
    });
    let last = panicking.expect("a thread").join().expect("its last words");

    assert!(last.contains("worker/tests.rs:"), "{last}");
    assert!(!last.contains("words"));
    assert_eq!(panics::last(), "", "a thread of another name keeps nothing");
}
