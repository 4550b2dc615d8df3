//! A training graph on ONNX Runtime: what goes in, what comes out, what is refused.

// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use ndarray::{Array1, Array2, Array4};
use support::{FEATURES, FLOAT, SAMPLES, batch, line, model, node, value};
use swath_train::{Device, InferenceSession, SessionOptions, StepInputs, TrainError, TrainSession};

fn inputs<'a>(x: &'a Array2<f32>, target: &'a Array1<i64>, learning_rate: f32, step: u64) -> StepInputs<'a> {
    StepInputs { tensors: vec![("x", x.view().into()), ("target", target.view().into())], learning_rate, step }
}

/// [`line`] once more in plain loops: the loss, and `w` and `m` after the step.
fn by_hand(x: &Array2<f32>, target: &Array1<i64>, w: &mut [f32], m: &mut [f32], rate: f32) -> f32 {
    let error: Vec<f32> =
        (0..SAMPLES).map(|i| (0..FEATURES).map(|j| x[[i, j]] * w[j]).sum::<f32>() - target[i] as f32).collect();
    for j in 0..FEATURES {
        m[j] = 0.9 * m[j] + (0..SAMPLES).map(|i| x[[i, j]] * error[i]).sum::<f32>() / 2.0;
        w[j] -= rate * m[j];
    }
    error.iter().map(|e| e * e).sum::<f32>() / SAMPLES as f32
}

#[test]
fn fifty_steps_follow_the_same_steps_by_hand() {
    let mut session = TrainSession::new(&line(), &SessionOptions::default()).unwrap();
    session.watch("logits").unwrap();
    let (mut w, mut m) = (vec![0.5_f32, -0.25, 0.125], vec![0.0_f32; FEATURES]);
    for step in 1..=50 {
        let (x, target) = batch(step);
        let logits: Vec<f32> = (0..SAMPLES).map(|i| (0..FEATURES).map(|j| x[[i, j]] * w[j]).sum()).collect();
        let loss = by_hand(&x, &target, &mut w, &mut m, 0.125 / step as f32);
        let output = session.step(&inputs(&x, &target, 0.125, step)).unwrap();
        // Sums of 3 and 4 products of magnitude below 4, rounded to 2^-24 of themselves at each of at most 8 operations,
        // over 50 contracting steps: 50 * 8 * 4 * 2^-24 = 1e-4 would be the worst; it is far less in fact.
        assert!((output.loss - loss).abs() < 1e-5, "step {step}: {} against {loss}", output.loss);
        let got = session.output("logits").unwrap();
        assert!(got.iter().zip(&logits).all(|(a, b)| (a - b).abs() < 1e-5), "step {step}: {got} against {logits:?}");
    }
    let state = session.state().unwrap();
    assert_eq!(state.iter().map(|s| s.name).collect::<Vec<_>>(), ["w", "m"]);
    for (got, wanted) in state.iter().zip([&w, &m]) {
        assert!(got.values.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?} against {wanted:?}");
    }
}

#[test]
fn a_state_that_is_loaded_goes_on_bit_for_bit() {
    let run = |session: &mut TrainSession, steps: std::ops::RangeInclusive<u64>| {
        for step in steps {
            let (x, target) = batch(step);
            session.step(&inputs(&x, &target, 0.1, step)).unwrap();
        }
    };
    let values = |session: &TrainSession| {
        session.state().unwrap().iter().map(|s| (s.name.to_owned(), s.values.to_vec())).collect::<Vec<_>>()
    };
    let mut straight = TrainSession::new(&line(), &SessionOptions::default()).unwrap();
    run(&mut straight, 1..=7);
    let kept = values(&straight);
    run(&mut straight, 8..=20);

    let mut resumed = TrainSession::new(&line(), &SessionOptions::default()).unwrap();
    resumed.load_state(kept.iter().map(|(name, values)| (name.as_str(), values.as_slice()))).unwrap();
    run(&mut resumed, 8..=20);
    assert_eq!(values(&resumed), values(&straight));
    assert_ne!(values(&resumed), kept, "the steps did something");
}

#[test]
fn strided_arrays_are_taken_as_they_are_meant() {
    let (x, target) = batch(3);
    let mut session = TrainSession::new(&line(), &SessionOptions::default()).unwrap();
    let loss = session.step(&inputs(&x, &target, 0.0, 1)).unwrap().loss;
    let column_major = x.t().as_standard_layout().into_owned().reversed_axes();
    assert!(!column_major.is_standard_layout());
    assert_eq!(session.step(&inputs(&column_major, &target, 0.0, 1)).unwrap().loss, loss);
}

