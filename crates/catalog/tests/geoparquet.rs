//! stac-geoparquet: items come back as they were, what a question rules out is not read, and malformed files are errors.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use std::{
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use swath_catalog::{
    Error, Href, Item, Rewrites, Strictness,
    geoparquet::{GeoParquet, LocalFile, Need, Order, Ranges, write},
    item::parse_datetime,
    read_tree,
    search::Interval,
};

fn item(document: Value) -> Item {
    Item::new(document, Href::parse("/catalog/item.json").unwrap()).unwrap()
}

/// A chip one degree wide, a day later for every step east.
fn chip(at: usize) -> Item {
    let (west, south) = ((at % 300) as f64, (at / 300 % 100) as f64 - 50.0);
    let (west, east, north) = (west - 150.0, west - 149.0, south + 1.0);
    let ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
    let day = parse_datetime("2020-01-01").unwrap() + chrono::Duration::days((at % 300) as i64);
    item(json!({
        "type": "Feature", "stac_version": "1.1.0", "id": format!("chip-{at:06}"), "collection": "chips",
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [west, south, east, north], "links": [],
        "properties": {"datetime": day.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), "gsd": 10},
        "assets": {"image": {"href": format!("https://example.org/{at}.tif"), "roles": ["data"]}},
    }))
}

fn all(path: &Path, need: &Need) -> Result<Vec<Item>, Error> {
    let file = GeoParquet::open(Arc::new(LocalFile::open(path)?))?;
    let mut items = Vec::new();
    file.read(
        need,
        2,
        |_| true,
        |item| {
            items.push(item);
            ControlFlow::Continue(())
        },
    )?;
    Ok(items)
}

fn round_trip(items: &[Item]) -> Vec<Item> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.parquet");
    write(&path, items, Order::Given, &[]).unwrap();
    all(&path, &Need::default()).unwrap()
}

/// Equal, numbers by their value, moments as moments, null members as if absent.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => {
            a == b || (parse_datetime(a).is_some() && parse_datetime(a) == parse_datetime(b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let null = Value::Null;
            a.keys().chain(b.keys()).all(|key| same(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null)))
        }
        _ => a == b,
    }
}

fn assert_same(read: &[Item], written: &[Item]) {
    assert_eq!(read.len(), written.len());
    for (read, written) in read.iter().zip(written) {
        let (read, written) = (read.clone().into_value(), written.clone().into_value());
        assert!(same(&read, &written), "read {read:#}\nwritten {written:#}");
    }
}

#[test]
fn fields_without_a_common_type_and_foreign_members_come_back() {
    let base = |id: &str, properties: Value, assets: Value| {
        json!({"type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": id, "geometry": null,
               "links": [], "properties": properties, "assets": assets})
    };
    let mut foreign = base("c", json!({"datetime": "2020-02-02T00:00:00.123456Z", "id": "mine", "type": 3}), json!({}));
    foreign["title"] = json!({"of": ["the", "feature"]});
    foreign["geometry"] = json!({"type": "Polygon", "coordinates": "nonsense"});
    let items = [
        base(
            "a",
            json!({"datetime": "2020-02-02T00:00:00Z", "nodata": 0, "x": {}, "y": [], "size": 1, "big": u64::MAX}),
            json!({"one": {"href": "a", "bands": [{"nodata": "nan"}, {"nodata": 1.5}]}}),
        ),
        base(
            "b",
            json!({"datetime": null, "start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-01-02T00:00:00Z",
                         "nodata": "nan", "x": {}, "y": [[1, null], []], "size": 2.5,
                         "proj:geometry": {"type": "Point", "coordinates": [500_000.0, 4_000_000.0]}}),
            json!({"two": {"href": "b", "roles": ["data"]}}),
        ),
        foreign,
        base("d", json!({"datetime": "2020-02-02T01:00:00+01:00"}), json!({})),
    ]
    .map(item);
    let read = round_trip(&items);
    assert_same(&read, &items);
    assert_eq!(read[0].document()["assets"]["one"]["bands"][0]["nodata"], "nan");
    assert_eq!(read[0].property("nodata"), Some(&json!(0)));
    assert_eq!(read[1].document()["properties"].get("datetime"), Some(&Value::Null));
    assert!(read[3].asset("one").is_none());
}

#[test]
fn objects_with_more_keys_than_columns_may_be_come_back() {
    let items: Vec<Item> = (0..3000)
        .map(|at| {
            item(json!({"type": "Feature", "id": format!("{at}"), "geometry": null, "links": [],
                              "properties": {"datetime": "2020-02-02T00:00:00Z"},
                              "assets": {format!("own-{at}"): {"href": "x", "type": "image/tiff"}}}))
        })
        .collect();
    assert_same(&round_trip(&items), &items);
}

