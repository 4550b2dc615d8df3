//! A small UNet trained from its exported file follows PyTorch step by step, with plain operators and with swath's own.
//!
//! `data/tiny.py` made the network and recorded PyTorch's course.

// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, HashMap};

use ndarray::{Array4, ArrayD, arr0};
use serde::Deserialize;
use support::tiny::{IGNORE, batch, inputs, network, options};
use swath_autodiff::{
    BatchNormMode, Lowering, Optimizer, Role, TrainingGraph, TrainingOptions, accumulating_graphs, training_graph,
    write_back,
};
use swath_train::{
    AccumulatingSession, FitOptions, InferenceSession, Progress, SessionOptions, StepInputs, TrainSession,
};

#[derive(Deserialize)]
struct Recorded {
    rate: f64,
    losses: Vec<f32>,
    #[serde(rename = "final")]
    last: HashMap<String, Summary>,
}

#[derive(Deserialize)]
struct Summary {
    norm: f64,
    sum: f64,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("data/tiny.json")).unwrap()
}

fn threads(threads: usize) -> SessionOptions {
    SessionOptions { threads: Some(threads), ..SessionOptions::default() }
}

/// State by name.
type State = BTreeMap<String, (Role, Vec<f32>)>;

/// Trains through all recorded steps: losses, and the state then.
fn train(lowering: Lowering, session: &SessionOptions) -> (Vec<f32>, State) {
    let recorded = recorded();
    let graph = training_graph(&network(), &options(lowering)).unwrap();
    let mut session = TrainSession::new(&graph, session).unwrap();
    let course =
        FitOptions { steps: recorded.losses.len() as u64, learning_rate: recorded.rate, ..FitOptions::default() };
    let losses = (0..course.steps).map(|step| {
        let (x, y) = batch(step);
        let progress = Progress { step, ..Progress::default() };
        let (rate, momentum) = (course.rate(&progress), arr0(course.momentum(&progress).unwrap() as f32));
        let tensors = inputs(&x, &y, &momentum);
        session.step(&StepInputs { tensors, learning_rate: rate as f32, step: step + 1 }).unwrap().loss
    });
    let losses = losses.collect();
    let state = session.state().unwrap();
    (losses, state.iter().map(|s| (s.name.to_owned(), (s.role, s.values.to_vec()))).collect())
}

fn follows_pytorch(lowering: Lowering) {
    let recorded = recorded();
    let (losses, state) = train(lowering, &threads(2));
    // AdamW divides by the root of the second moment: a parameter whose gradient is mere rounding noise moves by a whole
    // step in a direction that rounding decides. Hence a tolerance of some 1e-4 rather than of float32's own 1e-7.
    for (step, (got, wanted)) in losses.iter().zip(&recorded.losses).enumerate() {
        assert!((got - wanted).abs() < 2e-4, "{lowering:?}, step {step}: {got} against {wanted}");
    }
    for (name, Summary { norm, sum }) in &recorded.last {
        let (_, values) = state.get(name).unwrap_or_else(|| panic!("no state tensor `{name}`"));
        let values = || values.iter().map(|v| f64::from(*v));
        let got = values().map(|v| v * v).sum::<f64>().sqrt();
        assert!((got - norm).abs() < 1e-3 * norm.max(1.0), "{lowering:?}, norm of {name}: {got} against {norm}");
        let got = values().sum::<f64>();
        assert!((got - sum).abs() < 5e-3 * norm.max(1.0), "{lowering:?}, sum of {name}: {got} against {sum}");
    }
}

#[test]
fn plain_operators_follow_pytorch() {
    follows_pytorch(Lowering::Plain);
}

#[test]
fn own_operators_follow_pytorch() {
    follows_pytorch(Lowering::Swath);
}

#[test]
fn the_two_lowerings_agree_on_a_step() {
    let step = |lowering| {
        let graph = training_graph(&network(), &options(lowering)).unwrap();
        let mut session = TrainSession::new(&graph, &threads(2)).unwrap();
        session.watch(TrainingGraph::LOGITS).unwrap();
        let (x, y) = batch(0);
        let momentum = arr0(0.9);
        let tensors = inputs(&x, &y, &momentum);
        let loss = session.step(&StepInputs { tensors, learning_rate: 1e-3, step: 1 }).unwrap().loss;
        let mut all = BTreeMap::from([("loss".to_owned(), vec![loss])]);
        all.insert("logits".into(), session.output(TrainingGraph::LOGITS).unwrap().iter().copied().collect());
        all.extend(session.state().unwrap().iter().map(|s| (s.name.to_owned(), s.values.to_vec())));
        all
    };
    let (plain, own) = (step(Lowering::Plain), step(Lowering::Swath));
    assert_eq!(plain.keys().collect::<Vec<_>>(), own.keys().collect::<Vec<_>>());
    for (name, plain) in &plain {
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let difference = norm(&mut plain.iter().zip(&own[name]).map(|(a, b)| f64::from(a - b)));
        let size = norm(&mut plain.iter().map(|v| f64::from(*v)));
        // Sums of at most 2 * 16 * 16 * 9 products in another order: 4608 * 2^-24 = 3e-4 at the very worst, a few 1e-6 as
        // roundings fall; the gradients are seen in the first moments, which are a tenth of them.
        assert!(difference <= 1e-4 * size + 1e-9, "{name}: {difference:e} of {size:e}");
    }
}

#[test]
fn the_same_run_gives_the_same_bits() {
    for lowering in [Lowering::Plain, Lowering::Swath] {
        assert_eq!(train(lowering, &threads(2)), train(lowering, &threads(2)), "{lowering:?}");
    }
}

