//! The deployment: where it listens, what it keeps, what it allows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::classifier::Classifier;
use super::fault::Place;
use super::ground::Ground;
use super::reader::{Cursor, Fields, quoted};
use crate::domain::secret::Secret;
use crate::server::Limits;
use crate::session::keep::KeepAnswers;

/// The keys of `tollgate.yaml`.
pub(crate) const KEYS: [&str; 13] = [
    "listen",
    "tls",
    "admin",
    "access",
    "open_to_network",
    "store",
    "policies",
    "classifier",
    "targets",
    "models",
    "limits",
    "grace_ms",
    "durability",
];

/// Where the operator's token stands when no file says so.
const USUAL_TOKEN: &str = "TOLLGATE_ADMIN_TOKEN";
/// A token that is shorter can be guessed.
const SHORTEST_TOKEN: usize = 8;

/// Everything about one running gateway that is not a target, a model, a price or a policy.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Where callers come in.
    pub listen: SocketAddr,
    /// The listener's certificate.
    pub tls: Option<Tls>,
    /// The operator's listener.
    pub admin: Admin,
    /// Who may call.
    pub access: Access,
    /// The folder of the embedded store.
    pub store: PathBuf,
    /// Where answers are kept, with what they answered, for calls that go on from them by name.
    pub answers: KeepAnswers,
    /// The folder of policies and prices; `None` where only those that ship with the program rule.
    pub policies: Option<PathBuf>,
    /// What says what a call is.
    pub classifier: Classifier,
    /// What a caller may ask of the listener.
    pub limits: Limits,
    /// How long calls may go on after a stop was asked for.
    pub grace: Duration,
    /// What the ledger survives.
    pub durability: Durability,
    /// Files and folders whose change means reading everything again.
    pub watched: Vec<PathBuf>,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The operator's listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it asks for; where there is none, one is made at the first start.
    pub token: Option<Secret>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever holds a key.
    Keys,
    /// Anyone who reaches the listener.
    Open,
}

/// What the ledger survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process: entries are handed to the kernel at once and synced within 100 ms.
    Crash,
    /// The loss of power: entries are synced before the caller sees a byte.
    Power,
}

/// Reads everything but targets, models, the folder of policies and the classifier. `from_file` says whether there is a file: without
/// one, access is open.
pub(crate) fn read(
    fields: &Fields<'_>,
    ground: &Ground,
    policies: Option<PathBuf>,
    classifier: Classifier,
    from_file: bool,
) -> Option<Deployment> {
    let listen = address(fields.get("listen"), "127.0.0.1:4180");
    let tls = fields.get("tls").and_then(|tls| read_tls(&tls, ground));
    let admin = read_admin(fields, ground);
    let access = read_access(fields, listen, from_file);
    let (store, answers) = read_store(fields, ground);
    let limits = fields.get("limits").map(|limits| read_limits(&limits));
    let grace = match fields.get("grace_ms") {
        Some(grace) => grace.millis(30_000),
        None => Some(Duration::from_secs(30)),
    };
    let durability = match fields.get("durability") {
        Some(word) => word.one_of(&[("crash", Durability::Crash), ("power", Durability::Power)]),
        None => Some(Durability::Crash),
    };
    // Everything has been read by now, so that no mistake hides another.
    Some(Deployment {
        listen: listen?,
        tls,
        admin: admin?,
        access,
        store,
        answers,
        policies,
        classifier,
        limits: limits.unwrap_or_default(),
        grace: grace?,
        durability: durability?,
        watched: Vec::new(),
    })
}

fn address(cursor: Option<Cursor<'_>>, default: &str) -> Option<SocketAddr> {
    match cursor {
        Some(cursor) => cursor.parsed(
            "an address",
            format!("write an IP and a port, like {default}"),
        ),
        None => default.parse().ok(),
    }
}

fn read_tls(cursor: &Cursor<'_>, ground: &Ground) -> Option<Tls> {
    let fields = cursor.fields(&["cert", "key"])?;
    let file = |name| fields.need(name).and_then(|file| ground.file(&file));
    let (cert, key) = (file("cert"), file("key"));
    Some(Tls {
        cert: cert?,
        key: key?,
    })
}

fn read_admin(root: &Fields<'_>, ground: &Ground) -> Option<Admin> {
    let fields = root.get("admin");
    let fields = fields.and_then(|admin| admin.fields(&["listen", "token"]));
    let get = |key| fields.as_ref().and_then(|fields| fields.get(key));
    let (place, token) = match get("token") {
        Some(token) => (token.node.place.clone(), ground.secret(&token)),
        // The usual name works without a file too.
        None => {
            let usual = ground.env.get(USUAL_TOKEN).map(|token| token.trim());
            let token = usual.filter(|token| !token.is_empty()).map(Secret::new);
            (Place::Variable(USUAL_TOKEN.into()), token)
        }
    };
    if token
        .as_ref()
        .is_some_and(|token| token.expose().len() < SHORTEST_TOKEN)
    {
        let what = format!("the operator's token has fewer than {SHORTEST_TOKEN} letters");
        let mend = "make one with openssl rand -hex 24";
        root.0.fault_at(&place, "admin.token", what, mend);
    }
    Some(Admin {
        listen: address(get("listen"), "127.0.0.1:4181")?,
        token,
    })
}

