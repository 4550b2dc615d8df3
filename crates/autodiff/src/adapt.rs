//! Fits a pre-trained network to other data: number of input bands, number of classes.

use crate::error::{Error, Result};
use crate::model::Model;

/// What to change; `None` leaves a side as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adaptation {
    /// Number of input bands wanted.
    pub input_channels: Option<usize>,
    /// Number of classes wanted; the head is drawn anew only where this differs from the model's.
    pub classes: Option<usize>,
    /// Seed of the new head's weights.
    pub seed: u64,
}

/// What an adaptation changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdaptationReport {
    /// One sentence per change, for people.
    pub changes: Vec<String>,
    /// Names of the parameters whose values were drawn anew.
    pub fresh: Vec<String>,
}

/// Changes the number of input bands and of classes.
///
/// Input: one band sums the old band weights; N bands take `w[:, i % old] * old / N` (smp's rule). Head: the last convolution before
/// the output gets weights and bias drawn uniformly within ±1/√(fan-in), as PyTorch's `Conv2d` starts.
///
/// # Errors
/// When the first or the last layer is not a convolution that can be changed.
pub fn adapt(model: &Model, adaptation: &Adaptation) -> Result<(Model, AdaptationReport)> {
    let _ = (model, adaptation);
    Err(Error::Internal { place: "adapt".into(), what: "not there yet".into() })
}
