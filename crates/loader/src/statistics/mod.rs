//! What the training part looks like: per band and per class, computed in one pass, stored, and reused.
//!
//! Values of up to 16 bits are counted one by one, so that everything derived from the counts is exact and does not depend on
//! the order of reading. Other types are counted in 65,536 classes of relative width 1/128, and their percentiles are good to
//! half a class; number, mean, deviation, smallest and largest value are exact for them as well, in any order.

mod exact;
mod gather;
mod tally;

pub(crate) use gather::{Share, gather};
pub(crate) use tally::Tally;

use serde::{Deserialize, Serialize};

/// Statistics of the training part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// One for each band of the recipe, in its order.
    pub bands: Vec<BandStatistics>,
    /// One for each class of the recipe, in its order.
    pub classes: Vec<ClassShare>,
    /// Valid pixels without a class.
    pub unlabelled_px: u64,
    /// Pixels that are nodata or masked.
    pub invalid_px: u64,
}

/// One band, in the values that [`crate::Normaliser`] is applied to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandStatistics {
    /// Name, or `band N`.
    pub name: String,
    /// Valid pixels.
    pub count: u64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of all pixels (divided by their number).
    pub std: f64,
    /// Values at each half percent: 201 of them, from the smallest to the largest.
    pub half_percentiles: Vec<f64>,
    /// How often values lie in each stretch.
    pub histogram: Histogram,
}

impl BandStatistics {
    /// The value that `percent` of the pixels do not exceed; between half percents on a straight line. 0 for a band without pixels.
    pub fn percentile(&self, percent: f64) -> f64 {
        let last = self.half_percentiles.len().saturating_sub(1);
        let at = (percent.clamp(0.0, 100.0) * 2.0).min(last as f64);
        let (below, above) = (at.floor() as usize, at.ceil() as usize);
        match (self.half_percentiles.get(below), self.half_percentiles.get(above)) {
            (Some(low), Some(high)) => low + (high - low) * at.fract(),
            _ => 0.0,
        }
    }
}

/// Equal stretches from `min` to `max`; the last one includes `max`. The fields are STAC's `raster:histogram`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Number of stretches.
    pub count: usize,
    /// Lower end of the first.
    pub min: f64,
    /// Upper end of the last.
    pub max: f64,
    /// Pixels in each.
    pub buckets: Vec<u64>,
}

/// How much of the labelled ground a class covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassShare {
    /// The class.
    pub name: String,
    /// Its pixels.
    pub pixels: u64,
    /// Its share of all labelled pixels; 0 where there are none.
    pub share: f64,
}

impl Statistics {
    /// From tallies of the bands and counts of the 256 target values.
    pub(crate) fn from_tallies(
        bands: Vec<(String, Tally)>,
        classes: &[String],
        targets: &[u64; 256],
        invalid_px: u64,
    ) -> Statistics {
        let labelled: u64 = targets[..classes.len()].iter().sum();
        let share = |pixels: u64| if labelled == 0 { 0.0 } else { pixels as f64 / labelled as f64 };
        let class = |(name, &pixels): (&String, &u64)| ClassShare { name: name.clone(), pixels, share: share(pixels) };
        Statistics {
            bands: bands.into_iter().map(|(name, tally)| tally.finish(name)).collect(),
            classes: classes.iter().zip(targets).map(class).collect(),
            unlabelled_px: targets[usize::from(crate::IGNORE)].saturating_sub(invalid_px),
            invalid_px,
        }
    }
}