fn read_access(fields: &Fields<'_>, listen: Option<SocketAddr>, from_file: bool) -> Access {
    let written = fields.get("access");
    let default = if from_file {
        Access::Keys
    } else {
        Access::Open
    };
    let access = match &written {
        Some(access) => access
            .one_of(&[("keys", Access::Keys), ("open", Access::Open)])
            .unwrap_or(Access::Keys),
        None => default,
    };
    let allowed = fields.get("open_to_network").and_then(|flag| flag.flag());
    let public = listen.is_some_and(|listen| !listen.ip().is_loopback());
    if access == Access::Open && public && allowed != Some(true) {
        let place = written.or_else(|| fields.get("listen"));
        let place = place
            .as_ref()
            .map_or(&fields.0.node.place, |c| &c.node.place);
        let what = "access is open, and the listener can be reached from the network";
        let mend = "write access: keys, or open_to_network: true";
        fields.0.fault_at(place, "access", what, mend);
    }
    access
}

/// The folder, and where answers are kept.
fn read_store(fields: &Fields<'_>, ground: &Ground) -> (PathBuf, KeepAnswers) {
    let store = fields.get("store");
    let store = store.and_then(|store| store.fields(&["path", "redis", "answers"]));
    if let Some(redis) = store.as_ref().and_then(|store| store.get("redis")) {
        redis.fault(
            "Redis comes with a later version",
            "leave it out: the embedded store serves one gateway",
        );
    }
    let answers = store.as_ref().and_then(|store| store.get("answers"));
    let words = [
        ("memory", KeepAnswers::Memory),
        ("disk", KeepAnswers::Disk),
        ("none", KeepAnswers::None),
    ];
    let answers = answers.and_then(|word| word.one_of(&words));
    let path = store.and_then(|store| store.get("path"));
    let path = path.and_then(|path| ground.path(&path));
    let path = path.unwrap_or_else(|| ground.folder.join(".tollgate"));
    (path, answers.unwrap_or_default())
}

/// Reads the name of the folder of policies; where none is named, it is looked for beside the file.
pub(crate) fn read_policies(fields: &Fields<'_>, ground: &Ground) -> Option<PathBuf> {
    let Some(cursor) = fields.get("policies") else {
        let beside = ground.folder.join("policies");
        return beside.is_dir().then_some(beside);
    };
    let folder = ground.path(&cursor)?;
    if !folder.is_dir() {
        let what = format!("there is no folder {}", quoted(&folder.to_string_lossy()));
        cursor.fault(what, "make it, or leave the key out");
    }
    Some(folder)
}

fn read_limits(cursor: &Cursor<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(fields) = cursor.fields(&[
        "body_bytes",
        "json_depth",
        "header_bytes",
        "header_read_ms",
        "body_read_ms",
        "write_stall_ms",
        "connections",
        "in_flight",
    ]) else {
        return limits;
    };
    let reader = Bounds { fields };
    // What counts permits may go no further than tokio's semaphore does.
    let permits = usize::MAX >> 3;
    reader.number("body_bytes", usize::MAX, &mut limits.body_bytes);
    reader.number("connections", permits, &mut limits.connections);
    reader.number("in_flight", permits, &mut limits.in_flight);
    reader.bounded("json_depth", 512, &mut limits.json_depth);
    reader.bounded("header_bytes", 16 << 20, &mut limits.header_bytes);
    reader.time("header_read_ms", &mut limits.header_read);
    reader.time("body_read_ms", &mut limits.body_read);
    reader.time("write_stall_ms", &mut limits.write_stall);
    limits
}

/// Longer than any call, short enough for every clock.
pub(crate) const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Whether the value is the one word that takes a limit away.
pub(crate) fn unlimited(cursor: &Cursor<'_>) -> bool {
    matches!(&cursor.node.kind, super::node::Kind::Text(text) if text == "unlimited")
}

struct Bounds<'a> {
    fields: Fields<'a>,
}

impl Bounds<'_> {
    fn number(&self, key: &str, most: usize, limit: &mut usize) {
        match self.fields.get(key) {
            Some(cursor) if unlimited(&cursor) => *limit = most,
            Some(_) => self.bounded(key, most, limit),
            None => {}
        }
    }

    fn bounded(&self, key: &str, most: usize, limit: &mut usize) {
        let cursor = self.fields.get(key);
        let read = cursor.and_then(|cursor| cursor.count(1, most as u64, *limit as u64));
        if let Some(number) = read.and_then(|number| usize::try_from(number).ok()) {
            *limit = number;
        }
    }

    fn time(&self, key: &str, limit: &mut Duration) {
        if let Some(cursor) = self.fields.get(key) {
            *limit = if unlimited(&cursor) {
                FOREVER
            } else {
                let example = u64::try_from(limit.as_millis()).unwrap_or(1);
                cursor.millis(example).unwrap_or(*limit)
            };
        }
    }
}
