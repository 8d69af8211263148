//! YAML into a tree of places. Only what people write by hand is taken: no anchors, aliases, tags or second document.

use std::collections::HashSet;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::fault::{Fault, Place};
use super::node::{Entry, Kind, Node};

/// The deepest nesting.
const DEEPEST: usize = 32;
/// The largest file.
const LARGEST: usize = 1 << 20;

/// Reads a whole file; the first thing that makes it unreadable ends the reading.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Fault> {
    let file: Arc<str> = file.into();
    if text.len() > LARGEST {
        let place = Place::top(&file);
        return Err(fault(place, "the file is larger than 1 MiB", "split it"));
    }
    let mut loader = Loader {
        events: Parser::new_from_str(text),
        file,
        depth: 0,
    };
    loader.document()
}

fn fault(place: Place, what: &str, mend: &str) -> Fault {
    Fault {
        place,
        path: String::new(),
        what: what.to_owned(),
        mend: mend.to_owned(),
    }
}

struct Loader<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: Arc<str>,
    depth: usize,
}

impl<'a> Loader<'a> {
    fn place(&self, mark: Marker) -> Place {
        Place::File {
            file: Arc::clone(&self.file),
            line: mark.line().max(1),
            column: mark.col() + 1,
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let what = format!("this is not YAML: {}", error.info());
                Err(fault(self.place(*error.marker()), &what, ""))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) if root.is_some() => {
                    let mend = "keep one document a file";
                    return Err(fault(
                        self.place(span.start),
                        "a second document begins",
                        mend,
                    ));
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span)?);
                }
                _ => return Err(fault(self.place(span.start), "this is not YAML", "")),
            }
        }
        Ok(root.unwrap_or(Node {
            place: Place::top(&self.file),
            kind: Kind::Empty,
        }))
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Fault> {
        let place = self.place(span.start);
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.is_some())
            }
            Event::Alias(_) => (1, false),
            _ => return Err(fault(place, "this is not YAML", "")),
        };
        if anchor != 0 {
            let what = "anchors and aliases are not read";
            return Err(fault(place, what, "write the value out"));
        }
        if tag {
            return Err(fault(place, "tags are not read", "leave out the `!` word"));
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => self.nested(&place, Self::list)?,
            _ => self.nested(&place, Self::map)?,
        };
        Ok(Node { place, kind })
    }

    fn nested(
        &mut self,
        place: &Place,
        read: impl FnOnce(&mut Self) -> Result<Kind, Fault>,
    ) -> Result<Kind, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let what = "this is nested more than 32 levels deep";
            return Err(fault(place.clone(), what, "write it flatter"));
        }
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn list(&mut self) -> Result<Kind, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Kind, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Kind::Map(entries));
            }
            let key = self.node(event, span)?;
            let place = key.place;
            let Kind::Text(key) = key.kind else {
                return Err(fault(place, "a key is a plain word", ""));
            };
            if !seen.insert(key.clone()) {
                let what = format!("the key {key:?} stands here twice");
                return Err(fault(place, &what, "keep one"));
            }
            let (event, span) = self.next()?;
            let node = self.node(event, span)?;
            entries.push(Entry { key, place, node });
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    let nothing = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    if style == ScalarStyle::Plain && nothing {
        Kind::Empty
    } else {
        Kind::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        parse("x.yaml", text).expect_err("a fault").to_string()
    }

    fn at(node: &Node) -> (String, &str) {
        let Kind::Text(text) = &node.kind else {
            panic!("a text")
        };
        (node.place.to_string(), text)
    }

    #[test]
    fn scalars_keep_their_text_and_their_place() {
        let text = "price: 3.50\nlist:\n  - 1e3\n  - {a: 0x1F, b: yes}\n";
        let root = parse("x.yaml", text).expect("a tree");
        let list = root.get("list").expect("a list");
        let Kind::List(items) = &list.kind else {
            panic!("a list")
        };

        assert_eq!(
            at(root.get("price").expect("a price")),
            ("x.yaml:1:8".into(), "3.50")
        );
        assert_eq!(at(&items[0]), ("x.yaml:3:5".into(), "1e3"));
        assert_eq!(
            at(items[1].get("b").expect("b")),
            ("x.yaml:4:18".into(), "yes")
        );
        assert_eq!(root.place.to_string(), "x.yaml:1:1");
        assert_eq!(list.place.to_string(), "x.yaml:3:3");
    }

    #[test]
    fn what_hides_a_meaning_is_refused() {
        assert_eq!(
            refused("a: &x 1\nb: *x\n"),
            "x.yaml:1:4: anchors and aliases are not read; write the value out"
        );
        assert_eq!(
            refused("a: !!int 1\n"),
            "x.yaml:1:4: tags are not read; leave out the `!` word"
        );
        assert_eq!(
            refused("a: 1\n---\nb: 1\n"),
            "x.yaml:2:1: a second document begins; keep one document a file"
        );
        assert_eq!(
            refused("a: 1\nb: 2\na: 3\n"),
            "x.yaml:3:1: the key \"a\" stands here twice; keep one"
        );
        assert!(refused(&"[".repeat(40)).contains("32 levels"));
        assert!(refused(&" ".repeat(LARGEST + 1)).contains("1 MiB"));
        assert!(refused("a: [1\nb: {\n").starts_with("x.yaml:"));
    }

    #[test]
    fn an_empty_file_is_empty() {
        for text in ["", "# only a comment\n", "---\n", "~\n"] {
            let root = parse("x.yaml", text).expect("a tree");
            assert!(matches!(root.kind, Kind::Empty), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}|[-a-c:,\\[\\]{}&*!|>'\"#%@` \n\t?~0-9.]{0,80}") {
            let _ = parse("x.yaml", &text);
        }
    }
}
