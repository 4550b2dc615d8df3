//! `swath search` as docs/search.md describes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{refuse, shipped_model, succeed, swath};

/// Six items of one collection: clouds 0, 10, …; images of ten bands by Sentinel-2's names, the last of B04 alone.
fn items() -> Vec<Value> {
    let item = |at: u32| {
        let west = f64::from(at);
        let names: &[&str] =
            if at == 5 { &["B04"] } else { &["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"] };
        let bands: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({
            "type": "Feature", "stac_version": "1.1.0", "id": format!("i{at}"), "collection": "c", "links": [],
            "geometry": {"type": "Polygon", "coordinates":
                [[[west, 40.0], [west + 0.5, 40.0], [west + 0.5, 40.5], [west, 40.5], [west, 40.0]]]},
            "bbox": [west, 40.0, west + 0.5, 40.5],
            "properties": {"datetime": format!("2020-0{}-01T00:00:00Z", at + 1), "eo:cloud_cover": at * 10, "s2:a-b": at},
            "assets": {"data": {"href": format!("https://example.org/{at}.tif"), "type": "image/tiff; application=geotiff",
                                "roles": ["data"], "bands": bands}}
        })
    };
    (0..6).map(item).collect()
}

fn write_items(folder: &Path) {
    let lines: Vec<String> = items().iter().map(Value::to_string).collect();
    fs::write(folder.join("items.ndjson"), lines.join("\n")).unwrap();
    let collection = json!({"type": "FeatureCollection", "features": items()});
    fs::write(folder.join("items.json"), collection.to_string()).unwrap();
}

/// The ids that a search finds, in order.
fn ids(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let answer = succeed(folder, &[&["search"], arguments].concat());
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    answer.lines().map(id).collect()
}

#[test]
fn conditions_are_text_json_files_and_older_queries() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_items(here);
    let json = r#"{"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]}"#;
    fs::write(here.join("condition.txt"), "eo:cloud_cover < 20").unwrap();
    fs::write(here.join("query.json"), r#"{"eo:cloud_cover": {"lt": 20}}"#).unwrap();
    for arguments in [
        ["--filter", "eo:cloud_cover < 20"],
        ["--filter", json],
        ["--filter", "condition.txt"],
        ["--query", r#"{"eo:cloud_cover": {"lt": 20}}"#],
        ["--query", "query.json"],
        ["--filter", "\"s2:a-b\" <= 1"],
    ] {
        assert_eq!(ids(here, &[&["items.ndjson"][..], &arguments].concat()), ["i0", "i1"], "{arguments:?}");
    }
    let both = ["items.json", "--filter", "eo:cloud_cover < 40", "--query", r#"{"eo:cloud_cover": {"gte": 30}}"#];
    assert_eq!(ids(here, &both), ["i3"]);
    refuse(here, &["search", "items.json", "--filter", "eo:cloud_cover <"], &["filter: it ends where a value"]);
    refuse(here, &["search", "items.json", "--query", "{\"a\": {\"near\": 1}}"], &["query: `near`"]);
}

#[test]
fn order_number_fields_and_models_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_items(here);
    assert_eq!(ids(here, &["items.json", "--sortby=-datetime", "--max-items", "2"]), ["i5", "i4"]);
    assert_eq!(ids(here, &["items.json", "--bbox=1.2,40,3,41", "--datetime", "2020-03/.."]), ["i2", "i3"]);
    let model = shipped_model();
    assert_eq!(ids(here, &["items.json", "--model-for", &model]).len(), 5);
    assert_eq!(ids(here, &["items.json", "--bands", "b04"]).len(), 6);
    assert_eq!(ids(here, &["items.json", "--bands", "B04,B08"]).len(), 5);
    // These items give no common names, and none is made up for them.
    assert_eq!(ids(here, &["items.json", "--bands", "red"]).len(), 0);
    let kept = succeed(here, &["search", "items.json", "--ids", "i1", "--fields", "properties,-properties.s2:a-b"]);
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let properties = json!({"datetime": "2020-02-01T00:00:00Z", "eo:cloud_cover": 10});
    assert_eq!(kept, json!({"type": "Feature", "id": "i1", "collection": "c", "properties": properties}));
    refuse(here, &["search", "items.json", "--model-for", "items.json"], &["name the item of one model"]);
}

#[test]
fn answers_are_written_in_every_form_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_items(here);
    for out in ["out.parquet", "out.json", "out.ndjson"] {
        let printed = succeed(here, &["search", "items.json", "--filter", "eo:cloud_cover > 30", "--out", out]);
        assert_eq!(printed, "");
        assert_eq!(ids(here, &[out, "--sortby", "id"]), ["i4", "i5"], "{out}");
    }
    let piped = swath(here, &["search", "items.json", "--output", "geoparquet"]);
    assert!(piped.status.success() && piped.stdout.starts_with(b"PAR1") && piped.stdout.ends_with(b"PAR1"));
    let table = succeed(here, &["search", "items.json", "--output", "table", "--ids", "i0"]);
    assert!(table.starts_with("2020-01-01  c/i0") && table.trim_end().ends_with("data"), "{table}");
    // The same item from several sources is one.
    let two = ids(here, &["items.json", "items.ndjson", "out.parquet"]);
    assert_eq!(two, ["i0", "i1", "i2", "i3", "i4", "i5"]);
}

#[test]
fn a_search_that_fails_leaves_the_answer_of_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_items(here);
    std::fs::write(here.join("broken.json"), "{\"type\": \"Feature").unwrap();
    for out in ["out.json", "out.ndjson", "out.parquet"] {
        succeed(here, &["search", "items.json", "--ids", "i2", "--out", out]);
        let before = std::fs::read(here.join(out)).unwrap();
        refuse(here, &["search", "items.json", "broken.json", "--out", out], &["broken.json"]);
        assert_eq!(std::fs::read(here.join(out)).unwrap(), before, "{out}");
    }
    let temporary =
        |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().starts_with(".tmp");
    assert!(!std::fs::read_dir(here).unwrap().any(temporary));
}

#[test]
fn a_summary_says_what_ran_where() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_items(here);
    succeed(here, &["search", "items.json", "--out", "all.parquet"]);
    let question = ["--bbox=1.2,40,3,41", "--filter", "eo:cloud_cover > 10", "--summary"];
    let output = swath(here, &[&["search", "all.parquet", "items.ndjson"][..], &question].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "all.parquet (stac-geoparquet of 6 items): 3 looked at here, 2 found; narrowed by the source: bbox; \
             decided here: bbox, filter",
            "items.ndjson (items, one a line): 6 looked at here, 0 found; decided here: bbox, filter",
        ]
    );
    let quiet = swath(here, &["search", "items.ndjson"]);
    assert_eq!(String::from_utf8(quiet.stderr).unwrap(), "");
}

#[test]
fn flags_for_servers_are_checked_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_items(here);
    refuse(
        here,
        &["search", "items.json", "--token-env", "SWATH_TEST_NO_SUCH_VARIABLE"],
        &["SWATH_TEST_NO_SUCH_VARIABLE"],
    );
    refuse(here, &["search", "items.json", "--header", "x-key"], &["--header x-key", "NAME=VALUE"]);
    refuse(here, &["search", "items.json", "--timeout", "0"], &["--timeout"]);
    refuse(here, &["search", "items.json", "--page-size", "0"], &["page-size"]);
    refuse(here, &["search", "nowhere.parquet"], &["nowhere.parquet"]);
    assert_eq!(ids(here, &["items.json", "--header", "x-key=1", "--retries", "0", "--deadline", "5"]).len(), 6);
}
