//! What can happen in the course of a fine-tuning: accumulated batches, averaged weights, parameters that begin late, judging,
//! stopping early. Each is kept in checkpoints, so that a run killed at any moment ends as one left in peace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{config, json, prepare, refuse, succeed};
use swath_autodiff::Model;
use swath_train::checkpoint::{CheckpointStore, Mark};

/// Everything that has a memory of its own.
const COURSE: &str = r#"
accumulate = 2
ema = 0.75
freeze = ["encoder.*"]
thaw = [{ pattern = "encoder.stages.3.*", at_step = 8 }, { pattern = "encoder.*", at_step = 15 }]
groups = [{ pattern = "encoder.*", lr_multiplier = 0.1, weight_decay = 0 }]
clip_norm = 1.0
schedule = { kind = "plateau", factor = 0.5, patience = 0, threshold = 0.5 }
validation = { every = 4, keep = "last" }
checkpoint_every = 2
"#;

/// The small dataset with a part to validate on, and a config with these lines in its `[training]` table.
fn prepare_with(folder: &Path, training: &str) {
    prepare(folder);
    let thirds = r#"split = { method = "halves", axis = "west-east", fractions = { train = 0.34, validate = 0.33, test = 0.33 } }"#;
    let text = config(training)
        .replace("window_px = 32", &format!("window_px = 32\n{thirds}"))
        .replace("batch = 4", "batch = 2");
    fs::write(folder.join("swath.toml"), text).unwrap();
}

/// Tensors of a run's checkpoint, as bits.
fn state(run: &Path) -> BTreeMap<String, Vec<u32>> {
    let saved = CheckpointStore::new(run.join("checkpoint")).load::<Value>(Mark::Last).unwrap().unwrap();
    saved.tensors.into_iter().map(|t| (t.name, t.values.iter().map(|v| v.to_bits()).collect())).collect()
}

/// Weights of a network, as bits.
fn weights(path: &Path) -> BTreeMap<String, Vec<u32>> {
    let model = Model::load(path).unwrap();
    let floats = model.graph().initializers().iter().filter_map(|(name, t)| Some((name.clone(), t.as_f32()?.to_vec())));
    floats.map(|(name, values)| (name, values.iter().map(|v| v.to_bits()).collect())).collect()
}

#[test]
fn killed_again_and_again_it_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare_with(folder, COURSE);
    succeed(folder, &["finetune", "swath.toml", "--set", "out=peaceful"]);

    let store = CheckpointStore::new(folder.join("killed/checkpoint"));
    let saved = || store.step(Mark::Last).unwrap().unwrap_or(0);
    let arguments = || {
        let resume: &[&str] = if saved() > 0 { &["--resume"] } else { &[] };
        [&["finetune", "swath.toml", "--set", "out=killed"], resume].concat()
    };
    for kill in 0..4_u64 {
        let before = saved();
        let mut command = Command::new(env!("CARGO_BIN_EXE_swath"));
        command.args(arguments()).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        // Until it has come further than the one before, then a while that differs from kill to kill.
        while saved() == before && process.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros((kill + 1).wrapping_mul(2_654_435_761) % 40_000));
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(saved() > before, "kill {kill} came before any checkpoint");
    }
    succeed(folder, &arguments());

    let (peaceful, killed) = (folder.join("peaceful"), folder.join("killed"));
    assert_eq!(state(&killed), state(&peaceful));
    assert_eq!(weights(&killed.join("model.onnx")), weights(&peaceful.join("model.onnx")));
    let records = [&peaceful, &killed].map(|run| json(&run.join("run.json")));
    assert_eq!(records[0]["validations"], records[1]["validations"]);
    assert_eq!(records[0]["validations"].as_array().unwrap().len(), 8, "every fourth of 30 steps, and the last");
    let rates = [&peaceful, &killed].map(|run| {
        let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
        let rate = |line: &str| serde_json::from_str::<Value>(line).unwrap()["learning_rate"].as_f64().unwrap();
        history.lines().map(rate).collect::<Vec<_>>()
    });
    assert_eq!(rates[0], rates[1]);
    assert!(rates[0][29] < rates[0][0], "the plateau lowered the rate");
}

