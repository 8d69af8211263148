//! The files of words: sections of alternatives, with slots that name other sections.
//!
//! ```text
//! # a comment
//! = greeting hard:0.2 weight:3
//! hello {name}{!|, how are you?}\nsecond line
//! == code@python
//! def «fn#1»(«var»):
//!     return «fn#1»(«var»)
//! ---
//! print(«var»)
//! ```
//!
//! A section behind `=` has an alternative on each line, with slots in `{}` and `\n` for a new line. One behind `==` has
//! blocks, parted by `---`, with slots in `«»`, so that code can keep its braces. A slot names a section, or holds
//! alternatives parted by `|`. `{x#1}` is chosen once in a request and then stays. `name@python` or `name@de` are the
//! alternatives for a language of code or of people; the plain name stands in for those that are missing. A section that
//! comes again is continued.
//!
//! Marks of a section: `hard:` and `size:` (added up over all that are used; `size` in powers of e), `weight:` (how often,
//! against 1), `with:a,b` (one of these slots is pasted beside), `bare` (nothing is put around it), `quiet` (its words do
//! not tell the language).

use std::collections::HashMap;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Stays as it is.
    Text(String),
    /// Stands for an alternative of a section.
    Slot {
        /// The section.
        name: String,
        /// The name under which the choice is kept for the request.
        kept: Option<String>,
    },
    /// One of these.
    Choice(Vec<Template>),
}

/// Text with slots.
pub type Template = Vec<Part>;

/// What is said of a section in its first line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// Harder than the middle by so much.
    pub hard: f32,
    /// The answer is longer by this power of e.
    pub size: f32,
    /// How often, against 1.
    pub weight: Option<u32>,
    /// One of these slots is pasted beside.
    pub with: Vec<String>,
    /// Nothing is put around it.
    pub bare: bool,
    /// Its words do not tell the language.
    pub quiet: bool,
    /// It is made of blocks: pasted, not typed.
    pub block: bool,
}

/// One way to say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The words.
    pub template: Template,
    /// Which of the section's marks they stand under.
    pub marks: usize,
}

/// All alternatives of a name, for one language or for all.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Each as often as its weight says.
    pub alternatives: Vec<Alternative>,
}

/// Sections by name and variant; the variant is empty where there is none.
#[derive(Clone, Debug, Default)]
pub struct Grammar {
    sections: HashMap<String, HashMap<String, Section>>,
    marks: Vec<Marks>,
}

/// What is wrong with a file of words.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// In words.
    pub what: &'static str,
}

impl Grammar {
    /// Reads one more file.
    ///
    /// # Errors
    /// Says the line that cannot be read.
    pub fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut open: Option<Open> = None;
        for (at, line) in text.lines().enumerate() {
            let fault = |what| Fault { line: at + 1, what };
            if let Some(header) = header(line) {
                self.close(open.take()).map_err(fault)?;
                open = Some(self.open(line.starts_with("=="), header).map_err(fault)?);
            } else if let Some(open) = &mut open {
                open.line(line).map_err(fault)?;
            } else if !line.is_empty() && !line.starts_with('#') {
                return Err(fault("stands before the first section"));
            }
        }
        let last = text.lines().count();
        self.close(open).map_err(|what| Fault { line: last, what })
    }

    /// The section that fits best: the language's own, the people's own, or the one for all.
    pub fn section(&self, name: &str, language: &str, tongue: &str) -> Option<(&Section, bool)> {
        let variants = self.sections.get(name)?;
        if let Some(own) = variants.get(language) {
            return Some((own, true));
        }
        let common = variants.get(tongue).or_else(|| variants.get(""))?;
        Some((common, false))
    }

    /// The marks that an alternative stands under.
    pub fn marks(&self, alternative: &Alternative) -> Option<&Marks> {
        self.marks.get(alternative.marks)
    }

    /// Every name with its variants and sections.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &Section)> {
        self.sections.iter().flat_map(|(name, variants)| {
            variants
                .iter()
                .map(move |(variant, section)| (name.as_str(), variant.as_str(), section))
        })
    }

    fn open(&mut self, block: bool, header: &str) -> Result<Open, &'static str> {
        let mut words = header.split_whitespace();
        let name = words.next().ok_or("a section needs a name")?;
        let (name, variant) = name.split_once('@').unwrap_or((name, ""));
        let marks = Marks {
            block,
            ..marks(words)?
        };
        let weight = marks.weight.unwrap_or(1);
        self.marks.push(marks);
        Ok(Open {
            name: name.to_owned(),
            variant: variant.to_owned(),
            marks: self.marks.len() - 1,
            weight,
            block,
            lines: Vec::new(),
            found: Vec::new(),
        })
    }

    fn close(&mut self, open: Option<Open>) -> Result<(), &'static str> {
        let Some(mut open) = open else { return Ok(()) };
        open.end_block()?;
        let variants = self.sections.entry(open.name).or_default();
        let section = variants.entry(open.variant).or_default();
        for template in open.found {
            for _ in 0..open.weight {
                section.alternatives.push(Alternative {
                    template: template.clone(),
                    marks: open.marks,
                });
            }
        }
        Ok(())
    }
}

