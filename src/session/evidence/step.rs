//! The walk over new messages: who said what, which result belongs to which call, and what that is a sign of.

use super::clients::{self, Said};
use super::commands::Does;
use super::failures::{self, Failure};
use super::output::{self, Outcome};
use super::person::{self, Word};
use super::state::State;
use super::tools::{self, Use};
use crate::domain::sign::{Sign, Signs};
use crate::protocol::message::{Message, Role};
use crate::protocol::person as words;
use crate::protocol::transcript::{self, Part, Text, ToolCall, ToolResult};

/// How much is read of one text, from its beginning and from its end.
const REACH: usize = 16 * 1_024;

/// The name under which a call waits that a client writes as text.
const IN_TEXT: u64 = 0;

/// Reads what a transcript tells.
#[derive(Debug)]
pub struct Evidence;

impl Evidence {
    /// The model has spoken, and what it said lies at its provider, where nobody here reads it.
    pub fn spoke_unseen(state: &mut State) {
        state.model_speaks(&mut Signs::default());
    }

    /// What was wrong with an answer on its way out. `shown`: the caller has it, so that the transcript may come to say the same.
    pub fn heard(state: &mut State, sign: Sign, shown: bool) {
        state.heard(sign, shown);
    }

    /// Reads the new messages of a body, in order, and says what signs are in them. Cut the messages wherever you like: the
    /// state in the end is the same.
    pub fn step(state: &mut State, body: &[u8], new: &[Message]) -> Signs {
        let mut walk = Walk {
            state,
            new: Signs::default(),
            plain: String::new(),
        };
        for message in new {
            let json = body.get(message.bytes.clone()).map(std::str::from_utf8);
            if let Some(Ok(json)) = json {
                walk.message(json, message);
            }
        }
        walk.new
    }
}

struct Walk<'s> {
    state: &'s mut State,
    new: Signs,
    plain: String,
}

