//! What scripts rely on: exit codes, failures as JSON, a standard output that holds the answer alone, completions and manuals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{succeed, swath};

fn item(id: &str, links: &Value) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": id,
        "geometry": {"type": "Polygon", "coordinates": [[[2, 42], [3, 42], [3, 43], [2, 42]]]}, "bbox": [2, 42, 3, 43],
        "properties": {"datetime": "2020-02-02T00:00:00Z"}, "links": links, "assets": {},
    })
}

fn write_json(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}

/// A catalog of one item with a link.
fn catalog(folder: &Path, item: &Value, link: &str) {
    write_json(&folder.join("item.json"), item);
    let links = json!([{"rel": "item", "href": link}]);
    write_json(
        &folder.join("catalog.json"),
        &json!({"type": "Catalog", "stac_version": "1.1.0", "id": "c", "description": "d", "links": links}),
    );
}

/// The one line of JSON that a failed command ends with, and its exit code.
fn failure(folder: &Path, arguments: &[&str]) -> (Value, i32) {
    let output = swath(folder, &[arguments, &["--error-format", "json"]].concat());
    let err = String::from_utf8(output.stderr).unwrap();
    let told: Value = serde_json::from_str(err.lines().last().unwrap()).unwrap_or_else(|_| panic!("{err}"));
    assert_eq!(told["error"]["exit_code"].as_i64(), output.status.code().map(i64::from));
    (told["error"].clone(), output.status.code().unwrap())
}

#[test]
fn failures_are_json_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (told, code) = failure(here, &["explain", "nowhere.json"]);
    assert_eq!((told["kind"].as_str(), code), (Some("unreadable"), 2));
    assert!(told["where"].as_str().unwrap().ends_with("nowhere.json"));
    assert!(told["message"].as_str().unwrap().contains("nowhere.json") && !told["hint"].as_str().unwrap().is_empty());
    let (told, code) = failure(here, &["explain"]);
    assert_eq!((told["kind"].as_str(), code), (Some("usage"), 2));
    let (told, code) = failure(here, &["explain", "c", "--no-such-flag"]);
    assert!(told["message"].as_str().unwrap().contains("--no-such-flag"));
    assert_eq!(code, 2);
    catalog(here, &item("a", &json!([])), "./item.json");
    let (told, code) = failure(here, &["explain", "catalog.json"]);
    assert_eq!((told["kind"].as_str(), code), (Some("no-pairs"), 2));
}

#[test]
fn the_exit_code_says_which_class_of_problem() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let validate = |more: &[&str]| swath(here, &[&["validate", "catalog.json"], more].concat()).status.code().unwrap();
    catalog(here, &item("a", &json!([])), "./item.json");
    assert_eq!(validate(&[]), 0);

    let mut wrong = item("a", &json!([]));
    wrong["bbox"] = json!([1, 2]);
    catalog(here, &wrong, "./item.json");
    assert_eq!(validate(&[]), 65);

    catalog(here, &item("a", &json!([])), "./gone.json");
    assert_eq!(validate(&[]), 66);

    let mut missing = item("a", &json!([]));
    missing["assets"] = json!({"data": {"href": "./gone.tif", "roles": ["data"]}});
    catalog(here, &missing, "./item.json");
    assert_eq!(validate(&[]), 68);
    missing["properties"]["datetime"] = json!("yesterday");
    catalog(here, &missing, "./item.json");
    assert_eq!(validate(&[]), 69);

    let mut changed = item("a", &json!([]));
    changed["assets"] = json!({"data": {"href": "./data.bin", "file:checksum": "1220".to_owned() + &"0".repeat(64)}});
    fs::write(here.join("data.bin"), "x").unwrap();
    catalog(here, &changed, "./item.json");
    assert_eq!((validate(&[]), validate(&["--checksums"])), (0, 72));
}

#[test]
fn labels_outside_of_their_image_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let label =
        |x: f64| json!({"type": "Polygon", "coordinates": [[[x, 42], [x + 0.1, 42], [x + 0.1, 42.1], [x, 42]]]});
    let mut labelled = item("a", &json!([]));
    labelled["assets"] = json!({
        "image": {"href": "./a.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]},
        "labels": {"href": "./a.geojson", "type": "application/geo+json", "roles": ["labels"], "swath:class": "water"},
    });
    support::write(&here.join("a.tif"), support::grid(0), support::image());
    catalog(here, &labelled, "./item.json");
    for (x, code) in [(2.2, 0), (2.95, 0), (40.0, 80)] {
        write_json(&here.join("a.geojson"), &json!({"type": "Feature", "properties": {}, "geometry": label(x)}));
        let output = swath(here, &["validate", "catalog.json", "--output", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{report:#}");
        let told =
            report["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "outside-image").count();
        assert_eq!(told, usize::from(x > 2.9), "{x}");
    }
}

#[test]
fn strips_are_told_where_asked() {
    let Some(data) = support::real_data("boadella") else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let image = fs::read_dir(data.join("images")).unwrap().next().unwrap().unwrap().path();
    let mut one = item("a", &json!([]));
    one["assets"] = json!({"data": {"href": image, "type": "image/tiff; application=geotiff", "roles": ["data"]}});
    catalog(here, &one, "./item.json");
    // 377 x 380 pixels are read in one request: nothing to tell.
    assert_eq!(swath(here, &["validate", "catalog.json", "--cog", "--strict"]).status.code(), Some(0));
}

#[test]
fn standard_output_holds_the_answer_alone() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    catalog(here, &item("a", &json!([])), "./item.json");
    let answer = succeed(here, &["-vv", "search", "catalog.json"]);
    let lines: Vec<Value> = answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|item| item["id"].as_str()).collect::<Vec<_>>(), [Some("a")]);
    let report: Value =
        serde_json::from_str(&succeed(here, &["-vv", "validate", "catalog.json", "--output", "json"])).unwrap();
    assert_eq!((report["items"].as_u64(), report["errors"].as_u64()), (Some(1), Some(0)));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let features: Vec<Value> = (0..20_000).map(|number| item(&format!("i{number}"), &json!([]))).collect();
    write_json(&here.join("items.json"), &json!({"type": "FeatureCollection", "features": features}));
    let mut child = Command::new(env!("CARGO_BIN_EXE_swath"))
        .args(["search", "items.json", "--output", "ndjson"])
        .current_dir(here)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begin = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut begin).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    succeed(here, &["man", "pages"]);
    let pages: Vec<String> = fs::read_dir(here.join("pages"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(here, &["completions", shell]);
        for command in ["search", "validate", "finetune", "predict"] {
            assert!(script.contains(command), "{shell} knows no {command}");
            assert!(pages.contains(&format!("swath-{command}.1")), "{pages:?}");
        }
    }
    let page = fs::read_to_string(here.join("pages/swath-validate.1")).unwrap();
    assert!(page.contains("checksums") && page.starts_with(".ie"), "{page}");
    if Command::new("bash").arg("--version").output().is_ok() {
        fs::write(here.join("swath.bash"), succeed(here, &["completions", "bash"])).unwrap();
        assert!(Command::new("bash").args(["-n", "swath.bash"]).current_dir(here).status().unwrap().success());
    }
}
