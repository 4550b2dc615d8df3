//! Static catalogs as they are met: in circles, with dead ends, and with links that may not be followed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at the first surprise

mod conformance;
mod folder;

use std::{fs, path::Path, sync::Arc};

use conformance::{access, answer};
use folder::{serve, whole};
use proptest::prelude::*;
use serde_json::{Value, json};
use swath_catalog::{
    Error, Rewrites, Strictness, read_tree,
    repair::FindingKind,
    search::Query,
    source::{
        Access, Answered,
        http::{Http, HttpOptions},
        open,
    },
};

fn write(folder: &Path, name: &str, value: &Value) {
    fs::write(folder.join(name), value.to_string()).unwrap();
}

fn catalog(links: &[(&str, &str)]) -> Value {
    let links: Vec<Value> = links.iter().map(|(rel, href)| json!({"rel": rel, "href": href})).collect();
    json!({"type": "Catalog", "id": "c", "description": "d", "links": links})
}

fn item(id: &str) -> Value {
    json!({"type": "Feature", "id": id, "geometry": null, "properties": {"datetime": "2020-01-01T00:00:00Z"},
           "links": [], "assets": {}})
}

/// Quick to give up.
fn hasty() -> Access {
    let options = HttpOptions { retries: 1, backoff: std::time::Duration::from_millis(1), ..HttpOptions::default() };
    Access { http: Arc::new(Http::new(options).unwrap()), ..access(&[]) }
}

fn all(name: &str) -> Result<(Vec<String>, Answered), Error> {
    let (found, mut answered) = answer(&[open(name, &hasty())?], &Query::default())?;
    Ok((found, answered.remove(0)))
}

#[test]
fn circles_end_and_dead_ends_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(
        here,
        "catalog.json",
        &catalog(&[("child", "b.json"), ("item", "gone.json"), ("item", "a1.json"), ("item", "page.html")]),
    );
    write(
        here,
        "b.json",
        &catalog(&[("child", "catalog.json"), ("child", "./b.json"), ("item", "b1.json"), ("item", "a1.json")]),
    );
    write(here, "a1.json", &item("a1"));
    write(here, "b1.json", &item("b1"));
    let page = whole("200 OK", "text/html; charset=utf-8", "<html>");
    let server = serve(here.to_path_buf(), &[("/page.html", &page)]);
    let (found, answered) = all(&format!("{}/catalog.json", server.address)).unwrap();
    // Depth first: the item that both link to stands where it is met first.
    assert_eq!(found, ["b1", "a1"]);
    let kinds: Vec<FindingKind> = answered.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::BrokenLink, FindingKind::Unreadable]);
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked.iter().filter(|path| *path == "/b.json").count(), 1, "{asked:?}");
}

#[test]
fn a_server_that_fails_midway_is_an_error_and_not_half_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "catalog.json", &catalog(&[("item", "a.json"), ("item", "b.json")]));
    write(folder.path(), "a.json", &item("a"));
    let server = serve(folder.path().to_path_buf(), &[("/b.json", &whole("500 Oh", "text/plain", "no"))]);
    match all(&format!("{}/catalog.json", server.address)) {
        Err(Error::Status { status: 500, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_catalog_from_elsewhere_does_not_lead_to_files_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.json");
    write(folder.path(), "secret.json", &item("secret"));
    let links = catalog(&[
        ("item", &format!("file://{}", secret.display())),
        ("item", "../../secret.json"),
        ("item", "a.json"),
    ]);
    fs::create_dir(folder.path().join("public")).unwrap();
    write(&folder.path().join("public"), "catalog.json", &links);
    let mut own = item("a");
    own["assets"] = json!({"x": {"href": format!("file://{}", secret.display())}, "y": {"href": "./y.tif"}});
    write(&folder.path().join("public"), "a.json", &own);
    let server = serve(folder.path().join("public"), &[]);
    let (found, answered) = all(&format!("{}/catalog.json", server.address)).unwrap();
    assert_eq!(found, ["a"]);
    let kinds: Vec<FindingKind> = answered.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::RefusedLink, FindingKind::BrokenLink, FindingKind::RefusedLink]);

    // Nor through an address that is mapped to a folder.
    let rewrites = Rewrites::parse([format!("https://h.example={}", folder.path().join("public").display())]).unwrap();
    let tree = read_tree("https://h.example/catalog.json", &rewrites, Strictness::Lenient).unwrap();
    assert_eq!(tree.items.len(), 1);
    assert_eq!(tree.items[0].asset("x").unwrap().href(), Some(""));
    let strict = read_tree("https://h.example/catalog.json", &rewrites, Strictness::Strict).unwrap_err();
    assert!(matches!(strict, Error::Refused { .. }), "{strict}");
}

