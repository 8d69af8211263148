//! Chance for making conversations: a list of bytes that a property test shrinks.

/// Hands out numbers until it is used up; then zeros, which are the simplest choice everywhere.
pub(super) struct Dice<'d> {
    left: &'d [u8],
    count: u32,
}

impl<'d> Dice<'d> {
    pub(super) fn new(bytes: &'d [u8]) -> Self {
        Self {
            left: bytes,
            count: 0,
        }
    }

    /// Below `most`.
    pub(super) fn below(&mut self, most: u8) -> u8 {
        let Some((first, rest)) = self.left.split_first() else {
            return 0;
        };
        self.left = rest;
        first % most
    }

    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flip().then(|| make(self))
    }

    /// One of these.
    pub(super) fn of<T: Clone>(&mut self, all: &[T]) -> T {
        let at = self.below(u8::try_from(all.len()).expect("few"));
        all[usize::from(at)].clone()
    }

    /// A number that is not given out twice.
    pub(super) fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// A text that says something.
    pub(super) fn text(&mut self) -> String {
        let words = [
            "fix it",
            "a \"quoted\" \\ word",
            "zwei\nZeilen",
            "日本語 🦀",
            "<b>&amp;",
            "tab\there",
        ];
        format!("{} {}", self.of(&words), self.next())
    }

    /// JSON with an order and digits of its own.
    pub(super) fn object(&mut self) -> String {
        let objects = [
            r#"{"z":1,"a":[1.50,{"x":null}]}"#,
            r#"{"path":"src/a b.rs","text":"line\nline \"é\""}"#,
            "{}",
            r#"{"n":1e3,"deep":{"deeper":{"deepest":true}}}"#,
        ];
        self.of(&objects).to_owned()
    }
}
