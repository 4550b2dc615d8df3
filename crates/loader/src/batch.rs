//! What the consumer gets: arrays, and where each sample came from.

use std::sync::Arc;

use ndarray::{Array3, Array4};
use swath_raster::Window;

/// Where a sample was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipId {
    /// The pair's id.
    pub item: Arc<str>,
    /// Position of the pair in the dataset.
    pub scene: usize,
    /// Pixels of the image's grid that the sample window covers, before augmentation.
    pub window: Window,
    /// Pixels of the window whose target counts; all of it in training.
    pub scored: Window,
}

/// Samples of one step. All have the same size.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number of the batch in its epoch, from 0.
    pub index: u64,
    /// Network input `[n, band, row, col]`, normalised; 0 where a pixel is invalid.
    pub image: Array4<f32>,
    /// Class index `[n, row, col]`, [`IGNORE`](crate::IGNORE) where there is no truth. For images without a label: 0 where
    /// the pixel is valid, [`IGNORE`](crate::IGNORE) where not.
    pub target: Array3<u8>,
    /// Where each sample came from.
    pub provenance: Vec<ChipId>,
}

impl Batch {
    /// The target as ONNX Runtime wants it, `[n, row, col]`.
    pub fn target_i64(&self) -> Array3<i64> {
        self.target.mapv(i64::from)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.provenance.len()
    }

    /// Never, for a batch of a loader.
    pub fn is_empty(&self) -> bool {
        self.provenance.is_empty()
    }
}
