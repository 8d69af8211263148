//! Where calls go: addresses, by kind, dialect and way of writing the base.

use super::*;

#[test]
fn addresses_are_what_the_providers_own_sdk_would_call() {
    let of = |base: &str, endpoint| {
        let target = Target::new("t".into(), Hosting::Vendor, vec![Dialect::Chat], base);
        let upstream = Upstream::default();
        let address = upstream.address(&target, Wire::own(endpoint), "m", false);
        address.expect("a url").to_string()
    };

    assert_eq!(
        of("http://h:1/v1", Endpoint::Chat),
        "http://h:1/v1/chat/completions"
    );
    assert_eq!(
        of("http://h:1/v1", Endpoint::Messages),
        "http://h:1/v1/messages"
    );
    assert_eq!(
        of("https://h", Endpoint::CountTokens),
        "https://h/v1/messages/count_tokens"
    );
    assert_eq!(
        of("https://api.deepseek.com", Endpoint::Completions),
        "https://api.deepseek.com/beta/completions"
    );
}

/// A kind with the ways in which people write its base, and the doors that each of them leads to.
type Written = (
    Kind,
    &'static [&'static str],
    &'static [(Dialect, &'static str)],
);

const WRITTEN: &[Written] = {
    use Dialect::{Chat, Completions, Gemini, Messages, Responses};
    const HOME: &[(Dialect, &str)] = &[
        (Chat, "http://h:1/v1/chat/completions"),
        (Responses, "http://h:1/v1/responses"),
        (Completions, "http://h:1/v1/completions"),
        (Messages, "http://h:1/v1/messages"),
    ];
    const BOTH: &[&str] = &["http://h:1", "http://h:1/v1"];
    const AZURE: &[(Dialect, &str)] = &[
        (
            Chat,
            "https://x.openai.azure.com/openai/v1/chat/completions",
        ),
        (Responses, "https://x.openai.azure.com/openai/v1/responses"),
    ];
    &[
        (Kind::Vllm, BOTH, HOME),
        (Kind::Sglang, BOTH, HOME),
        (Kind::LlamaCpp, BOTH, HOME),
        (Kind::LmStudio, BOTH, HOME),
        (
            Kind::Ollama,
            &["http://h:1", "http://h:1/v1", "http://h:1/api"],
            HOME,
        ),
        // Nobody knows where its doors are but who wrote it down.
        (Kind::Other, &["http://h:1/v1"], HOME),
        (
            Kind::Other,
            &["http://h:1/own"],
            &[
                (Chat, "http://h:1/own/chat/completions"),
                (Messages, "http://h:1/own/v1/messages"),
            ],
        ),
        (
            Kind::Other,
            &["http://h:1"],
            &[
                (Chat, "http://h:1/chat/completions"),
                (Messages, "http://h:1/v1/messages"),
            ],
        ),
        (
            Kind::Vllm,
            &["http://h:1/qwen/v1"],
            &[
                (Chat, "http://h:1/qwen/v1/chat/completions"),
                (Messages, "http://h:1/qwen/v1/messages"),
            ],
        ),
        (
            Kind::OpenAi,
            &["https://api.openai.com", "https://api.openai.com/v1"],
            &[(Responses, "https://api.openai.com/v1/responses")],
        ),
        (
            Kind::Anthropic,
            &["https://api.anthropic.com", "https://api.anthropic.com/v1"],
            &[(Messages, "https://api.anthropic.com/v1/messages")],
        ),
        (
            Kind::Azure,
            &[
                "https://x.openai.azure.com",
                "https://x.openai.azure.com/openai",
                "https://x.openai.azure.com/openai/v1",
            ],
            AZURE,
        ),
        (
            Kind::Google,
            &["https://g", "https://g/v1beta", "https://g/v1beta/openai"],
            &[
                (Chat, "https://g/v1beta/openai/chat/completions"),
                (Gemini, "https://g/v1beta/models/m:generateContent"),
            ],
        ),
        (
            Kind::Google,
            &["https://g/v1/projects/p/locations/l/publishers/google"],
            &[(
                Gemini,
                "https://g/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
            )],
        ),
        (
            Kind::OpenRouter,
            &[
                "https://openrouter.ai",
                "https://openrouter.ai/api",
                "https://openrouter.ai/api/v1",
            ],
            &[
                (Chat, "https://openrouter.ai/api/v1/chat/completions"),
                (Messages, "https://openrouter.ai/api/v1/messages"),
            ],
        ),
        (
            Kind::DeepSeek,
            &["https://d", "https://d/anthropic"],
            &[
                (Chat, "https://d/chat/completions"),
                (Completions, "https://d/beta/completions"),
                (Messages, "https://d/anthropic/v1/messages"),
            ],
        ),
        (
            Kind::DeepSeek,
            &["https://d/v1"],
            &[
                (Chat, "https://d/v1/chat/completions"),
                (Completions, "https://d/beta/completions"),
            ],
        ),
        // Whoever writes it wants what only that door takes.
        (
            Kind::DeepSeek,
            &["https://d/beta"],
            &[
                (Chat, "https://d/beta/chat/completions"),
                (Completions, "https://d/beta/completions"),
            ],
        ),
        (
            Kind::Mistral,
            &["https://m", "https://m/v1"],
            &[(Chat, "https://m/v1/chat/completions")],
        ),
        (
            Kind::Xai,
            &["https://x", "https://x/v1"],
            &[(Responses, "https://x/v1/responses")],
        ),
        (
            Kind::Moonshot,
            &["https://k", "https://k/v1", "https://k/anthropic"],
            &[
                (Chat, "https://k/v1/chat/completions"),
                (Messages, "https://k/anthropic/v1/messages"),
            ],
        ),
        (
            Kind::Zai,
            &[
                "https://z",
                "https://z/api/paas/v4",
                "https://z/api/anthropic",
            ],
            &[
                (Chat, "https://z/api/paas/v4/chat/completions"),
                (Messages, "https://z/api/anthropic/v1/messages"),
            ],
        ),
        (
            Kind::Zai,
            &["https://z/api/coding/paas/v4"],
            &[(Chat, "https://z/api/coding/paas/v4/chat/completions")],
        ),
        (
            Kind::Alibaba,
            &[
                "https://a",
                "https://a/compatible-mode/v1",
                "https://a/apps/anthropic",
            ],
            &[
                (Chat, "https://a/compatible-mode/v1/chat/completions"),
                (Messages, "https://a/apps/anthropic/v1/messages"),
            ],
        ),
    ]
};

