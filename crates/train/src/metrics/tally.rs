//! All that is counted of one piece of ground.

use ndarray::{ArrayView2, Zip};

use super::{BINS, Boundary, Calibration, Confusion, UNCOUNTED};
use crate::error::Result;

/// Counts of one piece of ground; those of several can be added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Pixels by true and predicted class.
    pub confusion: Confusion,
    /// Pixels of outlines.
    pub boundary: Boundary,
    /// Pixels by confidence.
    pub calibration: Calibration,
}

impl Tally {
    /// Nothing counted yet of classes `0..classes`.
    ///
    /// # Errors
    /// As [`Confusion::new`].
    pub fn new(classes: usize) -> Result<Self> {
        let confusion = Confusion::new(classes, Some(i64::from(UNCOUNTED)))?;
        Ok(Self { confusion, boundary: Boundary::new(classes), calibration: Calibration::new(BINS) })
    }

    /// Counts how confident the network was, where there is a truth. All are `[row, col]`.
    pub fn add_confidence(
        &mut self,
        truth: ArrayView2<'_, u8>,
        prediction: ArrayView2<'_, i64>,
        confidence: ArrayView2<'_, f32>,
    ) {
        let calibration = &mut self.calibration;
        Zip::from(&truth).and(&prediction).and(&confidence).for_each(|&truth, &prediction, &confidence| {
            if truth != UNCOUNTED {
                calibration.add(confidence, i64::from(truth) == prediction);
            }
        });
    }

    /// Adds what another has counted, so many times.
    ///
    /// # Errors
    /// When it counts another number of classes.
    pub fn merge_times(&mut self, other: &Self, times: u64) -> Result<()> {
        self.confusion.merge_times(&other.confusion, times)?;
        self.boundary.merge_times(&other.boundary, times);
        self.calibration.merge_times(&other.calibration, times);
        Ok(())
    }
}
