//! Windows that are smaller than configured, over a restart and until they are forgotten.

use super::*;
use crate::catalog::{Billing, Model, Target};
use crate::domain::belief::Skills;
use crate::domain::dialect::Dialect;

fn model(window: Option<u64>) -> Arc<Model> {
    let target = Target::new("gpu".into(), Hosting::Own, vec![Dialect::Chat], "http://h");
    Arc::new(Model {
        id: "opus".into(),
        target: Arc::new(target),
        name: "base".into(),
        window: window.map(TokenCount),
        shared_window: true,
        max_output: None,
        can: Vec::new(),
        like: None,
        skills: Skills::default(),
        billing: Billing::Unknown,
    })
}

#[tokio::test]
async fn a_kill_and_a_restart_forget_not_that_a_window_is_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let configured = model(Some(131_072));
    assert!(rig.sessions.windows([&configured]).is_empty());
    rig.sessions.narrowed(&configured, TokenCount(32_768));
    rig.sessions.settle().await;
    let image = Rig::image(folder.path());
    rig.stop().await;

    let rig = Rig::open(image.path(), small()).await;

    let known = rig.sessions.windows([&configured]);
    assert_eq!(known, [("opus".into(), TokenCount(32_768))]);
    // Who configures another knows better, and so does the bill for a longer prompt.
    assert!(rig.sessions.windows([&model(Some(65_536))]).is_empty());
    assert!(rig.sessions.windows([&model(None)]).is_empty());
    let asked = ask(rig.sessions.key(), None, "", &["one"]);
    let found = rig.sessions.find(&asked.identity);
    let mut answer = answered(&asked, found.conversation, 1);
    answer.usage = Some(Usage {
        input: TokenCount(40_000),
        ..Usage::default()
    });
    rig.sessions.step(answer);
    assert!(rig.sessions.windows([&configured]).is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn no_window_is_believed_to_be_smaller_than_a_prompt_that_was_billed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let configured = model(Some(1_000_000));
    let asked = ask(rig.sessions.key(), None, "", &["one"]);
    let found = rig.sessions.find(&asked.identity);
    let mut answer = answered(&asked, found.conversation, 1);
    answer.usage = Some(Usage {
        input: TokenCount(400_000),
        ..Usage::default()
    });
    rig.sessions.step(answer);
    rig.sessions.settle().await;
    let image = Rig::image(folder.path());
    rig.stop().await;

    let rig = Rig::open(image.path(), small()).await;
    // Some callers have more room than others: they ask for it.
    rig.sessions.narrowed(&configured, TokenCount(200_000));
    assert!(rig.sessions.windows([&configured]).is_empty());
    rig.sessions.narrowed(&configured, TokenCount(500_000));
    assert_eq!(rig.sessions.windows([&configured]).len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_day_later_it_is_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    let configured = model(None);
    rig.sessions.narrowed(&configured, TokenCount(32_768));
    rig.sessions.settle().await;
    let known = |rig: &Rig| rig.sessions.windows([&configured]).len();
    let day = 24 * 3_600_000;

    rig.clock.set(Timestamp::from_millis(NOW + day - 1));
    let before = known(&rig);
    rig.clock.set(Timestamp::from_millis(NOW + day));
    let after = known(&rig);

    assert_eq!((before, after), (1, 0));
    rig.stop().await;
}
