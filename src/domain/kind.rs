//! What kind of server a target is. Many speak the same dialect and differ all the same; what they differ in is in [`habits`].

use super::closed::closed;
use super::dialect::Hosting;

pub mod bases;
pub mod counting;
pub mod habits;

pub use habits::Habits;

closed!(
    /// A kind of server.
    Kind {
        /// vLLM.
        Vllm = "vllm",
        /// SGLang.
        Sglang = "sglang",
        /// The server of llama.cpp.
        LlamaCpp = "llamacpp",
        /// Ollama.
        Ollama = "ollama",
        /// LM Studio.
        LmStudio = "lmstudio",
        /// OpenAI itself.
        OpenAi = "openai",
        /// OpenAI's models at Microsoft.
        Azure = "azure",
        /// Anthropic itself.
        Anthropic = "anthropic",
        /// Google, its own dialect and the one like OpenAI's.
        Google = "google",
        /// OpenRouter.
        OpenRouter = "openrouter",
        /// DeepSeek's own service.
        DeepSeek = "deepseek",
        /// Mistral's own service.
        Mistral = "mistral",
        /// xAI.
        Xai = "xai",
        /// Moonshot.
        Moonshot = "moonshot",
        /// Z.ai.
        Zai = "zai",
        /// Alibaba's Model Studio.
        Alibaba = "alibaba",
        /// Any other, or one that is not known.
        Other = "other",
    }
);

closed!(
    /// By what the kind of a target is known.
    KnownBy {
        /// The configuration says so.
        Written = "written",
        /// Its host belongs to a provider.
        Host = "host",
        /// The port that such a server takes by default.
        Port = "port",
        /// Its own list of models says so.
        Models = "models",
        /// It is not known.
        Nothing = "nothing",
    }
);

impl Kind {
    /// What can be told of a server by its address: by whose host it is or, at home, by the port.
    pub fn guess(url: &str, hosting: Hosting) -> (Self, KnownBy) {
        let (host, port) = place(url);
        let by_host = |kind: &&Self| kind.habits(hosting).hosts.iter().any(|it| is_at(&host, it));
        if let Some(kind) = Self::ALL.iter().find(by_host) {
            return (*kind, KnownBy::Host);
        }
        let by_port = |kind: &&Self| kind.habits(hosting).port.is_some_and(|it| Some(it) == port);
        match Self::ALL.iter().find(by_port) {
            Some(kind) if hosting == Hosting::Own => (*kind, KnownBy::Port),
            _ => (Self::Other, KnownBy::Nothing),
        }
    }

    /// What a server's list of models tells by whom it says that they are owned.
    pub fn of_owner(owner: &str) -> Option<Self> {
        let mut kinds = Self::ALL.iter();
        kinds
            .find(|kind| kind.habits(Hosting::Own).owner == Some(owner))
            .copied()
    }

    /// How such a server wants to be spoken to, and what it tells.
    pub fn habits(self, hosting: Hosting) -> &'static Habits {
        habits::of(self, hosting)
    }
}

/// Host and port of an address.
fn place(url: &str) -> (String, Option<u16>) {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return Default::default();
    };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    (host, uri.port_u16())
}

/// A host is this one or, where a dot comes first, one below it.
fn is_at(host: &str, known: &str) -> bool {
    match known.starts_with('.') {
        true => host.ends_with(known),
        false => host == known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Hosting::{Own, Vendor};

    #[test]
    fn an_address_tells_its_kind_where_that_is_plain() {
        let of = |url, hosting| Kind::guess(url, hosting);

        for (url, kind) in [
            ("https://api.openai.com/v1", Kind::OpenAi),
            ("https://team.openai.azure.com/openai/v1", Kind::Azure),
            ("https://API.mistral.ai/v1", Kind::Mistral),
            ("https://api.deepseek.com", Kind::DeepSeek),
            (
                "https://generativelanguage.googleapis.com/v1beta/openai",
                Kind::Google,
            ),
        ] {
            assert_eq!(of(url, Vendor), (kind, KnownBy::Host), "{url}");
        }
        assert_eq!(of("http://gpu-1:8000/v1", Own), (Kind::Vllm, KnownBy::Port));
        let unknown = (Kind::Other, KnownBy::Nothing);
        assert_eq!(of("https://gpu-1:8000/v1", Vendor), unknown);
        assert_eq!(of("http://gpu-1:9999/v1", Own), unknown);
        assert_eq!(
            of("https://api.openai.com.evil.example/v1", Vendor),
            unknown
        );
        assert_eq!(of("not a url", Own), unknown);
    }

    #[test]
    fn each_kind_is_told_by_its_own_host_port_and_owner_alone() {
        let mut seen = std::collections::HashSet::new();
        for kind in Kind::ALL {
            let habits = kind.habits(Own);
            let marks = habits.hosts.iter().map(|it| (*it).to_owned());
            let marks = marks.chain(habits.port.map(|it| it.to_string()));
            for mark in marks.chain(habits.owner.map(|it| format!("by {it}"))) {
                assert!(seen.insert(mark.clone()), "{kind}: {mark}");
            }
            if let Some(owner) = habits.owner {
                assert_eq!(Kind::of_owner(owner), Some(*kind));
            }
        }
    }
}