impl Walk<'_> {
    fn message(&mut self, json: &str, message: &Message) {
        match message.role {
            Role::Assistant => self.of_model(json),
            Role::Person => {
                self.state.others_speak();
                self.of_person(json, message);
            }
            Role::Tool => {
                self.state.others_speak();
                transcript::read(json, |part| {
                    if let Part::Result(result) = part {
                        self.result(&result);
                    }
                });
            }
            Role::System | Role::Other => {}
        }
    }

    fn sign(&mut self, sign: Sign) {
        self.state.sign(sign, &mut self.new);
    }

    fn of_model(&mut self, json: &str) {
        self.state.model_speaks(&mut self.new);
        let mut said = false;
        let is_message = transcript::read(json, |part| match part {
            Part::Text(text) => {
                said |= !text.is_blank();
                self.text_of_model(text);
            }
            Part::Call(call) => {
                said = true;
                self.call(&call);
            }
            Part::Result(result) => self.result(&result),
            Part::Image => said = true,
            Part::Thinking(_) => {}
        });
        if is_message && !said {
            self.sign(Sign::EmptyAnswer);
        }
    }

    fn call(&mut self, call: &ToolCall<'_>) {
        let used = tools::read(call, &mut self.plain);
        self.state.call(tools::id(call.id), used, &mut self.new);
    }

    /// Calls and edits that a client has the model write as text.
    fn text_of_model(&mut self, text: Text<'_>) {
        if !clients::may_act(text.raw()) {
            return;
        }
        text.read(REACH, &mut self.plain);
        for file in clients::edits(&self.plain) {
            self.state.edit(file, &mut self.new);
        }
        if let Some(used) = tools::in_text(&self.plain) {
            self.state.call(IN_TEXT, used, &mut self.new);
        }
    }

    fn of_person(&mut self, json: &str, message: &Message) {
        let mut own = message.is_person_turn();
        // A result that is written as text: its heading may stand in a part of its own.
        let mut written: Option<(Use, String)> = None;
        transcript::read(json, |part| match part {
            Part::Result(result) => self.result(&result),
            Part::Text(text) => {
                let mut plain = String::new();
                text.read(REACH, &mut plain);
                match (clients::said(&plain), &mut written) {
                    (Said::Result { used, text }, _) => {
                        self.finish(written.take());
                        written = Some((self.known(used), text.to_owned()));
                        own = false;
                    }
                    (Said::Around, _) => {}
                    (Said::Nothing, Some((_, result))) => result.push_str(&plain),
                    (Said::Nothing, None) => {}
                    (said, _) => {
                        own &= matches!(said, Said::Stopped);
                        self.client(said);
                    }
                }
            }
            _ => {}
        });
        self.finish(written);
        if own {
            self.words(&words::words(json, message));
        }
    }

    /// The call as the model wrote it, if it is the one; else as the heading of its result says.
    fn known(&mut self, used: Use) -> Use {
        let open = self.state.close(IN_TEXT);
        open.filter(|open| open.does == used.does).unwrap_or(used)
    }

    fn finish(&mut self, written: Option<(Use, String)>) {
        if let Some((used, text)) = written {
            let error = clients::is_error(&text);
            self.judge(used, &text, error);
        }
    }

    /// What a client says in the person's place.
    fn client(&mut self, said: Said<'_>) {
        match said {
            Said::Ran { used, output } => self.judge(used, output, false),
            Said::Unfit => self.fail(Use::default(), Sign::PatchFailed),
            Said::NoTool => self.fail(Use::default(), Sign::BadArguments),
            Said::Lint(text) => {
                let used = Use {
                    does: Does::LINT,
                    ..Use::default()
                };
                self.judge(used, text, true);
            }
            Said::Stopped => self.sign(Sign::Interrupted),
            Said::Committed => {
                let outcome = Outcome {
                    signs: Signs::from_iter([Sign::Committed]),
                    ..Outcome::default()
                };
                self.state.outcome(Use::default(), &outcome, &mut self.new);
            }
            Said::Result { .. } | Said::Around | Said::Nothing => {}
        }
    }

    fn fail(&mut self, used: Use, sign: Sign) {
        let outcome = Outcome::fail(sign, None);
        self.state.outcome(used, &outcome, &mut self.new);
    }

    /// The person's own words.
    fn words(&mut self, words: &str) {
        if words.is_empty() {
            return;
        }
        self.state.asked();
        let answered = self.state.answered();
        match person::word(words).filter(|_| answered) {
            // The work goes on, and what was seen of it holds.
            Some(Word::Wrong) => self.sign(Sign::Complaint),
            Some(Word::Right) => {
                self.state.begin();
                self.sign(Sign::Thanks);
            }
            None => self.state.begin(),
        }
    }

    fn result(&mut self, result: &ToolResult<'_>) {
        let used = self.state.close(tools::id(result.id)).unwrap_or_default();
        let mut plain = std::mem::take(&mut self.plain);
        result.content.read(REACH, &mut plain);
        let before = *self.state.signs();
        self.judge(used, &plain, result.error);
        self.state.found(&before);
        self.plain = plain;
    }

    fn judge(&mut self, used: Use, text: &str, error: bool) {
        let edit = used.does.has(Does::EDIT);
        let run = used.does.has(Does::RUN);
        let beginning = failures::beginning(text);
        let outcome = match failures::of_result(&beginning, edit, error) {
            Some(Failure::Refused) => return self.sign(Sign::Interrupted),
            Some(Failure::Patch) => Outcome::fail(Sign::PatchFailed, None),
            Some(Failure::Arguments) if !used.broken => Outcome::fail(Sign::BadArguments, None),
            // That was a sign when it was called.
            _ if used.broken => Outcome {
                failed: true,
                ..Outcome::default()
            },
            _ if run => {
                if edit {
                    self.state.edit(used.of, &mut self.new);
                }
                of_run(used, text, error)
            }
            _ if edit => {
                if !(error || output::failed(text) || failures::begins_as_error(&beginning)) {
                    return self.edited(used);
                }
                Outcome::fail(Sign::ErrorResult, None)
            }
            _ => {
                let known = used.does != Does::NOTHING;
                // A search that finds nothing ends so too.
                let error = error && output::says_more(text);
                match error || (!known && failures::begins_as_error(&beginning)) {
                    true => Outcome::fail(Sign::ErrorResult, None),
                    false => Outcome::default(),
                }
            }
        };
        self.state.outcome(used, &outcome, &mut self.new);
    }

    fn edited(&mut self, used: Use) {
        self.state.edit(used.of, &mut self.new);
        let outcome = Outcome::default();
        self.state.outcome(used, &outcome, &mut self.new);
    }
}

/// The output of a command. What it says of patches counts where nothing else does.
fn of_run(used: Use, text: &str, error: bool) -> Outcome {
    let outcome = output::judge(text, used.does, error);
    let vague = outcome.signs.is_empty() || outcome.signs.count(Sign::ErrorResult) > 0;
    match vague && failures::is_patch(text) {
        true => Outcome::fail(Sign::PatchFailed, None),
        false => outcome,
    }
}
