//! A network of many kinds of blocks as both exporters write it: gradients in float64 to PyTorch's, end to end.

use serde_json::Value;
use swath_autodiff::{BatchNormMode, Model, TrainingOptions, gradient_graph};

use crate::close;
use crate::evaluator::{Array, Values, run};

const TRAIN: &[u8] = include_bytes!("data/blocks.train.onnx");
const DYNAMO: &[u8] = include_bytes!("data/blocks.dynamo.onnx");

/// Graphs hold epsilons, slopes and shares as float32, 6e-8 off each; a gradient is a product of some twenty factors in which they
/// appear, and batch statistics of 32 values divide by deviations that multiply what came before by ten at most.
const TOLERANCE: f64 = 1e-5;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Holds every value that an export yields to the recorded one; names of recorded values that it does not yield.
fn differing(file: &[u8], mode: BatchNormMode, expected: &str) -> Vec<String> {
    let recorded: Value = serde_json::from_str(include_str!("data/blocks.json")).unwrap();
    let shape: Vec<usize> = numbers(&recorded["shape"]).iter().map(|&d| d as usize).collect();
    let mut options = TrainingOptions::new([shape[0], shape[1], shape[2], shape[3]]);
    options.batchnorm = mode;
    options.ignore_index = Some(255);
    let graph = gradient_graph(&Model::from_bytes(file).unwrap(), &options).unwrap();
    let target = Array::new(&[shape[0], shape[2], shape[3]], numbers(&recorded["target"]));
    let inputs = Values::from([("x".into(), Array::new(&shape, numbers(&recorded["x"]))), ("target".into(), target)]);
    let found = run(&graph, &inputs);
    let mut missing = Vec::new();
    for (name, value) in recorded[expected].as_object().unwrap() {
        match found.get(name) {
            Some(found) => close(&found.data, &numbers(value), TOLERANCE, &format!("{expected}: {name}")),
            None => missing.push(name.clone()),
        }
    }
    missing
}

#[test]
fn batch_statistics_and_frozen_ones() {
    assert_eq!(differing(TRAIN, BatchNormMode::Train, "train"), [""; 0]);
    assert_eq!(differing(TRAIN, BatchNormMode::Frozen, "frozen"), [""; 0]);
}

#[test]
fn folded_into_the_convolutions() {
    // What this exporter turned into other tensors has no counterpart: transposed matrices and a scale with further axes.
    let turned = ["qkv", "out", "widen", "narrow"].map(|layer| format!("grad/attention.{layer}.weight"));
    let scale = ["weight", "bias"].map(|part| format!("grad/group_norm.{part}"));
    assert_eq!(differing(DYNAMO, BatchNormMode::Frozen, "folded"), [&turned[..], &scale].concat());
}
