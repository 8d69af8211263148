//! Whether JSON keeps to a JSON schema, as far as that is certain.
//!
//! A value that a full validator would take is never refused: what is not known here, and what is larger or deeper than the bounds,
//! passes. Known are `type`, `nullable`, `enum`, `const`, `required`, `properties`, `additionalProperties`, `items`, `anyOf`, `oneOf`
//! (read as `anyOf`: who passes too easily might fit two) and `$ref` within the schema.

use std::collections::{HashMap, HashSet};

use crate::protocol::scan::{elements, members};
use crate::protocol::translate::json::unquoted;

/// Values that are looked at, each time one is.
const STEPS: u32 = 20_000;

/// Bytes that are read for it: schemas are read anew for each value that they are held against.
const BYTES: usize = 8 << 20;

/// How deep schemas and values may go, and references lead.
const DEEPEST: u32 = 48;

/// Longer ones are not looked at.
const LONGEST: usize = 512 << 10;

/// Whether `value` keeps to `schema`. Both have to be JSON.
pub fn fits(schema: &str, value: &str) -> bool {
    if schema.len() > LONGEST || value.len() > LONGEST {
        return true;
    }
    let mut check = Check {
        root: schema,
        // With names of its own, a schema's references may lead elsewhere.
        named: schema.contains("\"$id\""),
        steps: STEPS,
        bytes: BYTES,
    };
    check.fits(schema, value, 0)
}

struct Check<'s> {
    root: &'s str,
    named: bool,
    steps: u32,
    bytes: usize,
}

/// What a piece of JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Null,
    Flag,
    Number,
    Text,
    List,
    Object,
}

impl Sort {
    fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Flag,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

/// The words of a schema that are known.
#[derive(Default)]
struct Words<'s> {
    sort: Option<&'s str>,
    nullable: bool,
    one_of: Option<&'s str>,
    fixed: Option<&'s str>,
    required: Option<&'s str>,
    properties: Option<&'s str>,
    more: Option<&'s str>,
    /// There are patterns of properties, which nobody here reads.
    patterns: bool,
    items: Option<&'s str>,
    /// The first places of a list have schemas of their own, and `items` speaks of those behind: nobody here reads that.
    places: bool,
    any: [Option<&'s str>; 2],
    refers: Option<&'s str>,
}

impl<'s> Words<'s> {
    fn read(schema: &'s str) -> Self {
        let mut words = Self::default();
        members(schema, |key, value| match key {
            "type" => words.sort = Some(value),
            "nullable" => words.nullable = value == "true",
            "enum" => words.one_of = Some(value),
            "const" => words.fixed = Some(value),
            "required" => words.required = Some(value),
            "properties" => words.properties = Some(value),
            "additionalProperties" => words.more = Some(value),
            "patternProperties" => words.patterns = true,
            "items" => words.items = Some(value),
            "prefixItems" => words.places = true,
            "anyOf" => words.any[0] = Some(value),
            "oneOf" => words.any[1] = Some(value),
            "$ref" => words.refers = Some(value),
            _ => {}
        });
        words
    }
}

impl<'s> Check<'s> {
    /// A step further, for which so many bytes are read. `false`: it is enough, and what is left passes.
    fn step(&mut self, depth: u32, bytes: usize) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.steps > 0 && self.bytes > 0 && depth < DEEPEST
    }

    fn fits(&mut self, schema: &'s str, value: &str, depth: u32) -> bool {
        if !self.step(depth, schema.len() + value.len()) {
            return true;
        }
        let (schema, value) = (schema.trim(), value.trim());
        match Sort::of(schema) {
            Sort::Object => {}
            // A schema may be yes or no to all.
            _ => return schema != "false",
        }
        let words = Words::read(schema);
        if let Some(refers) = words.refers {
            // What stands beside a reference counts in some drafts only.
            let there = self.follow(refers);
            return there.is_none_or(|there| self.fits(there, value, depth + 1));
        }
        let sort = Sort::of(value);
        if words.nullable && sort == Sort::Null {
            return true;
        }
        words.sort.is_none_or(|it| is_of(it, sort, value))
            && self.is_among(&words, value, depth)
            && self.has_one(&words, value, depth)
            && match sort {
                Sort::Object => self.object(&words, value, depth),
                Sort::List => self.list(&words, value, depth),
                _ => true,
            }
    }

    /// `enum` and `const`.
    fn is_among(&mut self, words: &Words<'s>, value: &str, depth: u32) -> bool {
        if let Some(fixed) = words.fixed
            && !self.same(fixed, value, depth)
        {
            return false;
        }
        let Some(one_of) = words.one_of else {
            return true;
        };
        let mut found = false;
        let is_list = elements(one_of, |item| {
            found = found || self.same(item, value, depth + 1);
        });
        found || !is_list
    }

