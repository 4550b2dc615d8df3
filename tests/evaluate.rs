//! `swath evaluate`: one network and several, answers without a network, intervals, and predictions that anyone can measure again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::fs;
use std::path::Path;

use ndarray::Array3;
use serde_json::Value;
use support::{config, json, prepare, refuse, succeed};
use swath_raster::{BlockCache, FetchOptions, Fetcher, ReadPlan, ReadRequest};

/// The small dataset and a run of few steps, which is wrong here and there.
fn trained(folder: &Path) {
    prepare(folder);
    succeed(folder, &["finetune", "swath.toml", "--set", "training.steps=8"]);
}

fn scores(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(folder, &[&["evaluate"], arguments, &["--json"]].concat())).unwrap()
}

/// A raster as float32 `[band, row, col]`.
fn read(path: &Path) -> Array3<f32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
    let read = async {
        let raster = fetcher.open(&path.to_string_lossy()).await?;
        let plan = ReadPlan::new(&raster, ReadRequest::window(raster.header.grid.window()))?;
        fetcher.read(plan, &BlockCache::new(1 << 20)).await
    };
    runtime.block_on(read).unwrap().samples.to_f32()
}

#[test]
fn a_run_is_judged_again_to_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let metrics = json(&folder.join("run/metrics.json"));
    assert_eq!(scores(folder, &["run"]), metrics);
    assert_eq!(metrics["version"], 1);
    // Halves of 96 px, west and east: the east half of three images.
    assert_eq!(metrics["pixels"], 3 * 96 * 48);
    // 2 % of the diagonal of a window of 32 px is 0.9 px.
    assert_eq!((&metrics["boundary_px"], &metrics["intervals"]["block_px"]), (&1.into(), &32.into()));

    let bins = metrics["reliability"].as_array().unwrap();
    let pixels: u64 = bins.iter().map(|bin| bin["pixels"].as_u64().unwrap()).sum();
    assert_eq!((bins.len(), pixels), (15, 3 * 96 * 48));
    let gap = |bin: &Value| {
        let (right, sure) = (bin["accuracy"].as_f64()?, bin["confidence"].as_f64()?);
        Some(bin["pixels"].as_f64()? / pixels as f64 * (right - sure).abs())
    };
    let error: f64 = bins.iter().filter_map(gap).sum();
    // Fifteen terms, each of a few roundings.
    assert!((metrics["expected_calibration_error"].as_f64().unwrap() - error).abs() < 1e-12);

    let interval = metrics["intervals"]["mean_iou"].as_array().unwrap();
    let ends: Vec<f64> = interval.iter().map(|end| end.as_f64().unwrap()).collect();
    let miou = metrics["mean_iou"].as_f64().unwrap();
    assert!(ends[0] <= miou && miou <= ends[1] && ends[0] < ends[1], "{miou} in {ends:?}");
    let again = scores(folder, &["run", "--seed", "5"]);
    assert_ne!(again["intervals"]["mean_iou"], metrics["intervals"]["mean_iou"], "other draws");
    assert_eq!(again["mean_iou"], metrics["mean_iou"]);
    let whole = scores(folder, &["run", "--block-px", "1000000"]);
    assert_eq!((&whole["intervals"]["blocks"], &whole["intervals"]["mean_iou"]), (&1.into(), &Value::Null));
    let wider = scores(folder, &["run", "--boundary-px", "96"]);
    assert_eq!(wider["classes"][1]["boundary_iou"], wider["classes"][1]["iou"], "all of a class is near its boundary");

    let item = json(&folder.join("run/item.json"));
    assert_eq!(item["properties"]["swath:metrics"]["mean_iou"], metrics["mean_iou"]);
}

#[test]
fn every_field_of_the_scores_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let metrics = json(&folder.join("run/metrics.json"));
    let documented = fs::read_to_string(support::repository().join("docs/metrics.md")).unwrap();
    let places = ["", "/classes/0", "/intervals", "/baselines", "/baselines/constant", "/reliability/0", "/scenes/0"];
    for place in places {
        for key in metrics.pointer(place).unwrap().as_object().unwrap().keys() {
            let named = [format!("`{key}`"), format!("`baselines.{key}`")];
            assert!(named.iter().any(|name| documented.contains(name)), "docs/metrics.md does not mention {key}");
        }
    }
}

