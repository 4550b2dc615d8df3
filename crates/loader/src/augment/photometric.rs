//! Augmentations of brightness and colour, the same at every pixel.
//!
//! Full scale is the recipe's `max_value`. albumentations cuts fractions off where it computes with 8-bit tables; here
//! results are rounded, so that both differ by at most one count.

use super::parameters::Reader;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("RandomBrightnessContrast", 0.5, |reader| Ok(Box::new(BrightnessContrast::read(reader)?))),
    ("RandomGamma", 0.5, |reader| Ok(Box::new(Gamma::read(reader)?))),
    ("BandJitter", 0.5, |reader| Ok(Box::new(BandJitter::read(reader)?))),
    ("MultiplicativeNoise", 0.5, |reader| Ok(Box::new(MultiplicativeNoise::read(reader)?))),
    ("ChannelShuffle", 0.5, |_| Ok(Box::new(ChannelShuffle))),
];

/// `value * alpha + beta` for all bands alike.
#[derive(Debug)]
struct BrightnessContrast {
    brightness: (f64, f64),
    contrast: (f64, f64),
    by_max: bool,
    /// Both are reduced so that nothing leaves 0 to full scale.
    safe: bool,
}

impl BrightnessContrast {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let around_zero: fn(f64) -> (f64, f64) = |limit| (-limit, limit);
        let brightness = reader.range("brightness_limit", (-0.2, 0.2), around_zero)?;
        let contrast = reader.range("contrast_limit", (-0.2, 0.2), around_zero)?;
        let (by_max, safe) = (reader.flag("brightness_by_max", true)?, reader.flag("ensure_safe_range", false)?);
        Ok(Self { brightness, contrast, by_max, safe })
    }
}

impl Transform for BrightnessContrast {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let alpha = 1.0 + draw.uniform(self.contrast.0, self.contrast.1);
        let beta = draw.uniform(self.brightness.0, self.brightness.1);
        let domain = sample.domain;
        let scale = if self.by_max {
            f64::from(domain.max_value)
        } else {
            sample.settle();
            mean(sample)
        };
        let (mut alpha, mut beta) = (alpha, beta * scale);
        if self.safe {
            let max = f64::from(domain.max_value);
            beta = beta.clamp(if alpha > 0.0 { 0.0 } else { f64::NEG_INFINITY }, max);
            alpha = if alpha > 0.0 { alpha.min((max - beta) / max) } else { alpha.max(-beta / max) };
        }
        let (alpha, beta) = (alpha as f32, beta as f32);
        sample.image.mapv_inplace(|value| domain.settle(value * alpha + beta));
        Ok(())
    }
}

/// Mean over valid pixels of all bands, 0 where there are none.
fn mean(sample: &Sample) -> f64 {
    let (mut sum, mut count) = (0.0f64, 0u64);
    for plane in sample.image.outer_iter() {
        for (&value, _) in plane.iter().zip(&sample.valid).filter(|(_, valid)| **valid) {
            (sum, count) = (sum + f64::from(value), count + 1);
        }
    }
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// `(value / max) ^ gamma * max`; negative values stay as they are.
#[derive(Debug)]
struct Gamma((f64, f64));

impl Gamma {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let limit = reader.range("gamma_limit", (80.0, 120.0), |limit| (limit, limit))?;
        match limit.0 > 0.0 {
            true => Ok(Self(limit)),
            false => Err(reader.wrong("gamma_limit", "percentages above 0")),
        }
    }
}

impl Transform for Gamma {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let gamma = (draw.uniform(self.0.0, self.0.1) / 100.0) as f32;
        let (domain, max) = (sample.domain, sample.domain.max_value);
        sample.image.mapv_inplace(|v| if v > 0.0 { domain.settle((v / max).powf(gamma) * max) } else { v });
        Ok(())
    }
}

/// swath's own: `value * gain + offset` with gain and offset (in parts of full scale) drawn for each band.
#[derive(Debug)]
struct BandJitter {
    gain: (f64, f64),
    offset: (f64, f64),
}

impl BandJitter {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            gain: reader.range("gain", (0.9, 1.1), |limit| (1.0 - limit, 1.0 + limit))?,
            offset: reader.range("offset", (-0.02, 0.02), |limit| (-limit, limit))?,
        })
    }
}

impl Transform for BandJitter {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let domain = sample.domain;
        for mut plane in sample.image.outer_iter_mut() {
            let gain = draw.uniform(self.gain.0, self.gain.1) as f32;
            let offset = draw.uniform(self.offset.0, self.offset.1) as f32 * domain.max_value;
            plane.mapv_inplace(|value| domain.settle(value * gain + offset));
        }
        Ok(())
    }
}

/// Multiplied by one factor, one for each band, or one for each value.
#[derive(Debug)]
struct MultiplicativeNoise {
    factor: (f64, f64),
    per_band: bool,
    per_pixel: bool,
}

impl MultiplicativeNoise {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            factor: reader.range("multiplier", (0.9, 1.1), |factor| (factor, factor))?,
            per_band: reader.flag("per_channel", false)?,
            per_pixel: reader.flag("elementwise", false)?,
        })
    }
}

impl Transform for MultiplicativeNoise {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.settle();
        let domain = sample.domain;
        let mut factor = || draw.uniform(self.factor.0, self.factor.1) as f32;
        let shared: Vec<f32> = match (self.per_pixel, self.per_band) {
            (true, false) => (0..sample.label.len()).map(|_| factor()).collect(),
            (true, true) => Vec::new(),
            (false, _) => vec![factor()],
        };
        for mut plane in sample.image.outer_iter_mut() {
            match (self.per_pixel, self.per_band) {
                (true, true) => plane.mapv_inplace(|value| domain.settle(value * factor())),
                (true, false) => {
                    plane.iter_mut().zip(&shared).for_each(|(value, f)| *value = domain.settle(*value * f))
                }
                (false, true) => {
                    let own = factor();
                    plane.mapv_inplace(|value| domain.settle(value * own));
                }
                (false, false) => plane.mapv_inplace(|value| domain.settle(value * shared[0])),
            }
        }
        Ok(())
    }
}

/// Bands in random order.
#[derive(Debug)]
struct ChannelShuffle;

impl Transform for ChannelShuffle {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let mut order: Vec<usize> = (0..sample.image.dim().0).collect();
        draw.shuffle(&mut order);
        sample.image = sample.image.select(ndarray::Axis(0), &order);
        Ok(())
    }
}