#[test]
fn the_average_is_written_and_parameters_begin_when_they_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare_with(folder, COURSE);
    let encoder = |run: &str| {
        let weights = weights(&folder.join(run).join("model.onnx")).into_iter();
        let trained = |name: &str| name.starts_with("encoder.") && !name.contains("running");
        weights.filter(|(name, _)| trained(name)).collect::<BTreeMap<_, _>>()
    };
    let deepest = |weights: &BTreeMap<String, Vec<u32>>| {
        let deep = weights.iter().filter(|(name, _)| name.starts_with("encoder.stages.3."));
        deep.map(|(name, values)| (name.clone(), values.clone())).collect::<BTreeMap<_, _>>()
    };
    for until in ["2", "8", "14"] {
        let (out, until_set) = (format!("out=until{until}"), format!("training.until={until}"));
        succeed(folder, &["finetune", "swath.toml", "--set", &out, "--set", &until_set]);
    }
    let (begun, eight, fourteen) = (encoder("until2"), encoder("until8"), encoder("until14"));
    assert!(!deepest(&begun).is_empty());
    assert_eq!(begun, eight, "nothing of the encoder trains before step 8");
    assert_ne!(deepest(&eight), deepest(&fourteen), "its last stage trains from step 8 on");
    let rest = |mut weights: BTreeMap<String, Vec<u32>>| {
        weights.retain(|name, _| !name.starts_with("encoder.stages.3."));
        weights
    };
    assert_eq!(rest(eight), rest(fourteen), "the others wait for step 15");

    let (state, written) = (state(&folder.join("until14")), weights(&folder.join("until14/model.onnx")));
    let averages: Vec<_> = state.iter().filter_map(|(name, bits)| Some((name.strip_prefix("ema/")?, bits))).collect();
    assert!(!averages.is_empty());
    for (name, bits) in averages {
        assert_eq!(&written[name], bits, "{name}");
    }
    let (average, last) = (&state["ema/encoder.stages.3.conv1.weight"], &state["encoder.stages.3.conv1.weight"]);
    assert_ne!(average, last);
}

#[test]
fn it_stops_early_and_writes_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // No IoU is better than another by more than 1, so the first judgement is the best and the second ends the run.
    prepare_with(folder, "validation = { every = 3, patience = 1, min_delta = 1 }");
    succeed(folder, &["finetune", "swath.toml"]);
    let record = json(&folder.join("run/run.json"));
    assert_eq!((&record["outcome"], &record["steps"]), (&"early-stopped".into(), &6.into()), "{record}");
    assert_eq!(record["written_step"], 3);
    succeed(folder, &["finetune", "swath.toml", "--set", "out=third", "--set", "training.until=3"]);
    assert_eq!(weights(&folder.join("run/model.onnx")), weights(&folder.join("third/model.onnx")));
    assert!(fs::read_to_string(folder.join("run/report.html")).unwrap().contains("Held-out scores during training"));
    let item = json(&folder.join("run/item.json"));
    assert_eq!(item["properties"]["mlm:hyperparameters"]["validation"]["patience"], 1);
}

#[test]
fn a_course_that_cannot_be_run_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare_with(folder, "freeze = [\"encoder.*\"]");
    let refused = |setting: &str, words: &[&str]| {
        refuse(folder, &["finetune", "swath.toml", "--set", setting], words);
        assert!(!folder.join("run").exists());
    };
    refused("training.thaw=[{ pattern = \"encoder.*\", at_step = 30 }]", &["'encoder.*'", "step 30", "earlier"]);
    refused("training.thaw=[{ pattern = \"decoder.*\", at_step = 3 }]", &["'decoder.*'", "thaws nothing"]);
    refused(
        "training.groups=[{ pattern = \"encoder.*\", lr_multiplier = 0.1 }]",
        &["'encoder.*'", "no trained parameter"],
    );
    refused("training.schedule={ kind = \"plateau\" }", &["plateau", "training.validation"]);
    refused("training.schedule={ kind = \"cosine\", warmup = 30 }", &["warmup", "below the number of steps"]);
    refused("training.losses=[{ name = \"cross-entropy\", label_smoothing = 2 }]", &["label_smoothing"]);
    refused("training.ema=1.5", &["training.ema", "0.99"]);
    let whole = ["--set", "recipe.split={ method = \"halves\", axis = \"west-east\" }"];
    let judged = ["finetune", "swath.toml", "--set", "training.validation={ every = 5 }"];
    refuse(folder, &[&judged[..], &whole].concat(), &["training.validation", "recipe.split"]);
}

#[test]
fn every_schedule_and_loss_trains() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare_with(folder, "class_weights = [1, 2]");
    let all = r#"training.losses=[{ name = "cross-entropy", label_smoothing = 0.1 }, { name = "dice", weight = 0.5 },
        { name = "jaccard" }, { name = "tversky", alpha = 0.3, beta = 0.7 }, { name = "focal", alpha = 0.25 },
        { name = "binary-cross-entropy" }, { name = "lovasz" }]"#;
    for schedule in [
        "constant\"",
        "step\", every = 2",
        "polynomial\", power = 0.9, warmup = 1",
        "cosine\", warmup = 1, floor = 0.1",
        "one-cycle\"",
    ] {
        let schedule = format!("training.schedule={{ kind = \"{schedule} }}");
        let run =
            ["finetune", "swath.toml", "--overwrite", "--set", "training.steps=3", "--set", &schedule, "--set", all];
        succeed(folder, &run);
    }
    for optimizer in ["sgd", "adam"] {
        let optimizer = format!("training.optimizer={optimizer}");
        let run = ["finetune", "swath.toml", "--overwrite", "--set", "training.steps=3", "--set", &optimizer];
        let nesterov: &[&str] = if optimizer.ends_with("sgd") { &["--set", "training.nesterov=true"] } else { &[] };
        succeed(folder, &[&run[..], nesterov].concat());
    }
}
