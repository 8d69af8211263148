//! `tollgate check --probe`: what targets can do, and what of the configuration is not so.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tollgate::sim::{Fault, Profile, Sim, Thoughts};

use crate::rig::{Ended, PROVIDER_KEY, Site};

const PRICES: &str = "version: 1
models:
  large: { input: 10, output: 50 }
  google: { input: 10, output: 50 }
";

/// A site with these targets and models.
fn site(targets: &str, models: &str) -> Site {
    let site = Site::empty();
    let text = format!(
        "store: {{ path: store }}\npolicies: policies\ntargets:\n{targets}models:\n{models}"
    );
    site.write("tollgate.yaml", &text);
    site.write("policies/prices.yaml", PRICES);
    site.write(
        "policies/default.yaml",
        "version: 1\nanswers: [auto]\nmodels: all\n",
    );
    site
}

fn probe(site: &Site, more: &[&str]) -> (Ended, Value) {
    let mut arguments = vec!["check", "--probe", "--format", "json"];
    arguments.extend(more);
    let ended = site.run(&arguments);
    let told = serde_json::from_str(&ended.out).unwrap_or_default();
    (ended, told)
}

/// What was found of one thing at a target.
fn found<'v>(told: &'v Value, target: &str, what: &str) -> Vec<&'v Value> {
    let targets = told["targets"].as_array().expect("targets");
    let of = |it: &&Value| it["target"] == *target;
    let findings = targets.iter().find(of).expect("the target")["findings"].as_array();
    let findings = findings.expect("findings").iter();
    findings.filter(|it| it["what"] == *what).collect()
}

fn verdict<'v>(told: &'v Value, target: &str, what: &str) -> &'v str {
    let found = found(told, target, what);
    assert_eq!(found.len(), 1, "{what} at {target}: {told:#}");
    found[0]["verdict"].as_str().expect("a verdict")
}

