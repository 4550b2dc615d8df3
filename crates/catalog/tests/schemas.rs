//! What swath writes is valid by the published schemas, and the schemas are able to say no.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

mod oracle;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use swath_catalog::{
    Band, DataType, Filter, Split,
    classification::Class,
    item::parse_datetime,
    label::Count,
    mlm::ValueScaling,
    pairing::ClassSource,
    projection::Projection,
    publish::{
        Dataset, ImageFile, InputBand, LabelContent, LabelFile, MapDescription, ModelAsset, ModelDescription,
        ModelRelation, Sample, map_item, model_collection, model_item, write_dataset,
    },
};

fn footprint() -> Value {
    json!({"type": "Polygon", "coordinates": [[[2.0, 42.0], [3.0, 42.0], [3.0, 43.0], [2.0, 43.0], [2.0, 42.0]]]})
}

fn projection() -> Projection {
    Projection {
        code: Some("EPSG:32631".to_owned()),
        bbox: Some(vec![500_000.0, 4_650_000.0, 510_000.0, 4_660_000.0]),
        shape: Some([1000, 1000]),
        transform: Some(vec![10.0, 0.0, 500_000.0, 0.0, -10.0, 4_660_000.0]),
        ..Projection::default()
    }
}

fn image(path: PathBuf) -> ImageFile {
    let band =
        |name| Band { data_type: Some(DataType::UInt16), nodata: Some(0.0), scale: Some(1e-4), ..Band::named(name) };
    ImageFile {
        path,
        footprint: footprint(),
        bbox: [2.0, 42.0, 3.0, 43.0],
        datetime: parse_datetime("2020-02-02T00:00:00Z").unwrap(),
        projection: projection(),
        bands: ["B02", "B8A", "VV"].map(band).to_vec(),
        split: Some(Split::Validate),
        size_bytes: Some(10),
        checksum: Some("1220".to_owned() + &"0".repeat(64)),
    }
}

fn label(path: PathBuf, content: LabelContent) -> LabelFile {
    let counts = vec![Count { name: "water".to_owned(), count: 3 }];
    LabelFile { path, content, counts, size_bytes: None, checksum: None }
}

fn dataset(folder: &Path) -> Dataset {
    let constant = LabelContent::Vector {
        class: ClassSource::Constant("water".to_owned()),
        classes: vec!["water".to_owned()],
        filter: Filter::parse("tasks contains segmentation").unwrap(),
        background: Some("land".to_owned()),
    };
    let by_property = LabelContent::Vector {
        class: ClassSource::Property("kind".to_owned()),
        classes: vec!["lake".to_owned(), "river".to_owned()],
        filter: Filter::default(),
        background: None,
    };
    let raster = LabelContent::Raster {
        values: vec![Class { nodata: true, ..Class::new(0, "nothing") }, Class::new(1, "slow water")],
        band: Band { data_type: Some(DataType::UInt8), nodata: Some(0.0), ..Band::default() },
        projection: Box::new(projection()),
    };
    let sample = |name: &str, content: Option<LabelContent>| Sample {
        image: image(folder.join(format!("{name}.tif"))),
        label: content.map(|content| label(folder.join(format!("{name} label")), content)),
    };
    Dataset {
        id: "made-up".to_owned(),
        description: "Made up".to_owned(),
        license: "other".to_owned(),
        samples: vec![
            sample("a", Some(constant)),
            sample("b", Some(by_property)),
            sample("c", Some(raster)),
            sample("d", None),
        ],
    }
}

fn model(folder: &Path) -> ModelDescription {
    let input = |name| InputBand {
        band: Band { data_type: Some(DataType::UInt16), ..Band::named(name) },
        scaling: Some(ValueScaling::ZScore { mean: 100.0, stddev: 50.0 }),
    };
    ModelDescription {
        name: "water-unet 1.0".to_owned(),
        description: "Finds water".to_owned(),
        architecture: "UNet".to_owned(),
        item_path: folder.join("model/item.json"),
        collection: Some(("models".to_owned(), folder.join("collection.json"))),
        model_path: folder.join("model/model.onnx"),
        size_bytes: Some(1),
        checksum: None,
        input_name: "x".to_owned(),
        bands: ["B02", "B03"].map(input).to_vec(),
        input_shape: [-1, 2, 256, 256],
        resize_type: Some("crop".to_owned()),
        output_name: "logits".to_owned(),
        output_shape: [-1, 2, 256, 256],
        classes: vec![Class::new(0, "land"), Class::new(1, "water")],
        datetime: parse_datetime("2026-01-01T00:00:00Z").unwrap(),
        footprint: None,
        framework_version: Some("1.31.1".to_owned()),
        total_parameters: Some(14_000_000),
        memory_size_bytes: Some(56_000_000),
        pretrained_source: None,
        batch_size_suggestion: Some(8),
        accelerator: Some("amd64".to_owned()),
        accelerator_summary: Some("a processor".to_owned()),
        hyperparameters: Map::from_iter([("optimizer.learning_rate".to_owned(), json!(1e-3))]),
        relations: vec![ModelRelation {
            href: folder.join("catalog/images/collection.json").display().to_string(),
            split: Some(Split::Train),
            title: Some("what it learnt from".to_owned()),
        }],
        assets: vec![ModelAsset {
            key: "report".to_owned(),
            path: folder.join("model/report.html"),
            media_type: "text/html".to_owned(),
            roles: vec!["overview".to_owned()],
            title: "Report".to_owned(),
        }],
        properties: Map::from_iter([("swath:metrics".to_owned(), json!({"miou": 0.5}))]),
    }
}