#[test]
fn what_is_written_back_is_the_trained_network_for_any_size() {
    let (_, state) = train(Lowering::Plain, &threads(2));
    let trained = state.iter().filter(|(_, (role, _))| matches!(role, Role::Parameter | Role::RunningStatistic));
    let tensors = trained.map(|(name, (_, values))| (name.as_str(), values.as_slice()));
    let model = write_back(&network(), tensors).unwrap().to_bytes().unwrap();
    let mut tuned = InferenceSession::from_bytes(&model, &threads(1)).unwrap();
    let mut before = InferenceSession::from_bytes(include_bytes!("data/tiny.onnx"), &threads(1)).unwrap();
    let right = |session: &mut InferenceSession| {
        let (x, y) = batch(1000);
        let logits: ArrayD<f32> = session.run(x.view()).unwrap();
        let mut confusion = swath_train::Confusion::new(3, Some(IGNORE)).unwrap();
        confusion.add_logits(y.view(), logits.view().into_dimensionality().unwrap()).unwrap();
        confusion.metrics().overall_accuracy.unwrap()
    };
    let (before, after) = (right(&mut before), right(&mut tuned));
    assert!(after > before + 0.1 && after > 0.6, "accuracy on unseen pixels: {before} before, {after} after");
    let logits = tuned.run(Array4::zeros((1, 4, 24, 8)).view()).unwrap();
    assert_eq!(logits.shape(), [1, 3, 24, 8]);
}

#[test]
fn a_frozen_encoder_thaws_and_the_rest_goes_on_where_it_was() {
    let frozen = TrainingOptions { freeze: vec!["encoder.*".into()], ..options(Lowering::Swath) };
    let start = |options: &TrainingOptions| {
        TrainSession::new(&training_graph(&network(), options).unwrap(), &threads(1)).unwrap()
    };
    let run = |session: &mut TrainSession, steps: std::ops::Range<u64>| {
        for step in steps {
            let ((x, y), momentum) = (batch(step), arr0(0.9));
            let tensors = inputs(&x, &y, &momentum);
            session.step(&StepInputs { tensors, learning_rate: 1e-2, step: step + 1 }).unwrap();
        }
    };
    let values = |session: &TrainSession, name: &str| session.state_tensor(name).unwrap().values.to_vec();
    let mut first = start(&frozen);
    assert!(first.state_tensor("encoder.fine.0.weight").is_err(), "what is frozen is no state");
    run(&mut first, 0..5);

    let mut second = start(&options(Lowering::Swath));
    let untouched = values(&second, "encoder.fine.0.weight");
    let kept = first.state().unwrap();
    second.load_some(kept.iter().map(|tensor| (tensor.name, &*tensor.values))).unwrap();
    for name in ["head.weight", "m/head.weight", "decoder.1.running_mean"] {
        assert_eq!(values(&second, name), values(&first, name), "{name}");
    }
    run(&mut second, 5..8);
    assert_ne!(values(&second, "encoder.fine.0.weight"), untouched);
    assert_ne!(values(&second, "head.weight"), values(&first, "head.weight"));
}

#[test]
fn accumulated_batches_step_as_one_batch_does() {
    // Batch statistics would differ between a batch of one and a batch of two, so they are frozen; plain descent, since
    // Adam would blow rounding up where a gradient is nearly zero.
    let options = |n: usize, lowering| TrainingOptions {
        input_shape: [n, 4, 16, 16],
        batchnorm: BatchNormMode::Frozen,
        optimizer: Optimizer::sgd(0.9),
        ignore_index: None,
        ..options(lowering)
    };
    let (rate, momentum) = (0.05, arr0(0.9));
    let clean = |step| {
        let (x, y) = batch(step);
        (x, y.mapv(|class| if class == IGNORE { 0 } else { class }))
    };
    for lowering in [Lowering::Plain, Lowering::Swath] {
        let graph = training_graph(&network(), &options(2, lowering)).unwrap();
        let mut whole = TrainSession::new(&graph, &threads(1)).unwrap();
        let graphs = accumulating_graphs(&network(), &options(1, lowering)).unwrap();
        let mut parts = AccumulatingSession::new(&graphs, &threads(1)).unwrap();
        assert!(parts.update(rate, 1, &[]).is_err(), "nothing to step on");
        for step in 1..=5 {
            let (x, y) = clean(step);
            let tensors = inputs(&x, &y, &momentum);
            let wanted = whole.step(&StepInputs { tensors, learning_rate: rate, step }).unwrap().loss;
            let losses = (0..2).map(|i| {
                let (x, y) = (x.slice(ndarray::s![i..=i, .., .., ..]), y.slice(ndarray::s![i..=i, .., ..]));
                let tensors = [(TrainingGraph::INPUT, x.into()), (TrainingGraph::TARGET, y.into())];
                parts.accumulate(&tensors).unwrap()
            });
            let got = losses.sum::<f32>() / 2.0;
            parts.update(rate, step, &[(TrainingGraph::MOMENTUM, momentum.view().into())]).unwrap();
            // A mean over 512 pixels in two parts: a few roundings of 2^-24 each, grown a little over the steps.
            assert!((got - wanted).abs() < 1e-5, "{lowering:?}, step {step}: {got} against {wanted}");
        }
        let (whole, parts) = (whole.state().unwrap(), parts.state().unwrap());
        assert_eq!(whole.len(), parts.len());
        for wanted in &whole {
            let got = parts.iter().find(|tensor| tensor.name == wanted.name).unwrap();
            let far = got.values.iter().zip(&*wanted.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-5, "{lowering:?}, {}: {far:e}", wanted.name);
        }
    }
}
