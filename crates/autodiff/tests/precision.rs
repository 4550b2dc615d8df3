//! Mixed precision: which operators run in low precision, how far gradients move, and what a step that overflows does.

// A test may stop at the first surprise, in its helpers too; a test binary has no users.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod evaluator;
mod network;

use std::collections::{BTreeMap, BTreeSet};

use evaluator::{Array, Values, run};
use network::{noise, tensor, unet};
use swath_autodiff::graph::{Attribute, DataType, Graph, Node, ValueInfo};
use swath_autodiff::{
    BatchNormMode, Lowering, Model, Precision, Role, TrainingGraph, TrainingOptions, accumulating_graphs,
    gradient_graph, training_graph,
};

const SHAPE: [usize; 4] = [2, 3, 8, 8];

fn options(precision: Precision) -> TrainingOptions {
    TrainingOptions { precision, ..TrainingOptions::new(SHAPE) }
}

fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

/// Convolutions, a norm, smooth activations, a product with a matrix, an upsampled skip: nothing whose slope jumps.
fn smooth() -> Model {
    let conv = |x: &str, w: &str, y: &str| {
        Node::new("Conv", &[x, w, &format!("{y}.bias")], &[y])
            .with("kernel_shape", ints(&[3, 3]))
            .with("pads", ints(&[1; 4]))
    };
    let nodes = vec![
        conv("x", "w1", "c1"),
        Node::new("BatchNormalization", &["c1", "scale", "shift", "mean", "var"], &["b1"]),
        Node::new("Sigmoid", &["b1"], &["gate"]),
        Node::new("Mul", &["b1", "gate"], &["a1"]),
        Node::new("AveragePool", &["a1"], &["p1"]).with("kernel_shape", ints(&[2, 2])).with("strides", ints(&[2, 2])),
        conv("p1", "w2", "c2"),
        Node::new("Tanh", &["c2"], &["a2"]),
        Node::new("Resize", &["a2", "", "scales"], &["up"]).with("mode", Attribute::String("linear".into())),
        Node::new("Concat", &["up", "a1"], &["skip"]).with("axis", Attribute::Int(1)),
        Node::new("Transpose", &["skip"], &["last"]).with("perm", ints(&[0, 2, 3, 1])),
        Node::new("MatMul", &["last", "w3"], &["mixed"]),
        Node::new("Add", &["mixed", "b3"], &["shifted"]),
        Node::new("Transpose", &["shifted"], &["scores"]).with("perm", ints(&[0, 3, 1, 2])),
    ];
    let positive = |seed| noise(4, seed).iter().map(|v| v.abs() + 0.5).collect::<Vec<_>>();
    let floats = |values: &[f32]| swath_autodiff::graph::Tensor::floats(values);
    let initializers = BTreeMap::from([
        ("w1".to_owned(), tensor(&[4, 3, 3, 3], 1)),
        ("c1.bias".to_owned(), tensor(&[4], 2)),
        ("scale".to_owned(), floats(&positive(3))),
        ("shift".to_owned(), tensor(&[4], 4)),
        ("mean".to_owned(), tensor(&[4], 5)),
        ("var".to_owned(), floats(&positive(6))),
        ("w2".to_owned(), tensor(&[5, 4, 3, 3], 7)),
        ("c2.bias".to_owned(), tensor(&[5], 8)),
        ("scales".to_owned(), floats(&[1.0, 1.0, 2.0, 2.0])),
        ("w3".to_owned(), tensor(&[9, 3], 9)),
        ("b3".to_owned(), tensor(&[3], 10)),
    ]);
    let info = |name: &str, channels| ValueInfo::fixed(name, DataType::F32, &[2, channels, 8, 8]);
    Model::new(Graph::new(nodes, vec![info("x", 3)], vec![info("scores", 3)], initializers).unwrap(), 17).unwrap()
}

fn data(classes: i64, scale: Option<f64>) -> Values {
    let pixels = noise(SHAPE.iter().product(), 77).iter().map(|&v| f64::from(v)).collect();
    let target = noise(2 * 64, 78).iter().map(|&v| ((f64::from(v) + 1.0) / 2.0 * classes as f64).floor()).collect();
    let mut values = Values::from([
        ("x".to_owned(), Array::new(&SHAPE, pixels)),
        ("target".to_owned(), Array::new(&[2, 8, 8], target)),
    ]);
    values.extend(scale.map(|scale| (TrainingGraph::LOSS_SCALE.to_owned(), Array::new(&[], vec![scale]))));
    values
}

