//! The tools that a call offers, as a model knows them that was asked in this or in another dialect.

use crate::domain::dialect::Dialect;
use crate::domain::flaw::Flaw;
use crate::protocol::inspect::schema;
use crate::protocol::translate;
use crate::protocol::translate::block::Input;
use crate::protocol::translate::json::Str;
use crate::protocol::translate::name::told;
use crate::protocol::translate::tool::{Function, Takes, Tool};

/// The tools on offer.
#[derive(Debug)]
pub struct Offer<'a> {
    tools: Vec<Function<'a>>,
    /// The model knows them by the names that a translation gives.
    translated: bool,
    /// There are no others: none that only one dialect knows, and none whose offer could not be read.
    all: bool,
}

impl<'a> Offer<'a> {
    /// Reads the tools of a body's `tools`; `None` for a call that offers none.
    pub fn read(caller: Dialect, tools: Option<&'a str>, translated: bool) -> Self {
        let read = tools.and_then(|tools| translate::tools(caller, tools));
        let all = read.as_ref().is_some_and(|tools| {
            !tools.is_empty() && tools.iter().all(|tool| matches!(tool, Tool::Function(_)))
        });
        let functions = read.into_iter().flatten().filter_map(|tool| match tool {
            Tool::Function(function) => Some(function),
            Tool::Foreign(_) => None,
        });
        Self {
            tools: functions.collect(),
            translated,
            all,
        }
    }

    /// What is wrong with calling the tool `name` with `input`, a text that should be a JSON object.
    pub(super) fn flaw(&self, name: &str, space: Option<&str>, input: &str) -> Option<Flaw> {
        let tool = self.tools.iter().find(|tool| self.is(tool, name, space));
        let takes = match tool {
            Some(tool) => &tool.takes,
            None if self.all => return Some(Flaw::UnknownTool),
            None => &Takes::Schema(None),
        };
        let Takes::Schema(schema) = takes else {
            // Its own language, whatever it is wrapped in.
            return None;
        };
        let Input::Json(json) = Input::of_arguments(Str::Borrowed(input)) else {
            return Some(Flaw::BadJson);
        };
        let schema = schema.as_ref()?;
        let fits = schema::fits(schema.get(), json.get());
        (!fits).then_some(Flaw::BadSchema)
    }

    fn is(&self, tool: &Function<'_>, name: &str, space: Option<&str>) -> bool {
        let own = tool.space.as_ref().map(|space| &*space.name);
        match self.translated {
            true => told(own, &tool.name) == name,
            false => tool.name == name && space.is_none_or(|space| own == Some(space)),
        }
    }
}
