//! What is a secret and what only looks like one. Keys are drawn here, so that none stands in a file.

mod found;
mod passed;
mod property;

use super::kinds::Kind;
use super::secrets::{self, Found};
use super::worth::checksum;

const ALNUM: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const URL: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
const BASE64: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/";

/// Letters by lot, the same for the same seed.
fn drawn(letters: &str, length: usize, seed: u64) -> String {
    let letters = letters.as_bytes();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(letters[(state >> 33) as usize % letters.len()])
    };
    (0..20).for_each(|_| _ = next());
    (0..length).map(|_| next()).collect()
}

/// 36 letters with their checksum.
fn checked(seed: u64) -> String {
    let body = drawn(ALNUM, 30, seed);
    let check = checksum(body.as_bytes());
    format!("{body}{}", String::from_utf8_lossy(&check))
}

/// As a file of a key has it.
fn pem(label: &str, seed: u64) -> String {
    let lines: Vec<String> = (0..4).map(|at| drawn(BASE64, 64, seed + at)).collect();
    let dashes = "-----";
    let body = lines.join("\n");
    format!("{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}\n")
}

fn base64(text: &str) -> String {
    let letters: Vec<char> = format!("{}+/", &ALNUM[10..36]).chars().collect();
    let letters: Vec<char> = [
        &letters[..26],
        &ALNUM[36..].chars().collect::<Vec<_>>(),
        &ALNUM[..10].chars().collect::<Vec<_>>(),
        &['-', '_'],
    ]
    .concat();
    let mut out = String::new();
    for part in text.as_bytes().chunks(3) {
        let bits = part
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - part.len()));
        for at in 0..=part.len() {
            out.push(letters[(bits >> (18 - 6 * at) & 63) as usize]);
        }
    }
    out
}

