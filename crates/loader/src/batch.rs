//! What the consumer gets: arrays, and where each sample came from.

use std::sync::{Arc, Mutex};

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
///
/// The arrays' memory goes back to the loader when a batch is dropped, so that an epoch takes its pages once;
/// [`std::mem::take`] keeps an array for good.
#[derive(Debug, Clone)]
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
    pub(crate) pool: Arc<Pool>,
}

impl PartialEq for Batch {
    fn eq(&self, other: &Self) -> bool {
        (self.index, &self.image, &self.target, &self.provenance)
            == (other.index, &other.image, &other.target, &other.provenance)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let image = std::mem::take(&mut self.image).into_raw_vec_and_offset().0;
        let target = std::mem::take(&mut self.target).into_raw_vec_and_offset().0;
        self.pool.give(Buffers { image, target });
    }
}

/// Memory of the arrays of a batch.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) image: Vec<f32>,
    pub(crate) target: Vec<u8>,
}

/// Buffers of batches that have been dropped, for those to come.
#[derive(Debug)]
pub(crate) struct Pool {
    spare: Mutex<Vec<Buffers>>,
    /// Buffers kept; more than are in use at a time would only be held.
    most: usize,
}

impl Pool {
    pub(crate) fn new(most: usize) -> Arc<Pool> {
        Arc::new(Pool { spare: Mutex::default(), most })
    }

    /// Buffers to write into, with whatever they hold.
    pub(crate) fn take(&self) -> Buffers {
        self.spare.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default()
    }

    fn give(&self, buffers: Buffers) {
        if let Ok(mut spare) = self.spare.lock()
            && spare.len() < self.most
            && !buffers.image.is_empty()
        {
            spare.push(buffers);
        }
    }
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