#[test]
fn a_catalog_of_this_machine_says_which_server_it_misses() {
    let folder = tempfile::tempdir().unwrap();
    let address = {
        // A port that was free a moment ago: nobody answers there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let links: Vec<String> = (0..40).map(|at| format!("{address}/{at}.json")).collect();
    let links: Vec<(&str, &str)> =
        links.iter().map(|href| ("item", href.as_str())).chain([("item", "a.json")]).collect();
    write(folder.path(), "catalog.json", &catalog(&links));
    write(folder.path(), "a.json", &item("a"));
    let (found, answered) = all(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(found, ["a"]);
    assert_eq!(answered.findings.len(), 40);
    assert!(answered.findings[0].message.contains("--rewrite"), "{}", answered.findings[0]);
}

#[test]
fn deep_chains_and_wide_folders_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..2000 {
        write(folder.path(), &format!("{at}.json"), &catalog(&[("child", &format!("{}.json", at + 1))]));
    }
    let names: Vec<String> = (0..1500).map(|at| format!("item-{at:04}.json")).collect();
    for (at, name) in names.iter().enumerate() {
        write(folder.path(), name, &item(&format!("item-{at:04}")));
    }
    let links: Vec<(&str, &str)> = names.iter().map(|name| ("item", name.as_str())).collect();
    write(folder.path(), "2000.json", &catalog(&links));
    let (found, answered) = all(folder.path().join("0.json").to_str().unwrap()).unwrap();
    assert_eq!((found.len(), found[0].as_str(), found[1499].as_str()), (1500, "item-0000", "item-1499"));
    assert_eq!(answered.requests, 3501);
}

/// The plain way through the same graph: depth first, each document once.
fn plainly(graph: &[Vec<usize>]) -> Vec<String> {
    let (mut order, mut seen, mut stack) = (Vec::new(), vec![false; graph.len()], vec![0]);
    while let Some(at) = stack.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        if graph[at].is_empty() && at > 0 {
            order.push(format!("n{at}"));
        }
        stack.extend(graph[at].iter().rev());
    }
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn reading_ahead_changes_no_order(edges in prop::collection::vec((0_usize..24, 0_usize..24), 1..60)) {
        let mut graph = vec![Vec::new(); 24];
        for (from, to) in edges {
            graph[from].push(to);
        }
        let folder = tempfile::tempdir().unwrap();
        for (at, links) in graph.iter().enumerate() {
            let links: Vec<(String, String)> = links.iter().map(|to| ("child".to_owned(), format!("{to}.json"))).collect();
            let links: Vec<(&str, &str)> = links.iter().map(|(rel, href)| (rel.as_str(), href.as_str())).collect();
            let is_item = links.is_empty() && at > 0;
            write(folder.path(), &format!("{at}.json"), &if is_item { item(&format!("n{at}")) } else { catalog(&links) });
        }
        let tree = read_tree(folder.path().join("0.json").to_str().unwrap(), &Rewrites::default(), Strictness::Strict).unwrap();
        let found: Vec<String> = tree.items.iter().map(|item| item.id().to_owned()).collect();
        prop_assert_eq!(found, plainly(&graph));
    }
}
