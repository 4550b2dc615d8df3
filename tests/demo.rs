//! The demo at a small budget: all that it leaves is there, opens without network, and the same seed gives the same scores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{refuse, succeed};

fn metrics(demo: &Path, run: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(demo.join(run).join("metrics.json")).unwrap()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_metrics_and_transfer_gains() {
    let folder = tempfile::tempdir().unwrap();
    for out in ["one", "two"] {
        succeed(folder.path(), &["demo", "--out", out, "--steps", "12"]);
    }
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for run in ["pre-trained", "from-scratch"] {
        assert_eq!(metrics(&one, run), metrics(&two, run));
    }
    let miou = |run: &str| metrics(&one, run)["mean_iou"].as_f64().unwrap();
    // After 12 steps a fresh network has barely begun, the shipped one already knew five of six classes.
    assert!(miou("pre-trained") > miou("from-scratch") + 0.2, "{} {}", miou("pre-trained"), miou("from-scratch"));

    let report = fs::read_to_string(one.join("report.html")).unwrap();
    for reference in ["src=\"http", "href=\"http", "url(http", "@import", "<script"] {
        assert!(!report.contains(reference), "the report has {reference}");
    }
    assert!(report.contains("data:image/png;base64,") && report.contains("<svg"));
    let map: Value = serde_json::from_str(&fs::read_to_string(one.join("map.json")).unwrap()).unwrap();
    assert_eq!(map["properties"]["processing:level"], "L4");
    assert!(one.join("map.tif").is_file());
}

#[test]
fn a_folder_of_somebody_else_is_not_emptied() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/thesis.txt"), "years of work").unwrap();
    refuse(folder.path(), &["demo", "--out", "mine"], &["mine", "not empty"]);
    assert!(folder.path().join("mine/thesis.txt").is_file());
}
