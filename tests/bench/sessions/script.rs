//! What happens in a session: the person's turns, the steps of each, and how the outcome of one leads to the next.
//!
//! A script is drawn once. What it becomes depends on who answers: a failed attempt shows and is tried again, a turn that
//! nobody solves is given up.

use serde_json::json;

use crate::client::{Client, Transcript, Use};
use crate::dice::Dice;
use crate::texts::{self, Request, Runner};
use crate::truth::{Population, Side, Truth};

/// Test runs until a model gives up, at the first asking and when the person has complained.
const RUNS: [u32; 2] = [3, 2];
/// Answers that the person looks at where no test does.
const LOOKS: u32 = 3;
/// Turns that want code changed; the others want an answer.
const CHANGES: f64 = 0.87;
/// Turns whose outcome a test shows, among those that change code: of all failures about 35 in 100 show no sign.
const TESTED: f64 = 0.75;
/// Untested work that is wrong and that the person notices.
const NOTICED: f64 = 0.5;
/// Turns that begin with a look at the tests as they fail.
const REPRODUCED: f64 = 0.3;
/// Edits that do not apply, by the own model and by the frontier's.
const MISSED: [f64; 2] = [0.05, 0.02];
/// Turns in which the own model reads one file more: weaker models take more steps.
const DETOUR: f64 = 0.4;

/// One turn of the person.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    request: Request,
    truth: Truth,
    dice: Dice,
    /// Milliseconds after the last answer.
    after: u64,
}

/// A session, before anybody has answered.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) begins: u64,
    runner: Runner,
    turns: Vec<Turn>,
    dice: Dice,
}

impl Script {
    /// Draws a session. `requests` come with how hard they look: 0 is the middle, 1 their spread.
    pub(crate) fn draw(seed: u64, number: u64, requests: &[(Request, f64)]) -> Self {
        let dice = Dice::new(seed).at(number);
        let (changing, asking): (Vec<_>, Vec<_>) = requests.iter().partition(|it| it.0.changes);
        let turns = (0..dice.at(1).whole(2, 6)).map(|turn| {
            let dice = dice.at(100 + turn);
            let changes = dice.at(4).share() < CHANGES;
            let (request, looks) = dice.at(0).one_of(if changes { &changing } else { &asking });
            Turn {
                request: request.clone(),
                truth: Truth::draw(*looks, dice.at(1)),
                dice: dice.at(2),
                after: thinking(dice.at(3)),
            }
        });
        Self {
            name: format!("s{seed}n{number}"),
            client: match dice.at(2).share() < 0.6 {
                true => Client::Claude,
                false => Client::Functions,
            },
            begins: dice.at(3).whole(0, 4 * 3_600_000),
            runner: dice.at(4).one_of(&Runner::ALL),
            turns: turns.collect(),
            dice: dice.at(5),
        }
    }

    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }
}

/// How long the person reads and thinks: half a minute to some minutes, and now and then a meeting.
fn thinking(dice: Dice) -> u64 {
    let minutes = match dice.at(0).share() < 0.12 {
        true => dice.at(1).whole(6, 40) as f64,
        false => (0.7 * dice.at(2).normal()).exp(),
    };
    (minutes * 60_000.0) as u64
}

/// What the next answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Read,
    Search,
    Reproduce,
    Edit,
    Test,
    Say,
}

/// What comes of an answer.
pub(crate) enum Next {
    /// The client calls again after so many milliseconds.
    Call(u64),
    /// The session is over.
    Over,
}

/// A session under way.
pub(crate) struct Session<'s> {
    script: &'s Script,
    population: &'s Population,
    pub(crate) transcript: Transcript,
    turn: usize,
    steps: Vec<Step>,
    /// Who wrote the last edit, or the last answer of a turn without any.
    author: Side,
    attempts: u32,
    runs: u32,
    round: usize,
    failing: u64,
    fault: u64,
    asked: u64,
    detoured: bool,
    green: bool,
    /// Whether each turn so far was solved.
    pub(crate) solved: Vec<bool>,
    /// Whether the own model passes at its first attempt, for turns begun: what a text-only forecast is held against.
    pub(crate) easy: Vec<bool>,
}

