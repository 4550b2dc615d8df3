//! Maps by the binary: all products at once, several scenes, and a map that was killed on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ndarray::Array3;
use swath_raster::{Grid, Pixels, Samples, WriteOptions, write_cog};

use support::{refuse, shipped_model, succeed, swath};

/// Bands of the shipped network.
const BANDS: [&str; 10] = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"];

/// Writes a scene of `side_px` squared with the shipped network's bands, its upper left corner empty.
fn scene(path: &Path, side_px: usize) {
    let value = |(band, row, col): (usize, usize, usize)| {
        if row < 9 && col < 9 { 0 } else { (300 + 200 * (row / 20 % 3) + 90 * (col / 25 % 4) + band) as u16 }
    };
    let samples = Samples::U16(Array3::from_shape_fn((BANDS.len(), side_px, side_px), value));
    let grid = Grid { width_px: side_px, height_px: side_px, ..support::grid(1) };
    let descriptions = BANDS.iter().map(|name| (*name).to_owned()).collect();
    let options = WriteOptions { nodata: Some(0.0), descriptions, ..WriteOptions::default() };
    write_cog(path, &Pixels { samples, valid: None, grid }, options).unwrap();
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_map_that_was_killed_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    scene(&folder.join("s_2024-05-01.tif"), 400);
    let model = shipped_model();
    // 17 rows of 17 tiles; one tile a batch, so that there is time to kill it between two rows.
    let arguments = |map: &'static str| {
        let tiles = ["--tile", "32", "--overlap", "8", "--batch", "1", "--probabilities", "uint8", "--entropy"];
        [&["predict", &model, "s_2024-05-01.tif", "-o", map][..], &tiles]
            .concat()
            .iter()
            .map(|a| (*a).to_owned())
            .collect()
    };
    let whole: Vec<String> = arguments("whole.tif");
    succeed(folder, &whole.iter().map(String::as_str).collect::<Vec<_>>());

    let killed: Vec<String> = arguments("killed.tif");
    let mut child = Command::new(env!("CARGO_BIN_EXE_swath")).args(&killed).current_dir(folder).spawn().unwrap();
    let (state, started) = (folder.join("killed.tif.part/state.json"), Instant::now());
    while !state.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let rows = json(&state)["rows"].as_u64().unwrap();
    assert!(rows > 0 && rows < 400 && !folder.join("killed.tif").exists(), "{rows} rows were finished");

    let output = swath(folder, &killed.iter().map(String::as_str).collect::<Vec<_>>());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("going on after"), "{told}");
    for kind in ["tif", "probabilities.tif", "entropy.tif"] {
        let read = |name: &str| fs::read(folder.join(format!("{name}.{kind}"))).unwrap();
        assert!(read("whole") == read("killed"), "{kind} differs");
    }
    assert!(!folder.join("killed.tif.part").exists());
}

#[test]
fn scenes_go_into_a_folder_and_finished_maps_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    scene(&folder.join("a_2024-05-01.tif"), 64);
    scene(&folder.join("b_2024-05-01.tif"), 70);
    let model = shipped_model();
    let predict = ["predict", &model, "a_2024-05-01.tif", "b_2024-05-01.tif", "--tile", "32", "--overlap", "8"];
    let maps = [&predict[..], &["-o", "maps"]].concat();
    succeed(folder, &maps);
    let changed = |name: &str| fs::metadata(folder.join("maps").join(name)).unwrap().modified().unwrap();
    let before = changed("a_2024-05-01.tif");
    fs::remove_file(folder.join("maps/b_2024-05-01.tif")).unwrap();
    succeed(folder, &maps);
    assert_eq!(changed("a_2024-05-01.tif"), before);
    assert!(folder.join("maps/b_2024-05-01.tif").exists());
    refuse(folder, &[&predict[..], &["-o", "map.tif"]].concat(), &["--output", "2 scenes", "folder"]);
}

#[test]
fn every_product_is_an_asset_and_the_polygons_are_the_map() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    scene(&folder.join("s_2024-05-01.tif"), 96);
    let model = shipped_model();
    let products = ["--probabilities", "float32", "--entropy", "--polygons", "map.geojson", "--augment", "d4"];
    let predict = ["predict", &model, "s_2024-05-01.tif", "-o", "map.tif", "--tile", "64", "--overlap", "16"];
    succeed(folder, &[&predict[..], &products].concat());
    let item = json(&folder.join("map.json"));
    let assets: Vec<&String> = item["assets"].as_object().unwrap().keys().collect();
    assert_eq!(assets, ["map", "probabilities", "entropy", "polygons"]);
    for asset in item["assets"].as_object().unwrap().values() {
        let file = folder.join(asset["href"].as_str().unwrap());
        assert_eq!(asset["file:size"], fs::metadata(file).unwrap().len());
    }
    // Pixels of 10 m; the empty corner of 9 by 9 belongs to no region.
    let features = json(&folder.join("map.geojson"));
    let features = features["features"].as_array().unwrap();
    let area: f64 = features.iter().map(|feature| feature["properties"]["area_m2"].as_f64().unwrap()).sum();
    assert_eq!(area, 100.0 * (96.0 * 96.0 - 81.0));
}

#[test]
fn a_folder_that_is_a_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    scene(&folder.join("s.tif"), 64);
    fs::write(folder.join("maps"), "mine").unwrap();
    refuse(folder, &["predict", &shipped_model(), "s.tif", "-o", "maps"], &["maps"]);
    assert_eq!(fs::read(folder.join("maps")).unwrap(), b"mine");
}

#[test]
fn a_model_that_is_no_onnx_is_refused_with_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut item = json(Path::new(&shipped_model()));
    let model = item["assets"]["model"].as_object_mut().unwrap();
    model.insert("mlm:artifact_type".to_owned(), "torch.save".into());
    model.insert("href".to_owned(), "https://example.com/model.pth".into());
    fs::write(folder.path().join("item.json"), item.to_string()).unwrap();
    refuse(folder.path(), &["predict", "item.json", "s.tif", "-o", "map.tif"], &["item.json", "torch.save", "ONNX"]);
}
