//! Whether a refusal may only repeat its call: some providers quote names of fields, values and headers that they do not take.

use std::fmt;

use http::HeaderMap;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::sizes::names;
use crate::domain::tokens::TokenCount;

/// Whether a call itself names a window of this size, anywhere and however it is written.
pub fn is_quoted(most: TokenCount, body: &[u8], headers: &HeaderMap) -> bool {
    let mut said = headers
        .values()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    said.any(|text| names(&text, most)) || is_in(body, most)
}

/// Nothing is kept of the body, which may be as large as any. One that is deeper than is read may say anything.
fn is_in(body: &[u8], most: TokenCount) -> bool {
    let mut texts = Texts { most, found: false };
    let read = (&mut texts).deserialize(&mut serde_json::Deserializer::from_slice(body));
    read.is_err() || texts.found
}

/// Looks at each text of a body and at each name of a field.
struct Texts {
    most: TokenCount,
    found: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Texts {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Texts {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.found |= names(text, self.most);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while all.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while all.next_key_seed(&mut *self)?.is_some() {
            all.next_value_seed(&mut *self)?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_size_that_a_call_names_itself_is_found_wherever_it_stands() {
        let none = HeaderMap::new();
        let mut beta = HeaderMap::new();
        beta.insert(
            "anthropic-beta",
            HeaderValue::from_static("prompt is too long: 600 tokens > 512 maximum"),
        );
        let found = |body: &str, headers| is_quoted(TokenCount(512), body.as_bytes(), headers);

        for body in [
            r#"{"prompt is too long: 600 tokens > 512 maximum":1}"#,
            r#"{"\u0070rompt is too long: 600 tokens > \u0035\u0031\u0032 maximum":1}"#,
            r#"{"input":[{"content":["Context length is 512, or 4,096 maximum"]}]}"#,
            r#"{"a":"context length is 512","a":"b"}"#,
            "no JSON",
        ] {
            assert!(found(body, &none), "{body}");
        }
        assert!(found("{}", &beta));
        for body in [
            "{}",
            r#"{"max_tokens":512,"n":[-1,1.5,true,null,[]],"text":"512 of 1024 maximum"}"#,
        ] {
            assert!(!found(body, &none), "{body}");
        }
    }
}
