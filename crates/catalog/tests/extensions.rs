//! Extension fields survive reading and writing, known and unknown ones; what an extension does not allow is not written.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use swath_catalog::{
    classification::{Class, Classification},
    eo::{Eo, EoBand},
    extension::{Extension, read_fields, write_fields},
    file::FileInfo,
    label::{Label, LabelType},
    ml_aoi::MlAoi,
    mlm::Mlm,
    projection::Projection,
    raster::{Raster, RasterBand},
};

/// Any JSON value of a few levels, without null: null in a known optional field means absent.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Some of the given fields, with unknown ones of the same prefix between them.
fn fields_of(
    prefix: &'static str,
    known: Vec<(&'static str, Vec<Value>)>,
) -> impl Strategy<Value = Map<String, Value>> {
    let chosen: Vec<_> = known
        .into_iter()
        .map(|(name, values)| {
            prop::option::weighted(0.7, prop::sample::select(values)).prop_map(move |value| (name, value))
        })
        .collect();
    let unknown = prop::collection::btree_map("x_[a-z]{1,6}", any_json(), 0..4);
    (chosen, unknown).prop_map(move |(chosen, unknown)| {
        let known = chosen.into_iter().filter_map(|(name, value)| Some((format!("{prefix}{name}"), value?)));
        known.chain(unknown.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value))).collect()
    })
}

/// Reads fields that stand among others, writes them into an empty object and over what was there: nothing is lost or changed.
fn survives<E: Extension + std::fmt::Debug>(fields: &Map<String, Value>) {
    let mut among = fields.clone();
    among.insert("other:field".to_owned(), json!([null, 1]));
    let Some(read) = read_fields::<E>("item", &among).unwrap() else { return assert!(fields.is_empty()) };
    // Written by serde alone: `check` refuses older versions' fields, which must survive all the same.
    assert_eq!(serde_json::to_value(&read).unwrap(), Value::Object(fields.clone()));
    let before = among.clone();
    if read.check().is_ok() {
        write_fields(&read, "item", &mut among).unwrap();
    }
    assert_eq!(among, before);
}

fn label() -> impl Strategy<Value = Map<String, Value>> {
    let required = fields_of(
        "label:",
        vec![
            (
                "classes",
                vec![json!([{"name": "kind", "classes": ["a", "b"]}]), json!([{"name": null, "classes": [1, 2.5]}])],
            ),
            ("tasks", vec![json!(["segmentation"])]),
            ("methods", vec![json!(["manual", "automated"])]),
            (
                "overviews",
                vec![
                    json!([{"property_key": "kind", "counts": [{"name": "a", "count": 3}], "statistics": [{"name": "mean", "value": 1.5}], "x": 1}]),
                ],
            ),
        ],
    );
    (required, prop::sample::select(vec![json!(null), json!(["kind"])]), prop::sample::select(vec!["vector", "raster"]))
        .prop_map(|(mut fields, properties, kind)| {
            fields.extend([
                ("label:properties".to_owned(), properties),
                ("label:description".to_owned(), json!("d")),
                ("label:type".to_owned(), json!(kind)),
            ]);
            fields
        })
}

fn mlm() -> impl Strategy<Value = Map<String, Value>> {
    let structure =
        json!({"shape": [-1, 2, 64, 64], "dim_order": ["batch", "bands", "height", "width"], "data_type": "float32"});
    let bands = json!(["B02", {"name": "ndvi", "format": "rio-calc", "expression": "a - b"}]);
    let scaling = json!([{"type": "z-score", "mean": 1.0, "stddev": 2.0}, {"type": "processing", "format": "x", "expression": {"a": 1}}]);
    let input = json!([{"name": "x", "bands": bands, "input": structure, "value_scaling": scaling, "resize_type": "crop", "pre_processing_function": null}]);
    let older = json!([{"name": "x", "bands": [], "input": structure, "norm_type": "z-score", "statistics": [{"mean": 1, "stddev": 2}]}]);
    let output = json!([{"name": "y", "tasks": ["segmentation"], "result": structure, "classification:classes": [{"value": 0, "name": "land", "nodata": true, "x": 1}]}]);
    let optional = fields_of(
        "mlm:",
        vec![
            ("framework", vec![json!("ONNX")]),
            ("memory_size", vec![json!(0), json!(1_u64 << 40)]),
            ("pretrained_source", vec![json!(null), json!("ImageNet")]),
            ("accelerator_count", vec![json!(2)]),
            ("hyperparameters", vec![json!({"lr": 0.1})]),
        ],
    );
    (optional, prop::sample::select(vec![input, older])).prop_map(move |(mut fields, input)| {
        fields.extend([
            ("mlm:name".to_owned(), json!("unet")),
            ("mlm:architecture".to_owned(), json!("UNet")),
            ("mlm:tasks".to_owned(), json!(["segmentation"])),
            ("mlm:input".to_owned(), input),
            ("mlm:output".to_owned(), output.clone()),
        ]);
        fields
    })
}