impl<'s> Session<'s> {
    pub(crate) fn begin(script: &'s Script, population: &'s Population) -> Self {
        let transcript = Transcript::new(script.client, script.name.clone(), script.dice);
        let mut session = Self {
            script,
            population,
            transcript,
            turn: 0,
            steps: Vec::new(),
            author: Side::Own,
            attempts: 0,
            runs: 0,
            round: 0,
            failing: 0,
            fault: 0,
            asked: 0,
            detoured: false,
            green: false,
            solved: Vec::new(),
            easy: Vec::new(),
        };
        session.open();
        session
    }

    fn now(&self) -> &'s Turn {
        &self.script.turns[self.turn]
    }

    /// The turn's own luck, a place for each thing that is drawn once a call.
    fn dice(&self, what: u64) -> Dice {
        self.now().dice.at(what).at(self.asked)
    }

    fn is_tested(&self) -> bool {
        self.now().request.changes && self.now().dice.at(1).share() < TESTED
    }

    /// An attempt of this turn has failed, as far as anybody could see.
    pub(crate) fn has_shown(&self) -> bool {
        (self.attempts > 0 && self.is_tested() && !self.green) || self.round > 0
    }

    /// The frontier solves this turn, and the own model does not.
    pub(crate) fn needs_frontier(&self) -> bool {
        self.solves(Side::Frontier) && !self.solves(Side::Own)
    }

    /// Whether a model solves this turn alone.
    fn solves(&self, side: Side) -> bool {
        let turn = self.now();
        let attempts = match (self.is_tested(), turn.dice.at(7).share() < NOTICED) {
            (true, _) => RUNS.iter().sum(),
            (false, true) => LOOKS,
            (false, false) => 1,
        };
        (0..attempts).any(|attempt| turn.truth.passes(self.population, side, attempt))
    }

    /// The person says what is wanted.
    fn open(&mut self) {
        let turn = self.now();
        self.transcript.says(&turn.request.text);
        self.easy
            .push(turn.truth.passes(self.population, Side::Own, 0));
        (self.attempts, self.runs, self.round, self.asked) = (0, 0, 0, 0);
        (self.detoured, self.green) = (false, false);
        self.fault = turn.dice.at(2).whole(1, 900);
        self.failing = turn.dice.at(3).whole(1, 4);
        let mut steps = vec![Step::Search];
        steps.extend(vec![Step::Read; turn.dice.at(4).whole(1, 3) as usize]);
        if self.is_tested() && turn.dice.at(5).share() < REPRODUCED {
            steps.push(Step::Reproduce);
        }
        self.plan(steps);
    }

    /// What is to be done from here to the end of the asking; the last is done first.
    fn plan(&mut self, mut steps: Vec<Step>) {
        if self.now().request.changes {
            steps.push(Step::Edit);
        }
        steps.push(if self.is_tested() {
            Step::Test
        } else {
            Step::Say
        });
        steps.reverse();
        self.steps = steps;
    }

    /// Takes an answer in; says when the client calls again.
    pub(crate) fn answered(&mut self, by: Side, said: &str) -> Next {
        self.asked += 1;
        let step = self.steps.pop().unwrap_or(Step::Say);
        let (used, pause) = match step {
            Step::Read => (self.read(by), 400),
            Step::Search => (self.search(), 700),
            Step::Reproduce => (self.run(false), 9_000),
            Step::Edit => (self.edit(by), 500),
            Step::Test => {
                self.green = self.try_it();
                (self.run(self.green), 9_000)
            }
            Step::Say => {
                self.transcript.ends(said);
                if !self.now().request.changes {
                    self.author = by;
                }
                return self.judged();
            }
        };
        self.transcript.uses(said, &used);
        if step == Step::Test {
            self.tested();
        }
        Next::Call(pause + self.dice(20).whole(0, pause))
    }

    fn file(&self) -> String {
        let name = ["unit", "cart", "order", "load", "view"];
        let dice = self.dice(21);
        format!(
            "/srv/{}/src/{}.{}",
            self.script.name,
            dice.one_of(&name),
            self.script.runner.ending()
        )
    }

    fn read(&mut self, by: Side) -> Use {
        let detours = self.now().dice.at(6).share() < DETOUR;
        if by == Side::Own && detours && !std::mem::replace(&mut self.detoured, true) {
            self.steps.push(Step::Read);
        }
        let bytes = self.dice(22).whole(3_000, 16_000);
        let (file, lines) = (self.file(), self.dice(23).whole(1, 400));
        Use {
            tool: "Read",
            input: json!({"file_path": file, "offset": lines}),
            result: texts::code(self.dice(24), bytes),
            error: false,
        }
    }

    fn search(&self) -> Use {
        let word = ["total", "load", "cache", "render", "limit"];
        let bytes = self.dice(25).whole(500, 3_000);
        Use {
            tool: "Grep",
            input: json!({"pattern": format!("{}_{}", self.dice(26).one_of(&word), self.asked), "path": format!("/srv/{}", self.script.name)}),
            result: texts::code(self.dice(27), bytes),
            error: false,
        }
    }

    fn edit(&mut self, by: Side) -> Use {
        self.author = by;
        let missed = MISSED[usize::from(by == Side::Frontier)];
        let misses = self.dice(28).share() < missed;
        if misses {
            self.steps.push(Step::Edit);
        }
        let file = self.file();
        let (old, new) = (
            texts::code(self.dice(29), 300),
            texts::code(self.dice(30), 700),
        );
        Use {
            tool: "Edit",
            result: match misses {
                true => "<tool_use_error>String to replace not found in file.</tool_use_error>"
                    .to_owned(),
                false => format!("The file {file} has been updated."),
            },
            input: json!({"file_path": file, "old_string": old, "new_string": new}),
            error: misses,
        }
    }

    /// Whether the last edit does what is wanted.
    fn try_it(&mut self) -> bool {
        let attempt = self.attempts;
        self.attempts += 1;
        self.runs += 1;
        self.now()
            .truth
            .passes(self.population, self.author, attempt)
    }

    fn run(&mut self, green: bool) -> Use {
        let (runner, dice) = (self.script.runner, self.dice(31));
        let result = match green {
            true => runner.green(dice),
            false if self.attempts > 0 && dice.at(1).share() < 0.25 => runner.broken(self.fault),
            false => runner.red(dice, self.failing, self.fault),
        };
        Use {
            tool: "Bash",
            input: json!({"command": runner.command(), "description": "run the tests"}),
            result: match green {
                true => result,
                false => format!("Exit code 1\n{result}"),
            },
            error: !green,
        }
    }

    /// What a model does when it has seen the tests.
    fn tested(&mut self) {
        let luck = self.dice(32);
        if self.green || self.runs >= RUNS[self.round.min(1)] {
            self.steps = vec![Step::Say];
            return;
        }
        // Often the same failure again, now and then fewer, seldom more.
        match luck.at(0).share() {
            share if share < 0.3 => self.failing = (self.failing - 1).max(1),
            share if share < 0.4 => self.failing += 1,
            _ => {}
        }
        if luck.at(1).share() < 0.4 {
            self.fault += 1;
        }
        self.plan(if luck.at(2).share() < 0.6 {
            vec![Step::Read]
        } else {
            Vec::new()
        });
    }

    /// The person looks at what was done: content, or not.
    fn judged(&mut self) -> Next {
        let solved = match self.is_tested() {
            true => self.green,
            false => self.try_it(),
        };
        let noticed = self.is_tested() || self.now().dice.at(7).share() < NOTICED;
        let rounds = if self.is_tested() {
            RUNS.len() as u32
        } else {
            LOOKS
        };
        let again = !solved && noticed && (self.round as u32) + 1 < rounds;
        if again {
            self.round += 1;
            self.runs = 0;
            self.transcript.says(texts::complaint(self.dice(33)));
            self.plan(vec![Step::Read]);
            return Next::Call(thinking(self.dice(34)));
        }
        self.solved.push(solved);
        self.turn += 1;
        if self.turn == self.script.turns.len() {
            return Next::Over;
        }
        self.open();
        Next::Call(self.now().after)
    }
}
