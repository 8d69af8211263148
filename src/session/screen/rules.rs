//! The table of what secrets look like: what each begins with, of which letters and how long it is, and what else must hold.

use super::kinds::Kind;
use super::text::Set;
use super::worth::{entropy, has_checksum, is_random};

/// How one kind of secret is told.
pub(super) struct Rule {
    pub(super) kind: Kind,
    /// One of these is in it.
    pub(super) anchors: &'static [&'static str],
    pub(super) form: Form,
}

/// What has to be around an anchor.
pub(super) enum Form {
    /// A token that begins with the anchor: `least` to `most` letters of `set` follow, and then none. `sound` sees those
    /// that follow.
    Token {
        set: Set,
        least: usize,
        most: usize,
        sound: fn(&[u8]) -> bool,
    },
    /// A form of its own.
    Shape(Shape),
}

/// Forms that are more than a prefix and letters.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// `-----BEGIN … PRIVATE KEY-----`.
    Pem,
    /// PuTTY's key files.
    Putty,
    /// Three parts, the middle one found.
    Jwt,
    /// The mark in the middle of each key.
    OpenAi,
    /// `sk_live_`, `rk_live_`; not `pk_live_`.
    Stripe,
    /// The colon of a bot's token.
    Telegram,
    /// A service's name, with a key nearby.
    Twilio,
    /// `hooks.slack.com`.
    SlackHook,
    /// `AccountKey=`.
    AzureAccount,
    /// `SharedAccessKey=`.
    AzureShared,
    /// `sig=` in an address.
    AzureSignature,
    /// `://` with a password behind.
    Url,
    /// `Authorization:`.
    Header,
    /// A telling name, with a value behind.
    Assigned,
    /// The same, of a password.
    Password,
}

const fn token(
    kind: Kind,
    anchors: &'static [&'static str],
    set: Set,
    (least, most): (usize, usize),
    sound: fn(&[u8]) -> bool,
) -> Rule {
    Rule {
        kind,
        anchors,
        form: Form::Token {
            set,
            least,
            most,
            sound,
        },
    }
}

const fn shape(kind: Kind, anchors: &'static [&'static str], shape: Shape) -> Rule {
    Rule {
        kind,
        anchors,
        form: Form::Shape(shape),
    }
}

/// The rules whose anchors share a pass over the text: each group is one.
pub(super) const GROUPS: [&[Rule]; 5] = [CLOUDS, KEYS, SERVICES, NAMES, SHORT];

const CLOUDS: &[Rule] = &[
    token(
        Kind::AwsKeyId,
        &["AKIA", "ASIA"],
        Set::Upper,
        (16, 16),
        is_aws_id,
    ),
    token(Kind::GoogleKey, &["AIza"], Set::Url, (35, 35), is_random),
    token(
        Kind::GoogleOauth,
        &["GOCSPX-"],
        Set::Url,
        (28, 28),
        is_random,
    ),
    token(
        Kind::GoogleOauth,
        &["ya29."],
        Set::Dotted,
        (40, 1_000),
        is_random,
    ),
    token(
        Kind::GitHub,
        &["ghp_", "gho_", "ghu_", "ghr_"],
        Set::Word,
        (36, 36),
        has_checksum,
    ),
    token(
        Kind::GitHub,
        &["ghs_"],
        Set::Dotted,
        (36, 1_000),
        is_github_app,
    ),
    token(
        Kind::GitHub,
        &["github_pat_"],
        Set::Word,
        (82, 82),
        is_random,
    ),
    token(
        Kind::GitLab,
        &["glpat-", "glptt-", "gldt-", "glrt-"],
        Set::Dotted,
        (20, 320),
        is_random,
    ),
];

const KEYS: &[Rule] = &[
    token(Kind::Slack, &["xapp-"], Set::Url, (40, 200), is_numbered),
    shape(Kind::Slack, &["hooks.slack.com"], Shape::SlackHook),
    shape(Kind::Stripe, &["k_live_"], Shape::Stripe),
    token(Kind::Stripe, &["whsec_"], Set::Base64, (32, 100), is_random),
    shape(Kind::OpenAi, &["T3BlbkFJ"], Shape::OpenAi),
    token(
        Kind::Anthropic,
        &["sk-ant-"],
        Set::Url,
        (80, 300),
        is_random,
    ),
    shape(Kind::Jwt, &[".eyJ"], Shape::Jwt),
    shape(Kind::PrivateKey, &["--BEGIN "], Shape::Pem),
    shape(Kind::PrivateKey, &["PuTTY-User-Key-File"], Shape::Putty),
    shape(Kind::AzureStorage, &["AccountKey"], Shape::AzureAccount),
    shape(
        Kind::AzureSharedAccess,
        &["haredAccessKey"],
        Shape::AzureShared,
    ),
    shape(
        Kind::AzureSharedAccess,
        &["sig=", "sig\\u003"],
        Shape::AzureSignature,
    ),
    shape(Kind::Authorization, &["uthorization"], Shape::Header),
];