proptest! {
    #[test]
    fn label_fields_survive(fields in label()) {
        survives::<Label>(&fields);
    }

    #[test]
    fn mlm_fields_survive(fields in mlm()) {
        survives::<Mlm>(&fields);
    }

    #[test]
    fn ml_aoi_fields_survive(fields in fields_of("ml-aoi:", vec![
        ("split", vec![json!("train"), json!("validate"), json!("test")]),
        ("role", vec![json!("label"), json!("feature")]),
        ("reference-grid", vec![json!(true), json!(false)]),
        ("resampling-method", vec![json!("near"), json!("cubcspline"), json!("q3")]),
    ])) {
        survives::<MlAoi>(&fields);
    }

    #[test]
    fn eo_fields_survive(fields in fields_of("eo:", vec![
        ("cloud_cover", vec![json!(0.0), json!(12.5)]),
        ("snow_cover", vec![json!(100.0)]),
        ("common_name", vec![json!("red")]),
        ("center_wavelength", vec![json!(0.66)]),
        ("bands", vec![json!([{"name": "B04", "common_name": "red", "center_wavelength": 0.66, "x": [1]}, {"description": "d"}])]),
    ])) {
        survives::<Eo>(&fields);
    }

    #[test]
    fn raster_fields_survive(fields in fields_of("raster:", vec![
        ("sampling", vec![json!("area"), json!("point")]),
        ("bits_per_sample", vec![json!(12)]),
        ("scale", vec![json!(1e-4)]),
        ("histogram", vec![json!({"count": 3.0, "min": 0.0, "max": 1.5, "buckets": [1, 0, 2]})]),
        ("bands", vec![json!([{"data_type": "uint16", "nodata": "nan", "statistics": {"mean": 1.0}}, {"nodata": -1, "unit": "m"}])]),
    ])) {
        survives::<Raster>(&fields);
    }

    #[test]
    fn classification_fields_survive(fields in fields_of("classification:", vec![
        ("classes", vec![json!([{"value": 1, "name": "water", "color_hint": "0000ff", "x": {}}, {"value": -5, "name": "none", "nodata": true}])]),
        ("bitfields", vec![json!([{"offset": 3, "length": 2, "classes": [{"value": 0, "name": "clear"}], "roles": ["data"]}])]),
    ])) {
        survives::<Classification>(&fields);
    }

    #[test]
    fn projection_fields_survive(fields in fields_of("proj:", vec![
        ("code", vec![json!("EPSG:32631"), json!("IAU_2015:30100")]),
        ("epsg", vec![json!(4326)]),
        ("projjson", vec![json!({"type": "ProjectedCRS"})]),
        ("centroid", vec![json!({"lat": 42.0, "lon": 2.0})]),
        ("bbox", vec![json!([0.0, 1.0, 2.0, 3.5])]),
        ("shape", vec![json!([3, 4])]),
        ("transform", vec![json!([1.0, 0.0, 0.5, 0.0, -1.0, 2.0]), json!([1.0, 0.0, 0.5, 0.0, -1.0, 2.0, 0.0, 0.0, 1.0])]),
    ])) {
        survives::<Projection>(&fields);
    }

    #[test]
    fn file_fields_survive(fields in fields_of("file:", vec![
        ("size", vec![json!(0), json!(1_u64 << 60)]),
        ("checksum", vec![json!("1114".to_owned() + &"ab".repeat(20))]),
        ("byte_order", vec![json!("little-endian")]),
        ("values", vec![json!([{"values": [1], "summary": "one"}])]),
    ])) {
        survives::<FileInfo>(&fields);
    }
}

fn refused<E: Extension>(extension: &E, word: &str) {
    let error = write_fields(extension, "item", &mut Map::new()).unwrap_err().to_string();
    assert!(error.contains(word), "{error}");
}

#[test]
fn what_an_extension_does_not_allow_is_not_written() {
    let label = |properties: Option<Vec<String>>, description: &str| Label {
        properties,
        classes: Vec::new(),
        description: description.to_owned(),
        label_type: LabelType::Vector,
        tasks: Vec::new(),
        methods: Vec::new(),
        overviews: Vec::new(),
        other: Map::new(),
    };
    refused(&label(None, ""), "label:description");
    refused(&label(Some(Vec::new()), "d"), "label:properties");
    refused(&Eo { cloud_cover_percent: Some(101.0), ..Eo::default() }, "percentage");
    refused(&Eo { bands: vec![EoBand::default()], ..Eo::default() }, "version 1");
    refused(&Raster { bands: vec![RasterBand::default()], ..Raster::default() }, "version 1");
    refused(&Projection { epsg: Some(4326), ..Projection::default() }, "proj:code");
    refused(&FileInfo { checksum: Some("1220ab".to_owned()), ..FileInfo::default() }, "32 bytes");
    let nameless = Class { name: String::new(), ..Class::new(0, "a") };
    refused(&Classification { classes: vec![nameless], ..Classification::default() }, "class 0");
    refused(&Mlm { name: "7".to_owned(), ..Mlm::default() }, "mlm:name");
}
