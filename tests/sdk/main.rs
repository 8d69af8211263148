//! The real OpenAI and Anthropic SDKs against a real gateway, one test a class of `run.py`. After each, every line of
//! the targets' own bills stands in the ledger exactly once.

#[path = "../house/mod.rs"]
mod house;
mod python;

use house::House;

/// Runs one class of tests of `run.py`, and reckons.
async fn class(name: &str) {
    let house = House::open().await;
    let key = house.key().await;

    let ran = python::run(&house, &key, name).await;

    assert!(ran.passed, "run.py {name}:\n{}", ran.output);
    house.reckon().await;
    house.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat() {
    class("Chat").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn responses() {
    class("Responses").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages() {
    class("Messages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_embeddings_and_models() {
    class("Others").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_retries() {
    class("Errors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn translated() {
    class("Translated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_adds() {
    class("Gateway").await;
}

#[test]
fn each_class_has_its_test() {
    let script = include_str!("run.py");
    let classes = script
        .lines()
        .filter_map(|line| line.strip_prefix("class ")?.strip_suffix("(Case):"));

    for class in classes {
        let call = format!("class(\"{class}\")");
        assert!(include_str!("main.rs").contains(&call), "{call} is missing");
    }
}
