//! Secrets that are more than a prefix and some letters.

use memchr::memmem;

use super::kinds::Kind;
use super::secrets::{Hit, Place};
use super::text::{Set, Value, char_at, char_before, run_back};
use super::worth::{contains, entropy, is_drawn_by_lot, is_made_up, is_random};

/// A private key in PEM: the line that says so, and a line of the key. Code that only names the line has no key behind it.
pub(super) fn pem(place: &Place<'_>) -> Hit {
    let label = Value::read_while(place.text, place.end, 48, |c| {
        c.is_ascii_uppercase() || c.is_ascii_digit() || c == b' '
    });
    let name = label.bytes();
    let name = name.strip_suffix(b" BLOCK").unwrap_or(name);
    if !name.ends_with(b"PRIVATE KEY") || !place.text[label.end..].starts_with(b"-----") {
        return None;
    }
    let start = label.end + 5;
    let end = body(place.text, start)?;
    let before = &place.text[place.at.saturating_sub(600)..place.at];
    let kind = if name.starts_with(b"OPENSSH") {
        Kind::OpenSsh
    } else if name.starts_with(b"PGP") {
        Kind::Pgp
    } else if memmem::find(before, b"service_account").is_some() {
        Kind::GoogleServiceAccount
    } else {
        Kind::PrivateKey
    };
    Some((kind, place.at.saturating_sub(3)..end))
}

/// A line of a key in the next lines, before the next row of dashes.
fn body(text: &[u8], start: usize) -> Option<usize> {
    const LINE: usize = 40;
    let stop = text.len().min(start + 1_500);
    let stop = memmem::find(&text[start..stop], b"---").map_or(stop, |at| start + at);
    let mut at = start;
    while at < stop {
        let line = Value::read(&text[..stop], at, Set::Base64, 100);
        if line.bytes().len() >= LINE && entropy(line.bytes()) >= 3.2 && !is_made_up(line.bytes()) {
            return Some(line.end);
        }
        at = char_at(text, line.end.max(at))?.1;
    }
    None
}

/// A key file of PuTTY, with its private part.
pub(super) fn putty(place: &Place<'_>) -> Hit {
    let rest = &place.text[place.end..place.text.len().min(place.end + 4_096)];
    let lines = memmem::find(rest, b"Private-Lines")?;
    let end = body(place.text, place.end + lines)?;
    Some(place.hit(place.at, end))
}

/// A JSON web token. What has no signature opens nothing; keys that are made to be public say `anon`.
pub(super) fn jwt(place: &Place<'_>) -> Hit {
    let text = place.text;
    let start = run_back(text, place.at, Set::Url, 1_000);
    let header = &text[start..place.at];
    if header.len() < 12 || !header.starts_with(b"eyJ") {
        return None;
    }
    let payload = Value::read(text, place.at + 1, Set::Url, 1_000);
    let signature = match char_at(text, payload.end)? {
        (b'.', next) => Value::read(text, next, Set::Url, 700),
        _ => return None,
    };
    let whole = signature.bytes().len() >= 20 && !is_made_up(signature.bytes());
    let (header, payload) = (decoded(header), decoded(payload.bytes()));
    let public = [b"\"anon\"".as_slice(), b"John Doe"];
    let signed = contains(&header, b"\"alg\"") && !public.iter().any(|it| contains(&payload, it));
    (whole && signed).then(|| place.hit(start, signature.end))
}