#[test]
fn images_and_collections_add_up_to_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let metrics = json(&folder.join("run/metrics.json"));
    let (scenes, collections) = (metrics["scenes"].as_array().unwrap(), metrics["collections"].as_array().unwrap());
    let pixels = |groups: &[Value]| groups.iter().map(|group| group["pixels"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((scenes.len(), pixels(scenes)), (3, 3 * 96 * 48));
    assert_eq!((collections.len(), pixels(collections)), (1, 3 * 96 * 48));
    assert_eq!(collections[0]["mean_iou"], metrics["mean_iou"]);
    assert_eq!(collections[0]["mean_iou_interval"], metrics["intervals"]["mean_iou"]);
    assert!(scenes[0]["datetime"].as_str().unwrap().starts_with("2024-05-01"));
    // Two dates of one place share their blocks of ground.
    let blocks = |group: &Value| group["blocks"].as_u64().unwrap();
    assert_eq!(blocks(&collections[0]), blocks(&scenes[0]) + blocks(&scenes[2]), "{scenes:?}");
}

#[test]
fn answers_without_a_network_stand_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let baselines = &json(&folder.join("run/metrics.json"))["baselines"];
    // A third of each image is water: land everywhere is right for two thirds of it.
    assert_eq!(baselines["constant"]["name"], "land everywhere");
    let accuracy = baselines["constant"]["overall_accuracy"].as_f64().unwrap();
    assert!((accuracy - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(baselines["constant"]["iou"], serde_json::json!([2.0 / 3.0, 0.0]));
    // Two of the three images show one place at two dates with the same water; the third has no other date.
    assert_eq!(baselines["other_date"]["pixels"], 2 * 96 * 48);
    assert_eq!(baselines["other_date"]["mean_iou"], 1.0);
    assert_eq!(baselines["network_there"]["pixels"], 2 * 96 * 48);
    assert_eq!(baselines["remark"], "66.7 % of the judged pixels, in 2 of 3 images, are labelled on another date too.");

    // One date alone has nothing to copy, and that is said.
    for name in ["p0_2024-07-01", "p1_2024-05-01"] {
        fs::remove_file(folder.join(format!("images/{name}.tif"))).unwrap();
        fs::remove_file(folder.join(format!("labels/{name}.tif"))).unwrap();
    }
    let describe = "describe --images images/*.tif --labels labels/*.tif --classes land=0,water=1 --bands B02,B03,B04,B08 --out one";
    let describe: Vec<&str> = describe.split(' ').chain(["--match", r"(p\d_\d{4}-\d{2}-\d{2})"]).collect();
    succeed(folder, &describe);
    let told = succeed(folder, &["evaluate", "run", "--catalog", "one"]);
    assert!(told.contains("No judged ground is labelled on another date"), "{told}");
    assert!(told.contains("land everywhere: mean IoU 0.3333, overall accuracy 0.6667"), "{told}");
}

#[test]
fn saved_predictions_give_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let metrics = scores(folder, &["run", "--save-predictions", "saved"]);
    let index = json(&folder.join("saved/predictions.json"));
    assert_eq!(index["classes"], serde_json::json!(["land", "water"]));
    let mut counts = [[0_u64; 2]; 2];
    for scene in index["scenes"].as_array().unwrap() {
        let [label, prediction, probabilities] = ["label", "prediction", "probabilities"]
            .map(|name| read(&folder.join("saved").join(scene[name].as_str().unwrap())));
        assert_eq!((label.dim(), probabilities.dim()), ((1, 96, 48), (2, 96, 48)));
        assert_eq!(scene["window"]["col_px"], 48);
        for ((_, row, col), &truth) in label.indexed_iter() {
            let predicted = prediction[[0, row, col]];
            counts[truth as usize][predicted as usize] += 1;
            let [land, water] = [0, 1].map(|class| probabilities[[class, row, col]]);
            assert_eq!(predicted > 0.0, water > land);
            // Two quotients of one sum, each rounded once.
            assert!((land + water - 1.0).abs() <= 2.0 * f32::EPSILON);
        }
    }
    assert_eq!(metrics["confusion"], serde_json::json!(counts));
    let blocks = fs::read_to_string(folder.join("saved/blocks.csv")).unwrap();
    let mut known: Vec<&str> = blocks.lines().skip(1).filter_map(|line| line.rsplit(',').next()).collect();
    known.sort_unstable();
    known.dedup();
    assert_eq!(metrics["intervals"]["blocks"], known.len());
    refuse(folder, &["evaluate", "run", "--save-predictions", "saved"], &["saved", "not empty"]);
}

#[test]
fn resized_windows_are_judged_each_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    succeed(folder, &["finetune", "swath.toml", "--set", "training.steps=4", "--set", "recipe.output_px=16"]);
    let metrics = json(&folder.join("run/metrics.json"));
    // Windows of 32 px at 16 x 16 px: a quarter of the pixels of half of three images, each counting once.
    assert_eq!(metrics["pixels"], 3 * 96 * 48 / 4);
    assert!(metrics["baselines"]["remark"].as_str().unwrap().starts_with("Training resizes its windows"), "{metrics}");
    assert!(metrics["intervals"]["mean_iou"].is_array() && metrics["mean_boundary_iou"].is_number(), "{metrics}");
    refuse(folder, &["evaluate", "run", "--save-predictions", "saved"], &["changes the scale", "cannot be saved"]);
}