fn scale_of(precision: Precision) -> Option<f64> {
    (precision == Precision::Float16).then_some(1024.0)
}

/// Gradients by parameter, the graph written to bytes and read back first.
fn gradients(model: &Model, precision: Precision, batchnorm: BatchNormMode) -> BTreeMap<String, Vec<f64>> {
    let options = TrainingOptions { batchnorm, ..options(precision) };
    let graph = gradient_graph(model, &options).unwrap();
    let graph = Model::from_bytes(&graph.to_bytes().unwrap()).unwrap();
    let found = run(&graph, &data(3, scale_of(precision)));
    let named = |(name, array): (String, Array)| name.strip_prefix("grad/").map(|n| (n.to_owned(), array.data));
    found.into_iter().filter_map(named).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

#[test]
fn gradients_differ_from_float32_by_the_rounding_of_a_path() {
    // On its way from the input to the loss and back to a parameter a number is rounded at each of at most 12 values that are kept in low
    // precision, and as often on the way back: 24 roundings, each of at most one unit roundoff u relative. Elements round independently, so
    // that sums do not enlarge the relative error of the whole gradient: 24 u. Less than u / 16 would mean that nothing was rounded.
    let roundings = 24.0;
    for batchnorm in [BatchNormMode::Train, BatchNormMode::Frozen] {
        let exact = gradients(&smooth(), Precision::Float32, batchnorm);
        assert_eq!(exact.len(), 8);
        let mut errors = [0.0f64; 2];
        for (error, (precision, u)) in
            errors.iter_mut().zip([(Precision::BFloat16, 2f64.powi(-8)), (Precision::Float16, 2f64.powi(-11))])
        {
            for (name, gradient) in gradients(&smooth(), precision, batchnorm) {
                if batchnorm == BatchNormMode::Train && name == "c1.bias" {
                    // Batch statistics take every shift out again: the gradient is zero but for rounding.
                    continue;
                }
                let off = distance(&gradient, &exact[&name]);
                assert!(off < roundings * u, "{precision:?}: the gradient of {name} is off by {} u", off / u);
                assert!(off > u / 16.0, "{precision:?}: the gradient of {name} is off by {} u only", off / u);
                *error = error.max(off);
            }
        }
        assert!(errors[1] < errors[0] / 2.0, "three more bits bring gradients nearer: {errors:?}");
    }
}

/// Type of every value, by the casts and nodes that lead to it.
fn operators_in_low(model: &Model, low: i64) -> BTreeSet<String> {
    let mut narrow = BTreeSet::new();
    let mut found = BTreeSet::new();
    for node in model.graph().nodes() {
        let reads = node.inputs.iter().any(|name| narrow.contains(name));
        match node.operator.as_str() {
            "Cast" if node.int("to", 0) == low => drop(narrow.insert(node.outputs[0].clone())),
            "Cast" => {}
            _ if reads => {
                narrow.insert(node.outputs[0].clone());
                found.insert(node.kind());
            }
            _ => {}
        }
    }
    found
}

#[test]
fn products_run_low_and_sums_do_not() {
    for (precision, low) in [(Precision::BFloat16, 16), (Precision::Float16, 10)] {
        let options = TrainingOptions { lowering: Lowering::Swath, ..options(precision) };
        let graph = training_graph(&unet(), &options).unwrap();
        let found = operators_in_low(&graph.model, low);
        let has = |name: &str| found.contains(name);
        for operator in
            ["Conv", "ConvGradInput", "ConvGradWeight", "BatchNorm", "BatchNormGrad", "MaxPool", "MaxPoolGrad"]
        {
            assert!(has(&format!("swath::{operator}")), "{operator} is not in {found:?}");
        }
        assert!(has("Concat") && has("swath::ReluGrad"), "{found:?}");
        // Resize has a CUDA kernel for float16, and none for bfloat16; its gradient is swath's own.
        assert_eq!(has("Resize"), precision == Precision::Float16, "{found:?}");
        for operator in ["ReduceSum", "swath::SoftmaxCrossEntropy", "swath::AdamW"] {
            assert!(!has(operator), "{operator} runs in low precision: {found:?}");
        }
        assert!(
            graph.state.iter().all(|s| graph
                .model
                .graph()
                .inputs()
                .iter()
                .any(|i| i.name == s.input && i.dtype == DataType::F32))
        );
    }
}

#[test]
fn a_value_is_cast_once() {
    let options = TrainingOptions { lowering: Lowering::Swath, ..options(Precision::BFloat16) };
    let graph = training_graph(&unet(), &options).unwrap();
    let casts: Vec<_> = graph
        .model
        .graph()
        .nodes()
        .iter()
        .filter(|n| n.operator == "Cast")
        .map(|n| (n.inputs[0].clone(), n.int("to", 0)))
        .collect();
    let distinct: BTreeSet<_> = casts.iter().collect();
    assert_eq!(casts.len(), distinct.len(), "{casts:?}");
    // The input, four weights and a bias; the scores; what Resize reads and gives: 9. Back: the gradients of all but the input, 8. The sum
    // that is the gradient of the bias takes its terms in float32 and is rounded to the type of what it belongs to: 2.
    assert_eq!(casts.len(), 19, "{casts:?}");
}

/// State of a training graph before the first step, and all that the step takes besides.
fn state_values(graph: &TrainingGraph, scale: Option<f64>) -> Values {
    let mut values = data(2, scale);
    for state in &graph.state {
        values.insert(
            state.input.clone(),
            Array::new(&state.shape, state.initial.iter().map(|&v| f64::from(v)).collect()),
        );
    }
    for (name, value) in [(TrainingGraph::LEARNING_RATE, 0.01), (TrainingGraph::STEP, 1.0)] {
        values.insert(name.to_owned(), Array::new(&[], vec![value]));
    }
    values
}

#[test]
fn a_step_that_overflows_changes_nothing() {
    let options = TrainingOptions { clip_norm: Some(1.0), ema_decay: Some(0.9), ..options(Precision::Float16) };
    let graph = training_graph(&unet(), &options).unwrap();
    let step = |scale| {
        let values = state_values(&graph, Some(scale));
        let found = run(&graph.model, &values);
        let kept: Vec<bool> = graph.state.iter().map(|s| found[&s.output] == values[&s.input]).collect();
        (found[TrainingGraph::FINITE].data[0], found[TrainingGraph::LOSS].data[0], kept, found)
    };
    // Gradients at the scores are of order 1 / 128 pixels; 2^30 times that is beyond float16's 65504.
    let (finite, loss, kept, _) = step(2f64.powi(30));
    assert_eq!(finite, 0.0);
    assert!(loss.is_finite() && kept.iter().all(|&kept| kept), "{kept:?}");
    let (finite, same_loss, kept, small) = step(256.0);
    assert_eq!((finite, same_loss), (1.0, loss));
    let moved = |role| graph.state.iter().zip(&kept).any(|(s, kept)| s.role == role && !kept);
    assert!([Role::Parameter, Role::Moment, Role::Average, Role::RunningStatistic].into_iter().all(moved));
    // The scale is divided out again: with a power of two nothing but underflow differs.
    let (_, _, _, large) = step(512.0);
    for state in graph.state.iter().filter(|s| s.role == Role::Moment && s.name.starts_with("m/")) {
        let off = distance(&small[&state.output].data, &large[&state.output].data);
        assert!(off < 2f64.powi(-11), "{}: {off}", state.name);
    }
}

#[test]
fn sums_over_batches_tell_of_an_overflow() {
    let graphs = accumulating_graphs(&unet(), &options(Precision::Float16)).unwrap();
    let add = |scale| {
        let mut values = state_values(&graphs.gradients, Some(scale));
        values.extend(state_values(&graphs.update, None));
        let found = run(&graphs.gradients.model, &values);
        let statistic = graphs.gradients.state.iter().find(|s| s.role == Role::RunningStatistic).unwrap();
        let kept = found[&statistic.output] == values[&statistic.input];
        for sum in graphs.gradients.state.iter().filter(|s| s.role == Role::GradientSum) {
            values.insert(sum.name.clone(), found[&sum.output].clone());
        }
        values.insert("gradient_scale".to_owned(), Array::new(&[], vec![1.0]));
        let updated = run(&graphs.update.model, &values);
        let same = graphs.update.state.iter().all(|s| updated[&s.output] == values[&s.input]);
        (updated[TrainingGraph::FINITE].data[0], kept, same)
    };
    assert_eq!(add(2f64.powi(30)), (0.0, true, true));
    assert_eq!(add(256.0), (1.0, false, false));
}