fn mends(told: &Value) -> Vec<String> {
    let targets = told["targets"].as_array().expect("targets").iter();
    let findings = targets.flat_map(|it| it["findings"].as_array().expect("findings"));
    let wrong = findings.filter(|it| it["differs"] == true);
    let line = |it: &Value| {
        let mend = &it["mend"];
        let text = |name: &str| mend[name].as_str().expect("a text").to_owned();
        format!("{}: {}", text("at"), text("line"))
    };
    wrong.map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_dialect_is_asked_and_what_it_cost_is_what_the_targets_billed() {
    let profile = |names: &[&str]| Profile {
        models: names.iter().map(|name| (*name).to_owned()).collect(),
        window: 100_000,
        thoughts: Thoughts::ReasoningContent,
        ..Profile::instant()
    };
    let near = Sim::start(profile(&["small"])).await.expect("a target");
    let far = Profile {
        key: Some(PROVIDER_KEY.into()),
        ..profile(&["large"])
    };
    let far = Sim::start(far).await.expect("a target");
    let google = Sim::start(profile(&["google"])).await.expect("a target");
    let targets = format!(
        "  near: {{ hosting: own, dialects: [chat, responses, messages, completions], url: http://{}/v1, gpu_hour_usd: 3 }}\n\
         \x20 far: {{ hosting: vendor, dialects: [messages, responses, chat], url: http://{}/v1, key: {{ env: FAR_KEY }} }}\n\
         \x20 google: {{ hosting: vendor, dialects: [gemini], url: http://{}/v1beta }}\n",
        near.addr(),
        far.addr(),
        google.addr()
    );
    let models = "  small: { target: near, window: 100000, can: [tools, fim, structured_output] }\n  large: { target: far, window: 100000, can: [tools, structured_output] }\n  google: { target: google, window: 100000, can: [tools, structured_output] }\n";
    let site = site(&targets, models);

    let (ended, told) = probe(&site, &[]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    for target in ["near", "far", "google"] {
        for what in [
            "reachable",
            "model",
            "window",
            "stream",
            "stream usage",
            "tools",
            "forced tool",
            "structured output",
        ] {
            assert_eq!(verdict(&told, target, what), "yes", "{what} at {target}");
        }
        let spoken = found(&told, target, "dialect");
        assert!(spoken.iter().all(|it| it["verdict"] == "yes"), "{told:#}");
    }
    assert_eq!(found(&told, "near", "dialect").len(), 4);
    assert_eq!(verdict(&told, "near", "fim"), "yes");
    assert_eq!(verdict(&told, "near", "token counts"), "yes");
    assert_eq!(verdict(&told, "far", "key"), "yes");
    let billed: u64 = [&far, &google]
        .iter()
        .flat_map(|sim| sim.bill())
        .map(|line| {
            let usage = line.usage;
            usage.prompt().0 * 10_000 + usage.output.0 * 50_000
        })
        .sum();
    let cost = format!("{}.{:09}", billed / 1_000_000_000, billed % 1_000_000_000);
    let spent: Vec<_> = told["targets"]
        .as_array()
        .expect("targets")
        .iter()
        .collect();
    assert_eq!(
        spent
            .iter()
            .filter(|it| it["asked"]["cost_usd"] == "0.000000000")
            .count(),
        1
    );
    assert_eq!(told["asked"]["cost_usd"], cost.as_str(), "{told:#}");
    assert!(
        told["planned"]["cost_usd"].as_str() >= Some(cost.as_str()),
        "{told:#}"
    );
    assert!(!site.path("store").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_names_what_is_asked_before_and_what_it_cost_after() {
    let profile = Profile {
        models: vec!["small".to_owned()],
        ..Profile::instant()
    };
    let near = Sim::start(profile).await.expect("a target");
    let targets = format!(
        "  near: {{ hosting: own, dialects: [chat], url: http://{}/v1, gpu_hour_usd: 3 }}\n",
        near.addr()
    );
    let site = site(
        &targets,
        "  small: { target: near, window: 2000000, can: [tools] }\n",
    );

    let ended = site.run(&["check", "--probe"]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    let first = ended.err.lines().next().expect("a line");
    assert!(first.starts_with("asks one target, in at most "), "{first}");
    for says in [
        "models.small:  window: 1000000",
        "models.small:  can: [tools, structured_output, thinking]",
        "calls cost nothing by our own prices",
    ] {
        assert!(ended.out.contains(says), "{says}: {}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_configured_and_is_not_so_is_told_with_its_mend() {
    let poor = Poor::start().await;
    let targets = format!(
        "  gpu: {{ hosting: own, kind: vllm, dialects: [chat, messages, completions], url: http://{}/v1 }}\n",
        poor.address
    );
    let models = "  base1: { target: gpu, name: base1-coder, window: 131072, can: [tools, fim, structured_output, images] }\n  base2: { target: gpu, name: base2-codr }\n";
    let site = site(&targets, models);

    let (ended, told) = probe(&site, &[]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        mends(&told),
        [
            "targets.gpu: kind: sglang",
            "models.base1: window: 32768",
            "models.base2: name: base2-coder",
            "targets.gpu: dialects: [chat, completions]",
            // All that it cannot do is taken out by one line.
            "models.base1: can: [images]",
            "models.base1: can: [images]",
            "models.base1: can: [images]",
        ]
    );
    assert_eq!(verdict(&told, "gpu", "stream"), "yes");
    assert_eq!(verdict(&told, "gpu", "stream usage"), "no");
    assert_eq!(verdict(&told, "gpu", "tools"), "no");
    let tools = found(&told, "gpu", "tools")[0]["told"].as_str();
    assert!(
        tools.is_some_and(|it| it.contains("--tool-call-parser")),
        "{tools:?}"
    );
    // A machine of one's own costs nothing here; its stream and its completions told no usage.
    let asked = &told["asked"];
    assert_eq!(
        (&asked["unpriced"], &asked["estimated"]),
        (&Value::from(0), &Value::from(2))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_taken_is_said_and_never_shown() {
    let profile = Profile {
        key: Some("sk-the-right-one".to_owned()),
        models: vec!["large".to_owned()],
        ..Profile::instant()
    };
    let far = Sim::start(profile).await.expect("a target");
    let targets = format!(
        "  far: {{ hosting: vendor, dialects: [chat], url: http://{}/v1, key: {{ env: FAR_KEY }} }}\n",
        far.addr()
    );
    let site = site(&targets, "  large: { target: far }\n");

    let (ended, told) = probe(&site, &[]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(verdict(&told, "far", "key"), "no");
    assert_eq!(mends(&told), ["targets.far: key: { env: FAR_API_KEY }"]);
    assert!(!format!("{ended:?}").contains(PROVIDER_KEY));
    assert!(far.bill().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_does_not_answer_ends_the_check_with_its_own_code() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = taken.local_addr().expect("an address");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = gone.local_addr().expect("an address");
    drop(gone);
    let targets = format!(
        "  dead: {{ hosting: own, dialects: [chat], url: http://{dead}/v1 }}\n  mute: {{ hosting: own, dialects: [chat], url: http://{silent}/v1 }}\n"
    );
    let models = "  small: { target: dead }\n  large: { target: mute }\n";
    let site = site(&targets, models);

    let (ended, told) = probe(&site, &["--timeout", "1"]);
    let (alone, _) = probe(&site, &["--target", "dead"]);
    let nobody = site.run(&["check", "--probe", "--target", "gpu"]);

    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(verdict(&told, "dead", "reachable"), "no");
    assert_eq!(verdict(&told, "mute", "reachable"), "no");
    assert_eq!((alone.code, nobody.code), (Some(3), Some(1)));
    assert!(nobody.err.contains("gpu"), "{nobody:?}");
}

#[test]
fn without_a_target_there_is_nothing_to_ask() {
    let site = Site::empty();

    let usage = site.run(&["check", "--every-model"]);

    assert_eq!(usage.code, Some(2), "{usage:?}");
}

#[tokio::test]
async fn the_plain_check_names_the_kind_of_each_target() {
    let targets = "  gpu: { hosting: own, dialects: [chat], url: \"http://127.0.0.1:8000/v1\" }\n  near: { hosting: own, kind: ollama, dialects: [chat], url: \"http://127.0.0.1:1/v1\" }\n  far: { hosting: vendor, dialects: [chat], url: \"https://api.mistral.ai/v1\" }\n";
    let site = site(targets, "  small: { target: gpu }\n");

    let told = site.run(&["check", "--format", "json"]).json();
    site.write("tollgate.yaml", "targets:\n  gpu: { hosting: own, kind: vlm, dialects: [chat], url: \"http://127.0.0.1:8000/v1\", api_version: v1 }\n");
    let bad = site.run(&["check"]);

    let kinds: Vec<_> = told["kinds"].as_array().expect("kinds").iter().collect();
    let kinds: Vec<_> = kinds
        .iter()
        .map(|it| {
            [&it["target"], &it["kind"], &it["known_by"]].map(|it| it.as_str().expect("a word"))
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ["far", "mistral", "host"],
            ["gpu", "vllm", "port"],
            ["near", "ollama", "written"],
        ]
    );
    assert_eq!(bad.code, Some(1));
    assert!(
        bad.err.contains(
            "2:30: targets.gpu.kind: \"vlm\" is not one of the choices; did you mean \"vllm\"?"
        ),
        "{}",
        bad.err
    );
    assert!(bad.err.contains("targets.gpu.api_version: "), "{}", bad.err);
}

/// Nano-dollars.
fn nanos(told: &Value) -> u64 {
    let digits = told["cost_usd"]
        .as_str()
        .expect("an amount")
        .replace('.', "");
    digits.parse().expect("a number")
}

/// A target that lists none of the models, tells no usage and breaks off its stream, in whichever way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_never_costs_more_than_was_said_before() {
    const UNLISTED: usize = 8;
    let names: Vec<_> = (0..10).map(|at| format!("m{at}")).collect();
    for broken in [
        Fault::JsonForStream,
        Fault::ResetAfter(2),
        Fault::CloseAfter(2),
        Fault::ErrorEventAfter(2),
        Fault::BadJson,
        Fault::NoUsage,
    ] {
        let profile = Profile {
            models: vec!["other".to_owned()],
            unlisted: names.clone(),
            words: 5_000..=5_000,
            ..Profile::instant()
        };
        let far = Sim::start(profile).await.expect("a target");
        // Whether a model is there, then the dialect, then the stream.
        far.script(std::iter::repeat_n(Fault::NoUsage, UNLISTED + 1));
        far.script([broken.clone()]);
        far.script(std::iter::repeat_n(Fault::NoUsage, 4));
        let targets = format!(
            "  far: {{ hosting: vendor, dialects: [chat], url: http://{}/v1 }}\n",
            far.addr()
        );
        let lines = names
            .iter()
            .map(|name| format!("  {name}: {{ target: far }}\n"));
        let site = site(&targets, &lines.collect::<String>());
        let prices = names
            .iter()
            .map(|name| format!("  {name}: {{ input: 10, output: 50 }}\n"));
        let prices: String = prices.collect();
        site.write(
            "policies/prices.yaml",
            &format!("version: 1\nmodels:\n{prices}"),
        );

        let (_, told) = probe(&site, &[]);

        let bill = far.bill();
        let billed = bill.iter().map(|line| {
            let usage = line.usage;
            usage.prompt().0 * 10_000 + usage.output.0 * 50_000
        });
        let (planned, asked) = (&told["planned"], &told["asked"]);
        let costs = [billed.sum(), nanos(asked), nanos(planned)];
        assert!(costs.is_sorted(), "{broken:?}: {costs:?}");
        let calls = |told: &Value| told["calls"].as_u64().expect("a count");
        let calls = [far.seen().len() as u64, calls(asked), calls(planned)];
        assert!(
            calls[0] == calls[1] && calls.is_sorted(),
            "{broken:?}: {calls:?}"
        );
    }
}

/// A server that can little: no tools, no schemas, no gaps, no Messages, and a stream without usage.
struct Poor {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Poor {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tasks = TaskTracker::new();
        let task = tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(serve(stream));
            }
        });
        Self {
            address,
            _task: AbortOnDropHandle::new(task),
        }
    }
}

async fn serve(mut stream: TcpStream) {
    let mut read = Vec::new();
    let (path, body) = loop {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().unwrap_or(0))
        });
        if body.len() >= length.unwrap_or(0) {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            break (path, body.to_owned());
        }
    };
    let (status, kind, said) = poor(&path, &body);
    let length = said.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn poor(path: &str, body: &str) -> (&'static str, &'static str, String) {
    let json = "application/json";
    let refused = |says: &str| {
        let said =
            format!(r#"{{"error":{{"message":"{says}","type":"BadRequestError","code":400}}}}"#);
        ("400 Bad Request", json, said)
    };
    let lists = r#"{"object":"list","data":[{"id":"base1-coder","owned_by":"sglang","max_model_len":32768},{"id":"base2-coder","owned_by":"sglang"}]}"#;
    match path {
        "/v1/models" => ("200 OK", json, lists.to_owned()),
        _ if body.contains("base2-codr") => {
            let said = r#"{"error":{"message":"The model does not exist."}}"#;
            ("404 Not Found", json, said.to_owned())
        }
        "/v1/chat/completions" if body.contains("\"tools\"") => {
            refused("\\\"auto\\\" tool choice requires --enable-auto-tool-choice")
        }
        "/v1/chat/completions" if body.contains("json_schema") => refused("no grammar backend"),
        "/v1/chat/completions" if body.contains("\"stream\":true") => {
            let chunk = |delta: &str, end: &str| {
                format!("data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{end}}}]}}\n\n")
            };
            let said = chunk(r#"{"role":"assistant","content":"yes"}"#, "null")
                + &chunk("{}", "\"stop\"")
                + "data: [DONE]\n\n";
            ("200 OK", "text/event-stream", said)
        }
        "/v1/chat/completions" => (
            "200 OK",
            json,
            r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#.to_owned(),
        ),
        "/v1/completions" if body.contains("suffix") => refused("suffix is not currently supported"),
        "/v1/completions" => (
            "200 OK",
            json,
            r#"{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":" yes","finish_reason":"length"}]}"#.to_owned(),
        ),
        _ => ("404 Not Found", json, r#"{"detail":"Not Found"}"#.to_owned()),
    }
}
