//! Accumulating over several batches equals one step over all of them; a network of fixed size trains at another.

// A test may stop at the first surprise, in its helpers too; a test binary has no users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

#[path = "evaluator/mod.rs"]
mod evaluator;
mod network;

use std::collections::BTreeMap;

use evaluator::{Array, Values, run};
use network::{initializers, input, nodes, noise, output, unet};
use swath_autodiff::graph::{Graph, Tensor};
use swath_autodiff::{
    AccumulatingGraphs, BatchNormMode, Dimension, Model, Role, StateTensor, TrainingGraph, TrainingOptions,
    accumulating_graphs, gradient_graph, training_graph,
};

fn images(batch: usize, size: usize) -> Array {
    let values = noise(batch * 3 * size * size, 77).into_iter().map(f64::from).collect();
    Array::new(&[batch, 3, size, size], values)
}

fn labels(batch: usize, size: usize) -> Array {
    Array::from_fn(&[batch, size, size], |at| ((at[0] + at[1] * 3 + at[2]) % 2) as f64)
}

/// The `index`-th image of a batch, as a batch of one.
fn one(batch: &Array, index: usize) -> Array {
    let count = batch.data.len() / batch.dims[0];
    let mut dims = batch.dims.clone();
    dims[0] = 1;
    Array::new(&dims, batch.data[index * count..(index + 1) * count].to_vec())
}

fn start(state: &[StateTensor]) -> Values {
    let array = |s: &StateTensor| Array::new(&s.shape, s.initial.iter().map(|&v| f64::from(v)).collect());
    state.iter().map(|s| (s.input.clone(), array(s))).collect()
}

fn next(state: &[StateTensor], found: &Values) -> Values {
    state.iter().map(|s| (s.input.clone(), found[&s.output].clone())).collect()
}

fn scalars(extra: &[(&str, f64)]) -> Values {
    let all = [(TrainingGraph::LEARNING_RATE, 0.01), (TrainingGraph::STEP, 1.0)];
    all.iter().chain(extra).map(|&(name, value)| (name.to_owned(), Array::new(&[], vec![value]))).collect()
}

#[test]
fn two_batches_of_one_make_a_batch_of_two() {
    let (x, target) = (images(2, 4), labels(2, 4));
    // Batch statistics would differ between one batch and two, so they are frozen.
    let options = |batch| TrainingOptions {
        batchnorm: BatchNormMode::Frozen,
        clip_norm: Some(0.5),
        ema_decay: Some(0.9),
        ..TrainingOptions::new([batch, 3, 4, 4])
    };
    let whole = training_graph(&unet(), &options(2)).unwrap();
    let mut inputs = start(&whole.state);
    inputs.extend(scalars(&[]));
    inputs.extend([("x".to_owned(), x.clone()), ("target".to_owned(), target.clone())]);
    let expected = next(&whole.state, &run(&whole.model, &inputs));

    let AccumulatingGraphs { gradients, update } = accumulating_graphs(&unet(), &options(1)).unwrap();
    assert!(gradients.state.iter().all(|s| s.role == Role::GradientSum));
    let held = start(&update.state);
    let mut sums = start(&gradients.state);
    for index in 0..2 {
        let mut inputs = held.clone();
        inputs.extend(sums);
        inputs.extend([("x".to_owned(), one(&x, index)), ("target".to_owned(), one(&target, index))]);
        sums = next(&gradients.state, &run(&gradients.model, &inputs));
    }
    let mut inputs = held;
    inputs.extend(sums);
    inputs.extend(scalars(&[(AccumulatingGraphs::SCALE, 0.5)]));
    let found = next(&update.state, &run(&update.model, &inputs));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in &expected {
        for (f, e) in found[name].data.iter().zip(&expected.data) {
            // Both in f64; AdamW's quotient loses some digits where a gradient is nearly zero.
            assert!((f - e).abs() < 1e-9, "{name}: {f} instead of {e}");
        }
    }
}

/// The network as an exporter that was not told of free sizes writes it, for a batch of 2 of 8 x 8.
fn of_fixed_size() -> Model {
    let mut nodes: Vec<_> = nodes()
        .into_iter()
        .filter(|n| !["shape", "front", "whole", "size", "sizes"].contains(&n.outputs[0].as_str()))
        .collect();
    nodes.sort_by_key(|n| n.outputs[0] == "logits");
    let mut initializers: BTreeMap<String, Tensor> = initializers();
    initializers.insert("sizes".into(), Tensor::ints(&[2, 4, 8, 8]));
    let fix = |mut info: swath_autodiff::graph::ValueInfo| {
        let dims = info.dims.as_mut().unwrap();
        (dims[0], dims[2], dims[3]) = (Dimension::Fixed(2), Dimension::Fixed(8), Dimension::Fixed(8));
        info
    };
    Model::new(Graph::new(nodes, vec![fix(input())], vec![fix(output())], initializers).unwrap(), 17).unwrap()
}

#[test]
fn a_network_of_fixed_size_trains_at_another() {
    let options = TrainingOptions::new([1, 3, 12, 16]);
    let (fixed, free) = (gradient_graph(&of_fixed_size(), &options), gradient_graph(&unet(), &options));
    let values = noise(3 * 12 * 16, 5).into_iter().map(f64::from).collect();
    let target = Array::from_fn(&[1, 12, 16], |at| (at[1] % 2) as f64);
    let inputs = Values::from([("x".to_owned(), Array::new(&[1, 3, 12, 16], values)), ("target".to_owned(), target)]);
    let (fixed, free) = (run(&fixed.unwrap(), &inputs), run(&free.unwrap(), &inputs));
    for name in ["loss", "logits", "grad/encoder.conv1.weight"] {
        assert_eq!(fixed[name].dims, free[name].dims);
        for (a, b) in fixed[name].data.iter().zip(&free[name].data) {
            assert!((a - b).abs() < 1e-12, "{name}: {a} instead of {b}");
        }
    }
}