/// Base64 of either alphabet, as far as it goes.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digits = text.iter().map_while(|c| {
        Some(match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        })
    });
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::with_capacity(text.len()));
    for digit in digits {
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// Every key of OpenAI has the mark in its middle.
pub(super) fn openai(place: &Place<'_>) -> Hit {
    let start = run_back(place.text, place.at, Set::Url, 200);
    let before = place.text[start..place.at].strip_prefix(b"sk-")?;
    let behind = Value::read(place.text, place.end, Set::Url, 200);
    let long = before.len() >= 20 && behind.bytes().len() >= 20;
    (long && is_random(before) && is_random(behind.bytes())).then(|| place.hit(start, behind.end))
}

/// Secret and restricted keys; what is published begins with `pk`.
pub(super) fn stripe(place: &Place<'_>) -> Hit {
    let start = place.at.checked_sub(1)?;
    if !b"sr".contains(&place.text[start]) || !place.begins(start) {
        return None;
    }
    let value = Value::read(place.text, place.end, Set::Alnum, 250);
    let sound = value.bytes().len() >= 16 && is_random(value.bytes());
    sound.then(|| place.hit(start, value.end))
}

/// The bot's number, a colon, 35 letters.
pub(super) fn telegram(place: &Place<'_>) -> Hit {
    let digits = place.text[..place.at].iter().rev().take(11);
    let count = digits.take_while(|c| c.is_ascii_digit()).count();
    let start = place.at - count;
    // As in `/bot123456:…` of an address.
    let bot = place.text[..start].ends_with(b"bot");
    if !(8..=10).contains(&count) || !(bot || place.begins(start)) {
        return None;
    }
    let value = Value::read(place.text, place.end, Set::Url, 34);
    let sound = value.bytes().len() == 33 && is_random(value.bytes());
    sound.then(|| place.hit(start, value.end))
}

/// A key of Twilio has nothing of its own but two letters, so the name has to be near.
pub(super) fn twilio(place: &Place<'_>) -> Hit {
    let near = &place.text[..place.text.len().min(place.end + 300)];
    memmem::find_iter(&near[place.end..], b"SK").find_map(|at| {
        let at = place.end + at;
        let value = Value::read(place.text, at + 2, Set::Hex, 33);
        let sound = value.bytes().len() == 32 && place.begins(at) && is_random(value.bytes());
        sound.then(|| place.hit(at, value.end))
    })
}

/// An address by which anyone can write to a channel.
pub(super) fn slack_hook(place: &Place<'_>) -> Hit {
    let path = Value::read_while(place.text, place.end, 120, |c| {
        Set::Word.has(c) || c == b'/'
    });
    let mut parts = path
        .bytes()
        .strip_prefix(b"/services/")?
        .split(|c| *c == b'/');
    let (team, hook, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let named = team.starts_with(b"T") && hook.starts_with(b"B") && team.len() >= 8;
    (named && secret.len() >= 20 && is_random(secret)).then(|| place.hit(place.at, path.end))
}

/// `AccountKey=` and `SharedAccessKey=`: base64 of 64 or 32 bytes. The emulator's key is known to all.
pub(super) fn azure_key(place: &Place<'_>, length: usize) -> Hit {
    let (b'=', start) = char_at(place.text, place.end)? else {
        return None;
    };
    let value = Value::read(place.text, start, Set::Base64, length + 1);
    let emulator = value
        .bytes()
        .starts_with(b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1");
    let whole = value.bytes().len() == length && value.bytes().ends_with(b"=");
    (whole && !emulator && is_random(value.bytes())).then(|| place.hit(place.at, value.end))
}

/// A signature in an address, with its version or its end nearby.
pub(super) fn azure_signature(place: &Place<'_>) -> Hit {
    if !matches!(char_before(place.text, place.at), b'&' | b'?' | b';') {
        return None;
    }
    let (b'=', start) = char_at(place.text, place.at + 3)? else {
        return None;
    };
    let value = Value::read_while(place.text, start, 120, |c| Set::Base64.has(c) || c == b'%');
    let near = &place.text[place.at.saturating_sub(400)..place.text.len().min(value.end + 400)];
    let marked = [&b"sv=20"[..], b"sv\\u003d20", b"se=20", b"se\\u003d20"];
    let ours = marked.iter().any(|mark| memmem::find(near, mark).is_some());
    let sound = ours && value.bytes().len() >= 43 && is_random(value.bytes());
    sound.then(|| place.hit(place.at, value.end))
}

/// Passwords that stand in every example of an address.
const WEAK: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"pass",
    b"secret",
    b"postgres",
    b"root",
    b"admin",
    b"guest",
    b"mysql",
    b"test",
    b"user",
    b"local",
    b"dev",
    b"rabbit",
];

/// `scheme://user:password@host`.
pub(super) fn url(place: &Place<'_>) -> Hit {
    let mut start = run_back(place.text, place.at, Set::Alnum, 20);
    // `mongodb+srv`.
    if place.text[..start].ends_with(b"+") {
        start = run_back(place.text, start - 1, Set::Alnum, 20);
    }
    let scheme = &place.text[start..place.at];
    let stop = |c: u8| c <= b' ' || c >= 0x7f || b"\"'`<>/?#()\\,;|".contains(&c);
    let whole = Value::read_while(place.text, place.end, 300, |c| !stop(c));
    let at = whole.bytes().iter().rposition(|c| *c == b'@')?;
    let (named, host) = whole.bytes().split_at(at);
    let colon = named.iter().position(|c| *c == b':')?;
    let (user, password) = (&named[..colon], &named[colon + 1..]);
    if scheme.is_empty() || !(password.len() >= 8 && entropy(password) >= 2.5 && is_mixed(password))
    {
        return None;
    }
    let weak = WEAK.iter().any(|word| contains(password, word))
        || (user.len() >= 3 && contains(password, user))
        || password.iter().any(|c| b"${}[]*".contains(c))
        || is_made_up(password)
        || contains(host, b"example");
    let database = DATABASES.iter().any(|name| contains(scheme, name));
    let kind = if database {
        Kind::DatabaseUrl
    } else {
        Kind::UrlPassword
    };
    (!weak).then_some((kind, start..whole.end))
}

const DATABASES: &[&[u8]] = &[
    b"sql",
    b"postgres",
    b"mongo",
    b"redis",
    b"maria",
    b"amqp",
    b"oracle",
    b"click",
];

/// More than small letters.
fn is_mixed(password: &[u8]) -> bool {
    password.iter().any(|c| !c.is_ascii_lowercase())
}

/// A header with a token or with a name and a password in it.
pub(super) fn header(place: &Place<'_>) -> Hit {
    let between = |c: u8| b"\"': =,`]".contains(&c);
    let gap = Value::read_while(place.text, place.end, 8, between);
    let scheme = Value::read(place.text, gap.end, Set::Alnum, 10);
    let (b' ', start) = char_at(place.text, scheme.end)? else {
        return None;
    };
    let value = Value::read(place.text, start, Set::Header, 1_000);
    let secret = match scheme.bytes().to_ascii_lowercase().as_slice() {
        b"basic" => is_basic(value.bytes()),
        b"bearer" | b"token" => is_drawn_by_lot(value.bytes(), 20),
        _ => false,
    };
    secret.then(|| place.hit(place.at, value.end))
}

/// Base64 of a name, a colon and a password that is none of the usual ones.
fn is_basic(value: &[u8]) -> bool {
    let plain = decoded(value);
    let shown = plain.iter().all(u8::is_ascii_graphic);
    let Some(colon) = plain.iter().position(|c| *c == b':').filter(|_| shown) else {
        return false;
    };
    let password = &plain[colon + 1..];
    password.len() >= 8
        && is_mixed(password)
        && !WEAK.iter().any(|word| contains(password, word))
        && !is_made_up(password)
}
