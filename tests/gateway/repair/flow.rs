//! What waits in a stream and what does not, by the order of events: the target goes on only when the caller has heard.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::{body, flaws};
use crate::calls::{Door, Heard};
use crate::rig::{House, PATIENCE, Plan};

/// A target of Chat that says the first part of a stream, and the rest when it is told to.
struct Slow {
    url: String,
    go: oneshot::Sender<()>,
    _task: AbortOnDropHandle<()>,
}

impl Slow {
    async fn start(first: String, rest: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (go, gone) = oneshot::channel();
        let task = TaskTracker::new().spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut read = Vec::new();
            // The body ends with the list of tools.
            while !read.ends_with(b"}") {
                stream.read_buf(&mut read).await.expect("a request");
            }
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).await.expect("a caller");
            stream.write_all(first.as_bytes()).await.expect("a caller");
            let _ = gone.await;
            stream.write_all(rest.as_bytes()).await.expect("a caller");
            stream.shutdown().await.expect("a caller");
        });
        Self {
            url,
            go,
            _task: AbortOnDropHandle::new(task),
        }
    }
}

fn event(delta: &str, reason: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
    )
}

fn call(arguments: &str) -> String {
    let arguments = serde_json::to_string(arguments).expect("text is JSON");
    event(
        &format!(
            r#"{{"tool_calls":[{{"index":0,"id":"call_123456789","type":"function","function":{{"name":"look","arguments":{arguments}}}}}]}}"#
        ),
        "null",
    )
}

fn more(arguments: &str) -> String {
    let arguments = serde_json::to_string(arguments).expect("text is JSON");
    event(
        &format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":{arguments}}}}}]}}"#),
        "null",
    )
}

fn end() -> String {
    let usage = "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":40,\"total_tokens\":49}}\n\n";
    format!("{}{usage}data: [DONE]\n\n", event("{}", "\"tool_calls\""))
}

async fn house(slow: &Slow, repair: &str) -> House {
    let policy = format!("version: 1\nrepair: {repair}\n");
    let plan = Plan::new().target("a", &slow.url, "").own();
    plan.speaks("chat")
        .model("alpha", "a")
        .policy(&policy)
        .start()
        .await
}

/// Asks, lets the target go on once `word` has been heard, and hears the rest.
async fn hear(house: &House, slow: Slow, word: &str) -> String {
    let body: Value = body(Door::Chat, "auto", true);
    let asked = house.post(Door::Chat.path(), body.to_string()).send();
    let mut response = tokio::time::timeout(PATIENCE, asked)
        .await
        .expect("the answer begins before the target goes on")
        .expect("an answer");
    let mut text = String::new();
    while !text.contains(word) {
        let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await;
        let chunk = chunk.expect("it is heard before the target goes on");
        text.push_str(&String::from_utf8_lossy(
            &chunk.expect("a chunk").expect("more"),
        ));
    }
    slow.go.send(()).expect("the target waits");
    let rest = Heard::read(response).await;
    text + rest.text()
}

#[tokio::test]
async fn words_are_released_before_the_call_behind_them_has_come() {
    let begins = event(r#"{"role":"assistant","content":"I look."}"#, "null");
    let rest = format!("{}{}", call("{\"path\": worse"), end());
    let all = format!("{begins}{rest}");
    let slow = Slow::start(begins, rest).await;
    let house = house(&slow, "{ again: once }").await;

    let text = hear(&house, slow, "I look.").await;

    // What is on its way cannot be taken back: it passes, and is told of.
    assert!(text.contains("worse") && text.contains("[DONE]"), "{text}");
    let shown: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("choices\":[{"))
        .collect();
    let said: Vec<&str> = all
        .lines()
        .filter(|line| line.contains("choices\":[{"))
        .collect();
    assert_eq!(shown, said, "not a byte is changed");
    let record = house.record().await;
    assert_eq!(flaws(&record), [super::flaw("alpha", "bad_json", "late")]);
    house.close().await;
}

#[tokio::test]
async fn a_call_that_grows_too_large_is_let_go() {
    let begins = format!("{}{}", call("{\"path\": \""), more(&"x".repeat(3_000)));
    let slow = Slow::start(begins, format!("{}{}", more("worse"), end())).await;
    let house = house(&slow, "{ hold: { bytes: 2000 } }").await;

    let text = hear(&house, slow, "xxx").await;

    assert!(text.contains("worse") && text.contains("[DONE]"), "{text}");
    let record = house.record().await;
    assert_eq!(flaws(&record), [super::flaw("alpha", "bad_json", "late")]);
    house.close().await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_let_go() {
    let begins = call("{\"path\": \"slow");
    let slow = Slow::start(begins, format!("{}{}", more("\"}"), end())).await;
    let house = house(&slow, "{ hold: { ms: 20 } }").await;

    let text = hear(&house, slow, "slow").await;

    assert!(text.contains("[DONE]"), "{text}");
    assert!(house.record().await.flaws.is_none());
    house.close().await;
}
