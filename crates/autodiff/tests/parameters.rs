//! Which tensors count as parameters, how merged ones are told from shared ones, and what is written back.

// A test may stop at the first surprise, in its helpers too; a test binary has no users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod network;

use std::collections::BTreeMap;

use network::{filled, initializers, input, nodes, output, tensor, unet};
use swath_autodiff::graph::{DataType, Graph, Node, Tensor, ValueInfo};
use swath_autodiff::{
    Adaptation, Error, Inspection, Model, Role, TrainingOptions, adapt, gradient_graph, training_graph, write_back,
};

fn model(nodes: Vec<Node>, initializers: BTreeMap<String, Tensor>) -> Model {
    Model::new(Graph::new(nodes, vec![input()], vec![output()], initializers).unwrap(), 17).unwrap()
}

fn names(inspection: &Inspection, statistic: bool) -> Vec<&str> {
    inspection.parameters.iter().filter(|p| p.statistic == statistic).map(|p| p.name.as_str()).collect()
}

fn gradients(model: &Model) -> Vec<String> {
    let graph = gradient_graph(model, &TrainingOptions::new([2, 3, 8, 8])).unwrap();
    graph.graph().outputs().iter().filter_map(|o| o.name.strip_prefix("grad/").map(str::to_owned)).collect()
}

const TRAINED: [&str; 9] = [
    "encoder.conv1.weight",
    "encoder.bn1.weight",
    "encoder.bn1.bias",
    "encoder.conv2.weight",
    "encoder.bn2.weight",
    "encoder.bn2.bias",
    "decoder.conv.weight",
    "head.0.weight",
    "head.0.bias",
];
const STATISTICS: [&str; 4] =
    ["encoder.bn1.running_mean", "encoder.bn1.running_var", "encoder.bn2.running_mean", "encoder.bn2.running_var"];

#[test]
fn parameters_and_statistics_in_order_of_use() {
    let inspection = unet().inspect().unwrap();
    assert_eq!(names(&inspection, false), TRAINED);
    assert_eq!(names(&inspection, true), STATISTICS);
    assert_eq!((inspection.bands, inspection.classes), (3, 2));
    let conv = &inspection.parameters[0];
    assert_eq!(conv.path.as_deref(), Some("encoder.conv1.weight"));
    assert_eq!(conv.shape, [4, 3, 3, 3]);
}

/// Points all of a layer's uses of one tensor at another.
fn redirect(nodes: &mut [Node], from: &str, to: &str) {
    nodes.iter_mut().flat_map(|n| &mut n.inputs).filter(|i| *i == from).for_each(|i| *i = to.to_owned());
}

#[test]
fn merged_through_identity_get_their_names_back() {
    let (mut nodes, mut initializers) = (nodes(), initializers());
    // As the traced exporter leaves two fresh BatchNorms: one tensor of ones, one of zeros, and Identity for the rest.
    initializers.insert("encoder.bn1.weight".into(), filled(4, 1.0));
    initializers.insert("encoder.bn1.bias".into(), filled(4, 0.0));
    for (merged, kept) in [
        ("encoder.bn2.weight", "encoder.bn1.weight"),
        ("encoder.bn1.running_var", "encoder.bn1.weight"),
        ("encoder.bn2.running_var", "encoder.bn1.weight"),
        ("encoder.bn2.bias", "encoder.bn1.bias"),
        ("encoder.bn1.running_mean", "encoder.bn1.bias"),
        ("encoder.bn2.running_mean", "encoder.bn1.bias"),
    ] {
        initializers.remove(merged);
        nodes.push(Node::new("Identity", &[kept], &[merged]));
    }
    let merged = model(nodes, initializers);
    let inspection = merged.inspect().unwrap();
    assert_eq!(names(&inspection, false), TRAINED);
    assert_eq!(names(&inspection, true), STATISTICS);
    assert_eq!(gradients(&merged), TRAINED);
}

#[test]
fn merged_directly_are_named_by_their_modules() {
    let (mut nodes, mut initializers) = (nodes(), initializers());
    initializers.insert("encoder.bn2.weight".into(), filled(4, 1.0));
    initializers.remove("encoder.bn1.weight");
    redirect(&mut nodes, "encoder.bn1.weight", "encoder.bn2.weight");
    let merged = model(nodes, initializers);
    assert_eq!(names(&merged.inspect().unwrap(), false), TRAINED);
    assert_eq!(gradients(&merged), TRAINED);
}