fn map(folder: &Path) -> MapDescription {
    MapDescription {
        id: "map".to_owned(),
        description: "A map".to_owned(),
        item_path: folder.join("maps/map.json"),
        map_path: folder.join("maps/map.tif"),
        size_bytes: None,
        checksum: None,
        datetime: parse_datetime("2020-02-02").unwrap(),
        footprint: footprint(),
        bbox: [2.0, 42.0, 3.0, 43.0],
        projection: projection(),
        bands: vec![Band { data_type: Some(DataType::UInt8), nodata: Some(255.0), ..Band::default() }],
        classes: vec![Class::new(0, "land"), Class::new(1, "water")],
        model: (folder.join("model/item.json").display().to_string(), "water-unet 1.0".to_owned()),
        sources: vec!["https://example.org/scene.json".to_owned()],
        software: Some(("swath".to_owned(), "0.1.0".to_owned())),
        properties: Map::new(),
    }
}

fn documents_below(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(documents_below(&path));
        } else {
            let document = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.push((path, document));
        }
    }
    found
}

#[test]
fn a_described_dataset_is_valid() {
    let Some(data) = oracle::test_data() else { return };
    let mut schemas = oracle::Schemas::load(&data);
    let place = tempfile::tempdir().unwrap();
    write_dataset(&dataset(place.path()), &place.path().join("catalog"), false).unwrap();
    let documents = documents_below(&place.path().join("catalog"));
    // A catalog, two collections, four images, three labels.
    assert_eq!(documents.len(), 10);
    for (path, document) in documents {
        assert_eq!(schemas.faults(&document), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn models_and_maps_are_valid() {
    let Some(data) = oracle::test_data() else { return };
    let mut schemas = oracle::Schemas::load(&data);
    let folder = Path::new("/data");
    let scratch = model_item(&model(folder)).unwrap();
    assert_eq!(schemas.faults(&scratch), Vec::<String>::new());
    assert_eq!(scratch["properties"]["mlm:pretrained_source"], Value::Null);
    assert_eq!(scratch["links"][2]["href"], "../catalog/images/collection.json");
    let placed = model_item(&ModelDescription {
        footprint: Some((footprint(), [2.0, 42.0, 3.0, 43.0])),
        pretrained_source: Some("ImageNet".to_owned()),
        ..model(folder)
    });
    assert_eq!(schemas.faults(&placed.unwrap()), Vec::<String>::new());
    let collection = model_collection("models", "Models", "Apache-2.0", &[("./model/item.json".to_owned(), scratch)]);
    assert_eq!(schemas.faults(&collection.unwrap()), Vec::<String>::new());
    assert_eq!(schemas.faults(&map_item(&map(folder)).unwrap()), Vec::<String>::new());
}

#[test]
fn the_oracle_can_say_no() {
    let Some(data) = oracle::test_data() else { return };
    let mut schemas = oracle::Schemas::load(&data);
    let good = model_item(&model(Path::new("/data"))).unwrap();
    for (pointer, value) in [
        ("/properties/mlm:name", json!("1")),
        ("/properties/mlm:input/0/value_scaling/0/type", json!("norm")),
        ("/properties/mlm:input/0/input/data_type", json!("real")),
        ("/properties/mlm:input/0/input/dim_order", json!(["batch", "channel", "height", "width"])),
        ("/properties/bands", json!([])),
        ("/assets/model/roles", json!(["data"])),
        ("/properties/datetime", json!("yesterday")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert_ne!(schemas.faults(&bad), Vec::<String>::new(), "{pointer}");
    }
}

#[test]
fn what_the_schema_would_refuse_is_refused_before_writing() {
    let folder = Path::new("/data");
    let refused = |change: &dyn Fn(&mut ModelDescription)| {
        let mut description = model(folder);
        change(&mut description);
        model_item(&description).unwrap_err().to_string()
    };
    assert!(refused(&|model| model.name = "7up".to_owned()).contains("begin with a letter"));
    assert!(refused(&|model| model.input_shape[1] = 3).contains("takes 3 bands and 2 are described"));
    assert!(refused(&|model| model.output_shape[1] = 5).contains("5 classes and 2"));
    assert!(refused(&|model| model.bands[0].scaling = None).contains("1 of its 2 bands"));
    assert!(refused(&|model| model.bands[0].band.name = None).contains("needs a name"));
    assert!(refused(&|model| drop(model.hyperparameters.insert("a b".to_owned(), json!(1)))).contains("`a b`"));
}
