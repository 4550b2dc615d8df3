//! To another grid in the same CRS: nearest, bilinear, cubic, average, mode.

use crate::{Grid, Pixels, Result};

/// How the value of a target pixel is made from source pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resampling {
    /// The source pixel that the target pixel's centre lies in. For labels.
    Nearest,
    /// Weighted by distance over 2 by 2 source pixels.
    Bilinear,
    /// Cubic convolution (a = -0.5) over 4 by 4 source pixels.
    Cubic,
    /// Mean of the source pixels that the target pixel covers, weighted by area.
    Average,
    /// The value that covers most of the target pixel. For labels.
    Mode,
}

/// Values of `source` at the pixels of `target`, both in the same CRS; what has no source is nodata (or 0) and invalid.
///
/// `nodata` (and `source.valid`, if there) is left out of every mean; a target pixel is invalid where no valid source pixel has weight.
///
/// # Errors
/// [`Error::SingularTransform`](crate::Error::SingularTransform).
pub fn resample(source: &Pixels, target: &Grid, method: Resampling, nodata: Option<f64>) -> Result<Pixels> {
    unimplemented!("{source:?} {target:?} {method:?} {nodata:?}")
}
