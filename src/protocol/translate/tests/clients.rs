//! What real clients send: `tests/data/clients/`. Every body is read, and goes to every target.

use std::fs;
use std::path::PathBuf;

use super::super::json::Object;
use super::super::manner::Manner;
use super::super::{read, write};
use crate::domain::dialect::{Dialect, Endpoint};

/// The door and the body of each file.
fn bodies() -> Vec<(String, Endpoint, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
    let files = fs::read_dir(folder).expect("a folder");
    let read = |file: std::io::Result<fs::DirEntry>| {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a text");
        let mut object = Object::read(&text).expect("an object");
        let endpoint = object.need("endpoint").expect("an endpoint");
        let body = object.json("body").expect("a body");
        let endpoint = endpoint.parse().expect("an endpoint that is known");
        (path.display().to_string(), endpoint, body.get().to_owned())
    };
    files.map(read).collect()
}

#[test]
fn what_real_clients_send_is_read_and_reaches_every_target() {
    let bodies = bodies();
    assert!(bodies.len() > 10);
    for (file, endpoint, body) in bodies {
        let (asked, echo) = read(endpoint.dialect(), &body).expect(&file);
        assert_eq!(echo.dialect, endpoint.dialect());
        for target in [Dialect::Chat, Dialect::Responses, Dialect::Messages] {
            let written = write(target, &asked, "m", &Manner::of(target));

            let (again, _) = read(target, &written.body).expect(&file);
            assert_eq!(
                again.tools.len(),
                offered(&asked, target),
                "{file} to {target}"
            );
        }
    }
}

/// The tools that a target can be offered: all but those of another dialect.
fn offered(asked: &super::super::asked::Asked<'_>, target: Dialect) -> usize {
    use super::super::tool::Tool;
    let tools = asked.tools.iter();
    tools
        .filter(|tool| match tool {
            Tool::Function(_) => true,
            Tool::Foreign(tool) => tool.from == target,
        })
        .count()
}