#[test]
fn published_items_come_back() {
    let data = std::env::var_os("SWATH_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let roots = [
        "stac/boadella-as-published/sentinel_2_stac",
        "eurosat/stac/subset",
        "jaca/test_data/jaca_dataset_stac_labels",
    ];
    if !data.is_dir() {
        eprintln!("skipped: there is no {}; set SWATH_TEST_DATA to the folder of test data", data.display());
        return;
    }
    let eurosat = "https://raw.githubusercontent.com/ai-extensions/stac-data-loader/0.5.0/data/EuroSAT";
    let rewrites = Rewrites::parse([format!("{eurosat}={}", data.join("eurosat").display())]).unwrap();
    for root in roots {
        let tree = read_tree(data.join(root).to_str().unwrap(), &rewrites, Strictness::Lenient).unwrap();
        assert!(!tree.items.is_empty(), "{root}");
        assert_same(&round_trip(&tree.items), &tree.items);
    }
}

#[test]
fn the_same_items_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let items: Vec<Item> = (0..500).map(chip).collect();
    let bytes = ["a", "b"].map(|name| {
        let path = folder.path().join(name);
        write(&path, &items, Order::Near, &[("note", "text".to_owned())]).unwrap();
        std::fs::read(path).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
}

/// A local file that counts what is read of it.
struct Counting(LocalFile, AtomicU64);

impl Ranges for Counting {
    fn href(&self) -> &Href {
        self.0.href()
    }

    fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>, Error> {
        self.1.fetch_add(ranges.iter().map(|range| range.end - range.start).sum(), Ordering::Relaxed);
        self.0.read(ranges)
    }
}

#[test]
fn what_a_question_rules_out_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.parquet");
    let items: Vec<Item> = (0..140_000).map(chip).collect();
    write(&path, &items, Order::Near, &[]).unwrap();
    let counting = Arc::new(Counting(LocalFile::open(&path).unwrap(), AtomicU64::new(0)));
    let file = GeoParquet::open(counting.clone()).unwrap();
    let total = file.groups(&Need::default()).len();
    let place = [-140.5, -40.5, -139.5, -39.5];
    let need = Need { boxes: vec![place], interval: Some(Interval::parse("2020-01").unwrap()), ..Need::default() };
    assert!(file.groups(&need).len() < total, "{total} groups");
    let mut found = Vec::new();
    file.read(
        &need,
        2,
        |_| true,
        |item| {
            found.push(item.id().to_owned());
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    let meets = |item: &&Item| {
        let [w, s, e, n] = item.bbox().unwrap();
        w <= place[2]
            && e >= place[0]
            && s <= place[3]
            && n >= place[1]
            && need.interval.unwrap().meets(item.interval().unwrap())
    };
    let mut expected: Vec<String> = items.iter().filter(meets).map(|item| item.id().to_owned()).collect();
    found.sort();
    expected.sort();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    assert!(counting.1.load(Ordering::Relaxed) * 2 < std::fs::metadata(&path).unwrap().len());
}

#[test]
fn boxes_over_the_antimeridian_and_rows_without_a_box_are_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.parquet");
    let mut fiji = chip(0).into_value();
    fiji["id"] = json!("fiji");
    fiji["bbox"] = json!([177.0, -20.0, -178.0, -15.0]);
    let mut nowhere = chip(1).into_value();
    nowhere["id"] = json!("nowhere");
    nowhere["bbox"] = Value::Null;
    for odd in [fiji, nowhere] {
        let id = odd["id"].clone();
        write(&path, &[chip(5), item(odd), chip(7)], Order::Given, &[]).unwrap();
        let need = Need { boxes: vec![[178.0, -18.0, 179.0, -17.0]], ..Need::default() };
        let ids: Vec<_> = all(&path, &need).unwrap().iter().map(|item| json!(item.id())).collect();
        assert_eq!(ids, [id]);
    }
    let need = Need { ids: vec!["chip-000007".to_owned()], ..Need::default() };
    assert_eq!(all(&path, &need).unwrap().len(), 1);
    let need = Need { collections: vec!["others".to_owned()], ..Need::default() };
    assert_eq!(all(&path, &need).unwrap().len(), 0);
}

#[test]
fn malformed_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.parquet");
    let items: Vec<Item> = (0..50).map(chip).collect();
    write(&path, &items, Order::Given, &[]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 3, 8, 12, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(all(&path, &Need::default()), Err(Error::Parquet { .. })), "{length}");
    }
    // A footer longer than the file, and of the greatest length that can be written.
    for length in [u32::try_from(bytes.len()).unwrap(), i32::MAX.unsigned_abs(), u32::MAX] {
        let mut long = bytes.clone();
        let at = long.len() - 8;
        long[at..at + 4].copy_from_slice(&length.to_le_bytes());
        std::fs::write(&path, &long).unwrap();
        assert!(matches!(all(&path, &Need::default()), Err(Error::Parquet { .. })), "{length}");
    }
    // Any byte of the file wrong: whatever it becomes, reading returns.
    for at in (0..bytes.len()).step_by(29) {
        let mut altered = bytes.clone();
        altered[at] ^= 0x55;
        std::fs::write(&path, &altered).unwrap();
        let _ = all(&path, &Need::default());
    }
    std::fs::write(&path, "{}").unwrap();
    assert!(matches!(all(&path, &Need::default()), Err(Error::Parquet { .. })));
}
