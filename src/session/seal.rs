//! Whether a conversation holds what only the provider that wrote it can read: signed or encrypted thoughts of a model.

use memchr::memmem;

use crate::protocol::call::Call;
use crate::protocol::message::{Message, Role};
use crate::protocol::scan::{elements, members};

/// One of these stands in every message that is sealed.
const MARKS: [&[u8]; 3] = [b"thinking\"", b"\"reasoning\"", b"\"item_reference\""];

/// Whether something sealed stands among what came since the person last spoke: that has to go back to who wrote it, as it is.
/// What is older may be left out.
pub fn is_sealed(call: &Call) -> bool {
    let since = call.messages.iter().rev();
    let since = since.take_while(|message| !message.is_person_turn());
    let models = since.filter(|it| matches!(it.role, Role::Assistant | Role::Other));
    models.into_iter().any(|message| is_thought(call, message))
}

fn is_thought(call: &Call, message: &Message) -> bool {
    let json = call.json(message.bytes.clone());
    // Most messages are long and hold nothing of the kind.
    if !MARKS.iter().any(|mark| memmem::find(json, mark).is_some()) {
        return false;
    }
    let Ok(json) = std::str::from_utf8(json) else {
        return false;
    };
    let mut sealed = seals(json);
    members(json, |key, value| {
        if key == "content" {
            elements(value, |part| sealed |= seals(part));
        }
    });
    sealed
}

/// Whether one item or part is sealed.
fn seals(json: &str) -> bool {
    let (mut kind, mut closed) = ("", false);
    members(json, |key, value| match key {
        "type" => kind = value,
        // What has a name at the provider is read there.
        "signature" | "encrypted_content" | "id" => closed |= value.len() > 2 && value != "null",
        _ => {}
    });
    match kind {
        "\"thinking\"" | "\"reasoning\"" => closed,
        "\"redacted_thinking\"" | "\"item_reference\"" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::dialect::Endpoint;

    fn sealed(endpoint: Endpoint, list: &str, items: &[&str]) -> bool {
        let body = format!(r#"{{"model":"m","{list}":[{}]}}"#, items.join(","));
        is_sealed(&Call::read(endpoint, Bytes::from(body), 64).expect("a valid body"))
    }

    #[test]
    fn signed_thoughts_seal_a_turn_and_plain_ones_do_not() {
        let of = |thought: &str| {
            let call = format!(
                r#"{{"role":"assistant","content":[{thought},{{"type":"tool_use","id":"1","name":"t","input":{{"type":"thinking","signature":"abc"}}}}]}}"#
            );
            let ask = r#"{"role":"user","content":"fix it"}"#;
            let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}"#;
            sealed(Endpoint::Messages, "messages", &[ask, &call, result])
        };

        assert!(of(
            r#"{"type":"thinking","thinking":"…","signature":"c2ln"}"#
        ));
        assert!(of(r#"{"type":"redacted_thinking","data":"x"}"#));
        assert!(!of(r#"{"type":"thinking","thinking":"…","signature":""}"#));
        assert!(!of(
            r#"{"type":"text","text":"\"thinking\",\"signature\":\"x\""}"#
        ));
    }

    #[test]
    fn encrypted_reasoning_and_references_seal_a_turn() {
        let of = |item: &str| {
            let call = r#"{"type":"function_call","call_id":"1","name":"t","arguments":"{}"}"#;
            let result = r#"{"type":"function_call_output","call_id":"1","output":"x"}"#;
            let ask = r#"{"role":"user","content":"fix it"}"#;
            sealed(Endpoint::Responses, "input", &[ask, item, call, result])
        };

        assert!(of(
            r#"{"type":"reasoning","summary":[],"encrypted_content":"x"}"#
        ));
        assert!(of(r#"{"type":"item_reference","id":"rs_1"}"#));
        assert!(!of(
            r#"{"type":"reasoning","summary":[],"encrypted_content":null}"#
        ));
        assert!(!of(r#"{"role":"assistant","content":"hm"}"#));
    }

    #[test]
    fn what_was_thought_before_the_person_spoke_binds_nobody() {
        let thought = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"…","signature":"c2ln"}]}"#;
        let ask = r#"{"role":"user","content":"and now this"}"#;

        assert!(!sealed(
            Endpoint::Messages,
            "messages",
            &[ask, thought, ask]
        ));
    }
}