#[test]
fn a_weight_and_a_statistic_that_were_merged_part() {
    let (mut nodes, mut initializers) = (nodes(), initializers());
    initializers.insert("encoder.bn1.bias".into(), filled(4, 0.0));
    initializers.remove("encoder.bn1.running_mean");
    redirect(&mut nodes, "encoder.bn1.running_mean", "encoder.bn1.bias");
    let merged = model(nodes, initializers);
    assert_eq!(names(&merged.inspect().unwrap(), false), TRAINED);
    assert_eq!(names(&merged.inspect().unwrap(), true), STATISTICS);
}

/// The decoder's convolution followed by itself: a module applied twice, as tracing names it.
fn applied_twice(second_scope: &str) -> Vec<Node> {
    let mut nodes = nodes();
    let decoder = nodes.iter().position(|n| n.name == "/decoder/conv/Conv").unwrap();
    nodes[decoder].inputs = vec!["skip".into(), "decoder.conv.weight".into(), "decoder.conv.bias".into()];
    nodes[decoder].outputs[0] = "d0".into();
    let mut again = nodes[decoder].clone();
    again.name = format!("/decoder/{second_scope}/Conv");
    again.inputs[0] = "d0".into();
    again.outputs[0] = "d1".into();
    nodes.push(again);
    redirect(&mut nodes, "head.0.weight", "head.0.wide");
    nodes
}

fn shared_initializers(bias: Tensor) -> BTreeMap<String, Tensor> {
    let mut initializers = initializers();
    initializers.insert("decoder.conv.weight".into(), tensor(&[8, 8, 3, 3], 8));
    initializers.insert("decoder.conv.bias".into(), bias);
    initializers.insert("head.0.wide".into(), tensor(&[2, 8, 1, 1], 9));
    initializers
}

#[test]
fn a_module_applied_twice_keeps_one_set() {
    // All weights are shared, the bias of zeros as well, although its elements are all the same.
    let shared = model(applied_twice("conv_1"), shared_initializers(filled(8, 0.0)));
    let found = gradients(&shared);
    assert_eq!(found.iter().filter(|n| n.starts_with("decoder.")).count(), 2, "{found:?}");
}

#[test]
fn two_modules_with_equal_zeros_part_but_a_tied_weight_stays_one() {
    let merged = model(applied_twice("other"), shared_initializers(filled(8, 0.0)));
    let found = gradients(&merged);
    let decoder: Vec<&str> = found.iter().map(String::as_str).filter(|n| n.starts_with("decoder.")).collect();
    assert_eq!(decoder, ["decoder.conv.weight", "decoder.conv.bias", "decoder.other.bias"]);
    // The same without anything constant: nothing parts.
    let tied = model(applied_twice("other"), shared_initializers(tensor(&[8], 11)));
    assert_eq!(gradients(&tied).iter().filter(|n| n.starts_with("decoder.")).count(), 2);
}

#[test]
fn an_identity_over_differing_elements_is_a_second_name() {
    let (mut nodes, mut initializers) = (nodes(), initializers());
    initializers.remove("encoder.bn2.weight");
    nodes.push(Node::new("Identity", &["encoder.bn1.weight"], &["encoder.bn2.weight"]));
    let found = gradients(&model(nodes, initializers));
    assert!(found.contains(&"encoder.bn1.weight".to_owned()) && !found.contains(&"encoder.bn2.weight".to_owned()));
}

#[test]
fn frozen_by_name_or_by_path() {
    let options = TrainingOptions { freeze: vec!["encoder.*".into()], ..TrainingOptions::new([2, 3, 8, 8]) };
    let graph = training_graph(&unet(), &options).unwrap();
    let of = |role| graph.state.iter().filter(move |s| s.role == role).map(|s| s.name.as_str()).collect::<Vec<_>>();
    assert_eq!(of(Role::Parameter), ["decoder.conv.weight", "head.0.weight", "head.0.bias"]);
    // Batch statistics are used and tracked in frozen layers too, as in PyTorch.
    assert_eq!(of(Role::RunningStatistic), STATISTICS);
    let (mut nodes, mut initializers) = (nodes(), initializers());
    let weight = initializers.remove("encoder.conv1.weight").unwrap();
    initializers.insert("onnx::Conv_12".into(), weight);
    redirect(&mut nodes, "encoder.conv1.weight", "onnx::Conv_12");
    let graph = training_graph(&model(nodes, initializers), &options).unwrap();
    assert!(!graph.state.iter().any(|s| s.name == "onnx::Conv_12"));
    let unknown = TrainingOptions { freeze: vec!["backbone.*".into()], ..options };
    assert!(matches!(training_graph(&unet(), &unknown).unwrap_err(), Error::Options { .. }));
}