#[test]
fn wrong_inputs_are_refused_by_name_and_leave_the_state_alone() {
    let mut session = TrainSession::new(&line(), &SessionOptions::default()).unwrap();
    let (x, target) = batch(1);
    let refusal = |session: &mut TrainSession, tensors| {
        let error = session.step(&StepInputs { tensors, learning_rate: 0.1, step: 1 }).unwrap_err();
        error.to_string()
    };
    let message = refusal(&mut session, vec![("x", x.view().into())]);
    assert_eq!(message, "the graph's input `target` was not given (given: x)");
    let message = refusal(&mut session, vec![("image", x.view().into()), ("target", target.view().into())]);
    assert_eq!(message, "the graph has no input `image` (it has: x, target, learning_rate, step)");
    let short = x.slice(ndarray::s![..2, ..]);
    let message = refusal(&mut session, vec![("x", short.into()), ("target", target.view().into())]);
    assert_eq!(message, "`x` has shape [2, 3] where [4, 3] is expected");
    let floats = target.mapv(|class| class as f32);
    let message = refusal(&mut session, vec![("x", x.view().into()), ("target", floats.view().into())]);
    assert!(message.starts_with("`target` holds float32 where "), "{message}");
    assert_eq!(&*session.state_tensor("w").unwrap().values, [0.5, -0.25, 0.125]);
    session.step(&inputs(&x, &target, 0.1, 1)).expect("a refusal does not spoil the session");
}

#[test]
fn a_state_that_does_not_fit_is_refused_whole() {
    let mut session = TrainSession::new(&line(), &SessionOptions::default()).unwrap();
    let (w, m) = ([1.0_f32; FEATURES], [2.0_f32; FEATURES]);
    let error = session.load_state([("w", w.as_slice())]).unwrap_err();
    assert!(matches!(error, TrainError::MissingInput { ref name, .. } if name == "m"), "{error}");
    let error = session.load_state([("w", w.as_slice()), ("m", &m[..2])]).unwrap_err();
    assert!(matches!(error, TrainError::Shape { ref name, .. } if name == "m"), "{error}");
    let error = session.load_some([("w", w.as_slice()), ("v", m.as_slice())]).unwrap_err();
    assert!(matches!(error, TrainError::UnknownTensor { ref name, .. } if name == "v"), "{error}");
    assert_eq!(&*session.state_tensor("w").unwrap().values, [0.5, -0.25, 0.125], "nothing was written");
    session.load_some([("w", w.as_slice())]).unwrap();
    assert_eq!(&*session.state_tensor("w").unwrap().values, w);
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_and_no_fallback() {
    let options = SessionOptions { device: Device::Cuda { index: 0 }, ..SessionOptions::default() };
    let error = TrainSession::new(&line(), &options).unwrap_err();
    let TrainError::Device { device, missing, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*device, Device::Cuda { index: 0 });
    assert!(missing.contains(".so"), "it names the library: {missing}");
}

#[test]
fn the_record_says_what_ran() {
    let options = SessionOptions { threads: Some(1), ..SessionOptions::default() };
    let session = TrainSession::new(&line(), &options).unwrap();
    let execution = session.execution();
    assert_eq!(execution.provider, "CPUExecutionProvider");
    assert_eq!(execution.threads, 1);
    assert!(execution.runtime_version.starts_with("1."), "{execution:?}");
    assert!(execution.runtime_path.is_absolute());
    let error = TrainSession::new(&line(), &SessionOptions { threads: Some(0), ..options }).unwrap_err();
    assert_eq!(error.to_string(), "threads is 0, but must be at least 1, or left out");
}

/// Sums bands and doubles, for any batch and size of 2 bands.
fn doubler() -> Vec<u8> {
    let nodes = [node("Add", &["image", "image"], "twice", &[])];
    model(&nodes, &[], &[value("image", FLOAT, &[0, 2, 0, 0])], &[value("twice", FLOAT, &[0, 2, 0, 0])])
}

#[test]
fn inference_takes_any_batch_and_size_but_not_any_bands() {
    let mut session = InferenceSession::from_bytes(&doubler(), &SessionOptions::default()).unwrap();
    for shape in [(1, 2, 3, 4), (3, 2, 8, 8), (1, 2, 1, 1)] {
        let images = Array4::from_shape_fn(shape, |(n, b, r, c)| (n + 10 * b + 100 * r + 1000 * c) as f32);
        assert_eq!(session.run(images.view()).unwrap(), images.mapv(|v| 2.0 * v).into_dyn());
    }
    let error = session.run(Array4::zeros((1, 3, 4, 4)).view()).unwrap_err();
    assert_eq!(error.to_string(), "`image` has shape [1, 3, 4, 4] where [?, 2, ?, ?] is expected");
    assert!(session.run(Array4::zeros((0, 2, 4, 4)).view()).is_err(), "an empty batch");
}

#[test]
fn what_is_no_model_is_refused_with_a_linked_cause() {
    for bytes in [&b"not a model"[..], &doubler()[..40], &[]] {
        let error = InferenceSession::from_bytes(bytes, &SessionOptions::default()).unwrap_err();
        assert!(matches!(error, TrainError::Session { .. }), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
    let error = InferenceSession::open("no/such/model.onnx", &SessionOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no/such/model.onnx"), "{error}");
}
