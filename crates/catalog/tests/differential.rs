//! The compiled-in schemas say yes and no where the published ones do: real documents, and real documents spoilt in one place.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

mod oracle;

use std::path::Path;

use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};
use serde_json::{Value, json};
use swath_catalog::schema;

/// The extensions that there are published schemas for among the test data.
const PUBLISHED: [&str; 7] = [
    "label/v1.0.1",
    "ml-aoi/v0.2.0",
    "mlm/v1.5.2",
    "classification/v1.1.0",
    "eo/v2.0.0",
    "raster/v2.0.0",
    "projection/v2.0.0",
];

/// Spoilt copies of each document.
const COPIES: usize = 60;

fn address(extension: &str) -> String {
    format!("https://stac-extensions.github.io/{extension}/schema.json")
}

/// Documents of versions 1.0.0 and 1.1.0 below a folder, naming only extensions that can be compared.
fn documents(folder: &Path, found: &mut Vec<Value>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, found);
        } else if let Ok(document) = serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()) {
            let features = document["features"].as_array().cloned();
            found.extend(features.unwrap_or_else(|| vec![document]).into_iter().take(3).filter_map(comparable));
        }
    }
}

fn comparable(mut document: Value) -> Option<Value> {
    let kind = document["type"].as_str()?;
    if !matches!(kind, "Feature" | "Collection" | "Catalog")
        || !matches!(document["stac_version"].as_str()?, "1.0.0" | "1.1.0")
    {
        return None;
    }
    if let Some(named) = document["stac_extensions"].as_array() {
        let newer = |text: &str| text.replace("ml-aoi/v0.1.0", "ml-aoi/v0.2.0");
        let known = named
            .iter()
            .filter_map(Value::as_str)
            .map(newer)
            .filter(|text| PUBLISHED.iter().any(|known| *text == address(known)));
        document["stac_extensions"] = known.collect();
    }
    Some(document)
}

/// Documents that use what the real ones leave out.
fn seeds() -> Vec<Value> {
    let item = |extensions: &[&str], properties: Value, asset: Value| {
        let mut all = json!({"datetime": "2020-01-01T00:00:00Z"});
        all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        json!({
            "type": "Feature", "stac_version": "1.1.0", "id": "a", "bbox": [0, 0, 1, 1],
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            "stac_extensions": extensions.iter().map(|name| address(name)).collect::<Value>(),
            "properties": all, "links": [], "assets": {"data": asset},
        })
    };
    let histogram = json!({"count": 3, "min": 0, "max": 1, "buckets": [1, 2, 3]});
    let class = json!({"value": 1, "name": "water", "title": "Water", "color_hint": "0000ff", "nodata": false});
    vec![
        item(
            &["eo/v2.0.0", "raster/v2.0.0"],
            json!({"eo:cloud_cover": 3, "eo:snow_cover": 0}),
            json!({
            "href": "a.tif", "roles": ["data"], "nodata": "nan", "data_type": "uint8", "raster:scale": 0.1,
            "bands": [{"name": "B04", "eo:common_name": "red", "eo:center_wavelength": 0.66, "eo:solar_illumination": 1,
                       "raster:bits_per_sample": 12, "raster:sampling": "area", "raster:offset": -1, "raster:spatial_resolution": 10, "raster:histogram": histogram,
                       "statistics": {"minimum": 0, "count": 3, "valid_percent": 90}}]}),
        ),
        item(
            &["classification/v1.1.0"],
            json!({}),
            json!({
            "href": "a.tif", "classification:classes": [class], "raster:bands": [{"classification:classes": [class]}],
            "classification:bitfields": [{"offset": 0, "length": 1, "name": "cloud", "roles": ["mask"], "classes": [class]}]}),
        ),
        item(
            &["projection/v2.0.0"],
            json!({
            "proj:code": "EPSG:32631", "proj:bbox": [0, 0, 1, 1], "proj:shape": [2, 3], "proj:transform": [1, 0, 0, 0, -1, 0],
            "proj:centroid": {"lat": 1, "lon": 2}, "proj:geometry": {"type": "Point", "coordinates": [1, 2]}}),
            json!({"href": "a.tif"}),
        ),
        item(
            &["label/v1.0.1", "ml-aoi/v0.2.0"],
            json!({
            "label:type": "raster", "label:properties": null, "label:description": "d", "label:tasks": ["segmentation"], "label:methods": ["manual"],
            "label:classes": [{"name": null, "classes": [0, 1]}], "ml-aoi:split": "train",
            "label:overviews": [{"property_key": "k", "counts": [{"name": "a", "count": 1}], "statistics": [{"name": "m", "value": 1}]}]}),
            json!({"href": "a.tif", "ml-aoi:role": "label", "ml-aoi:resampling-method": "near", "ml-aoi:reference-grid": true}),
        ),
    ]
}

