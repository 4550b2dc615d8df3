//! Bad input to the binary: one sentence that names the file and the remedy, exit code 2, nothing left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;
use std::path::Path;

use support::{listing, prepare, refuse, succeed, swath, write};

/// Spoils something in a prepared folder and expects `swath finetune` to refuse it, leaving the folder as it was.
fn refuses_after(spoil: impl FnOnce(&Path), arguments: &[&str], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    spoil(folder.path());
    let before = listing(folder.path());
    refuse(folder.path(), arguments, words);
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn a_missing_label_is_named() {
    let remove = |folder: &Path| fs::remove_file(folder.join("labels/p0_2024-07-01.tif")).unwrap();
    refuses_after(remove, &["finetune", "swath.toml"], &["p0_2024-07-01.tif"]);
}

#[test]
fn a_truncated_tiff_is_named() {
    let cut = |folder: &Path| {
        let path = folder.join("images/p0_2024-05-01.tif");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    refuses_after(cut, &["finetune", "swath.toml"], &["p0_2024-05-01.tif", "truncated"]);
}

#[test]
fn a_dead_absolute_link_is_named() {
    let redirect = |folder: &Path| {
        let path = folder.join("catalog/catalog.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("./labels/collection.json", "/nowhere/labels/collection.json")).unwrap();
    };
    refuses_after(redirect, &["finetune", "swath.toml"], &["/nowhere/labels/collection.json"]);
}

/// Takes the CRS from an image and, where `of_item`, from all items.
fn without_crs(folder: &Path, of_item: bool) {
    let path = folder.join("images/p1_2024-05-01.tif");
    write(&path, swath_raster::Grid { crs: None, ..support::grid(1) }, support::image());
    if of_item {
        for path in listing(&folder.join("catalog")).into_iter().filter(|path| path.is_file()) {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"proj:code\"", "\"was:code\"")).unwrap();
        }
    }
}

#[test]
fn an_image_without_crs_is_named() {
    let strip = |folder: &Path| without_crs(folder, true);
    refuses_after(strip, &["finetune", "swath.toml"], &["p1_2024-05-01.tif", "coordinate reference system"]);
}

#[test]
fn an_image_without_crs_lies_where_its_item_says() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let load = ["bench", "load", "swath.toml", "--epochs", "1", "--digest"];
    let digest = || {
        let told: serde_json::Value = serde_json::from_str(&succeed(folder.path(), &load)).unwrap();
        told["digest"].as_str().unwrap().to_owned()
    };
    let before = digest();
    without_crs(folder.path(), false);
    assert_eq!(digest(), before);
}

#[test]
fn an_image_without_crs_is_not_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images/p1_2024-05-01.tif");
    write(&path, swath_raster::Grid { crs: None, ..support::grid(1) }, support::image());
    let before = listing(folder.path());
    let describe = ["describe", "--images", "images/*.tif", "--images-only", "--out", "catalog"];
    refuse(folder.path(), &describe, &["p1_2024-05-01.tif", "coordinate reference system"]);
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn a_class_that_the_config_does_not_name_is_named() {
    let rename = |folder: &Path| {
        fs::write(folder.join("swath.toml"), support::config("").replace("\"water\"", "\"lake\"")).unwrap();
    };
    refuses_after(rename, &["finetune", "swath.toml"], &["water", "classes"]);
}

#[test]
fn a_setting_that_does_not_exist_is_named() {
    refuses_after(|_| (), &["finetune", "swath.toml", "--set", "training.stpes=3"], &["stpes"]);
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    if Path::new("/dev/nvidia0").exists() {
        println!("skipped: this machine has a GPU");
        return;
    }
    refuses_after(|_| (), &["finetune", "swath.toml", "--set", "training.device=cuda"], &["cuda"]);
}

#[test]
fn a_scene_without_the_model_s_bands_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let before = listing(folder.path());
    let scene = "images/p1_2024-05-01.tif";
    let predict = ["predict", &support::shipped_model(), scene, "-o", "map.tif", "--bands", "B02,B03,B04,B08"];
    refuse(folder.path(), &predict, &[scene, "B05"]);
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn a_network_of_other_bands_than_its_item_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let item = fs::read_to_string(support::shipped_model()).unwrap();
    succeed(folder.path(), &["adapt", &shipped_onnx(), "--bands", "3", "-o", "model.onnx"]);
    let mut item: serde_json::Value = serde_json::from_str(&item).unwrap();
    item["assets"]["model"].as_object_mut().unwrap().remove("file:checksum");
    fs::write(folder.path().join("item.json"), item.to_string()).unwrap();
    refuse(
        folder.path(),
        &["predict", "item.json", "scene.tif", "-o", "map.tif"],
        &["item.json", "10 bands", "takes 3"],
    );
}

#[test]
fn a_run_that_fails_at_once_leaves_nothing() {
    refuses_after(|_| (), &["finetune", "swath.toml", "--set", "training.learning_rate=-1"], &["learning rate", "-1"]);
}

#[test]
fn a_loss_that_has_no_such_setting_is_refused() {
    let losses = "training.losses=[{name=\"dice\", smoth=1.0}]";
    refuses_after(|_| (), &["finetune", "swath.toml", "--set", losses], &["smoth"]);
}

#[test]
fn a_map_does_not_take_the_place_of_its_scene() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let scene = "images/p1_2024-05-01.tif";
    let before = fs::read(folder.path().join(scene)).unwrap();
    refuse(folder.path(), &["predict", &support::shipped_model(), scene, "-o", scene], &[scene, "--output"]);
    assert_eq!(fs::read(folder.path().join(scene)).unwrap(), before);
    refuse(folder.path(), &["predict", &support::shipped_model(), scene, "-o", "map.png"], &["map.png", ".tif"]);
}

#[test]
fn help_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let help = String::from_utf8(swath(folder.path(), &["--help"]).stdout).unwrap();
    for command in ["demo", "describe", "finetune", "evaluate", "predict", "adapt", "gradients", "bench"] {
        assert!(help.contains(command), "{help}");
    }
}

fn shipped_onnx() -> String {
    support::repository().join("models/unet-small/model.onnx").to_string_lossy().into_owned()
}
