//! A server that answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::dialect::{Dialect, Hosting};
use crate::domain::ids::TargetId;
use crate::domain::kind::{Habits, Kind, KnownBy};
use crate::domain::money::HourPrice;
use crate::domain::secret::Secret;
use crate::domain::share::Share;

/// A server that answers, with everything that is fixed about it; health and load live elsewhere, keyed by its id.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub id: TargetId,
    /// Who runs it.
    pub hosting: Hosting,
    /// What kind of server it is.
    pub kind: Kind,
    /// By what that is known.
    pub kind_by: KnownBy,
    /// The version of the API that calls name, where its kind has such versions.
    pub api_version: Option<String>,
    /// The wire formats that it speaks itself, the preferred one first.
    pub dialects: Vec<Dialect>,
    /// The base URL, then its replicas; none ends in a slash.
    pub urls: Vec<String>,
    /// What it is authorised with.
    pub key: Option<Secret>,
    /// The most calls that may be under way at once.
    pub max_in_flight: Option<u32>,
    /// What its machines cost.
    pub rent: Option<Rent>,
    /// Where it tells its load (a metrics page).
    pub load: Option<String>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// It answers from a script, not from a model.
    pub simulated: bool,
}

impl Target {
    /// A target with nothing but what it must have; its kind is what its address tells.
    pub fn new(id: TargetId, hosting: Hosting, dialects: Vec<Dialect>, url: &str) -> Self {
        let (kind, kind_by) = Kind::guess(url, hosting);
        Self {
            id,
            hosting,
            kind,
            kind_by,
            api_version: None,
            dialects,
            urls: vec![url.trim_end_matches('/').to_owned()],
            key: None,
            max_in_flight: None,
            rent: None,
            load: None,
            timeouts: Timeouts::default(),
            simulated: false,
        }
    }
}

impl Target {
    /// How it wants to be spoken to, and what it tells.
    pub fn habits(&self) -> &'static Habits {
        self.kind.habits(self.hosting)
    }

    /// Whether these bytes hold the target's key: some providers repeat it in their errors.
    pub fn tells_key(&self, bytes: &[u8]) -> bool {
        let key = self
            .key
            .as_ref()
            .map(Secret::expose)
            .filter(|key| !key.is_empty());
        key.is_some_and(|key| memchr::memmem::find(bytes, key.as_bytes()).is_some())
    }
}

/// What an own target's machines cost while they work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rent {
    /// The price of one GPU for one hour.
    pub hour: HourPrice,
    /// How many GPUs answer together.
    pub gpus: u32,
    /// The part of it that is only spent while they work. A decision counts no more than this for a machine with room: the
    /// rest is paid whatever is decided.
    pub energy: Share,
}

impl Rent {
    /// The part that counts where nobody says which: a cautious guess. Power and cooling of a GPU at work are a few to twenty
    /// per cent of what one is rented for.
    pub const ENERGY: Share = Share::from_millionths(150_000);
}

/// How long a target may take before an attempt counts as failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// To the first byte of a stream.
    pub first_byte: Duration,
    /// To the first byte of an answer that is not a stream: the model writes all of it before that.
    pub whole_first_byte: Duration,
    /// Between two bytes.
    pub between_bytes: Duration,
    /// For the whole answer; `None` lets a stream run as long as it moves.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(120),
            whole_first_byte: Duration::from_secs(600),
            between_bytes: Duration::from_secs(300),
            total: None,
        }
    }
}