struct Random(TestRng);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % end.max(1) as u64).unwrap()
    }

    /// A place in a document, the deeper the likelier.
    fn place<'a>(&mut self, value: &'a mut Value) -> &'a mut Value {
        let count = value.as_object().map(serde_json::Map::len).or(value.as_array().map(Vec::len)).unwrap_or(0);
        if count == 0 || self.below(5) == 0 {
            return value;
        }
        let at = self.below(count);
        let inner = match value {
            Value::Object(map) => map.values_mut().nth(at).unwrap(),
            Value::Array(list) => &mut list[at],
            _ => unreachable!("leaves have no places"),
        };
        self.place(inner)
    }

    fn junk(&mut self) -> Value {
        let all = json!([null, "", "x", "a b/c", -1, 0, 101, 1.5, true, [], {}, [1], ["a"], [[0, 0], [1, 1]], {"a": 1}, {"type": "Point"}, "2020-01-01", "2020-01-01T00:00:00Z"]);
        let at = self.below(all.as_array().unwrap().len());
        all[at].clone()
    }

    /// One thing changed.
    fn spoil(&mut self, document: &Value) -> Value {
        let mut spoilt = document.clone();
        let junk = self.junk();
        let (choice, at) = (self.below(5), self.below(1 << 20));
        let place = self.place(&mut spoilt);
        match (place, choice) {
            (Value::Object(map), 0) if !map.is_empty() => {
                let key = map.keys().nth(at % map.len()).unwrap().clone();
                map.shift_remove(&key);
            }
            (Value::Object(map), 1) => {
                let names = [
                    "label:x",
                    "ml-aoi:x",
                    "mlm:x",
                    "eo:x",
                    "raster:x",
                    "proj:x",
                    "classification:x",
                    "y",
                    "bands",
                    "href",
                    "roles",
                    "title",
                    "nodata",
                    "mlm:name",
                    "mlm:artifact_type",
                    "mlm:entrypoint",
                    "end_datetime",
                ];
                map.insert(names[at % names.len()].to_owned(), junk);
            }
            (Value::Array(list), 2) if !list.is_empty() => list.push(list[at % list.len()].clone()),
            (Value::Array(list), 3) => list.truncate(at % (list.len() + 1)),
            (place, _) => *place = junk,
        }
        spoilt
    }
}

/// What ours decides otherwise than the published schema, and rightly.
fn excused(document: &Value) -> bool {
    // MLM demands that every summary of a collection be an object, against the core specification's lists of values.
    let mlm = document["stac_extensions"]
        .as_array()
        .is_some_and(|named| named.iter().any(|name| name.as_str().is_some_and(|name| name.contains("/mlm/"))));
    mlm && document["type"] == "Collection" && document.get("summaries").is_some()
}

#[test]
fn ours_and_the_published_schemas_agree() {
    let Some(data) = oracle::test_data() else { return };
    let mut published = oracle::Schemas::load(&data);
    let mut all = seeds();
    for seed in &all {
        assert_eq!(schema::faults(seed), [], "a seed must be valid");
    }
    documents(&data.join("stac"), &mut all);
    documents(&data.join("eurosat/stac"), &mut all);
    let mut random = Random(TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (mut agreed, mut valid, mut disagreements) = (0, 0, Vec::new());
    for (at, original) in all.iter().enumerate() {
        // Trees of like documents need not be spoilt one by one.
        let copies = if at < 120 || at % 7 == 0 { COPIES } else { 1 };
        for copy in 0..copies {
            let document = if copy == 0 { original.clone() } else { random.spoil(original) };
            if comparable(document.clone()).as_ref() != Some(&document) || excused(&document) {
                continue;
            }
            let (ours, theirs) = (schema::faults(&document), published.faults(&document));
            if ours.is_empty() == theirs.is_empty() {
                agreed += 1;
                valid += usize::from(ours.is_empty());
            } else {
                disagreements.push(format!("{}\n  ours {ours:?}\n  published {theirs:?}", document["id"]));
            }
        }
    }
    assert!(
        disagreements.is_empty(),
        "{} of {}:\n{}",
        disagreements.len(),
        agreed + disagreements.len(),
        disagreements[..disagreements.len().min(12)].join("\n")
    );
    // Both verdicts are well represented, or agreement says nothing.
    assert!(valid > 500 && agreed - valid > 2000, "{valid} valid of {agreed}");
}
