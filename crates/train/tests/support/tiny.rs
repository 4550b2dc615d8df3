//! The small UNet of `data/tiny.py`: its file, its options, its batches.

use ndarray::{Array0, Array3, Array4};
use swath_autodiff::{Lowering, Model, TrainingGraph, TrainingOptions};
use swath_train::InputTensor;

/// Shape of a batch.
pub const BATCH: [usize; 4] = [2, 4, 16, 16];
/// Value of a pixel that does not count.
pub const IGNORE: i64 = 255;

/// The network, with the weights that PyTorch started from.
pub fn network() -> Model {
    Model::from_bytes(include_bytes!("../data/tiny.onnx")).unwrap()
}

/// AdamW with the momentum as an input, as one-cycle needs it.
pub fn options(lowering: Lowering) -> TrainingOptions {
    TrainingOptions { ignore_index: Some(IGNORE), lowering, momentum_input: true, ..TrainingOptions::new(BATCH) }
}

fn splitmix(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The batch of `data/tiny.py`.
pub fn batch(step: u64) -> (Array4<f32>, Array3<i64>) {
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

/// What a step takes, under the names that the graph has for it.
pub fn inputs<'a>(
    x: &'a Array4<f32>,
    y: &'a Array3<i64>,
    momentum: &'a Array0<f32>,
) -> Vec<(&'a str, InputTensor<'a>)> {
    let momentum = (TrainingGraph::MOMENTUM, momentum.view().into());
    vec![(TrainingGraph::INPUT, x.view().into()), (TrainingGraph::TARGET, y.view().into()), momentum]
}
