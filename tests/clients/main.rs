//! The real clients, from their packages, against a real gateway: each does one small errand, with each kind of target.
//!
//! An errand is done when the file that the model asked for is there, the client ends well and complains of nothing, and
//! the ledger holds what the target has billed.

mod house;
mod programs;
#[path = "../house/reckoning.rs"]
mod reckoning;
mod run;

use house::{Behind, CLAUDE, GPT, House};
use programs::{Client, NOTE, sdk};
use run::Place;

/// Sends the client on its errand, with each kind of target.
async fn errands(client: Client) {
    for behind in Behind::ALL {
        errand(&client, behind).await;
    }
}

async fn errand(client: &Client, behind: Behind) {
    let what = format!("{} on {behind:?}", client.name);
    let place = Place::new();
    let house = House::open(behind, (client.part)(&place)).await;
    let note = place.work().join("note.txt");
    std::fs::write(&note, "").expect("the folder is writable");

    let ran = run::run((client.command)(&place, &house)).await;

    let said = format!("{what}:\n{}\n{}", ran.errors, ran.output);
    assert!(ran.succeeded && (client.content)(&ran), "{said}");
    let written = std::fs::read_to_string(&note).unwrap_or_default();
    assert_eq!(written, NOTE, "{said}");
    let complaints = ran.complaints(client.of_its_own);
    assert!(complaints.is_empty(), "{complaints:?}\n{said}");
    house.close(client.refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code() {
    errands(programs::CLAUDE_CODE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex() {
    errands(programs::CODEX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_that_tries_a_websocket() {
    errands(programs::CODEX_SOCKET).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aider() {
    errands(programs::AIDER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llm() {
    errands(programs::LLM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    use programs::python as run;
    let chat = sdk("openai-python, chat", |place, house| {
        run(place, house, "chat", GPT)
    });
    errands(chat).await;
    let responses = sdk("openai-python, responses", |place, house| {
        run(place, house, "responses", GPT)
    });
    errands(responses).await;
    let messages = sdk("anthropic-python", |place, house| {
        run(place, house, "messages", CLAUDE)
    });
    errands(messages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    use programs::javascript as run;
    let chat = sdk("openai-node, chat", |place, house| {
        run(place, house, "chat", GPT)
    });
    errands(chat).await;
    let responses = sdk("openai-node, responses", |place, house| {
        run(place, house, "responses", GPT)
    });
    errands(responses).await;
    let messages = sdk("anthropic-typescript", |place, house| {
        run(place, house, "messages", CLAUDE)
    });
    errands(messages).await;
}