    /// `anyOf` and `oneOf`.
    fn has_one(&mut self, words: &Words<'s>, value: &str, depth: u32) -> bool {
        words.any.iter().flatten().all(|any| {
            let (mut some, mut found) = (false, false);
            let is_list = elements(any, |schema| {
                some = true;
                found = found || self.fits(schema, value, depth + 1);
            });
            found || !some || !is_list
        })
    }

    fn object(&mut self, words: &Words<'s>, value: &str, depth: u32) -> bool {
        let had = named(value);
        let mut fits = true;
        if let Some(required) = words.required {
            elements(required, |name| {
                let name = unquoted(name);
                fits = fits && name.is_none_or(|name| had.contains_key(&*name));
            });
        }
        let mut known = HashSet::new();
        if let Some(properties) = words.properties {
            members(properties, |name, schema| {
                let found = had.get(name).filter(|_| fits);
                fits = fits && found.is_none_or(|value| self.fits(schema, value, depth + 1));
                known.insert(name.to_owned());
            });
        }
        let Some(more) = words.more.filter(|_| fits && !words.patterns) else {
            return fits;
        };
        let mut others = had.iter().filter(|(key, _)| !known.contains(*key));
        others.all(|(_, value)| self.fits(more, value, depth + 1))
    }

    fn list(&mut self, words: &Words<'s>, value: &str, depth: u32) -> bool {
        // A list of schemas, one for each place, is of older drafts.
        let items = words.items.filter(|it| Sort::of(it) != Sort::List);
        let Some(items) = items.filter(|_| !words.places) else {
            return true;
        };
        let mut fits = true;
        elements(value, |item| {
            fits = fits && self.fits(items, item, depth + 1);
        });
        fits
    }

    /// Where a reference leads, where that is certain: down from the top of the schema.
    fn follow(&mut self, refers: &str) -> Option<&'s str> {
        self.bytes = self.bytes.saturating_sub(self.root.len());
        let refers = unquoted(refers).filter(|_| !self.named)?;
        let path = refers.strip_prefix('#').filter(|it| !it.contains('%'))?;
        let mut at = self.root.trim();
        for name in path.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            let mut found = None;
            match Sort::of(at) {
                Sort::Object => {
                    members(at, |key, value| {
                        if key == name {
                            found = Some(value);
                        }
                    });
                }
                Sort::List => {
                    let (mut place, wanted) = (0_usize, name.parse().ok());
                    elements(at, |value| {
                        if Some(place) == wanted {
                            found = Some(value);
                        }
                        place += 1;
                    });
                }
                _ => {}
            }
            at = found?;
        }
        // An anchor is a name, not a path.
        (path.is_empty() || path.starts_with('/')).then_some(at)
    }

    /// Whether two values are the same, however they are written. Too large ones are.
    fn same(&mut self, one: &str, other: &str, depth: u32) -> bool {
        if !self.step(depth, one.len() + other.len()) {
            return true;
        }
        let (one, other) = (one.trim(), other.trim());
        if one == other {
            return true;
        }
        match (Sort::of(one), Sort::of(other)) {
            (Sort::Number, Sort::Number) => one.parse::<f64>().ok() == other.parse::<f64>().ok(),
            (Sort::Text, Sort::Text) => unquoted(one) == unquoted(other),
            (Sort::List, Sort::List) => {
                let (one, other) = (listed(one), listed(other));
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(&other)
                        .all(|(one, other)| self.same(one, other, depth + 1))
            }
            (Sort::Object, Sort::Object) => {
                let (one, other) = (named(one), named(other));
                one.len() == other.len()
                    && one.iter().all(|(name, value)| {
                        let there = other.get(name);
                        there.is_some_and(|there| self.same(value, there, depth + 1))
                    })
            }
            _ => false,
        }
    }
}

fn listed(list: &str) -> Vec<&str> {
    let mut all = Vec::new();
    elements(list, |item| all.push(item));
    all
}

/// The members of an object; of several of one name the last.
fn named(object: &str) -> HashMap<String, &str> {
    let mut all = HashMap::new();
    members(object, |key, value| {
        all.insert(key.to_owned(), value);
    });
    all
}

/// Whether a value is of the type that a schema names, or of one of those.
fn is_of(types: &str, sort: Sort, value: &str) -> bool {
    let fits = |word: &str| match unquoted(word).as_deref() {
        Some("null") => sort == Sort::Null,
        Some("boolean") => sort == Sort::Flag,
        Some("number") => sort == Sort::Number,
        Some("integer") => sort == Sort::Number && is_whole(value),
        Some("string") => sort == Sort::Text,
        Some("array") => sort == Sort::List,
        Some("object") => sort == Sort::Object,
        // Nobody knows what that is.
        _ => true,
    };
    match Sort::of(types) {
        Sort::Text => fits(types),
        Sort::List => {
            let all = listed(types);
            all.is_empty() || all.into_iter().any(fits)
        }
        _ => true,
    }
}

/// `1.0` is a whole number too.
fn is_whole(number: &str) -> bool {
    let number = number.parse::<f64>();
    number.is_ok_and(|it| !it.is_finite() || it.fract() == 0.0)
}
