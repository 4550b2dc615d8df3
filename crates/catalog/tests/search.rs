//! Questions put to real catalogs, the answers counted by hand from the files.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // helpers of tests may stop at the first surprise

use std::path::{Path, PathBuf};

use serde_json::json;
use swath_catalog::{
    Error, Rewrites, Split, Strictness, Tree,
    label::LabelType,
    read_tree,
    search::{LabelQuestion, Query, Search},
};

fn eurosat() -> Option<Tree> {
    let folder = std::env::var_os("SWATH_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(data) = folder.canonicalize() else {
        eprintln!("skipped: there is no {}; set SWATH_TEST_DATA to the folder of test data", folder.display());
        return None;
    };
    let prefix = "https://raw.githubusercontent.com/ai-extensions/stac-data-loader/0.5.0/data/EuroSAT";
    let rewrites = Rewrites::parse([format!("{prefix}={}", data.join("eurosat").display())]).unwrap();
    Some(read_tree(data.join("eurosat/stac/subset").to_str().unwrap(), &rewrites, Strictness::Strict).unwrap())
}

fn count(tree: &Tree, query: Query) -> usize {
    Search::new(query).unwrap().of(tree).len()
}

#[test]
fn label_questions_are_answered_by_type_class_and_split() {
    let Some(tree) = eurosat() else { return };
    let labelled = |label: LabelQuestion| Query { label, ..Query::default() };
    let class = |name: &str| LabelQuestion { classes: vec![name.to_owned()], ..LabelQuestion::default() };
    // Ten classes of ten chips, six of them to train on.
    assert_eq!(count(&tree, labelled(class("River"))), 10);
    assert_eq!(count(&tree, labelled(LabelQuestion { split: Some(Split::Train), ..class("River") })), 6);
    assert_eq!(count(&tree, labelled(LabelQuestion { label_type: Some(LabelType::Raster), ..class("River") })), 0);
    assert_eq!(count(&tree, labelled(LabelQuestion { with_image: true, ..class("River") })), 10);
    let at_least = |least| LabelQuestion { min_counts: vec![("River".to_owned(), least)], ..LabelQuestion::default() };
    assert_eq!(count(&tree, labelled(at_least(1))), 10);
    assert_eq!(count(&tree, labelled(at_least(2))), 0);
    let task = |name: &str| LabelQuestion { tasks: vec![name.to_owned()], ..LabelQuestion::default() };
    assert_eq!(count(&tree, labelled(task("segmentation"))), 100);
    assert_eq!(count(&tree, labelled(task("detection"))), 0);
}

#[test]
fn bands_resolution_place_and_time_are_asked_for() {
    let Some(tree) = eurosat() else { return };
    let bands =
        |names: &[&str]| Query { bands: names.iter().map(|name| (*name).to_owned()).collect(), ..Query::default() };
    assert_eq!(count(&tree, bands(&["red", "B8A"])), 100);
    assert_eq!(count(&tree, bands(&["red", "lwir"])), 0);
    assert_eq!(count(&tree, Query { gsd_max_m: Some(10.0), ..Query::default() }), 100);
    assert_eq!(count(&tree, Query { gsd_max_m: Some(9.0), ..Query::default() }), 0);
    assert_eq!(count(&tree, Query { datetime: Some("2023-12-19".to_owned()), ..Query::default() }), 100);
    assert_eq!(count(&tree, Query { datetime: Some("../2023-12-18".to_owned()), ..Query::default() }), 0);
    // Around the first chip alone, as a box and as a polygon.
    let near = [4.67, 48.94, 4.69, 48.96];
    let found = Search::new(Query { bbox: Some(near), ..Query::default() }).unwrap();
    let ids: Vec<_> = found.of(&tree).into_iter().map(|item| item.id().to_owned()).collect();
    assert!(ids.contains(&"EuroSAT-subset-train-sample-0-class-AnnualCrop".to_owned()), "{ids:?}");
    let ring = json!([[[4.67, 48.94], [4.69, 48.94], [4.69, 48.96], [4.67, 48.96], [4.67, 48.94]]]);
    let polygon = Query { intersects: Some(json!({"type": "Polygon", "coordinates": ring})), ..Query::default() };
    assert_eq!(count(&tree, polygon), ids.len());
}

#[test]
fn answers_are_sorted_and_bounded() {
    let Some(tree) = eurosat() else { return };
    let query = Query { sort_by: vec!["-id".to_owned()], max_items: Some(3), ..Query::default() };
    let search = Search::new(query).unwrap();
    let ids: Vec<_> = search.of(&tree).into_iter().map(|item| item.id().to_owned()).collect();
    let mut all: Vec<_> = tree.items.iter().map(|item| item.id().to_owned()).collect();
    all.sort();
    all.reverse();
    assert_eq!(ids, all[..3]);
}

#[test]
fn questions_that_make_no_sense_name_their_part() {
    let point = json!({"type": "Point", "coordinates": [0, 0]});
    for (query, part) in [
        (Query { bbox: Some([0.0, 1.0, 1.0, 0.0]), ..Query::default() }, "bbox"),
        (Query { bbox: Some([0.0; 4]), intersects: Some(point), ..Query::default() }, "bbox"),
        (Query { intersects: Some(json!({"type": "Nonsense"})), ..Query::default() }, "intersects"),
        (Query { datetime: Some("soon".to_owned()), ..Query::default() }, "datetime"),
        (Query { gsd_max_m: Some(-1.0), ..Query::default() }, "gsd-max"),
    ] {
        match Search::new(query) {
            Err(Error::Query { part: named, .. }) => assert_eq!(named, part),
            other => panic!("{part}: {other:?}"),
        }
    }
}