fn jwt(seed: u64) -> String {
    let header = base64(r#"{"alg":"HS256","typ":"JWT"}"#);
    let payload = base64(r#"{"sub":"31337","iat":1516239022,"role":"admin"}"#);
    format!("{header}.{payload}.{}", drawn(URL, 43, seed))
}

/// One of each kind that has a form of its own.
fn samples(seed: u64) -> Vec<(Kind, String)> {
    let hex = |length, salt| drawn(HEX, length, seed + salt);
    let alnum = |length, salt| drawn(ALNUM, length, seed + salt);
    let url = |length, salt| drawn(URL, length, seed + salt);
    let base = |length, salt| drawn(BASE64, length, seed + salt);
    vec![
        (Kind::AwsKeyId, format!("AKIA{}2", drawn(UPPER, 15, seed))),
        (
            Kind::AwsSecretKey,
            format!("aws_secret_access_key = {}", base(40, 3)),
        ),
        (Kind::GoogleKey, format!("AIza{}", url(35, 0))),
        (Kind::GoogleOauth, format!("GOCSPX-{}", url(28, 0))),
        (Kind::GoogleOauth, format!("ya29.{}", url(80, 0))),
        (
            Kind::GoogleServiceAccount,
            format!(
                "{{\"type\": \"service_account\", \"private_key\": \"{}\"}}",
                pem("PRIVATE KEY", seed)
            ),
        ),
        (
            Kind::AzureStorage,
            format!(
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}==;",
                base(86, 0)
            ),
        ),
        (
            Kind::AzureSharedAccess,
            format!(
                "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey={}=",
                base(43, 0)
            ),
        ),
        (
            Kind::AzureSharedAccess,
            format!(
                "https://a.blob.core.windows.net/c?sv=2024-11-04&se=2027-01-01&sig={}%3D",
                alnum(43, 0)
            ),
        ),
        (Kind::GitHub, format!("ghp_{}", checked(seed))),
        (Kind::GitHub, format!("ghs_{}", checked(seed + 1))),
        (
            Kind::GitHub,
            format!("github_pat_{}_{}", alnum(22, 0), alnum(59, 1)),
        ),
        (Kind::GitLab, format!("glpat-{}", url(20, 0))),
        (
            Kind::Slack,
            format!(
                "xoxb-{}-{}-{}",
                drawn("0123456789", 12, seed),
                drawn("0123456789", 13, seed + 1),
                alnum(24, 2)
            ),
        ),
        (
            Kind::Slack,
            format!(
                "https://hooks.slack.com/services/T{}/B{}/{}",
                drawn(UPPER, 9, seed),
                drawn(UPPER, 9, seed),
                alnum(24, 0)
            ),
        ),
        (Kind::Stripe, format!("sk_live_{}", alnum(24, 0))),
        (Kind::Stripe, format!("rk_live_{}", alnum(99, 0))),
        (Kind::Stripe, format!("whsec_{}", alnum(32, 0))),
        (
            Kind::OpenAi,
            format!("sk-{}T3Blbk{}{}", alnum(20, 0), "FJ", alnum(20, 1)),
        ),
        (
            Kind::OpenAi,
            format!("sk-proj-{}T3Blbk{}{}", url(74, 0), "FJ", url(74, 1)),
        ),
        (Kind::Anthropic, format!("sk-ant-api03-{}AA", url(93, 0))),
        (Kind::ModelProvider, format!("sk-or-v1-{}", hex(64, 0))),
        (Kind::ModelProvider, format!("sk-{}", hex(32, 0))),
        (Kind::ModelProvider, format!("gsk_{}", alnum(52, 0))),
        (
            Kind::HuggingFace,
            format!("hf_{}", drawn(&ALNUM[10..], 34, seed)),
        ),
        (Kind::Npm, format!("npm_{}", checked(seed))),
        (Kind::PyPi, format!("pypi-AgEIcHlwaS5vcmc{}", url(120, 0))),
        (Kind::SendGrid, format!("SG.{}.{}", url(22, 0), url(43, 1))),
        (Kind::Twilio, format!("new Twilio('SK{}', s)", hex(32, 0))),
        (Kind::Twilio, format!("TWILIO_AUTH_TOKEN={}", hex(32, 0))),
        (
            Kind::Telegram,
            format!("{}:AAF{}", drawn("123456789", 10, seed), url(32, 0)),
        ),
        (Kind::Jwt, jwt(seed)),
        (Kind::PrivateKey, pem("PRIVATE KEY", seed)),
        (Kind::PrivateKey, pem("RSA PRIVATE KEY", seed)),
        (Kind::PrivateKey, pem("ENCRYPTED PRIVATE KEY", seed)),
        (Kind::OpenSsh, pem("OPENSSH PRIVATE KEY", seed)),
        (Kind::Pgp, pem("PGP PRIVATE KEY BLOCK", seed)),
        (
            Kind::PrivateKey,
            format!(
                "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n{}\n",
                base(48, 0)
            ),
        ),
        (
            Kind::Age,
            format!("AGE-SECRET-KEY-1{}", drawn(UPPER, 58, seed)),
        ),
        (
            Kind::DatabaseUrl,
            format!("postgresql://app:{}@db.internal:5432/app", alnum(16, 0)),
        ),
        (
            Kind::DatabaseUrl,
            format!("mongodb+srv://svc:{}@cluster0.mongodb.net", alnum(14, 0)),
        ),
        (
            Kind::UrlPassword,
            format!("https://ci:{}@git.internal/x.git", alnum(20, 0)),
        ),
        (
            Kind::Authorization,
            format!("Authorization: Bearer {}", alnum(40, 0)),
        ),
        (
            Kind::Authorization,
            format!(
                "-H 'authorization: Basic {}'",
                base64(&format!("ops:{}", alnum(16, 0)))
            ),
        ),
        (Kind::Service, format!("dop_v1_{}", hex(64, 0))),
        (Kind::Service, format!("shpat_{}", hex(32, 0))),
        (Kind::Service, format!("hvs.{}", url(95, 0))),
        (
            Kind::Gateway,
            format!("tg_{}_{}_{}", alnum(12, 0), alnum(43, 1), alnum(6, 2)),
        ),
        (
            Kind::Password,
            format!("\"password\": \"{}\"", alnum(17, 0) + "7"),
        ),
        (Kind::Assigned, format!("API_KEY={}", alnum(31, 0) + "7")),
        (
            Kind::Assigned,
            format!("client_secret: '{}'", alnum(39, 0) + "7"),
        ),
        (
            Kind::Assigned,
            format!("const secret: &str = \"{}\";", alnum(31, 0) + "7"),
        ),
        (
            Kind::Assigned,
            format!("deploy --token {} --yes", alnum(36, 0)),
        ),
        (
            Kind::Assigned,
            format!(
                "<apiToken>x</apiToken><secret>{}</secret>",
                alnum(29, 0) + "7"
            ),
        ),
    ]
}

/// Everything that is found.
fn all(text: &str) -> Vec<Found> {
    let mut all = Vec::new();
    secrets::find(text.as_bytes(), |found| all.push(found));
    all
}

/// As it stands inside a JSON string.
fn quoted(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("text is JSON");
    quoted[1..quoted.len() - 1].to_owned()
}
