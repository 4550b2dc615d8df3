//! Mixed precision and staged batches on the processor: what runs there, what is refused, and that nothing is lost on the way.

// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use ndarray::arr0;
use support::tiny::{batch, inputs, network, options};
use swath_autodiff::{Lowering, Precision, TrainingGraph, TrainingOptions, accumulating_graphs, training_graph};
use swath_train::{
    AccumulatingSession, CheckpointStore, LossScaler, Mark, SessionOptions, StepInputs, StepOutput, TrainError,
    TrainSession,
};

const RATE: f32 = 1e-3;

fn graph(precision: Precision, lowering: Lowering) -> TrainingGraph {
    training_graph(&network(), &TrainingOptions { precision, ..options(lowering) }).unwrap()
}

fn session(precision: Precision) -> TrainSession {
    let options = SessionOptions { threads: Some(1), ..SessionOptions::default() };
    TrainSession::new(&graph(precision, Lowering::Plain), &options).unwrap()
}

fn step(session: &mut TrainSession, step: u64) -> StepOutput {
    let (x, y) = batch(step);
    let momentum = arr0(0.9);
    session.step(&StepInputs { tensors: inputs(&x, &y, &momentum), learning_rate: RATE, step }).unwrap()
}

fn values(session: &TrainSession) -> Vec<(String, Vec<f32>)> {
    session.state().unwrap().iter().map(|s| (s.name.to_owned(), s.values.to_vec())).collect()
}

#[test]
fn float16_follows_float32() {
    let (mut exact, mut mixed) = (session(Precision::Float32), session(Precision::Float16));
    for at in 1..=10 {
        let (exact, mixed) = (step(&mut exact, at), step(&mut mixed, at));
        assert!(mixed.updated);
        // Scores are sums that went through about 20 roundings of 2^-11; Adam moves weights by the rate whatever the gradient's
        // error, at most 10 times 2 rates of weights of order 0.1: 20 * 2^-11 + 10 * 2 * 1e-3 / 0.1 of the loss at the very most.
        let off = (mixed.loss - exact.loss).abs() / exact.loss;
        assert!(off < 20.0 / 2048.0 + 0.02 * at as f32, "step {at}: {} against {}", mixed.loss, exact.loss);
        assert!(off > 0.0, "step {at}: nothing was rounded");
    }
}

#[test]
fn an_overflow_is_taken_back_and_the_scale_comes_down() {
    let mut session = session(Precision::Float16);
    let start = 2f32.powi(40);
    session.set_loss_scaler(LossScaler::starting_at(start)).unwrap();
    let before = values(&session);
    let first = step(&mut session, 1);
    assert!(!first.updated && first.loss.is_finite());
    assert_eq!(values(&session), before);
    assert_eq!(session.loss_scaler().unwrap().scale(), start / 2.0);
    let retries = (0..40).find(|_| step(&mut session, 1).updated).expect("some scale fits");
    assert!(retries > 5, "{retries}");
    assert_ne!(values(&session), before);
}

#[test]
fn a_scale_that_never_fits_is_an_error() {
    let mut session = session(Precision::Float16);
    let (mut x, y) = batch(1);
    x.fill(1e30);
    let momentum = arr0(0.9);
    let error = (1..100)
        .find_map(|step| {
            session.step(&StepInputs { tensors: inputs(&x, &y, &momentum), learning_rate: RATE, step }).err()
        })
        .expect("no scale helps an input that float16 cannot hold");
    assert!(matches!(error, TrainError::Overflow { .. }), "{error}");
    let mut plain = self::session(Precision::Float32);
    assert!(plain.set_loss_scaler(LossScaler::default()).is_err() && plain.loss_scaler().is_none());
}

#[test]
fn a_run_that_goes_on_scales_as_the_one_that_did_not_stop() {
    let start = LossScaler::starting_at(2f32.powi(26));
    let mut straight = session(Precision::Float16);
    straight.set_loss_scaler(start).unwrap();
    (1..=12).for_each(|at| assert!(step(&mut straight, at).loss > 0.0));

    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(folder.path());
    let mut first = session(Precision::Float16);
    first.set_loss_scaler(start).unwrap();
    (1..=5).for_each(|at| assert!(step(&mut first, at).loss > 0.0));
    store.save(5, &first.state().unwrap(), &first.loss_scaler(), &[Mark::Last]).unwrap();

    let mut resumed = session(Precision::Float16);
    let saved = store.load::<Option<LossScaler>>(Mark::Last).unwrap().unwrap();
    resumed.load_state(saved.named()).unwrap();
    resumed.set_loss_scaler(saved.state.unwrap()).unwrap();
    (6..=12).for_each(|at| assert!(step(&mut resumed, at).loss > 0.0));
    assert_eq!(values(&resumed), values(&straight));
    assert_eq!(resumed.loss_scaler(), straight.loss_scaler());
    assert_ne!(resumed.loss_scaler().unwrap(), start, "the scale moved on the way");
}

