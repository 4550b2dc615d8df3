//! `RandomResizedCrop`: a crop of random area and shape, brought to a size.

use super::parameters::Reader;
use super::resize::Resizing;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[("RandomResizedCrop", 1.0, |reader| Ok(Box::new(ResizedCrop::read(reader)?)))];

/// A crop of random area and shape, brought to a size.
#[derive(Debug)]
struct ResizedCrop {
    size: (usize, usize),
    scale: (f64, f64),
    ratio: (f64, f64),
    resizing: Resizing,
}

impl ResizedCrop {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let size = match reader
            .value("size")
            .and_then(|value| serde_json::from_value::<(usize, usize)>(value.clone()).ok())
        {
            Some((height, width)) if (1..=16_384).contains(&height) && (1..=16_384).contains(&width) => (height, width),
            _ => return Err(reader.wrong("size", "two numbers of pixels, rows first")),
        };
        let same: fn(f64) -> (f64, f64) = |value| (value, value);
        let scale = reader.range("scale", (0.08, 1.0), same)?;
        let ratio = reader.range("ratio", (0.75, 4.0 / 3.0), same)?;
        if scale.0 <= 0.0 || scale.1 > 1.0 || ratio.0 <= 0.0 {
            return Err(reader.refuse("scale must lie in 0..=1 and ratio above 0"));
        }
        Ok(Self { size, scale, ratio, resizing: Resizing::read(reader)? })
    }

    /// Rows and columns of the crop, and where it lies; the whole, as far as the ratio allows, after ten tries.
    fn draw(&self, height: usize, width: usize, draw: &mut Draw) -> (usize, usize, i64, i64) {
        let area = (height * width) as f64;
        for _ in 0..10 {
            let target = draw.uniform(self.scale.0 * area, self.scale.1 * area);
            let aspect = draw.uniform(self.ratio.0.ln(), self.ratio.1.ln()).exp();
            let side = |value: f64| value.sqrt().round_ties_even() as usize;
            let (w, h) = (side(target * aspect), side(target / aspect));
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let row = draw.between(0, (height - h) as i64);
                return (h, w, row, draw.between(0, (width - w) as i64));
            }
        }
        let shape = width as f64 / height as f64;
        let rounded = |value: f64| (value.round_ties_even() as usize).max(1);
        let (h, w) = match shape {
            _ if shape < self.ratio.0 => (rounded(width as f64 / self.ratio.0).min(height), width),
            _ if shape > self.ratio.1 => (height, rounded(height as f64 * self.ratio.1).min(width)),
            _ => (height, width),
        };
        (h, w, ((height - h) / 2) as i64, ((width - w) / 2) as i64)
    }
}

impl Transform for ResizedCrop {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (height, width, row, col) = self.draw(sample.view.height, sample.view.width, draw);
        sample.view = sample.view.crop(row, col, height, width);
        self.resizing.apply(sample, self.size.0, self.size.1);
        Ok(())
    }
}
