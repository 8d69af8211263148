//! Lays environment and flags over the file. All of it is text: what a value means is decided by the one reader behind this.

use std::collections::HashMap;

use figment::value::{Dict, Empty, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::fault::Place;
use super::node::{Entry, Kind, Node};

/// One value from outside the file.
#[derive(Clone)]
pub(crate) struct Overlay {
    pub(crate) place: Place,
    pub(crate) path: Vec<String>,
    pub(crate) text: String,
}

/// A source for figment; its name leads back from a merged value to where it was written.
struct Source {
    name: String,
    dict: Dict,
}

impl Provider for Source {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// Returns the file with every overlay laid over it, the later ones on top.
pub(crate) fn merge(file: &Node, overlays: &[Overlay]) -> Node {
    let dict = match value(file) {
        Value::Dict(_, dict) => dict,
        // Not a map: the reader says so.
        _ if !matches!(file.kind, Kind::Empty) => return file.clone(),
        _ => Dict::new(),
    };
    let mut places = HashMap::new();
    let mut figment = Figment::from(Source {
        name: "file".to_owned(),
        dict,
    });
    for overlay in overlays {
        let name = overlay.place.to_string();
        places.insert(name.clone(), overlay.place.clone());
        let dict = nested(&overlay.path, &overlay.text);
        figment = figment.merge(Source { name, dict });
    }
    let Ok(merged) = figment.find_value("") else {
        return file.clone();
    };
    Tracer { figment, places }.node(merged, Some(file), &file.place)
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Empty => Value::from(Empty::None),
        Kind::Text(text) => Value::from(text.as_str()),
        Kind::List(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        Kind::Map(entries) => {
            let pairs = entries.iter();
            let dict: Dict = pairs
                .map(|entry| (entry.key.clone(), value(&entry.node)))
                .collect();
            Value::from(dict)
        }
    }
}

fn nested(path: &[String], text: &str) -> Dict {
    let mut parts = path.iter().rev();
    let last = parts.next().cloned().unwrap_or_default();
    let leaf = Dict::from([(last, Value::from(text))]);
    parts.fold(leaf, |dict, part| {
        Dict::from([(part.clone(), Value::from(dict))])
    })
}

/// Finds the place of every merged value again.
struct Tracer {
    figment: Figment,
    places: HashMap<String, Place>,
}

impl Tracer {
    fn node(&self, value: Value, file: Option<&Node>, above: &Place) -> Node {
        let laid = self.figment.get_metadata(value.tag());
        let laid = laid.and_then(|source| self.places.get(source.name.as_ref()));
        let written = file.map(|node| &node.place);
        match value {
            Value::Dict(_, dict) => {
                let file = file.filter(|node| !matches!(node.kind, Kind::Text(_) | Kind::List(_)));
                let place = file.map(|node| &node.place).or(laid).unwrap_or(above);
                Node {
                    kind: Kind::Map(self.entries(dict, file, place)),
                    place: place.clone(),
                }
            }
            Value::String(_, text) => Node {
                place: laid.or(written).unwrap_or(above).clone(),
                kind: Kind::Text(text),
            },
            // Lists and empty values come from the file alone.
            _ => file.cloned().unwrap_or(Node {
                place: above.clone(),
                kind: Kind::Empty,
            }),
        }
    }

    /// In the file's order, then what only overlays name.
    fn entries(&self, mut dict: Dict, file: Option<&Node>, place: &Place) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(dict.len());
        for written in file.map(Node::entries).unwrap_or_default() {
            if let Some(value) = dict.remove(&written.key) {
                entries.push(Entry {
                    key: written.key.clone(),
                    place: written.place.clone(),
                    node: self.node(value, Some(&written.node), place),
                });
            }
        }
        for (key, value) in dict {
            let node = self.node(value, None, place);
            let place = node.place.clone();
            entries.push(Entry { key, place, node });
        }
        entries
    }
}

/// Turns `TOLLGATE_TARGETS__MY_GPU__URL` into a path. A variable counts only if its first part is one of `keys`; names that the
/// file writes with capitals, dashes or dots are found again, for a variable's name cannot hold them.
pub(crate) fn overlay(name: &str, text: &str, keys: &[&str], file: &Node) -> Option<Overlay> {
    let rest = name.strip_prefix("TOLLGATE_")?;
    let parts: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
    if !keys.contains(&parts[0].as_str()) || parts.iter().any(String::is_empty) {
        return None;
    }
    let mut node = Some(file);
    let mut path = Vec::with_capacity(parts.len());
    for part in parts {
        let entries = node.map(Node::entries).unwrap_or_default();
        let exact = entries.iter().find(|entry| entry.key == part);
        let found = exact.or_else(|| entries.iter().find(|entry| folded(&entry.key) == part));
        path.push(found.map_or(part, |entry| entry.key.clone()));
        node = found.map(|entry| &entry.node);
    }
    Some(Overlay {
        place: Place::Variable(name.into()),
        path,
        text: text.to_owned(),
    })
}

fn folded(key: &str) -> String {
    key.to_lowercase()
        .replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}