#[test]
fn several_networks_are_judged_on_one_ground() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    succeed(folder, &["finetune", "swath.toml", "--set", "out=longer"]);
    let both = scores(folder, &["run", "longer"]);
    let models = both["models"].as_array().unwrap();
    assert_eq!((&models[0]["name"], &models[1]["name"]), (&"run".into(), &"longer".into()));
    assert_eq!(models[1]["scores"], json(&folder.join("longer/metrics.json")));
    let miou = |model: &Value| model["scores"]["mean_iou"].as_f64().unwrap();
    assert_eq!(models[1]["difference"].as_f64().unwrap(), miou(&models[1]) - miou(&models[0]));
    assert_eq!((&models[0]["difference"], &both["remarks"]), (&Value::Null, &serde_json::json!([])));
    let ends = models[1]["difference_interval"].as_array().unwrap();
    assert!(ends[0].as_f64() <= models[1]["difference"].as_f64(), "{models:?}");

    // The same by a config and its models, and one network against itself, which differs by nothing.
    let named =
        scores(folder, &["swath.toml", "--model", "run", "--model", "longer/item.json", "--model", "run/item.json"]);
    assert_eq!(named["models"][1]["scores"], models[1]["scores"]);
    assert_eq!(named["models"][2]["difference_interval"], serde_json::json!([0.0, 0.0]));
    let told = succeed(folder, &["evaluate", "run", "longer", "--report", "both.html"]);
    assert!(
        told.contains("difference") && told.contains("label of another date") && told.contains("both.html"),
        "{told}"
    );
    assert!(fs::read_to_string(folder.join("both.html")).unwrap().contains("Side by side"));
}

#[test]
fn what_cannot_be_compared_is_refused_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let north = r#"split = { method = "halves", axis = "north-south" }"#;
    fs::write(folder.join("north.toml"), config("").replace("window_px = 32", &format!("window_px = 32\n{north}")))
        .unwrap();
    succeed(folder, &["finetune", "north.toml", "--set", "out=north", "--set", "training.steps=2"]);
    let both = scores(folder, &["run", "north"]);
    let remark = both["remarks"][0].as_str().unwrap();
    assert!(remark.starts_with("north was trained with another split"), "{remark}");

    refuse(folder, &["evaluate", "run", "north", "--model", "run"], &["--model", "several runs"]);
    refuse(folder, &["evaluate", "run", "swath.toml"], &["swath.toml", "no run's folder"]);
    refuse(folder, &["evaluate", "nowhere"], &["nowhere"]);
    let shipped = support::shipped_model();
    refuse(folder, &["evaluate", "run", "--model", &shipped], &["6 classes", "names 2"]);
}
