//! The requests: chats about code, of the size wanted, escaped as real ones are.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memmem;

/// Turns that were opened so far, by all callers: what a person says is new each time, or it would be known already.
static TURNS: AtomicU64 = AtomicU64::new(0);

/// Stands in the person's words where the turn's number goes.
const TURN: &str = "turn 000000000000";

/// A caller's requests, of one shape: one in eight opens a user turn, as agents do; the others bring a tool's result.
#[derive(Clone)]
pub(crate) struct Requests {
    user: Vec<u8>,
    tool: Vec<u8>,
    turn: Option<u64>,
}

impl Requests {
    /// Requests with bodies of about `size` bytes, sent with `key`; `stream` is how many events, and how many us apart.
    pub(crate) fn new(key: &str, size: usize, stream: Option<(u64, u64)>) -> Self {
        Self {
            user: request(key, &body(size, stream, false)),
            tool: request(key, &body(size, stream, true)),
            turn: None,
        }
    }

    /// The request of the `n`th call.
    pub(crate) fn at(&mut self, n: u64) -> &[u8] {
        let opens = n.is_multiple_of(8);
        if opens || self.turn.is_none() {
            let turn = TURNS.fetch_add(1, Ordering::Relaxed);
            self.turn = Some(turn);
            for request in [&mut self.user, &mut self.tool] {
                number(request, turn);
            }
        }
        if opens { &self.user } else { &self.tool }
    }
}

/// Writes the turn's number into its place.
fn number(request: &mut [u8], turn: u64) {
    let text = format!("turn {turn:012}");
    if let Some(at) = memmem::find(request, b"turn 0") {
        request[at..at + TURN.len()].copy_from_slice(text.as_bytes());
    }
}

fn request(key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\naccept: */*\r\nuser-agent: bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The body of a request. The person says all of it but a tool's result, where that is the last to speak.
pub(crate) fn body(size: usize, stream: Option<(u64, u64)>, tool_turn: bool) -> String {
    let mut body = String::from(r#"{"model":"auto","#);
    match stream {
        // Writing to a String does not fail.
        Some((events, micros)) => drop(write!(
            body,
            r#""user":"bench-e{events}-i{micros}","stream":true,"stream_options":{{"include_usage":true}},"#
        )),
        None => body.push_str(r#""user":"bench","#),
    }
    body.push_str(r#""messages":[{"role":"system","content":"You are a coding agent. Change as little as needed."},{"role":"user","content":"make the ledger strict"},{"role":"assistant","content":"It is strict now."},{"role":"user","content":"#);
    const RESULT: &str = r#"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"run","arguments":"{\"cmd\":\"cargo test\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"test result: ok. 12 passed; 0 failed"}]}"#;
    // The same words in both: a tool's result finds its turn known.
    let room = size.saturating_sub(body.len() + RESULT.len());
    body.push_str(&code(room).replacen('"', &format!("\"{TURN}\\n"), 1));
    body.push_str(match tool_turn {
        true => RESULT,
        false => r#"}],"temperature":0.2,"max_tokens":1024}"#,
    });
    body
}

/// A body whose one text is a block of a client's and the words of the person, with tags all through it.
pub(crate) fn blocks(size: usize) -> String {
    let line = r"<tr>\n  <td>4</td>\n</tr>\n";
    let page = line.repeat(size / line.len());
    format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"<environment_details>\nnone\n</environment_details>\nsort the rows\n{page}"}}]}}"#
    )
}

/// A body with the person's words at its beginning, and rounds of a tool behind them.
pub(crate) fn session(size: usize) -> String {
    const ROUND: usize = 2_048;
    let round = format!(
        r#",{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"run","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"call_1","content":{}}}"#,
        code(ROUND)
    );
    let rounds = round.repeat(size / round.len());
    format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"make the build faster"}}{rounds}]}}"#
    )
}

/// A body with one call of a test runner, and an output of about `size` bytes with what many runners and compilers write.
pub(crate) fn test_run(size: usize) -> String {
    const LINES: &str = r#"test cart::sums ... ok\ntest cart::taxes ... FAILED\n\u001b[31m  ● cart › sums\u001b[0m\n    at Object.<anonymous> (/w/src/cart.test.ts:14:7)\nwarning: unused variable: `x`\n --> src/cart.rs:9:5\n  |\n9 |     let x = \"one\";\n  |         ^\n/w/cart.c:4:9: warning: 'x' is set but not used\n  File \"/w/cart.py\", line 3, in total\n2026-01-02T03:04:05Z INFO shop: 200 GET /cart 12 ms, 3 errors since the start\n"#;
    let output = LINES.repeat(size / LINES.len());
    format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"mend the cart"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","type":"function","function":{{"name":"bash","arguments":"{{\"command\":\"cd shop && make test 2>&1\"}}"}}}}]}},{{"role":"tool","tool_call_id":"c","content":"{output}test result: FAILED. 2 passed; 1 failed; 0 ignored\n"}}]}}"#
    )
}

/// A JSON string of about `size` bytes that looks like code: about two escapes in a hundred bytes.
fn code(size: usize) -> String {
    const LINES: [&str; 6] = [
        r#"    let total = prices.iter().map(|price| price.amount).sum::<u64>();\n"#,
        r#"    if total > limit { return Err(Fault::new(\"too much\")); }\n"#,
        r#"    // Rounded up: the ledger may be too strict by a billionth, never too lax.\n"#,
        r#"    ledger.settle(attempt, total.div_ceil(1_000)).await?;\n"#,
        r#"    let answer = client.post(url).header(ACCEPT, JSON).body(body).send().await?;\n"#,
        r#"    assert_eq!(answer.status(), 200, \"the target answers\");\n"#,
    ];
    let mut text = String::with_capacity(size + 100);
    text.push('"');
    for line in LINES.iter().cycle() {
        if text.len() + line.len() >= size {
            break;
        }
        text.push_str(line);
    }
    text.push('"');
    text
}

/// Texts of a person as the classifier reads them, up to its window: short, code, and words that hardly repeat.
pub(crate) fn windows() -> [(&'static str, String); 3] {
    let code = "    for (index, item) in items.iter().enumerate() {\n        total += item.price * item.count; // line 12\n    }\n\n\
                def handle(self, request):\n    if request.user is None:\n        return Response({\"error\": \"no user\"}, status=401)\n\n";
    let words = |range: std::ops::Range<u32>| {
        let word = |n: u32| {
            let letter =
                |at: u32| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> at & 15) as u8);
            [4, 8, 12, 16, 20, 24]
                .map(letter)
                .iter()
                .collect::<String>()
        };
        range.map(word).collect::<Vec<_>>().join(" ")
    };
    [
        (
            "a short request",
            "why does the login test fail on main since yesterday?".to_owned(),
        ),
        ("a 4 KB window of code", code.repeat(16)),
        ("a 4 KB window of different words", words(0..640)),
    ]
}
