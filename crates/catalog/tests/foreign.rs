//! Small trees in the manner of many publishers: which pairs are found in them, and which findings.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use std::path::Path;

use serde_json::{Value, json};
use swath_catalog::{
    Pairing, Rewrites, Strictness, Tree,
    pairing::{ClassSource, LabelKind, Reason, Rules},
    read_tree,
    repair::{FindingKind, Severity, examine},
};

/// A folder with JSON documents and empty files.
fn written(documents: &[(&str, Value)], files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    for (name, document) in documents {
        std::fs::write(place(name), serde_json::to_vec(document).unwrap()).unwrap();
    }
    files.iter().for_each(|name| std::fs::write(place(name), "").unwrap());
    folder
}

fn read(folder: &Path) -> Tree {
    read_tree(folder.to_str().unwrap(), &Rewrites::default(), Strictness::Lenient).unwrap()
}

fn catalog(version: &str, kind: &str, id: &str, links: &[(&str, &str)]) -> Value {
    let links: Vec<Value> = links.iter().map(|(rel, href)| json!({"rel": rel, "href": href})).collect();
    let mut document = json!({"stac_version": version, "id": id, "description": "d", "license": "other", "links": links,
        "extent": {"spatial": {"bbox": [[2, 42, 3, 43]]}, "temporal": {"interval": [["2018-01-01T00:00:00Z", null]]}}});
    if version != "0.9.0" {
        document["type"] = json!(kind);
    }
    document
}

#[allow(clippy::needless_pass_by_value)] // documents are written in place
fn item(version: &str, id: &str, more: Value, assets: Value, links: Value) -> Value {
    let mut properties = json!({"datetime": "2020-02-02T00:00:00Z"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"type": "Feature", "stac_version": version, "id": id, "bbox": [2, 42, 3, 43], "properties": properties, "assets": assets, "links": links,
           "stac_extensions": ["https://stac-extensions.github.io/label/v1.0.1/schema.json", "https://stac-extensions.github.io/ml-aoi/v0.1.0/schema.json",
                               "https://stac-extensions.github.io/classification/v1.1.0/schema.json",
                               "https://stac-extensions.github.io/raster/v1.1.0/schema.json"],
           "geometry": {"type": "Polygon", "coordinates": [[[2, 42], [3, 42], [3, 43], [2, 43], [2, 42]]]}})
}

fn label_fields() -> Value {
    json!({"label:type": "vector", "label:properties": ["crop"], "label:description": "fields", "label:tasks": ["segmentation"],
           "label:classes": [{"name": "crop", "classes": ["Wheat", "Rye"]}]})
}

fn tif(href: &str, roles: &[&str]) -> Value {
    json!({"href": href, "type": "image/tiff; application=geotiff", "roles": roles})
}

fn geojson(href: &str, roles: &[&str]) -> Value {
    json!({"href": href, "type": "application/geo+json", "roles": roles})
}

/// Pairs as (label, image item, image asset keys, reason).
fn pairs(tree: &Tree, rules: &Rules) -> Vec<(String, String, Vec<String>, Reason)> {
    let of = |pairing: Pairing| {
        pairing.pairs.into_iter().map(|pair| {
            let keys = pair.images.iter().map(|image| image.key.clone()).collect();
            (pair.label.item.id.clone(), pair.images[0].item.id.clone(), keys, pair.reason)
        })
    };
    of(Pairing::of(tree, rules).unwrap()).collect()
}

