//! What must be remembered of a request so that its answer can be said in the caller's words.

use std::collections::{BTreeMap, BTreeSet};

use super::asked::{Asked, Mode};
use super::block::Kind;
use super::tool::{Takes, Tool};
use crate::domain::dialect::Dialect;

/// What an answer's writer knows of the request. It borrows nothing, for it lives as long as the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The caller's dialect.
    pub dialect: Dialect,
    /// The model that the caller asked for.
    pub model: String,
    /// The caller of a stream wants its usage told.
    pub usage: bool,
    /// The caller asked for thoughts and knows what to do with them.
    pub thinks: bool,
    /// The caller gives sealed state back.
    pub sealed: bool,
    /// Tools that take a text of their own.
    customs: BTreeSet<String>,
    /// Tools by the names that targets are told, where those are not the caller's own.
    renamed: BTreeMap<String, Origin>,
}

/// What the caller calls a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The group that it is in.
    pub space: Option<String>,
    /// Its name.
    pub name: String,
}

impl Echo {
    /// What to remember of a request.
    pub fn of(asked: &Asked<'_>) -> Self {
        let thinks = !matches!(asked.reasoning.mode, None | Some(Mode::Off));
        let mut echo = Self {
            dialect: asked.from,
            model: asked.model.clone().into_owned(),
            usage: asked.usage.unwrap_or(false),
            thinks: thinks || asked.from != Dialect::Messages,
            sealed: asked.reasoning.sealed || (asked.from == Dialect::Messages && thinks),
            customs: BTreeSet::new(),
            renamed: BTreeMap::new(),
        };
        for tool in &asked.tools {
            let Tool::Function(tool) = tool else { continue };
            let space = tool.space.as_ref().map(|space| space.name.as_ref());
            let told = super::name::told(space, &tool.name);
            if matches!(tool.takes, Takes::Text(_)) {
                echo.customs.insert(told.clone().into_owned());
            }
            if space.is_some() || told != tool.name {
                let origin = Origin {
                    space: space.map(str::to_owned),
                    name: tool.name.clone().into_owned(),
                };
                echo.renamed.insert(told.into_owned(), origin);
            }
        }
        echo
    }

    /// In whose words the caller wants calls of the tool that the target calls `told`.
    pub fn kind(&self, told: &str) -> Kind {
        match self.customs.contains(told) {
            true => Kind::Custom,
            false => Kind::Function,
        }
    }

    /// What the caller calls the tool that the target calls `told`, where that is something else.
    pub fn origin(&self, told: &str) -> Option<&Origin> {
        self.renamed.get(told)
    }
}