/// A section that is being read.
struct Open {
    name: String,
    variant: String,
    marks: usize,
    weight: u32,
    block: bool,
    lines: Vec<String>,
    found: Vec<Template>,
}

impl Open {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        match self.block {
            true if line == "---" => return self.end_block(),
            true => self.lines.push(line.to_owned()),
            false if line.is_empty() || line.starts_with("# ") => {}
            false => self
                .found
                .push(template(&line.replace("\\n", "\n"), '{', '}')?),
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), &'static str> {
        let text = self.lines.join("\n");
        self.lines.clear();
        let text = text.trim_matches('\n');
        if self.block && !text.is_empty() {
            self.found.push(template(text, '«', '»')?);
        }
        Ok(())
    }
}

fn header(line: &str) -> Option<&str> {
    line.strip_prefix("== ").or_else(|| line.strip_prefix("= "))
}

fn marks<'a>(words: impl Iterator<Item = &'a str>) -> Result<Marks, &'static str> {
    let mut marks = Marks::default();
    let number = |text: &str| text.parse().map_err(|_| "a number is expected");
    for word in words {
        match word.split_once(':').unwrap_or((word, "")) {
            ("hard", value) => marks.hard = number(value)?,
            ("size", value) => marks.size = number(value)?,
            ("weight", value) => {
                marks.weight = Some(value.parse().map_err(|_| "a count is expected")?);
            }
            ("with", value) => marks.with = value.split(',').map(str::to_owned).collect(),
            ("bare", "") => marks.bare = true,
            ("quiet", "") => marks.quiet = true,
            _ => return Err("not a mark of a section"),
        }
    }
    Ok(marks)
}

/// Reads text with slots between these two signs.
fn template(text: &str, open: char, close: char) -> Result<Template, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(open) {
        push_text(&mut parts, &rest[..at]);
        let inside = &rest[at + open.len_utf8()..];
        let end = matching(inside, open, close).ok_or("a slot is not closed")?;
        parts.push(slot(&inside[..end], open, close)?);
        rest = &inside[end + close.len_utf8()..];
    }
    if rest.contains(close) {
        return Err("a slot is closed that was not open");
    }
    push_text(&mut parts, rest);
    Ok(parts)
}

fn push_text(parts: &mut Template, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// Where the slot ends whose inside begins here.
fn matching(inside: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0;
    for (at, sign) in inside.char_indices() {
        match sign {
            _ if sign == open => depth += 1,
            _ if sign == close && depth == 0 => return Some(at),
            _ if sign == close => depth -= 1,
            _ => {}
        }
    }
    None
}

fn slot(inside: &str, open: char, close: char) -> Result<Part, &'static str> {
    let mut choices = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, sign) in inside.char_indices() {
        match sign {
            _ if sign == open => depth += 1,
            _ if sign == close => depth -= 1,
            '|' if depth == 0 => {
                choices.push(template(&inside[start..at], open, close)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !choices.is_empty() {
        choices.push(template(&inside[start..], open, close)?);
        return Ok(Part::Choice(choices));
    }
    let name = inside.split('#').next().unwrap_or(inside);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a slot names a section in small letters");
    }
    Ok(Part::Slot {
        name: name.to_owned(),
        kept: inside.contains('#').then(|| inside.to_owned()),
    })
}