fn findings(tree: &Tree) -> Vec<(FindingKind, Severity, String, String)> {
    let told = examine(tree)
        .into_iter()
        .map(|found| (found.kind, found.severity, found.item.unwrap_or_default(), found.field));
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn keys(list: &[&str]) -> Vec<String> {
    list.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn label_collections_that_link_to_scenes_of_one_file_a_band() {
    // As the ML hubs publish: source links from the label item, a TIFF for each band, label:assets naming some of them.
    let bands = json!({"B02": tif("B02.tif", &["data"]), "B03": tif("B03.tif", &["data"]), "B04": tif("B04.tif", &["data"]), "SCL": tif("SCL.tif", &["data"])});
    let source = json!([{"rel": "source", "href": "../../scenes/s1/s1.json", "type": "application/json", "label:assets": ["B02", "B03", "B04"]},
                        {"rel": "source", "href": "../../scenes/s2/s2.json", "type": "application/json", "label:assets": ["B02"]},
                        {"rel": "source", "href": "../../scenes/lost/lost.json", "type": "application/json"}]);
    let labels = json!({"labels": geojson("./l1.geojson", &["labels", "labels-vector"]), "documentation": {"href": "./readme.pdf", "type": "application/pdf"}});
    let folder = written(
        &[
            (
                "catalog.json",
                catalog(
                    "1.0.0",
                    "Catalog",
                    "hub",
                    &[("child", "labels/collection.json"), ("child", "scenes/collection.json")],
                ),
            ),
            ("labels/collection.json", catalog("1.0.0", "Collection", "labels", &[("item", "l1/l1.json")])),
            ("labels/l1/l1.json", item("1.0.0", "l1", label_fields(), labels, source)),
            (
                "scenes/collection.json",
                catalog("1.0.0", "Collection", "scenes", &[("item", "s1/s1.json"), ("item", "s2/s2.json")]),
            ),
            ("scenes/s1/s1.json", item("1.0.0", "s1", json!({}), bands.clone(), json!([]))),
            ("scenes/s2/s2.json", item("1.0.0", "s2", json!({}), bands, json!([]))),
        ],
        &[
            "labels/l1/l1.geojson",
            "labels/l1/readme.pdf",
            "scenes/s1/B02.tif",
            "scenes/s1/B03.tif",
            "scenes/s1/B04.tif",
            "scenes/s1/SCL.tif",
            "scenes/s2/B02.tif",
        ],
    );
    let tree = read(folder.path());
    let found = pairs(&tree, &Rules::default());
    let expected = |image: &str, assets: &[&str]| ("l1".to_owned(), image.to_owned(), keys(assets), Reason::SourceLink);
    assert_eq!(found, [expected("s1", &["B02", "B03", "B04"]), expected("s2", &["B02"])]);
    let missing =
        |key: &str| (FindingKind::MissingFile, Severity::Error, "s2".to_owned(), format!("assets.{key}.href"));
    let link = (FindingKind::BrokenLink, Severity::Warning, "l1".to_owned(), "links.2.href".to_owned());
    assert_eq!(findings(&tree), [link, missing("B03"), missing("B04"), missing("SCL")]);
}

#[test]
fn areas_of_interest_that_are_derived_from_labels_and_features() {
    let link = |href: &str, role: &str| json!({"rel": "derived_from", "href": href, "ml-aoi:role": role});
    let aoi = |id: &str, split: &str, image: &str| {
        item(
            "1.0.0",
            id,
            json!({"ml-aoi:split": split}),
            json!({}),
            json!([link("./labels.json", "label"), link(image, "feature")]),
        )
    };
    let folder = written(
        &[
            (
                "catalog.json",
                catalog(
                    "1.0.0",
                    "Catalog",
                    "c",
                    &[
                        ("item", "one.json"),
                        ("item", "two.json"),
                        ("item", "labels.json"),
                        ("item", "a.json"),
                        ("item", "b.json"),
                    ],
                ),
            ),
            ("one.json", aoi("one", "train", "./a.json")),
            ("two.json", aoi("two", "test", "./b.json")),
            (
                "labels.json",
                item(
                    "1.0.0",
                    "labels",
                    label_fields(),
                    json!({"labels": geojson("l.geojson", &["labels"])}),
                    json!([]),
                ),
            ),
            ("a.json", item("1.0.0", "a", json!({}), json!({"image": tif("a.tif", &["data"])}), json!([]))),
            ("b.json", item("1.0.0", "b", json!({}), json!({"image": tif("b.tif", &["data"])}), json!([]))),
        ],
        &["l.geojson", "a.tif", "b.tif"],
    );
    let tree = read(folder.path());
    let pairing = Pairing::of(&tree, &Rules::default()).unwrap();
    let told: Vec<_> =
        pairing.pairs.iter().map(|pair| (pair.id.as_str(), pair.split.unwrap().to_string(), pair.reason)).collect();
    assert_eq!(
        told,
        [("one", "train".to_owned(), Reason::DerivedFrom), ("two", "test".to_owned(), Reason::DerivedFrom)]
    );
    assert_eq!((pairing.orphans, findings(&tree)), (vec![], vec![]));
}

#[test]
fn raster_labels_of_floods_with_two_sensors() {
    // One item of hand-made classes, source links to a radar and an optical image, -1 where nothing is known.
    let classes = json!([{"value": -1, "name": "unknown", "nodata": true}, {"value": 0, "name": "land"}, {"value": 1, "name": "flood"}]);
    let mut labels = tif("f_QC.tif", &["labels", "labels-raster"]);
    labels["classification:classes"] = classes;
    labels["raster:bands"] = json!([{"nodata": -1, "data_type": "int16"}]);
    let fields = json!({"label:type": "raster", "label:properties": null, "label:description": "floods", "label:tasks": ["segmentation"],
                        "label:classes": [{"name": null, "classes": ["land", "flood"]}]});
    let source = json!([{"rel": "source", "href": "./s1.json"}, {"rel": "source", "href": "./s2.json"}]);
    let image = |id: &str| item("1.0.0", id, json!({}), json!({"image": tif(&format!("{id}.tif"), &[])}), json!([]));
    let folder = written(
        &[
            (
                "catalog.json",
                catalog("1.0.0", "Catalog", "floods", &[("item", "f.json"), ("item", "s1.json"), ("item", "s2.json")]),
            ),
            ("f.json", item("1.0.0", "f", fields, json!({"QC": labels}), source)),
            ("s1.json", image("s1")),
            ("s2.json", image("s2")),
        ],
        &["f_QC.tif", "s1.tif", "s2.tif"],
    );
    let tree = read(folder.path());
    let pairing = Pairing::of(&tree, &Rules::default()).unwrap();
    assert_eq!(pairing.pairs.len(), 2);
    let LabelKind::Raster { values, nodata } = &pairing.pairs[0].label.kind else { panic!("raster labels") };
    assert_eq!((values.len(), *nodata, values[2].full_name()), (3, Some(-1.0), "flood"));
    assert_eq!(pairing.pairs[0].label.classes, ["land", "flood"]);
    assert_eq!(findings(&tree), []);
}

#[test]
fn a_rule_pairs_what_no_link_does() {
    let image = |id: &str| item("1.1.0", id, json!({}), json!({"image": tif("x.tif", &["data"])}), json!([]));
    let label =
        |id: &str| item("1.1.0", id, label_fields(), json!({"labels": geojson("x.geojson", &["labels"])}), json!([]));
    let all = [
        label("label_t1_a"),
        label("label_t1_b"),
        label("label_t9"),
        image("scene_t1_jan"),
        image("scene_t1_feb"),
        image("scene_t2"),
    ];
    let folder =
        written(&[("items.json", json!({"type": "FeatureCollection", "features": all}))], &["x.tif", "x.geojson"]);
    let tree = read(&folder.path().join("items.json"));
    let rules = Rules { matching: Some(regex::Regex::new(r"_(t\d)").unwrap()), ..Rules::default() };
    let pairing = Pairing::of(&tree, &rules).unwrap();
    let ends: Vec<_> = pairing
        .pairs
        .iter()
        .map(|pair| (pair.label.item.id.as_str(), pair.images[0].item.id.as_str(), pair.reason))
        .collect();
    let both = |label| [(label, "scene_t1_jan", Reason::Rule), (label, "scene_t1_feb", Reason::Rule)];
    assert_eq!(ends, [both("label_t1_a"), both("label_t1_b")].concat());
    let ids: std::collections::HashSet<_> = pairing.pairs.iter().map(|pair| &pair.id).collect();
    assert_eq!(ids.len(), 4);
    let orphans: Vec<_> =
        pairing.orphans.iter().map(|orphan| (orphan.item.id.as_str(), orphan.reason.as_str())).collect();
    assert_eq!(
        orphans,
        [("label_t9", r"`_(t\d)` captures `t9` in its id and in that of no image"), ("scene_t2", "no label names it")]
    );
    // Footprint and date, where two images share both, decide nothing.
    assert!(Pairing::of(&tree, &Rules::default()).is_err());
}

#[test]
fn version_0_9_with_its_own_names_and_positions_of_bands() {
    let fields = json!({"label:type": "vector", "label:property": ["crop"], "label:description": "old", "label:task": ["segmentation"],
                        "label:classes": [{"name": ["crop"], "classes": ["Wheat"]}]});
    let mut label = item(
        "0.9.0",
        "l",
        fields,
        json!({"labels": geojson("l.geojson", &[])}),
        json!([{"rel": "source", "href": "s.json"}]),
    );
    label["stac_extensions"] = json!(["label"]);
    let bands = json!({"eo:bands": [{"name": "B1", "common_name": "blue"}, {"name": "B2", "common_name": "green"}, {"name": "B3", "common_name": "red"}]});
    let mut image = tif("s.tif", &["data"]);
    image["eo:bands"] = json!([2, 1, 0]);
    let mut scene = item("0.9.0", "s", bands, json!({"image": image}), json!([]));
    scene["stac_extensions"] = json!(["eo"]);
    let folder = written(
        &[
            ("catalog.json", catalog("0.9.0", "Catalog", "old", &[("item", "l.json"), ("item", "s.json")])),
            ("l.json", label),
            ("s.json", scene),
        ],
        &["l.geojson", "s.tif"],
    );
    let tree = read(folder.path());
    let pairing = Pairing::of(&tree, &Rules::default()).unwrap();
    let [pair] = pairing.pairs.as_slice() else { panic!("one pair") };
    let names: Vec<_> = pair.images[0].bands.iter().filter_map(|band| band.name.as_deref()).collect();
    assert_eq!(names, ["B3", "B2", "B1"]);
    let LabelKind::Vector { class, .. } = &pair.label.kind else { panic!("vector labels") };
    assert_eq!(*class, ClassSource::Property("crop".to_owned()));
    let of_l = |kind, severity, field: &str| (kind, severity, "l".to_owned(), field.to_owned());
    assert_eq!(
        findings(&tree),
        [
            (FindingKind::InvalidField, Severity::Warning, "s".to_owned(), "assets.image.eo:bands".to_owned()),
            of_l(FindingKind::LabelShape, Severity::Warning, "properties.label:classes"),
            of_l(FindingKind::LabelShape, Severity::Warning, "properties.label:properties"),
            of_l(FindingKind::LabelShape, Severity::Warning, "properties.label:tasks"),
            of_l(FindingKind::MissingRole, Severity::Warning, "assets"),
        ]
    );
}

#[test]
fn hrefs_with_backslashes_and_percent_signs() {
    let image = |id: &str, href: &str| item("1.0.0", id, json!({}), json!({"image": tif(href, &["data"])}), json!([]));
    let label = |id: &str, href: &str, source: &str| {
        item(
            "1.0.0",
            id,
            label_fields(),
            json!({"labels": geojson(href, &["labels"])}),
            json!([{"rel": "source", "href": source}]),
        )
    };
    let folder = written(
        &[
            (
                "catalog.json",
                catalog(
                    "1.0.0",
                    "Catalog",
                    "c",
                    &[
                        ("item", r".\items\w.json"),
                        ("item", r"items\wl.json"),
                        ("item", "items/my%20scene.json"),
                        ("item", "items/pl.json"),
                    ],
                ),
            ),
            ("items/w.json", image("w", r"..\images\w 1.tif")),
            ("items/wl.json", label("wl", r"..\labels\w.geojson", r".\w.json")),
            ("items/my scene.json", image("p", "../images/50%25%20%231.tif")),
            ("items/pl.json", label("pl", "../labels/p%20l.geojson", "./my%20scene.json")),
        ],
        &["images/w 1.tif", "labels/w.geojson", "images/50% #1.tif", "labels/p l.geojson"],
    );
    let tree = read(folder.path());
    let ends: Vec<_> = pairs(&tree, &Rules::default()).into_iter().map(|(label, image, ..)| (label, image)).collect();
    let pair = |label: &str, image: &str| (label.to_owned(), image.to_owned());
    assert_eq!(ends, [pair("wl", "w"), pair("pl", "p")]);
    // Every file was found.
    assert_eq!(findings(&tree), []);
}

#[test]
fn faults_of_every_kind_are_told_once_each() {
    let fields = json!({"label:type": "polygons", "label:properties": ["kind"], "label:description": "d", "label:classes": {"name": "kind", "classes": ["a", "b"]},
                        "datetime": "1999-01-01T00:00:00Z", "platform": "sentinel-2a", "ml-aoi:split": "holdout", "proj:shape": [1]});
    let mut image = tif("gone.tif", &["data"]);
    image["eo:bands"] = json!([{"name": "B1"}]);
    image["raster:bands"] = json!([{}, {}]);
    let mut bad = item(
        "1.0.0",
        "bad-2020-05-05",
        fields,
        json!({"labels": geojson("", &[]), "image": image}),
        json!([{"rel": "source"}]),
    );
    bad["stac_extensions"] = json!([]);
    let folder = written(
        &[
            ("catalog.json", catalog("1.0.0", "Collection", "c", &[("item", "bad.json"), ("item", "none.json")])),
            ("bad.json", bad),
        ],
        &[],
    );
    let kinds: std::collections::BTreeSet<_> =
        findings(&read(folder.path())).into_iter().map(|(kind, ..)| kind).collect();
    let expected = [
        FindingKind::BrokenLink,
        FindingKind::MissingFile,
        FindingKind::InvalidField,
        FindingKind::UndeclaredExtension,
        FindingKind::LabelShape,
        FindingKind::MissingRole,
        FindingKind::BandCount,
        FindingKind::ImpossibleDatetime,
        FindingKind::DoubtfulDatetime,
    ];
    assert_eq!(kinds, expected.into_iter().collect());
}
