//! What is laid aside for conversations, over a restart.

use super::*;

#[tokio::test]
async fn what_was_laid_aside_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let on_disk = Settings {
        answers: KeepAnswers::Disk,
        ..small()
    };
    let rig = Rig::open(folder.path(), on_disk).await;
    rig.sessions.shelve(Shelf::Aside, 1, "a thought");
    rig.sessions.shelve(Shelf::Maker, 1, "one/opus");
    rig.sessions.shelve(Shelf::Answer, 1, "an answer");
    rig.sessions.shelve(Shelf::Answer, 2, "another");
    rig.sessions.settle().await;
    let removed = rig.sessions.unshelve(Shelf::Answer, 2).await;
    removed.expect("it is written");
    let image = Rig::image(folder.path());
    rig.stop().await;

    let rig = Rig::open(image.path(), on_disk).await;

    let found = |shelf| rig.sessions.shelved(shelf, 1);
    assert_eq!(found(Shelf::Aside).as_deref(), Some("a thought"));
    assert_eq!(found(Shelf::Maker).as_deref(), Some("one/opus"));
    assert_eq!(found(Shelf::Answer).as_deref(), Some("an answer"));
    assert_eq!(rig.sessions.shelved(Shelf::Answer, 2), None);
    rig.stop().await;

    // Said otherwise, what was written goes.
    Rig::open(image.path(), small()).await.stop().await;
    let rig = Rig::open(image.path(), on_disk).await;
    assert!(rig.sessions.shelved(Shelf::Answer, 1).is_none());
    assert!(rig.sessions.shelved(Shelf::Aside, 1).is_some());
    rig.stop().await;
}

#[tokio::test]
async fn answers_are_not_written_unless_it_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::open(folder.path(), small()).await;
    rig.sessions.shelve(Shelf::Answer, 1, "an answer");
    rig.sessions.settle().await;
    let image = Rig::image(folder.path());
    assert!(rig.sessions.shelved(Shelf::Answer, 1).is_some());
    rig.stop().await;

    let on_disk = Settings {
        answers: KeepAnswers::Disk,
        ..small()
    };
    let rig = Rig::open(image.path(), on_disk).await;

    assert!(rig.sessions.shelved(Shelf::Answer, 1).is_none());
    rig.stop().await;
}

#[tokio::test]
async fn others_are_served_while_a_removal_waits_for_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let on_disk = Settings {
        answers: KeepAnswers::Disk,
        ..small()
    };
    let rig = Rig::open(folder.path(), on_disk).await;
    rig.sessions.shelve(Shelf::Answer, 1, "an answer");
    let (tell, done) = oneshot::channel();
    let order = Order::Unshelve(Shelf::Answer, 1, tell);
    assert!(rig.sessions.orders.send(order).await.is_ok());
    let gone = done.await.expect("a word").expect("it is committed");

    rig.sessions.settle().await;

    let there = rig.sessions.shelved(Shelf::Answer, 1);
    assert!(there.is_some(), "nobody knows yet that the disk has it");
    let image = Rig::image(folder.path());
    drop(gone);
    rig.stop().await;
    let rig = Rig::open(image.path(), on_disk).await;
    assert!(rig.sessions.shelved(Shelf::Answer, 1).is_none());
    rig.stop().await;
}
