//! From files to a map with the binary: describe, fine-tune, evaluate, predict, and what each leaves behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;

use serde_json::Value;
use support::{json, prepare, real_data, refuse, succeed};

#[test]
fn a_small_dataset_is_learnt_judged_and_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    succeed(folder, &["finetune", "swath.toml"]);
    let run = folder.join("run");

    // Dark and bright ground differ by more than ten times their grain: anything that learns tells them apart.
    let metrics = json(&run.join("metrics.json"));
    assert!(metrics["classes"][1]["iou"].as_f64().unwrap() > 0.8, "{metrics}");
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 30);
    let item = json(&run.join("item.json"));
    let names: Vec<&str> =
        item["properties"]["bands"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["B02", "B03", "B04", "B08"]);
    assert!(fs::read_to_string(run.join("report.html")).unwrap().contains("water"));

    // The network alone, read back from its file, gives the scores that the run wrote.
    let again: Value = serde_json::from_str(&succeed(folder, &["evaluate", "run", "--json"])).unwrap();
    assert_eq!(again["confusion"], metrics["confusion"]);

    succeed(
        folder,
        &[
            "predict",
            "run",
            "images/p1_2024-05-01.tif",
            "--bands",
            "B02,B03,B04,B08",
            "--tile",
            "64",
            "--overlap",
            "16",
            "-o",
            "map.tif",
        ],
    );
    let map = json(&folder.join("map.json"));
    assert_eq!(map["properties"]["processing:level"], "L4");
    assert_eq!(map["properties"]["proj:code"], "EPSG:32631");
}

#[test]
fn the_same_seed_gives_the_same_run_and_a_resumed_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let train = |out: &str, more: &[&str]| {
        let out = format!("out={out}");
        let arguments = ["finetune", "swath.toml", "--set", &out, "--set", "training.checkpoint_every=7"];
        succeed(folder, &[&arguments, more].concat());
    };
    let model = |run: &str| fs::read(folder.join(run).join("model.onnx")).unwrap();
    train("first", &["--set", "training.workers=1"]);
    train("second", &["--set", "training.workers=2"]);
    assert!(model("first") == model("second"), "the number of workers changed the result");

    // A run cut off after its checkpoint at step 14 and gone on with.
    train("third", &["--set", "training.until=14"]);
    train("third", &["--resume"]);
    assert!(model("first") == model("third"), "going on changed the result");
    refuse(folder, &["finetune", "swath.toml", "--set", "out=first"], &["first", "--resume", "--overwrite"]);
}

#[test]
fn a_run_goes_on_only_with_the_settings_it_was_begun_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    succeed(folder, &["finetune", "swath.toml", "--set", "training.until=4"]);
    let other = ["finetune", "swath.toml", "--resume", "--set", "training.learning_rate=0.5"];
    refuse(folder, &other, &["training.learning_rate", "0.003", "0.5", "--overwrite"]);
    refuse(folder, &["finetune", "swath.toml", "--resume", "--set", "out=elsewhere"], &["elsewhere", "no checkpoint"]);

    // A setting that makes no sense replaces nothing.
    let broken = ["finetune", "swath.toml", "--overwrite", "--set", "training.learning_rate=-1"];
    refuse(folder, &broken, &["learning rate"]);
    assert!(folder.join("run/model.onnx").exists());
    // A replaced run leaves nothing of the one before, even when it fails.
    let diverging = ["finetune", "swath.toml", "--overwrite", "--set", "training.learning_rate=1e30"];
    refuse(folder, &diverging, &["the loss is"]);
    assert!(!folder.join("run").exists());
}

#[test]
fn a_run_can_be_moved_together_with_its_data() {
    let place = tempfile::tempdir().unwrap();
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    fs::create_dir(&here).unwrap();
    prepare(&here);
    succeed(&here, &["finetune", "swath.toml", "--set", "training.steps=3"]);
    let before = succeed(&here, &["evaluate", "run", "--json"]);
    fs::rename(&here, &there).unwrap();
    assert_eq!(succeed(&there, &["evaluate", "run", "--json"]), before);
}

#[test]
fn the_reservoir_is_learnt_from_polygons() {
    let Some(data) = real_data("boadella") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bands = "B01,B02,B03,B04,B05,B06,B07,B08,B09,B8A,B11,B12";
    let (images, labels) = (data.join("images/*.tif"), data.join("labels/*.geojson"));
    succeed(
        folder,
        &[
            "describe",
            "--images",
            images.to_str().unwrap(),
            "--labels",
            labels.to_str().unwrap(),
            "--match",
            r"(\d{4}-\d{2}-\d{2})",
            "--class",
            "water",
            "--where",
            "tasks contains segmentation",
            "--bands",
            bands,
            "--out",
            "catalog",
        ],
    );
    let config = support::config("")
        .replace("[\"land\", \"water\"]", "[\"background\", \"water\"]")
        .replace("window_px = 32", "window_px = 96");
    fs::write(folder.join("swath.toml"), config).unwrap();
    succeed(folder, &["finetune", "swath.toml", "--set", "training.steps=60"]);
    let metrics = json(&folder.join("run/metrics.json"));
    // The east half of all four dates: 4 x 190 x 377 pixels. All water would score 0.25, another date's mask about 0.9.
    assert_eq!(metrics["pixels"], 4 * 190 * 377);
    assert!(metrics["classes"][1]["iou"].as_f64().unwrap() > 0.7, "{metrics}");

    let scene = data.join("images/Boadella_2021-07-16.tif");
    succeed(folder, &["predict", "run", scene.to_str().unwrap(), "--bands", bands, "-o", "map.tif"]);
    let map = json(&folder.join("map.json"));
    assert_eq!(map["properties"]["proj:shape"], serde_json::json!([377, 380]));
}

#[test]
fn frozen_parameters_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let shipped = support::repository().join("models/unet-small/model.onnx");
    let adapt = [
        "adapt",
        shipped.to_str().unwrap(),
        "--bands",
        "4",
        "--classes",
        "2",
        "--freeze",
        "encoder.*",
        "-o",
        "start.onnx",
    ];
    succeed(folder, &adapt);
    refuse(folder, &["adapt", "start.onnx", "--freeze", "enkoder.*", "-o", "other.onnx"], &["enkoder", "no parameter"]);
    let steps = ["--set", "training.steps=3", "--set", "training.batchnorm=frozen"];
    succeed(folder, &[&["finetune", "swath.toml", "--set", "model=start.onnx"][..], &steps].concat());
    let parameters = |path: &str| {
        let model = swath_autodiff::Model::load(folder.join(path)).unwrap();
        let names: Vec<String> = model.inspect().unwrap().parameters.into_iter().map(|p| p.name).collect();
        names.into_iter().map(|name| (name.clone(), model.graph().initializers()[&name].clone())).collect::<Vec<_>>()
    };
    let (before, after) = (parameters("start.onnx"), parameters("run/model.onnx"));
    assert_eq!(before.len(), after.len());
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        let is_statistic = name.contains("running");
        assert_eq!(before == after, name.starts_with("encoder") || is_statistic, "{name}");
    }
}
