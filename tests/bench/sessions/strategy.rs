//! Who is asked: by a policy of the gateway, or, call by call, by force.

use bytes::Bytes;
use tollgate::classifier::artifact::{self, Artifact};
use tollgate::classifier::features::Input;
use tollgate::protocol::call::Call;

use crate::Fault;
use crate::client::{Client, Transcript};

/// What a failed turn, a minute of waiting and a change cost: the words of `policies/default.yaml`.
const OBJECTIVE: &str = "objective: { failure_usd: FAILURE, minute_usd: 0.50, switch_usd: 0.01 }";
/// What a failed turn costs where nothing else is said.
pub(crate) const FAILURE_USD: f64 = 2.0;

/// One way to choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strategy {
    Frontier,
    Own,
    /// This share of the conversations goes to the frontier, by chance.
    Random(f64),
    /// Calls whose text looks harder than this go to the frontier: nothing is remembered.
    PerCall(f64),
    /// Turns that look harder than this begin at the frontier, the others go there when an attempt has failed: nothing is
    /// weighed, and the words of the turn are all that is known.
    Red(f64),
    /// Who can see what comes of a turn: it goes to the frontier where that solves it and the own model does not.
    Known,
    /// The shipped policy.
    Shipped,
    /// Cost alone decides, with this price of a failure.
    Cost(f64),
}

impl Strategy {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Frontier => "always frontier".to_owned(),
            Self::Own => "always own".to_owned(),
            Self::Random(share) => format!("random, {:.0} % frontier", share * 100.0),
            Self::PerCall(above) => format!("per call, above {above:+.2}"),
            Self::Red(above) => format!("at red, or above {above:+.2}"),
            Self::Known => "who knows the outcome".to_owned(),
            Self::Shipped => "Tollgate, as shipped".to_owned(),
            Self::Cost(failure) => format!("Tollgate, cost alone, ${failure:.2}"),
        }
    }

    /// The policy that the gateway has.
    pub(crate) fn policy(self) -> String {
        let text = |failure: f64, rules: &str| {
            let objective = OBJECTIVE.replace("FAILURE", &format!("{failure:.2}"));
            format!("version: 1\nanswers: [auto]\nmodels: all\n{objective}\n{rules}")
        };
        let rules = |rules: &str| text(FAILURE_USD, &format!("rules:\n{rules}"));
        const FRONTIER: &str = "only: { hosting: vendor }";
        const OWN: &str = "only: { hosting: own }";
        match self {
            Self::Frontier => rules(&format!("  - {{ name: frontier, {FRONTIER} }}\n")),
            Self::Own => rules(&format!("  - {{ name: own, {OWN} }}\n")),
            Self::Random(share) => rules(&format!(
                "  - {{ name: some, when: {{ share: {share:.3} }}, {FRONTIER}, final: true }}\n  - {{ name: others, {OWN} }}\n"
            )),
            // Each call is forced.
            Self::PerCall(_) | Self::Red(_) | Self::Known => text(FAILURE_USD, ""),
            Self::Shipped => include_str!("../../../policies/default.yaml").to_owned(),
            Self::Cost(failure) => text(failure, ""),
        }
    }
}

/// A router that looks at one call's text, as the shipped classifier reads it, and at nothing else.
pub(crate) struct PerCall(std::sync::Arc<Artifact>);

impl PerCall {
    pub(crate) fn new() -> Result<Self, Fault> {
        Ok(Self(artifact::embedded()?))
    }

    /// How hard a text looks that stands alone.
    pub(crate) fn looks(&self, text: &str) -> Result<f64, Fault> {
        let (window, outline) = Input::bare(text);
        let input = Input {
            endpoint: tollgate::domain::dialect::Endpoint::Chat,
            text: &window,
            outline: &outline,
            max_output: None,
        };
        Ok(f64::from(self.0.net.classify(&input).difficulty))
    }

    /// How hard a call looks.
    pub(crate) fn difficulty(&self, talk: &Transcript) -> Result<f64, Fault> {
        let call = Call::read(talk.endpoint(), Bytes::from(talk.body()), 64);
        let call = call.map_err(|error| error.to_string())?;
        let input = Input {
            endpoint: call.endpoint,
            text: &call.text,
            outline: &call.outline,
            max_output: call.max_output,
        };
        Ok(f64::from(self.0.net.classify(&input).difficulty))
    }
}

/// The model that takes a call which is hard, or not.
pub(crate) fn model(client: Client, hard: bool) -> &'static str {
    match (hard, client) {
        (false, _) => "base1",
        (true, Client::Claude) => "claude-opus",
        (true, Client::Functions) => "gpt",
    }
}
