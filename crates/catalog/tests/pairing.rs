//! Small catalogs made for one question each: how images and labels find each other, and what may not be followed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use std::path::Path;

use serde_json::{Value, json};
use swath_catalog::{
    Error, Pairing, Rewrites, Strictness, Tree,
    pairing::{ClassSource, LabelKind, Reason, Rules},
    publish::write_json_atomically,
    read_tree,
};

const SQUARE: [f64; 4] = [2.0, 42.0, 3.0, 43.0];

fn item(id: &str, bbox: [f64; 4], date: &str, assets: Value, links: Value, more: Value) -> Value {
    let [west, south, east, north] = bbox;
    let ring = json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
    let mut properties = json!({"datetime": format!("{date}T00:00:00Z")});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "geometry": {"type": "Polygon", "coordinates": ring},
           "bbox": bbox, "properties": properties, "links": links, "assets": assets})
}

fn image(id: &str, bbox: [f64; 4], date: &str) -> Value {
    let assets = json!({"data": {"href": format!("./{id}.tif"), "roles": ["data"]}, "look": {"href": "./x.tif", "roles": ["visual"]}});
    item(id, bbox, date, assets, json!([]), json!({}))
}

fn label(id: &str, date: &str, links: Value) -> Value {
    let assets = json!({"labels": {"href": format!("./{id}.geojson"), "roles": ["labels"]}});
    let fields = json!({"label:type": "vector", "label:properties": ["kind"], "label:classes": [{"name": "kind", "classes": ["lake"]}]});
    item(id, SQUARE, date, assets, links, fields)
}

fn write(folder: &Path, items: &[Value]) {
    let collection = json!({"type": "FeatureCollection", "features": items});
    write_json_atomically(&folder.join("items.json"), &collection).unwrap();
}

/// Items each in a file of their own, so that links can name them.
fn tree(items: &[Value]) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let mut links = Vec::new();
    for item in items {
        let name = format!("{}.json", item["id"].as_str().unwrap());
        write_json_atomically(&folder.path().join(&name), item).unwrap();
        links.push(json!({"rel": "item", "href": format!("./{name}")}));
    }
    let catalog = json!({"type": "Catalog", "id": "c", "stac_version": "1.1.0", "description": "", "links": links});
    write_json_atomically(&folder.path().join("catalog.json"), &catalog).unwrap();
    read_tree(folder.path().to_str().unwrap(), &Rewrites::default(), Strictness::Strict).unwrap()
}

fn pairs(items: &[Value], rules: &Rules) -> Pairing {
    Pairing::of(&tree(items), rules).unwrap()
}

#[test]
fn an_item_with_ml_aoi_roles_stacks_its_features() {
    let link =
        |id: &str, role: &str| json!({"rel": "derived_from", "href": format!("./{id}.json"), "ml-aoi:role": role});
    let links = json!([link("l", "label"), link("optical", "feature"), link("radar", "feature")]);
    let area = item("area", SQUARE, "2020-01-01", json!({}), links, json!({"ml-aoi:split": "test"}));
    let items = [
        image("optical", SQUARE, "2020-01-01"),
        image("radar", SQUARE, "2020-01-02"),
        label("l", "2020-01-01", json!([])),
        area,
    ];
    let found = pairs(&items, &Rules::default());
    let [pair] = found.pairs.as_slice() else { panic!("{found:?}") };
    let keys: Vec<_> = pair.images.iter().map(|image| image.item.id.as_str()).collect();
    assert_eq!((pair.reason, keys), (Reason::DerivedFrom, vec!["optical", "radar"]));
    assert_eq!(pair.split.unwrap().to_string(), "test");
    assert_eq!(found.orphans, []);
}

