//! From pixel values to network inputs: one factor and one addend per band.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::recipe::Normalise;
use crate::statistics::{BandStatistics, Statistics};

/// `input = value * scale[band] + offset[band]`, bands in the order of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// Factor of each band.
    pub scale: Vec<f64>,
    /// Addend of each band.
    pub offset: Vec<f64>,
}

impl Normaliser {
    /// Values as they are.
    pub fn identity(bands: usize) -> Normaliser {
        Normaliser { scale: vec![1.0; bands], offset: vec![0.0; bands] }
    }

    /// What a recipe asks for, from statistics of the training part where it needs them.
    ///
    /// # Errors
    /// [`Error::NoStatistics`], [`Error::StatisticsBands`], or [`Error::Recipe`] where fixed values do not fit the bands.
    pub fn new(normalise: &Normalise, bands: usize, statistics: Option<&Statistics>) -> Result<Normaliser, Error> {
        let of = |f: fn(&Normalise, &BandStatistics) -> (f64, f64), method: &'static str| {
            let statistics = statistics.ok_or(Error::NoStatistics { method })?;
            if statistics.bands.len() != bands {
                return Err(Error::StatisticsBands { statistics: statistics.bands.len(), recipe: bands });
            }
            // Centre and width of each band; a band that does not vary is only centred.
            let ranges = statistics.bands.iter().map(|band| f(normalise, band));
            let pairs =
                ranges.map(|(zero, width)| if width > 0.0 { (1.0 / width, -zero / width) } else { (1.0, -zero) });
            let (scale, offset) = pairs.unzip();
            Ok(Normaliser { scale, offset })
        };
        match normalise {
            Normalise::None => Ok(Normaliser::identity(bands)),
            Normalise::Fixed { scale, offset } => {
                Ok(Normaliser { scale: per_band("scale", scale, bands)?, offset: per_band("offset", offset, bands)? })
            }
            Normalise::MeanStd => of(|_, band| (band.mean, band.std), "mean-std"),
            Normalise::MinMax => of(|_, band| (band.min, band.max - band.min), "min-max"),
            Normalise::Percentile { .. } => of(
                |normalise, band| match normalise {
                    Normalise::Percentile { low, high } => {
                        (band.percentile(*low), band.percentile(*high) - band.percentile(*low))
                    }
                    _ => (0.0, 1.0),
                },
                "percentile",
            ),
        }
    }
}

fn per_band(field: &str, values: &[f64], bands: usize) -> Result<Vec<f64>, Error> {
    match values {
        [one] => Ok(vec![*one; bands]),
        all if all.len() == bands => Ok(all.to_vec()),
        all => Err(Error::Recipe {
            field: format!("normalise.{field}"),
            reason: format!("has {} values for {bands} bands; give one, or one per band", all.len()),
        }),
    }
}
