//! A small UNet trained from its exported file follows PyTorch step by step, with plain operators and with swath's own.
//!
//! `data/tiny.py` made the network and recorded PyTorch's course.

use std::collections::{BTreeMap, HashMap};

use ndarray::{Array0, Array3, Array4, ArrayD, arr0};
use serde::Deserialize;
use swath_autodiff::{Lowering, Model, Role, TrainingGraph, TrainingOptions, training_graph, write_back};
use swath_train::{FitOptions, InferenceSession, InputTensor, Progress, SessionOptions, StepInputs, TrainSession};

const BATCH: [usize; 4] = [2, 4, 16, 16];
const IGNORE: i64 = 255;

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

fn network() -> Model {
    Model::from_bytes(include_bytes!("data/tiny.onnx")).unwrap()
}

fn options(lowering: Lowering) -> TrainingOptions {
    TrainingOptions { ignore_index: Some(IGNORE), lowering, momentum_input: true, ..TrainingOptions::new(BATCH) }
}

fn threads(threads: usize) -> SessionOptions {
    SessionOptions { threads: Some(threads), ..SessionOptions::default() }
}

fn splitmix(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The batch of `data/tiny.py`.
fn batch(step: u64) -> (Array4<f32>, Array3<i64>) {
    let [n, bands, rows, cols] = BATCH;
    let first = step * (n * bands * rows * cols) as u64;
    let values =
        (0..(n * bands * rows * cols) as u64).map(|i| ((splitmix(first + i) >> 40) % 2048) as f32 / 1024.0 - 1.0);
    let x = Array4::from_shape_vec((n, bands, rows, cols), values.collect()).unwrap();
    let y = Array3::from_shape_fn((n, rows, cols), |(n, row, col)| {
        let ignored = row == 0 && col < 5;
        let class = if x[[n, 0, row, col]] <= 0.0 { 0 } else { 1 + i64::from(x[[n, 1, row, col]] > 0.0) };
        if ignored { IGNORE } else { class }
    });
    (x, y)
}

fn inputs<'a>(x: &'a Array4<f32>, y: &'a Array3<i64>, momentum: &'a Array0<f32>) -> Vec<(&'a str, InputTensor<'a>)> {
    let momentum = (TrainingGraph::MOMENTUM, momentum.view().into());
    vec![(TrainingGraph::INPUT, x.view().into()), (TrainingGraph::TARGET, y.view().into()), momentum]
}

/// Trains through all recorded steps: losses, and state by name.
fn train(lowering: Lowering, session: &SessionOptions) -> (Vec<f32>, BTreeMap<String, (Role, Vec<f32>)>) {
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
