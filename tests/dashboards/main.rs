//! The dashboards against a real Prometheus, which scraped every metric there is, and a real gateway at work: each name
//! exists, each query runs and finds something.

#[path = "../house/mod.rs"]
mod house;
mod panels;
mod prometheus;
mod scene;
mod traffic;

use std::collections::BTreeSet;

use house::House;
use panels::Query;
use prometheus::Prometheus;
use scene::Scene;

/// Panels of parts that the gateway does not have yet. With every metric there is each shows something.
const LATER: &[&str] = &["GPU load", "Left in budgets", "Outcomes, share good"];

#[test]
fn each_name_in_a_dashboard_is_exported() {
    let scene = Scene::default();
    scene.observe();
    let exported = panels::names(&scene.render());

    for (file, text) in panels::files() {
        let unknown: BTreeSet<_> = panels::names(&text)
            .into_iter()
            .filter(|name| {
                let family = ["_bucket", "_count", "_sum"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .unwrap_or(name);
                !exported.contains(family)
            })
            .collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
}

#[test]
fn each_exported_name_is_in_a_dashboard() {
    let scene = Scene::default();
    scene.observe();
    let shown: BTreeSet<String> = panels::files()
        .iter()
        .flat_map(|(_, text)| panels::names(text))
        .collect();

    for name in panels::families(&scene.render()) {
        let asked = ["", "_bucket", "_count"]
            .iter()
            .any(|end| shown.contains(&format!("{name}{end}")));
        assert!(asked, "no panel shows {name}");
    }
}

#[test]
fn dashboards_are_stable_and_explained() {
    for (file, text) in panels::files() {
        let board: serde_json::Value = serde_json::from_str(&text).expect("a dashboard is JSON");
        let uid = board["uid"].as_str().expect("a uid");
        assert!(uid.starts_with("tollgate-"), "{file}: {uid}");
        for panel in board["panels"].as_array().expect("panels") {
            let title = panel["title"].as_str().expect("a title");
            let told = panel["description"]
                .as_str()
                .is_some_and(|it| it.len() > 10);
            let unit = panel["fieldConfig"]["defaults"]["unit"].is_string();
            assert!(told && unit, "{file}: {title} lacks a description or unit");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
        for query in panels::queries(&file, &text) {
            let extrapolated = query.expr.contains("_usd") && query.expr.contains("increase(");
            assert!(!extrapolated, "{query:?}: increase() extrapolates");
        }
    }
}

#[test]
fn each_query_finds_something_where_everything_has_happened() {
    let scraped = scene::serve(Scene::default());

    ask_all(scraped.address(), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_query_finds_something_at_a_real_gateway() {
    let house = House::open().await;
    let admin = house.gateway.admin;

    let asked = tokio::task::spawn_blocking(move || ask_all(admin, LATER));
    tokio::select! {
        asked = asked => asked.expect("every query finds something"),
        () = traffic::run(&house) => panic!("the dashboards are not read in time"),
    }

    house.reckon().await;
    house.gateway.stop().await;
}

/// Has a Prometheus scrape `address` a few times, then asks it every query of every panel, and evaluates every rule.
fn ask_all(address: std::net::SocketAddr, may_be_empty: &[&str]) {
    let prometheus = Prometheus::start(address);
    prometheus.wait_for_samples(4);

    let mut faults = Vec::new();
    for (file, text) in panels::files() {
        for query in panels::queries(&file, &text) {
            match prometheus.query(&query.filled()) {
                Err(error) => faults.push(format!("{}: {error}", query.place())),
                Ok(0) if !may_be_empty.contains(&query.title.as_str()) => {
                    faults.push(format!("{}: finds nothing: {}", query.place(), query.expr));
                }
                Ok(_) => {}
            }
        }
    }
    faults.extend(prometheus.rule_faults());

    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

impl Query {
    fn place(&self) -> String {
        format!("{} / {} / {}", self.file, self.title, self.legend)
    }
}
