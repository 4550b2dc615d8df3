//! One conformance suite for all sources: the same items, the same questions, the same answers.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at the first surprise

mod conformance;
mod folder;

use std::{fs, path::Path, sync::Arc};

use conformance::{COLLECTIONS, access, answer, demand, expected, items, questions};
use serde_json::{Value, json};
use swath_catalog::{
    Href, Item, geoparquet,
    search::{Part, Query, Search},
    source::{Source, open},
};

fn write(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, value.to_string()).unwrap();
}

/// The items as a catalog of collections of items.
fn write_tree(folder: &Path) {
    let child = |id: &&str| json!({"rel": "child", "href": format!("./{id}/collection.json")});
    let links: Vec<Value> = COLLECTIONS.iter().map(child).collect();
    write(&folder.join("catalog.json"), &json!({"type": "Catalog", "id": "root", "description": "d", "links": links}));
    for collection in COLLECTIONS {
        let mut links = vec![json!({"rel": "root", "href": "../catalog.json"})];
        for item in items().into_iter().filter(|item| item["collection"] == collection) {
            let id = item["id"].as_str().unwrap();
            links.push(json!({"rel": "item", "href": format!("./{id}/{id}.json")}));
            write(&folder.join(collection).join(id).join(format!("{id}.json")), &item);
        }
        let document = json!({"type": "Collection", "id": collection, "description": "d", "links": links});
        write(&folder.join(collection).join("collection.json"), &document);
    }
}

fn write_all(folder: &Path) {
    write_tree(&folder.join("tree"));
    write(&folder.join("items.json"), &json!({"type": "FeatureCollection", "features": items()}));
    let lines: Vec<String> = items().iter().map(Value::to_string).collect();
    fs::write(folder.join("items.ndjson"), lines.join("\n") + "\n\n").unwrap();
    let href = Href::parse("/items.json").unwrap();
    let all: Vec<Item> = items().into_iter().map(|item| Item::new(item, href.clone()).unwrap()).collect();
    geoparquet::write(&folder.join("items.parquet"), &all, geoparquet::Order::Near, &[]).unwrap();
}

fn source(name: &str) -> Arc<dyn Source> {
    open(name, &access(&[])).unwrap()
}

#[test]
fn every_source_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    for name in ["tree", "tree/catalog.json", "items.json", "items.ndjson", "items.parquet"] {
        demand(&source(folder.path().join(name).to_str().unwrap()));
    }
}

#[test]
fn so_does_every_source_at_an_address() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let server = folder::serve(folder.path().to_path_buf(), &[]);
    for name in ["tree/catalog.json", "items.json", "items.ndjson", "items.parquet"] {
        demand(&source(&format!("{}/{name}", server.address)));
    }
}

#[test]
fn and_every_source_behind_a_rewritten_address() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let access = access(&[format!("https://moved.example/data={}", folder.path().display())]);
    for name in ["tree/catalog.json", "items.json", "items.ndjson", "items.parquet"] {
        demand(&open(&format!("https://moved.example/data/{name}"), &access).unwrap());
    }
}

#[test]
fn the_questions_tell_items_apart() {
    // A suite whose questions all find everything or nothing would pass for any source.
    let all = items().len();
    let telling = questions().iter().filter(|(_, query)| (1..all).contains(&expected(query).len())).count();
    assert!(telling + 4 >= questions().len(), "{telling} of {}", questions().len());
}

#[test]
fn several_sources_are_one_without_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let names = ["tree", "items.parquet", "items.ndjson"];
    let sources: Vec<_> = names.iter().map(|name| source(folder.path().join(name).to_str().unwrap())).collect();
    for (name, query) in questions() {
        let (mut found, _) = answer(&sources, &query).unwrap();
        let mut wanted = expected(&query);
        if query.sort_by.is_empty() {
            found.sort();
            wanted.sort();
        }
        assert_eq!(found, wanted, "{name}");
    }
    let (_, answered) = answer(&sources, &Query::default()).unwrap();
    assert_eq!(answered.iter().map(|own| own.found).collect::<Vec<_>>(), [60, 0, 0]);
}

#[test]
fn no_more_than_is_wanted_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write_tree(&folder.path().join("tree"));
    let server = folder::serve(folder.path().to_path_buf(), &[]);
    let query = Query { max_items: Some(2), ..Query::default() };
    let (found, _) = answer(&[source(&format!("{}/tree/catalog.json", server.address))], &query).unwrap();
    assert_eq!(found, ["fields/label-01", "fields/label-03"]);
    let (none, _) =
        answer(&[source(folder.path().join("tree").to_str().unwrap())], &Query { max_items: Some(0), ..query })
            .unwrap();
    assert!(none.is_empty());
}

#[test]
fn accounts_say_what_ran_where() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let query = Query { bbox: Some([-4.0, 41.0, 0.5, 44.2]), filter: Some("gsd = 10".to_owned()), ..Query::default() };
    let (found, answered) = answer(&[source(folder.path().join("items.parquet").to_str().unwrap())], &query).unwrap();
    let account = &answered[0];
    assert_eq!(account.kind, "stac-geoparquet of 60 items");
    assert_eq!(account.narrowed.to_string(), "bbox");
    assert_eq!(account.here.to_string(), "bbox, filter");
    assert!(account.there.is_empty() && account.seen < 30 && account.found == found.len() as u64);
    let search = Search::new(query).unwrap();
    assert!(search.parts().contains(Part::Filter) && !search.parts().contains(Part::Sort));
}

#[test]
fn fields_are_kept_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let query = Query {
        ids: vec!["image-01".to_owned()],
        fields: ["properties.gsd", "bbox"].map(str::to_owned).to_vec(),
        ..Query::default()
    };
    let search = Search::new(query).unwrap();
    for name in ["tree", "items.json", "items.ndjson", "items.parquet"] {
        let source = source(folder.path().join(name).to_str().unwrap());
        let found = std::sync::Mutex::new(Vec::new());
        let take = |item: Item| {
            found.lock().unwrap().push(item.into_value());
            std::ops::ControlFlow::Continue(())
        };
        swath_catalog::source::gather(&[source], &search, |_| {}, take).unwrap();
        let found = found.into_inner().unwrap();
        let wanted = json!({"type": "Feature", "id": "image-01", "collection": "images",
                            "properties": {"gsd": 20}, "bbox": [-4.0, 40.0, -2.5, 41.5]});
        assert_eq!(found, [wanted], "{name}");
    }
}
