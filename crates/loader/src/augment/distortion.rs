//! Augmentations that bend: elastic and grid distortion.

use ndarray::Array2;

use super::noise::{convolve, gaussian};
use super::parameters::Reader;
use super::warp::Warping;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("ElasticTransform", 0.5, |reader| Ok(Box::new(Elastic::read(reader)?))),
    ("GridDistortion", 0.5, |reader| Ok(Box::new(GridDistortion::read(reader)?))),
];

/// Displaced by smoothed noise of at most `alpha` pixels before smoothing by `sigma` pixels.
#[derive(Debug)]
struct Elastic {
    alpha: f64,
    sigma: f64,
    same: bool,
    uniform: bool,
    warping: Warping,
}

impl Elastic {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["approximate", "keypoint_remapping_method"]);
        let (alpha, sigma) = (reader.number("alpha", 1.0)?, reader.number("sigma", 50.0)?);
        if alpha <= 0.0 || !(0.1..=1000.0).contains(&sigma) {
            return Err(reader.refuse("alpha must be above 0 and sigma in 0.1..=1000 pixels"));
        }
        let uniform = match reader.text("noise_distribution", "gaussian")? {
            "gaussian" => false,
            "uniform" => true,
            _ => return Err(reader.wrong("noise_distribution", "\"gaussian\" or \"uniform\"")),
        };
        Ok(Self { alpha, sigma, same: reader.flag("same_dxdy", false)?, uniform, warping: Warping::read(reader)? })
    }

    fn field(&self, size: (usize, usize), draw: &mut Draw) -> Array2<f32> {
        let value = |draw: &mut Draw| if self.uniform { draw.uniform(-1.0, 1.0) } else { draw.normal() };
        let mut field = Array2::from_shape_simple_fn(size, || value(draw) as f32);
        let largest = field.iter().fold(0.0f32, |max, v| max.max(v.abs()));
        if !self.uniform && largest > 1e-6 {
            field.mapv_inplace(|v| v / largest);
        }
        // OpenCV's kernel size for floats: four deviations to each side.
        let kernel = gaussian(self.sigma, ((self.sigma * 8.0).round() as usize + 1) | 1);
        convolve(field.view(), &kernel).mapv(|v| v * self.alpha as f32)
    }
}

impl Transform for Elastic {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let size = (sample.view.height, sample.view.width);
        let dx = self.field(size, draw);
        let dy = if self.same { dx.clone() } else { self.field(size, draw) };
        self.warping.remap(sample, size.0, size.1, |row, col| {
            (col as f64 + f64::from(dx[[row, col]]), row as f64 + f64::from(dy[[row, col]]))
        });
        Ok(())
    }
}

/// Stretched and squeezed between the lines of a grid.
#[derive(Debug)]
struct GridDistortion {
    steps: usize,
    limit: (f64, f64),
    normalized: bool,
    warping: Warping,
}

impl GridDistortion {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["keypoint_remapping_method"]);
        let steps = if reader.value("num_steps").is_some() { reader.pixels("num_steps")? } else { 5 };
        let limit = reader.range("distort_limit", (-0.3, 0.3), |limit| (-limit, limit))?;
        if limit.0 <= -1.0 || limit.1 >= 1.0 {
            return Err(reader.wrong("distort_limit", "between -1 and 1"));
        }
        Ok(Self { steps, limit, normalized: reader.flag("normalized", true)?, warping: Warping::read(reader)? })
    }

    /// Where each of `length` positions along one axis comes from.
    fn along(&self, length: usize, draw: &mut Draw) -> Vec<f64> {
        let mut steps: Vec<f64> = (0..=self.steps).map(|_| 1.0 + draw.uniform(self.limit.0, self.limit.1)).collect();
        let step = (length / self.steps).max(1);
        if self.normalized {
            let rest = length.min((self.steps + 1) * step).saturating_sub(self.steps * step);
            if let Some(last) = steps.last_mut() {
                *last *= rest as f64 / step as f64;
            }
            let factor = length as f64 / step as f64 / steps.iter().sum::<f64>();
            steps.iter_mut().for_each(|value| *value *= factor);
        }
        let mut positions = vec![0.0; length];
        let mut before = 0.0;
        for (index, stretch) in steps.into_iter().enumerate() {
            let after = before + step as f64 * stretch;
            let (start, end) = ((index * step).min(length), ((index + 1) * step).min(length));
            let last = (end - start).saturating_sub(1).max(1) as f64;
            for (i, position) in positions[start..end].iter_mut().enumerate() {
                // albumentations keeps the map in f32, which decides what is half-way between two pixels.
                *position = f64::from((before + (after - before) * i as f64 / last) as f32);
            }
            before = after;
        }
        positions
    }
}

impl Transform for GridDistortion {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (height, width) = (sample.view.height, sample.view.width);
        let (xs, ys) = (self.along(width, draw), self.along(height, draw));
        self.warping.remap(sample, height, width, |row, col| (xs[col], ys[row]));
        Ok(())
    }
}