#[test]
fn tensors_are_written_back_under_the_names_of_the_state() {
    let source = unet();
    let graph = training_graph(&source, &TrainingOptions::new([2, 3, 8, 8])).unwrap();
    let new: Vec<(String, Vec<f32>)> = graph
        .state
        .iter()
        .filter(|s| matches!(s.role, Role::Parameter | Role::RunningStatistic))
        .map(|s| (s.name.clone(), s.initial.iter().map(|v| v + 1.0).collect()))
        .collect();
    let written = write_back(&source, new.iter().map(|(n, v)| (n.as_str(), v.as_slice()))).unwrap();
    for (name, values) in &new {
        assert_eq!(written.graph().initializers()[name].as_f32().unwrap(), values, "{name}");
    }
    assert_eq!(written.graph().inputs(), source.graph().inputs());
    assert_eq!(written.graph().nodes(), source.graph().nodes());
    for (name, values) in [("nobody", vec![1.0]), ("head.0.bias", vec![1.0; 3]), ("m/head.0.bias", vec![1.0; 2])] {
        let error = write_back(&source, [(name, values.as_slice())]).unwrap_err();
        assert!(matches!(error, Error::WriteBack { .. }), "{name}: {error}");
    }
}

#[test]
fn a_model_survives_its_bytes() {
    let source = unet();
    assert_eq!(Model::from_bytes(&source.to_bytes().unwrap()).unwrap(), source);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.onnx");
    source.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap(), source);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left behind");
    assert!(matches!(source.save(folder.path().join("no/such/folder.onnx")).unwrap_err(), Error::Write { .. }));
}

#[test]
fn other_bands_follow_smps_rule() {
    let source = unet();
    let old = source.graph().initializers()["encoder.conv1.weight"].clone();
    let at = |t: &Tensor, m: usize, c: usize, i: usize| t.as_f32().unwrap()[(m * t.dims()[1] + c) * 9 + i];
    let refit = |bands| {
        let adaptation = Adaptation { input_channels: Some(bands), ..Adaptation::default() };
        let (model, report) = adapt(&source, &adaptation).unwrap();
        assert_eq!(model.inspect().unwrap().bands, bands);
        (model.graph().initializers()["encoder.conv1.weight"].clone(), report)
    };
    let (one, _) = refit(1);
    // Sums of three float32 numbers below one: 3 roundings of 2^-24.
    assert!((at(&one, 2, 0, 4) - (0..3).map(|c| at(&old, 2, c, 4)).sum::<f32>()).abs() < 3e-7);
    let (five, report) = refit(5);
    for (band, from) in [0, 1, 2, 0, 1].into_iter().enumerate() {
        assert!((at(&five, 3, band, 7) - at(&old, 3, from, 7) * 3.0 / 5.0).abs() < 1e-7);
    }
    assert_eq!(report.changes.len(), 1);
    let (three, report) = refit(3);
    assert_eq!((three, report.changes.len()), (old, 0));
}

#[test]
fn other_classes_get_a_new_head_by_seed() {
    let source = unet();
    let with = |classes, seed| {
        let adaptation = Adaptation { classes: Some(classes), seed, ..Adaptation::default() };
        adapt(&source, &adaptation).unwrap()
    };
    let (model, report) = with(7, 1);
    assert_eq!(model.inspect().unwrap().classes, 7);
    assert_eq!(report.fresh, ["head.0.weight", "head.0.bias"]);
    let weight = &model.graph().initializers()["head.0.weight"];
    assert_eq!(weight.dims(), [7, 5, 1, 1]);
    // Uniform within 1/√5 of zero: 35 draws fill the interval well beyond its half.
    let largest = weight.as_f32().unwrap().iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(largest < 0.4473 && largest > 0.3, "{largest}");
    assert_eq!(with(7, 1).0, model);
    assert_ne!(with(7, 2).0, model);
    assert_eq!(with(2, 1), (source.clone(), swath_autodiff::AdaptationReport::default()));
    training_graph(&model, &TrainingOptions::new([1, 3, 8, 8])).unwrap();
}

#[test]
fn a_classifier_is_told_by_the_axes_of_its_output() {
    let mut nodes = nodes();
    nodes.push(Node::new("GlobalAveragePool", &["x"], &["pooled"]));
    nodes.push(Node::new("Flatten", &["pooled"], &["scores"]));
    let scores = ValueInfo::fixed("scores", DataType::F32, &[1, 3]);
    let graph = Graph::new(nodes, vec![input()], vec![scores], initializers()).unwrap();
    let model = Model::new(graph, 17).unwrap();
    let adaptation = Adaptation { input_channels: Some(3), classes: Some(2), seed: 0 };
    for error in [model.inspect().unwrap_err(), adapt(&model, &adaptation).unwrap_err()] {
        assert!(matches!(error, Error::NotSegmentation { .. }), "{error}");
        assert!(error.to_string().contains("output 'scores' has 2 axes"), "{error}");
    }
}
