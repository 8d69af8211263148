//! The closed sets of words that label metrics. Sets that belong to rooms above (reasons, error codes) come as
//! `&'static str`, which only such a set can give.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every one, in declaration order: its place is `self as usize`.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// The word as it stands in a label.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

words!(
    /// How a call ended, as its caller saw it.
    Completion {
        /// Answered in full.
        Answered = "answered",
        /// Refused by the gateway: key, budget, policy, or the request itself.
        Refused = "refused",
        /// Turned away because the gateway was full, draining or without its store.
        Overloaded = "overloaded",
        /// The target's own 4xx, passed on: the request was at fault.
        Rejected = "rejected",
        /// No target answered, or the last one answered 429 or 5xx.
        TargetFailed = "target_failed",
        /// The answer had begun and then broke off.
        Cut = "cut",
        /// The caller hung up first.
        ClientGone = "client_gone",
    }
);

words!(
    /// A part of the gateway's own time in a call.
    Stage {
        /// From the socket to an authenticated call.
        Admit = "admit",
        /// Waiting for the caller to send its body.
        Read = "read",
        /// Reading what is needed from the body.
        Parse = "parse",
        /// Loading the conversation's state.
        Recall = "recall",
        /// Kind of work and difficulty.
        Classify = "classify",
        /// Filters, scores, the plan.
        Decide = "decide",
        /// The hold, until it may be sent.
        Reserve = "reserve",
        /// Translating a request where the target speaks another dialect.
        Translate = "translate",
        /// All of it but `read`: from the last byte of the request to the first byte towards the target.
        Total = "total",
    }
);

words!(
    /// Why the heuristic spoke in the net's place.
    Fallback {
        /// The net had not answered in time.
        Late = "late",
        /// Too many calls waited for the net already.
        Full = "full",
        /// The net's thread is not there.
        Dead = "dead",
        /// The net failed.
        Failed = "failed",
    }
);

words!(
    /// What the ledger was asked to do.
    LedgerOp {
        /// Write an intent.
        Hold = "hold",
        /// Mark how far a stream was relayed.
        Progress = "progress",
        /// Write an attempt's end.
        Settle = "settle",
        /// Wait until an intent is on the disk.
        Sync = "sync",
        /// Read, for the operator.
        Query = "query",
    }
);

words!(
    /// What an attempt's end is called.
    Settled {
        /// The target told the usage.
        Actual = "actual",
        /// Reckoned from the marks.
        Estimated = "estimated",
        /// Nothing to pay.
        Void = "void",
    }
);

words!(
    /// Later word on an answer.
    Verdict {
        /// It was good.
        Good = "good",
        /// It was not.
        Bad = "bad",
    }
);