const SERVICES: &[Rule] = &[
    token(
        Kind::ModelProvider,
        &["sk-or-v1-"],
        Set::Hex,
        (64, 64),
        is_random,
    ),
    token(
        Kind::ModelProvider,
        &["gsk_"],
        Set::Alnum,
        (52, 52),
        is_random,
    ),
    token(
        Kind::ModelProvider,
        &["xai-"],
        Set::Alnum,
        (80, 80),
        is_random,
    ),
    token(
        Kind::ModelProvider,
        &["pplx-"],
        Set::Alnum,
        (48, 56),
        is_random,
    ),
    token(
        Kind::ModelProvider,
        &["nvapi-"],
        Set::Url,
        (60, 70),
        is_random,
    ),
    token(Kind::Npm, &["npm_"], Set::Word, (36, 36), has_checksum),
    token(Kind::PyPi, &["pypi-AgE"], Set::Url, (60, 1_000), is_random),
    shape(Kind::Twilio, &["wilio", "WILIO"], Shape::Twilio),
    token(
        Kind::Age,
        &["AGE-SECRET-KEY-1"],
        Set::Upper,
        (58, 58),
        is_random,
    ),
    token(
        Kind::Service,
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        Set::Hex,
        (64, 64),
        is_random,
    ),
    token(Kind::Service, &["dapi"], Set::Hex, (32, 32), is_random),
    token(
        Kind::Service,
        &["shpat_", "shpss_", "shpca_", "shppa_"],
        Set::Hex,
        (32, 32),
        is_random,
    ),
    token(Kind::Service, &["hvs."], Set::Url, (90, 200), is_random),
    token(Kind::Service, &["glsa_"], Set::Word, (41, 41), is_random),
    token(Kind::Service, &["NRAK-"], Set::Upper, (27, 27), is_random),
    token(Kind::Service, &["PMAK-"], Set::Url, (59, 59), is_random),
    token(Kind::Service, &["dckr_pat_"], Set::Url, (27, 27), is_random),
    token(
        Kind::Service,
        &["lin_api_"],
        Set::Alnum,
        (40, 40),
        is_random,
    ),
    token(Kind::Service, &["ntn_"], Set::Alnum, (46, 46), is_random),
    token(
        Kind::Service,
        &["ATATT3x"],
        Set::Base64,
        (120, 300),
        is_random,
    ),
    token(Kind::Service, &["sbp_"], Set::Hex, (40, 40), is_random),
];

/// Names to which secrets are assigned, without their first letter, which may be small or not.
const NAMES: &[Rule] = &[
    shape(
        Kind::Password,
        &[
            "assword",
            "ASSWORD",
            "asswd",
            "ASSWD",
            "assphrase",
            "ASSPHRASE",
            "pwd=",
            "Pwd=",
        ],
        Shape::Password,
    ),
    shape(
        Kind::Assigned,
        &[
            "ecret",
            "ECRET",
            "oken",
            "OKEN",
            "pi_key",
            "pi-key",
            "pikey",
            "piKey",
            "PI_KEY",
            "PIKEY",
            "ccess_key",
            "ccessKey",
            "CCESS_KEY",
            "redential",
            "REDENTIAL",
        ],
        Shape::Assigned,
    ),
];

/// Anchors of three letters have a pass of their own: one of them slows all others down.
const SHORT: &[Rule] = &[
    token(
        Kind::ModelProvider,
        &["sk-"],
        Set::Alnum,
        (32, 64),
        is_numbered,
    ),
    token(Kind::HuggingFace, &["hf_"], Set::Alnum, (34, 40), is_random),
    token(Kind::Slack, &["xox"], Set::Percent, (30, 400), is_slack),
    token(Kind::SendGrid, &["SG."], Set::Dotted, (66, 66), is_sendgrid),
    token(Kind::Gateway, &["tg_"], Set::Word, (63, 63), is_gateway),
    shape(Kind::Telegram, &[":AA"], Shape::Telegram),
    shape(Kind::UrlPassword, &["://", ":\\/\\/"], Shape::Url),
];

/// AWS writes numbers in base 32, which has no 0, 1, 8 and 9.
fn is_aws_id(value: &[u8]) -> bool {
    let digits = |c: &u8| !b"0189".contains(c);
    value.iter().all(digits) && value.iter().any(u8::is_ascii_digit) && is_random(value)
}

/// Once 36 letters with a checksum; longer ones carry a signed text.
fn is_github_app(value: &[u8]) -> bool {
    match value.len() {
        36 => has_checksum(value),
        length => length >= 80 && is_random(value) && entropy(value) >= 4.0,
    }
}

fn is_numbered(value: &[u8]) -> bool {
    let digits = value.iter().filter(|c| c.is_ascii_digit()).count();
    digits >= 4 && is_random(value)
}

/// `xoxb-`, `xoxe.xoxp-` and so on.
fn is_slack(value: &[u8]) -> bool {
    let marked = b"abcdeoprs".contains(&value[0]) && b"-.".contains(&value[1]);
    marked && is_numbered(&value[2..])
}

fn is_sendgrid(value: &[u8]) -> bool {
    let dots = value.iter().filter(|c| **c == b'.').count();
    value[22] == b'.' && dots == 1 && is_random(value)
}

/// As `tenant` writes them: an id, the secret and a checksum.
fn is_gateway(value: &[u8]) -> bool {
    value[12] == b'_' && value[56] == b'_' && is_random(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_is_too_large_to_be_fast() {
        for rules in GROUPS {
            let anchors: Vec<_> = rules.iter().flat_map(|rule| rule.anchors).collect();

            assert!(anchors.len() <= 32, "{}", anchors.len());
            assert!(anchors.iter().all(|anchor| anchor.len() >= 3));
        }
    }

    #[test]
    fn only_short_anchors_are_with_the_short() {
        for rules in &GROUPS[..4] {
            let mut anchors = rules.iter().flat_map(|rule| rule.anchors);

            assert!(anchors.all(|anchor| anchor.len() >= 4));
        }
    }
}
