//! Whether a network is right as often as it says: reliability by bins of confidence, and the expected calibration error
//! (Naeini, Cooper, Hauskrecht, AAAI 2015; Guo et al., ICML 2017).
//!
//! A pixel's confidence is the probability of its most likely class. Bins are equally wide: bin `i` of `B` holds confidences
//! from `i / B`, included, to `(i + 1) / B`, excluded; the last one includes 1. With `n_i` pixels in a bin, of which the share
//! `a_i` is right, and `c_i` their mean confidence, the error is `sum_i n_i / N |a_i - c_i|`.

use serde::{Deserialize, Serialize};

/// Bins, where nothing else is asked for.
pub const BINS: usize = 15;

/// Pixels by confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    bins: Vec<Bin>,
}

/// Pixels of one stretch of confidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Pixels.
    pub pixels: u64,
    /// Of these, right.
    pub right: u64,
    /// Sum of their confidences.
    pub confidence_sum: f64,
}

impl Bin {
    /// Share that is right; `None` of an empty bin.
    pub fn accuracy(&self) -> Option<f64> {
        (self.pixels > 0).then(|| self.right as f64 / self.pixels as f64)
    }

    /// Mean confidence; `None` of an empty bin.
    pub fn confidence(&self) -> Option<f64> {
        (self.pixels > 0).then(|| self.confidence_sum / self.pixels as f64)
    }

    fn add_times(&mut self, other: &Self, times: u64) {
        self.pixels += other.pixels * times;
        self.right += other.right * times;
        self.confidence_sum += other.confidence_sum * times as f64;
    }
}

impl Calibration {
    /// So many empty bins, one at least.
    pub fn new(bins: usize) -> Self {
        Self { bins: vec![Bin::default(); bins.max(1)] }
    }

    /// Counts one pixel. A confidence that is no number is left out.
    pub fn add(&mut self, confidence: f32, right: bool) {
        if confidence.is_nan() {
            return;
        }
        let last = self.bins.len() - 1;
        let at = (f64::from(confidence) * self.bins.len() as f64) as usize;
        self.bins[at.min(last)]
            .add_times(&Bin { pixels: 1, right: u64::from(right), confidence_sum: f64::from(confidence) }, 1);
    }

    /// Adds what another has counted, so many times.
    pub fn merge_times(&mut self, other: &Self, times: u64) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(own, other)| own.add_times(other, times));
    }

    /// The bins, from confidence 0 to 1.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// All bins as one.
    pub fn total(&self) -> Bin {
        let mut total = Bin::default();
        self.bins.iter().for_each(|bin| total.add_times(bin, 1));
        total
    }

    /// The expected calibration error; `None` where nothing was counted.
    pub fn expected_error(&self) -> Option<f64> {
        let pixels = self.total().pixels;
        let gap = |bin: &Bin| (bin.right as f64 - bin.confidence_sum).abs();
        (pixels > 0).then(|| self.bins.iter().map(gap).sum::<f64>() / pixels as f64)
    }
}
