//! Networks written by `swath_autodiff::build` give the logits of segmentation_models_pytorch with the same weights.
//! `data/built.py` recorded those; weights and image follow from their names by a formula.
// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use ndarray::Array4;
use serde::Deserialize;
use swath_autodiff::Model;
use swath_autodiff::build::{Encoder, unet};
use swath_autodiff::weights::{StateDict, load_weights};
use swath_train::{InferenceSession, SessionOptions};

#[derive(Deserialize)]
struct Recorded {
    bands: usize,
    classes: usize,
    side: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    encoder: String,
    /// Largest magnitude of all logits.
    largest: f64,
    /// Places in the flattened logits.
    places: Vec<usize>,
    logits: Vec<f64>,
}

/// Numbers from -1 to 1: FNV-1a of the name, then SplitMix64 of the index.
fn numbers(name: &str) -> impl Iterator<Item = f64> {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    (1_u64..).map(move |index| {
        let z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

fn weights(name: &str, dims: &[usize]) -> Vec<u8> {
    let fan_in = dims.iter().skip(1).product::<usize>() as f64;
    let shaped = |drawn: f64| match name.rsplit('.').next() {
        Some("running_var") => 1.0 + 0.5 * drawn,
        Some("running_mean" | "bias") => 0.1 * drawn,
        _ if dims.len() == 1 => 0.75 + 0.25 * drawn,
        _ => drawn * (3.0 / fan_in).sqrt(),
    };
    numbers(name).take(dims.iter().product()).flat_map(|drawn| (shaped(drawn) as f32).to_le_bytes()).collect()
}

/// All of a network's weights as the formula has them, in a file as a user would bring it.
fn file(model: &Model) -> StateDict {
    let parameters = model.inspect().unwrap().parameters;
    let held: Vec<_> = parameters
        .into_iter()
        .map(|parameter| {
            let bytes = weights(&parameter.name, &parameter.shape);
            (parameter.name, parameter.shape, bytes)
        })
        .collect();
    let views = held.iter().map(|(name, dims, bytes)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, dims.clone(), bytes).unwrap())
    });
    StateDict::from_bytes("made.safetensors", safetensors::serialize(views, None).unwrap()).unwrap()
}

#[test]
fn logits_are_those_of_segmentation_models_pytorch() {
    let recorded: Recorded = serde_json::from_str(include_str!("data/built.json")).unwrap();
    assert_eq!(recorded.cases.len(), Encoder::ALL.len());
    for case in recorded.cases {
        let encoder = Encoder::ALL.into_iter().find(|encoder| encoder.name() == case.encoder).unwrap();
        let model = unet(encoder, recorded.bands, recorded.classes, 0).unwrap();
        let (model, loaded) = load_weights(&model, encoder, &file(&model)).unwrap();
        assert!(loaded.whole && loaded.unused.is_empty());
        let mut session = InferenceSession::from_bytes(&model.to_bytes().unwrap(), &SessionOptions::default()).unwrap();
        let shape = (1, recorded.bands, recorded.side, recorded.side);
        let count = recorded.bands * recorded.side * recorded.side;
        let x: Vec<f32> = numbers("x").take(count).map(|drawn| drawn as f32).collect();
        let found = session.run(Array4::from_shape_vec(shape, x).unwrap().view()).unwrap();
        let found: Vec<f32> = found.iter().copied().collect();
        for (&place, &wanted) in case.places.iter().zip(&case.logits) {
            // Float32 sums in another order through some 60 normalised layers: sqrt(60) roundings of 2^-24 of magnitudes
            // around the largest are 5e-7 of it; twenty times that, as BatchNorm's divisions stretch some channels.
            let difference = (f64::from(found[place]) - wanted).abs() / case.largest;
            assert!(difference < 1e-5, "{}: {} against {wanted} at {place}", case.encoder, found[place]);
        }
    }
}
