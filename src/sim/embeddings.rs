//! Embeddings: vectors that follow from the text, as lists or in base64.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Quoted, base64, put};
use super::prompt::{Fold, Prompt};
use super::refusal::Refusal;
use super::request::Text;
use crate::domain::clock::mix;

#[derive(Debug, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    encoding_format: Option<Text<'a>>,
    dimensions: Option<usize>,
}

/// A request for vectors that was understood.
#[derive(Debug)]
pub(super) struct Embed<'a> {
    pub(super) model: Text<'a>,
    inputs: Vec<&'a RawValue>,
    base64: bool,
    dimensions: usize,
}

impl<'a> Embed<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        let body: Body<'a> =
            serde_json::from_slice(body).map_err(|error| Refusal::unreadable(&error))?;
        let input = body.input.ok_or_else(|| Refusal::missing("input"))?;
        // One text, one list of token numbers, or a list of either.
        let many = serde_json::from_str::<Vec<&RawValue>>(input.get()).ok();
        let many = many.filter(|list| {
            !list
                .iter()
                .all(|one| one.get().starts_with(|c: char| c.is_ascii_digit()))
        });
        Ok(Self {
            model: body.model.ok_or_else(|| Refusal::missing("model"))?,
            inputs: many.unwrap_or_else(|| vec![input]),
            base64: body
                .encoding_format
                .is_some_and(|format| format.as_str() == "base64"),
            dimensions: body.dimensions.unwrap_or(64).clamp(1, 4_096),
        })
    }

    pub(super) fn prompt(&self) -> Prompt {
        let mut prompt = Prompt::default();
        for input in &self.inputs {
            prompt.feed(input.get().as_bytes());
        }
        prompt
    }

    pub(super) fn body(&self, seed: u64, tokens: i64) -> String {
        let mut out = String::from(r#"{"object":"list","data":["#);
        for (index, input) in self.inputs.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            put!(
                out,
                r#"{comma}{{"object":"embedding","index":{index},"embedding":"#
            );
            let vector = self.vector(seed ^ Fold::of(input.get()));
            match self.base64 {
                true => {
                    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                    put!(out, "\"{}\"", base64(&bytes));
                }
                false => put!(out, "{vector:?}"),
            }
            out.push('}');
        }
        let model = Quoted(self.model.as_str());
        put!(
            out,
            r#"],"model":{model},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#
        );
        out
    }

    /// Of length one, as providers give them.
    fn vector(&self, seed: u64) -> Vec<f32> {
        let raw = (0..self.dimensions as u64).map(|at| f32::from(mix(seed ^ mix(at)) as i16));
        let raw: Vec<f32> = raw.collect();
        let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
        raw.into_iter().map(|x| x / length).collect()
    }
}
