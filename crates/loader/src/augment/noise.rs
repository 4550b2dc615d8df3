//! Augmentations of what a sensor adds and loses: noise, blur, coarser pixels.

use ndarray::{Array2, ArrayView2};

use super::parameters::Reader;
use super::resize::{Method, resize_plane, shrink_plane};
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("GaussNoise", 0.5, |reader| Ok(Box::new(GaussNoise::read(reader)?))),
    ("GaussianBlur", 0.5, |reader| Ok(Box::new(GaussianBlur::read(reader)?))),
    ("Downscale", 0.5, |reader| Ok(Box::new(Downscale::read(reader)?))),
];

/// Normal noise, its mean and deviation in parts of full scale.
#[derive(Debug)]
struct GaussNoise {
    std: (f64, f64),
    mean: (f64, f64),
    per_band: bool,
}

impl GaussNoise {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let same: fn(f64) -> (f64, f64) = |value| (value, value);
        // A speed setting of albumentations: noise of fewer pixels, enlarged. Here noise is always of every pixel.
        reader.accept(&["noise_scale_factor"]);
        Ok(Self {
            std: reader.range("std_range", (0.2, 0.44), same)?,
            mean: reader.range("mean_range", (0.0, 0.0), same)?,
            per_band: reader.flag("per_channel", true)?,
        })
    }
}

impl Transform for GaussNoise {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.settle();
        let domain = sample.domain;
        let std = draw.uniform(self.std.0, self.std.1) * f64::from(domain.max_value);
        let mean = draw.uniform(self.mean.0, self.mean.1) * f64::from(domain.max_value);
        let noise = |draw: &mut Draw, count: usize| -> Vec<f32> {
            let pairs = (0..count.div_ceil(2)).flat_map(|_| <[f64; 2]>::from(draw.normal_pair()));
            pairs.map(|value| (value * std + mean) as f32).collect()
        };
        let size = sample.label.len();
        let shared = if self.per_band { Vec::new() } else { noise(draw, size) };
        for mut plane in sample.image.outer_iter_mut() {
            let own = if self.per_band { noise(draw, size) } else { Vec::new() };
            let noise = if self.per_band { &own } else { &shared };
            plane.iter_mut().zip(noise).for_each(|(value, noise)| *value = domain.settle(*value + noise));
        }
        Ok(())
    }
}

/// Blurred by a normal kernel, mirrored at the edge without repeating it.
#[derive(Debug)]
struct GaussianBlur {
    sigma: (f64, f64),
    kernel: (i64, i64),
}

/// Largest kernel: the sample's own size is the most that mirroring serves, and a wider blur leaves nothing to see.
const MAX_KERNEL_PX: f64 = 255.0;

impl GaussianBlur {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let kernel = reader.range("blur_limit", (0.0, 0.0), |limit| (0.0, limit))?;
        let sigma = reader.range("sigma_limit", (0.5, 3.0), |limit| (limit, limit))?;
        if !(0.0..=MAX_KERNEL_PX).contains(&kernel.0) || kernel.1 > MAX_KERNEL_PX {
            return Err(reader.wrong("blur_limit", "kernel sizes from 0 (chosen by sigma) to 255"));
        }
        if sigma.0 <= 0.0 || sigma.1 > MAX_KERNEL_PX / 7.0 {
            return Err(reader.wrong("sigma_limit", "above 0 and at most 36 pixels"));
        }
        Ok(Self { sigma, kernel: (kernel.0 as i64, kernel.1 as i64) })
    }
}

impl Transform for GaussianBlur {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.settle();
        let sigma = draw.uniform(self.sigma.0, self.sigma.1);
        let size = match draw.between(self.kernel.0, self.kernel.1) {
            0 => (sigma * 3.5) as usize * 2 + 1,
            size => size as usize | 1,
        };
        let kernel = gaussian(sigma, size);
        let domain = sample.domain;
        for mut plane in sample.image.outer_iter_mut() {
            let blurred = convolve(plane.view(), &kernel);
            plane.zip_mut_with(&blurred, |value, &blurred| *value = domain.settle(blurred));
        }
        Ok(())
    }
}

/// Normal weights around the middle that add up to 1.
pub(super) fn gaussian(sigma: f64, size: usize) -> Vec<f32> {
    let middle = (size / 2) as f64;
    let weights: Vec<f64> = (0..size).map(|i| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// The same kernel along rows and columns; beyond the edge the plane is mirrored, the edge itself not repeated.
pub(super) fn convolve(plane: ArrayView2<'_, f32>, kernel: &[f32]) -> Array2<f32> {
    let along = |source: ArrayView2<'_, f32>| -> Array2<f32> {
        let (rows, cols) = source.dim();
        let half = (kernel.len() / 2) as i64;
        let mut padded = vec![0.0; cols + kernel.len() - 1];
        let mut out = Array2::zeros((rows, cols));
        for (line, mut out) in source.outer_iter().zip(out.outer_iter_mut()) {
            padded.iter_mut().enumerate().for_each(|(i, value)| *value = line[mirror(i as i64 - half, cols)]);
            for (offset, &weight) in kernel.iter().enumerate() {
                out.iter_mut().zip(&padded[offset..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        out
    };
    along(along(plane).t()).reversed_axes()
}

/// Position `i` reflected into `0..length`, the edge not repeated.
pub(super) fn mirror(i: i64, length: usize) -> usize {
    let last = length as i64 - 1;
    if last <= 0 {
        return 0;
    }
    let folded = i.rem_euclid(2 * last);
    (if folded > last { 2 * last - folded } else { folded }) as usize
}

/// Made smaller and larger again.
#[derive(Debug)]
struct Downscale {
    scale: (f64, f64),
    down: Method,
    up: Method,
}

impl Downscale {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let scale = reader.range("scale_range", (0.25, 0.25), |scale| (scale, scale))?;
        if scale.0 <= 0.0 || scale.1 >= 1.0 {
            return Err(reader.wrong("scale_range", "between 0 and 1"));
        }
        let mut pair = reader.nested("interpolation_pair")?;
        let (down, up) = (Method::read(&mut pair, "downscale", 0.0)?, Method::read(&mut pair, "upscale", 0.0)?);
        Ok(Self { scale, down, up })
    }
}

impl Transform for Downscale {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.settle();
        let (height, width) = sample.label.dim();
        let scale = draw.uniform(self.scale.0, self.scale.1);
        let domain = sample.domain;
        for mut plane in sample.image.outer_iter_mut() {
            let coarse = shrink_plane(plane.view(), scale, self.down).mapv(|value| domain.settle(value));
            let fine = resize_plane(coarse.view(), height, width, self.up);
            plane.zip_mut_with(&fine, |value, &fine| *value = domain.settle(fine));
        }
        Ok(())
    }
}
