//! Looking at a dataset before training: what is written, what is warned of, and what goes back into the items.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;

use serde_json::Value;
use support::{SIDE_PX, grid, image, json, listing, prepare, refuse, succeed, write};
use swath_raster::Samples;

#[test]
fn a_look_at_a_dataset_counts_its_pixels_and_says_what_is_odd() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    // One scene as if it had been divided by 1,000.
    let Samples::U16(pixels) = image() else { panic!("an image of uint16") };
    write(&folder.join("images/p1_2024-05-01.tif"), grid(1), Samples::U16(pixels.mapv(|value| value / 1000)));

    let shown = succeed(folder, &["stats"]);
    assert!(shown.contains("water") && shown.contains("stats/report.html"), "{shown}");
    assert!(shown.contains("look: band B02 is in other units in 'p1_2024-05-01'"), "{shown}");

    let stats = json(&folder.join("stats/stats.json"));
    let side = SIDE_PX as u64;
    let counted: u64 = stats["scenes"].as_array().unwrap().iter().map(|scene| scene["pixels"].as_u64().unwrap()).sum();
    assert_eq!(counted, 3 * side * side);
    assert_eq!(stats["scenes"][0]["class_pixels"], serde_json::json!([side * side * 2 / 3, side * side / 3]));
    let kinds: Vec<&str> = stats["warnings"].as_array().unwrap().iter().map(|w| w["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"other-units") && kinds.contains(&"bands-alike"), "{kinds:?}");

    let scenes = fs::read_to_string(folder.join("stats/scenes.csv")).unwrap();
    assert_eq!(scenes.lines().count(), 4, "{scenes}");
    let bands = fs::read_to_string(folder.join("stats/bands.csv")).unwrap();
    let mean: f64 = bands.lines().nth(1).unwrap().split(',').nth(5).unwrap().parse().unwrap();
    assert_eq!(Some(mean), stats["parts"][0]["statistics"]["bands"][0]["mean"].as_f64());
    let page = fs::read_to_string(folder.join("stats/report.html")).unwrap();
    assert!(page.contains("What to look at first") && page.contains("B02 is in other units"), "{}", page.len());
}

#[test]
fn what_was_found_goes_back_into_valid_items() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let printed = succeed(folder, &["stats", "swath.toml", "--write-stac", "--json"]);
    let stats: Value = serde_json::from_str(&printed).unwrap();

    let item = json(&folder.join("catalog/images/p0_2024-05-01.json"));
    let (key, asset) = item["assets"].as_object().unwrap().iter().next().unwrap();
    let bands =
        asset["bands"].as_array().or_else(|| asset["raster:bands"].as_array()).unwrap_or_else(|| panic!("{key}"));
    assert_eq!(bands[0]["statistics"]["mean"], stats["scenes"][0]["bands"][0]["mean"]);
    let histogram =
        if bands[0]["raster:histogram"].is_null() { &bands[0]["histogram"] } else { &bands[0]["raster:histogram"] };
    let buckets: u64 = histogram["buckets"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(buckets, (SIDE_PX * SIDE_PX) as u64);
    let label = json(&folder.join("catalog/labels/p0_2024-05-01.json"));
    let counts = &label["properties"]["label:overviews"][0]["counts"];
    assert_eq!((&counts[1]["name"], &counts[1]["count"]), (&"water".into(), &(SIDE_PX * SIDE_PX / 3).into()));
    succeed(folder, &["validate", "catalog"]);
    // Written twice is written once.
    let before = json(&folder.join("catalog/images/p0_2024-05-01.json"));
    succeed(folder, &["stats", "swath.toml", "--write-stac"]);
    assert_eq!(json(&folder.join("catalog/images/p0_2024-05-01.json")), before);
}

#[test]
fn bands_that_are_not_there_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let before = listing(folder);
    refuse(folder, &["stats", "--scatter", "B02,B99"], &["B99", "B02, B03, B04, B08"]);
    refuse(folder, &["stats", "--scatter", "B02"], &["two bands"]);
    assert_eq!(listing(folder), before);
}
