//! The entries as the journal keeps them: JSON, with the fields of each in their order and without their names. A call
//! brings three entries, and to write fifty names took longer than to write what they name. Whoever reads takes both.

use serde::{Serialize, Serializer};

use super::entry::{Amount, CallEnd, CallHead, Entry, Intent};

macro_rules! in_order {
    ($type:ident: $($field:ident),+) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { $($field),+ } = self;
                ($($field),+).serialize(serializer)
            }
        }
    };
}

in_order!(CallHead: request, at, tenant, key, tags, session, endpoint, asked, policy, rule, reason, task, explanation);
in_order!(Intent: attempt, head, model, target, hosting, price, at, mark);
in_order!(CallEnd: at, status, model, hosting, baseline, first_byte_ms, duration_ms, error, translation, flaws);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let it = &self.usage;
        let usage = [
            it.input,
            it.cache_read,
            it.cache_write_short,
            it.cache_write_long,
            it.output,
            it.reasoning,
        ];
        (usage, self.cost).serialize(serializer)
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let out = serializer;
        match self {
            Self::Intent(intent) => out.serialize_newtype_variant("Entry", 0, "Intent", intent),
            Self::Progress {
                request,
                attempt,
                mark,
            } => {
                let fields = (request, attempt, mark);
                out.serialize_newtype_variant("Entry", 1, "Progress", &fields)
            }
            Self::Settle {
                request,
                attempt,
                amount,
                actual,
                sent,
                end,
                at,
            } => {
                let fields = (request, attempt, amount, actual, sent, end, at);
                out.serialize_newtype_variant("Entry", 2, "Settle", &fields)
            }
            Self::Void {
                request,
                attempt,
                sent,
                end,
                at,
            } => {
                let fields = (request, attempt, sent, end, at);
                out.serialize_newtype_variant("Entry", 3, "Void", &fields)
            }
            Self::Close { request, head, end } => {
                let fields = (request, head, end);
                out.serialize_newtype_variant("Entry", 4, "Close", &fields)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::dialect::{Endpoint, Hosting};
    use crate::domain::facts::Task;
    use crate::domain::ids::{AttemptId, RequestId};
    use crate::domain::money::NanoUsd;
    use crate::domain::tokens::{TokenCount, Usage};
    use crate::ledger::entry::End;

    fn amount() -> Amount {
        let count = TokenCount;
        Amount {
            usage: Usage {
                input: count(1),
                cache_read: count(2),
                cache_write_short: count(3),
                cache_write_long: count(4),
                output: count(5),
                reasoning: count(6),
            },
            cost: Some(NanoUsd(7)),
        }
    }

    fn head() -> CallHead {
        CallHead {
            request: RequestId(1),
            at: Timestamp::from_millis(2),
            tenant: "tenant".into(),
            key: "key".into(),
            tags: vec![("tag".into(), "value".into())],
            session: Some("session".into()),
            endpoint: Endpoint::Chat,
            asked: "asked".into(),
            policy: "policy".into(),
            rule: Some("rule".into()),
            reason: "reason".into(),
            task: Task::Fix,
            explanation: serde_json::from_str(r#"{"candidates":[]}"#).expect("JSON"),
        }
    }

    fn end() -> CallEnd {
        CallEnd {
            at: Timestamp::from_millis(3),
            status: 200,
            model: Some("model".into()),
            hosting: Some(Hosting::Own),
            baseline: Some(NanoUsd(4)),
            first_byte_ms: Some(5),
            duration_ms: 6,
            error: Some("error".into()),
            translation: None,
            flaws: Some("[]".into()),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let (request, attempt) = (RequestId(1), AttemptId(2));
        let (at, sent) = (Timestamp::from_millis(9), Some(Timestamp::from_millis(8)));
        let intent = Intent {
            attempt,
            head: head().into(),
            model: "model".into(),
            target: "target".into(),
            hosting: Hosting::Vendor,
            price: Some("price".into()),
            at,
            mark: amount(),
        };
        let (mark, amount) = (amount(), amount());
        let entries = [
            Entry::Intent(intent.into()),
            Entry::Progress {
                request,
                attempt,
                mark,
            },
            Entry::Settle {
                request,
                attempt,
                amount,
                actual: true,
                sent,
                end: End::Complete,
                at,
            },
            Entry::Void {
                request,
                attempt,
                sent,
                end: End::NotSent,
                at,
            },
            Entry::Close {
                request,
                head: Some(head().into()),
                end: end(),
            },
        ];

        for entry in entries {
            let text = serde_json::to_string(&entry).expect("JSON");
            let read: Entry = serde_json::from_str(&text).expect(&text);
            assert_eq!(format!("{read:?}"), format!("{entry:?}"));
        }
    }

    #[test]
    fn an_entry_with_names_is_read_too() {
        let named = json!({"Progress": {
            "request": RequestId(1), "attempt": AttemptId(2),
            "mark": {"usage": amount().usage, "cost": 7},
        }});

        let read: Entry = serde_json::from_value(named).expect("an entry");

        assert!(matches!(read, Entry::Progress { mark, .. } if mark == amount()));
    }
}