#[test]
fn several_sources_are_several_pairs_and_several_labels_share_an_image() {
    let source = |id: &str| json!({"rel": "source", "href": format!("./{id}.json"), "label:assets": ["data"]});
    let items = [
        image("a", SQUARE, "2020-01-01"),
        image("b", SQUARE, "2020-01-02"),
        label("both", "2020-01-01", json!([source("a"), source("b")])),
        label("again", "2020-01-01", json!([source("a")])),
    ];
    let found = pairs(&items, &Rules::default());
    let ends: Vec<_> =
        found.pairs.iter().map(|pair| (pair.label.item.id.as_str(), pair.images[0].item.id.as_str())).collect();
    assert_eq!(ends, [("both", "a"), ("both", "b"), ("again", "a")]);
    let mut ids: Vec<_> = found.pairs.iter().map(|pair| &pair.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    // The asset for looking at is no image.
    assert!(found.pairs.iter().all(|pair| pair.images.len() == 1 && pair.images[0].key == "data"));
}

#[test]
fn footprint_and_date_decide_only_where_they_leave_one_image() {
    let elsewhere = [10.0, 42.0, 11.0, 43.0];
    let near = [
        image("same", SQUARE, "2020-01-01"),
        image("later", SQUARE, "2020-02-01"),
        image("far", elsewhere, "2020-01-01"),
    ];
    let with = |more: Value| near.iter().cloned().chain([more]).collect::<Vec<_>>();
    let found = pairs(&with(label("l", "2020-01-01", json!([]))), &Rules::default());
    assert_eq!((found.pairs[0].images[0].item.id.as_str(), found.pairs[0].reason), ("same", Reason::Footprint));
    let refused = |items: &[Value], rules: &Rules| Pairing::of(&tree(items), rules).unwrap_err().to_string();
    assert!(refused(&with(label("l", "2021-01-01", json!([]))), &Rules::default()).contains("none of the 2 images"));
    let links_only = Rules { links_only: true, ..Rules::default() };
    assert!(refused(&with(label("l", "2020-01-01", json!([]))), &links_only).contains("no source link"));
    let twice =
        [image("one", SQUARE, "2020-01-01"), image("two", SQUARE, "2020-01-01"), label("l", "2020-01-01", json!([]))];
    assert!(refused(&twice, &Rules::default()).contains("2 images share"));
    let dead = label("l", "2020-01-01", json!([{"rel": "source", "href": "./gone.json"}]));
    assert!(refused(&with(dead), &Rules::default()).contains("gone.json, which is no item"));
}

#[test]
fn rules_override_what_the_catalog_says() {
    let source = json!([{"rel": "source", "href": "./a.json"}]);
    let items = [image("a", SQUARE, "2020-01-01"), label("l", "2020-01-01", source)];
    let class_of = |rules: &Rules| match &pairs(&items, rules).pairs[0].label.kind {
        LabelKind::Vector { class, .. } => class.clone(),
        LabelKind::Raster { .. } => panic!("vector labels"),
    };
    assert_eq!(class_of(&Rules::default()), ClassSource::Property("kind".to_owned()));
    let constant = Rules { class: Some("water".to_owned()), ..Rules::default() };
    assert_eq!(class_of(&constant), ClassSource::Constant("water".to_owned()));
    assert_eq!(pairs(&items, &constant).pairs[0].label.classes, ["water"]);
}

#[test]
fn a_mirrored_catalog_may_not_name_files_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let rules = [format!("https://h.org/data={}", folder.path().display())];
    let read = |href: &str, strictness| {
        let assets = json!({"data": {"href": href}});
        write(folder.path(), &[item("a", SQUARE, "2020-01-01", assets, json!([]), json!({}))]);
        read_tree("https://h.org/data/items.json", &Rewrites::parse(&rules).unwrap(), strictness)
    };
    for href in ["file:///etc/passwd", "https://h.org/data/..%2f..%2f..%2fetc/passwd"] {
        assert!(matches!(read(href, Strictness::Strict), Err(Error::Refused { .. })), "{href}");
        let tree = read(href, Strictness::Lenient).unwrap();
        // The href is taken out, so that nothing downstream can follow it.
        assert_eq!((tree.items[0].asset("data").unwrap().href(), tree.findings.len()), (Some(""), 1), "{href}");
    }
    let tree = read("./x.tif", Strictness::Strict).unwrap();
    assert_eq!(tree.items[0].asset("data").unwrap().href(), Some(folder.path().join("x.tif").to_str().unwrap()));
}

#[test]
fn links_in_circles_end_and_depth_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = |target: &str| json!({"type": "Catalog", "id": target, "links": [{"rel": "child", "href": target}]});
    write_json_atomically(&folder.path().join("catalog.json"), &catalog("./other.json")).unwrap();
    write_json_atomically(&folder.path().join("other.json"), &catalog("./catalog.json")).unwrap();
    let root = folder.path().to_str().unwrap();
    assert_eq!(read_tree(root, &Rewrites::default(), Strictness::Strict).unwrap().collections.len(), 2);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    std::fs::write(folder.path().join("other.json"), deep).unwrap();
    let error = read_tree(root, &Rewrites::default(), Strictness::Strict).unwrap_err();
    assert!(matches!(error, Error::Json { .. }), "{error:?}");
}
