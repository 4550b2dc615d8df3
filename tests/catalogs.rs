//! The shipped dataset configurations, end to end on copies of their data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use serde_json::Value;
use support::{real_data, repository, succeed};

const EUROSAT: &str = "https://raw.githubusercontent.com/ai-extensions/stac-data-loader/0.5.0/data/EuroSAT";

#[test]
fn eurosat_is_explained_fine_tuned_and_judged_offline() {
    let Some(data) = real_data("eurosat") else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let rewrite = format!("{EUROSAT}={}", data.display());
    let root = format!("{EUROSAT}/stac/subset/catalog.json");

    let explained = succeed(here, &["explain", &root, "--rewrite", &rewrite, "--output", "json"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["pairing"]["pairs"].as_array().unwrap().len(), 100);

    let config = repository().join("catalogs/eurosat/swath.toml");
    let out = format!("out={}", here.join("run").display());
    let few = ["--set", &out, "--set", "training.steps=2", "--set", "recipe.batch=2"];
    succeed(here, &[&["finetune", config.to_str().unwrap(), "--rewrite", &rewrite][..], &few].concat());
    let record: Value = serde_json::from_slice(&std::fs::read(here.join("run/run.json")).unwrap()).unwrap();
    assert_eq!(record["catalog"]["path"], root.as_str());
    assert_eq!(record["catalog"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(record["steps"], 2);

    // The run remembers where its catalog was read.
    let scores: Value = serde_json::from_str(&succeed(here, &["evaluate", "run", "--json"])).unwrap();
    // 20 chips of the test part, 64 x 64 pixels each; polygons that end at pixels' centres may leave out an edge.
    let pixels = scores["pixels"].as_u64().unwrap();
    assert!((20 * 62 * 62..=20 * 64 * 64).contains(&pixels), "{pixels}");
}