#[test]
fn a_base_may_be_written_in_each_way_that_is_usual_for_its_kind() {
    let mut wrong = Vec::new();
    for (kind, bases, doors) in WRITTEN {
        for (base, (dialect, url)) in bases
            .iter()
            .flat_map(|base| doors.iter().map(move |door| (base, door)))
        {
            let mut target = Target::new("t".into(), Hosting::Own, vec![*dialect], base);
            target.kind = *kind;
            let endpoint = match dialect {
                Dialect::Completions => Endpoint::Completions,
                Dialect::Responses => Endpoint::Responses,
                Dialect::Messages => Endpoint::Messages,
                Dialect::Chat | Dialect::Gemini => Endpoint::Chat,
            };
            let wire = Wire {
                endpoint,
                dialect: *dialect,
            };
            let address = Upstream::default().address(&target, wire, "m", false);
            let address = address.expect("a url").to_string();
            if address != *url {
                wrong.push(format!("{kind}, {base}, {dialect}: {address}"));
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    let all = Kind::ALL
        .iter()
        .filter(|kind| !WRITTEN.iter().any(|it| it.0 == **kind));
    assert_eq!(all.count(), 0, "a kind is missing");
}

#[test]
fn azure_is_told_deployment_and_version_where_one_is_written() {
    let of = |version: Option<&str>, base: &str, endpoint| {
        let mut target = Target::new("t".into(), Hosting::Vendor, vec![Dialect::Chat], base);
        target.api_version = version.map(str::to_owned);
        let upstream = Upstream::default();
        let address = upstream.address(&target, Wire::own(endpoint), "our gpt", false);
        address.expect("a url").to_string()
    };
    let (base, version) = ("https://x.openai.azure.com", Some("2024-10-21"));

    assert_eq!(
        of(version, base, Endpoint::Chat),
        "https://x.openai.azure.com/openai/deployments/our%20gpt/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(
        of(version, base, Endpoint::Responses),
        "https://x.openai.azure.com/openai/responses?api-version=2024-10-21"
    );
    assert_eq!(
        of(None, "https://x.openai.azure.com/openai/v1", Endpoint::Chat),
        "https://x.openai.azure.com/openai/v1/chat/completions"
    );
}

#[test]
fn counts_have_doors_of_their_own() {
    let of = |base: &str, dialect, version: Option<&str>| {
        let mut target = Target::new("t".into(), Hosting::Own, vec![dialect], base);
        target.api_version = version.map(str::to_owned);
        let endpoint = Endpoint::CountTokens;
        let wire = Wire { endpoint, dialect };
        let address = Upstream::default().address(&target, wire, "m", false);
        address.map(|url| url.to_string()).map_err(|it| it.why)
    };
    let is = |url: &str| Ok(url.to_owned());

    assert_eq!(
        of("https://h/v1", Dialect::Responses, None),
        is("https://h/v1/responses/input_tokens")
    );
    assert_eq!(
        of("http://h:1/v1", Dialect::Chat, None),
        is("http://h:1/tokenize")
    );
    assert_eq!(
        of("https://h/v1beta", Dialect::Gemini, None),
        is("https://h/v1beta/models/m:countTokens")
    );
    assert_eq!(
        of("http://h/v1", Dialect::Completions, None),
        Err(Why::NoDoor)
    );
    // A deployment would answer, and bill it.
    assert_eq!(
        of("https://x.openai.azure.com", Dialect::Responses, Some("1")),
        Err(Why::NoDoor)
    );
}

#[test]
fn google_is_told_the_model_in_the_address() {
    let habits = crate::domain::kind::Kind::Google.habits(Hosting::Vendor);
    let of = |model, stream| {
        google("https://h/v1beta", model, (Endpoint::Chat, stream), habits)
            .expect("a url")
            .to_string()
    };

    assert_eq!(
        of("gemini-3-pro", false),
        "https://h/v1beta/models/gemini-3-pro:generateContent"
    );
    assert_eq!(
        of("models/gemini-3-pro", true),
        "https://h/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
    );
}

#[test]
fn replicas_take_turns() {
    let upstream = Upstream::default();
    let urls = ["a".to_owned(), "b".to_owned()];

    let turns: Vec<_> = (0..4).map(|_| upstream.replica(&urls)).collect();

    assert_eq!(turns, ["a", "b", "a", "b"]);
}

#[test]
fn whoever_mends_the_kind_of_a_target_is_asked_at_its_doors_at_once() {
    let base = "https://proxy.example";
    let mut target = Target::new("t".into(), Hosting::Vendor, vec![Dialect::Chat], base);
    let upstream = Upstream::default();
    let mut asked = |kind| {
        target.kind = kind;
        let address = upstream.address(&target, Wire::own(Endpoint::Chat), "m", false);
        address.expect("a url").to_string()
    };

    for (kind, door) in [
        (Kind::Other, "/chat/completions"),
        (Kind::OpenRouter, "/api/v1/chat/completions"),
        (Kind::Vllm, "/v1/chat/completions"),
        (Kind::Other, "/chat/completions"),
    ] {
        assert_eq!(asked(kind), format!("{base}{door}"), "{kind:?}");
    }
}