#[test]
fn sums_over_batches_are_scaled_and_taken_back_as_well() {
    let options = TrainingOptions { precision: Precision::Float16, ..options(Lowering::Plain) };
    let graphs = accumulating_graphs(&network(), &options).unwrap();
    let mut session = AccumulatingSession::new(&graphs, &SessionOptions::default()).unwrap();
    let once = |session: &mut AccumulatingSession| {
        let (x, y) = batch(1);
        let momentum = arr0(0.9);
        let tensors = inputs(&x, &y, &momentum);
        session.accumulate(&tensors[..2]).unwrap();
        session.accumulate(&tensors[..2]).unwrap();
        session.update(RATE, 1, &tensors[2..]).unwrap()
    };
    let weights = |session: &AccumulatingSession| -> Vec<Vec<f32>> {
        session.state().unwrap().iter().map(|s| s.values.to_vec()).collect()
    };
    session.set_loss_scaler(LossScaler::starting_at(2f32.powi(40))).unwrap();
    let before = weights(&session);
    assert!(!once(&mut session));
    assert_eq!(weights(&session), before);
    session.set_loss_scaler(LossScaler::starting_at(1024.0)).unwrap();
    assert!(once(&mut session));
    assert_ne!(weights(&session), before);
}

#[test]
fn the_processor_refuses_what_it_has_no_kernels_for() {
    for (precision, lowering, word) in [
        (Precision::BFloat16, Lowering::Plain, "bfloat16"),
        (Precision::BFloat16, Lowering::Swath, "bfloat16"),
        (Precision::Float16, Lowering::Swath, "float32 only"),
    ] {
        let error = TrainSession::new(&graph(precision, lowering), &SessionOptions::default()).unwrap_err();
        assert!(matches!(error, TrainError::Device { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(word) && message.contains("use device cuda"), "{message}");
    }
}

#[test]
fn batches_staged_ahead_give_the_same_bits() {
    let mut plain = session(Precision::Float32);
    let losses: Vec<f32> = (1..=6).map(|at| step(&mut plain, at).loss).collect();

    let mut ahead = session(Precision::Float32);
    let momentum = arr0(0.9);
    let (x, y) = batch(1);
    ahead.stage(&inputs(&x, &y, &momentum)[..2]).unwrap();
    let mut found = Vec::new();
    for at in 1..=6 {
        let rest = vec![(TrainingGraph::MOMENTUM, momentum.view().into())];
        ahead.launch(&StepInputs { tensors: rest, learning_rate: RATE, step: at }).unwrap();
        let (x, y) = batch(at + 1);
        ahead.stage(&inputs(&x, &y, &momentum)[..2]).unwrap();
        found.push(ahead.finish().unwrap().loss);
    }
    assert_eq!(found, losses);
    assert_eq!(values(&ahead), values(&plain));
}

#[test]
fn launch_and_finish_go_by_turns() {
    let mut session = session(Precision::Float32);
    assert!(matches!(session.finish().unwrap_err(), TrainError::Order { .. }));
    let (x, y) = batch(1);
    let momentum = arr0(0.9);
    let given = StepInputs { tensors: inputs(&x, &y, &momentum), learning_rate: RATE, step: 1 };
    session.launch(&given).unwrap();
    assert!(matches!(session.launch(&given).unwrap_err(), TrainError::Order { .. }));
    assert!(session.state().is_err() && session.output(TrainingGraph::LOSS).is_err());
    session.finish().unwrap();
    // What was staged serves one step, and none after one that was refused.
    let rest = || vec![(TrainingGraph::MOMENTUM, momentum.view().into())];
    let without = StepInputs { tensors: rest(), learning_rate: RATE, step: 2 };
    assert!(matches!(session.launch(&without).unwrap_err(), TrainError::MissingInput { .. }));
}
