//! Augmentations that take something away: whole bands, rectangles, ground under cloud.

use ndarray::{ArrayViewMut3, s};

use super::parameters::Reader;
use super::{Entry, Transform, border};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::{Domain, Sample};

pub(super) const ENTRIES: &[Entry] = &[
    ("ChannelDropout", 0.5, |reader| Ok(Box::new(ChannelDropout::read(reader)?))),
    ("CoarseDropout", 0.5, |reader| Ok(Box::new(CoarseDropout::read(reader)?))),
    ("CloudShadow", 0.3, |reader| Ok(Box::new(CloudShadow::read(reader)?))),
];

/// Some bands filled with one value.
#[derive(Debug)]
struct ChannelDropout {
    count: (i64, i64),
    fill: f32,
}

impl ChannelDropout {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let count = reader.range("channel_drop_range", (1.0, 1.0), |count| (count, count))?;
        if count.0 < 1.0 {
            return Err(reader.wrong("channel_drop_range", "at least one band"));
        }
        Ok(Self { count: (count.0 as i64, count.1 as i64), fill: reader.number("fill", 0.0)? as f32 })
    }
}

impl Transform for ChannelDropout {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let bands = sample.image.dim().0;
        let count = draw.between(self.count.0, self.count.1) as usize;
        if count >= bands {
            let reason = format!("{count} of {bands} bands cannot be dropped; lower channel_drop_range");
            return Err(Error::Augmentation { name: "ChannelDropout".to_owned(), reason });
        }
        let mut order: Vec<usize> = (0..bands).collect();
        draw.shuffle(&mut order);
        for &band in &order[..count] {
            sample.image.slice_mut(s![band, .., ..]).fill(self.fill);
        }
        Ok(())
    }
}

/// What a hole is filled with.
#[derive(Debug)]
enum Filling {
    /// One value, or one for each band.
    Values(Vec<f32>),
    /// A value of its own for each pixel, from 0 to full scale.
    Random,
    /// One value for each hole and band.
    RandomUniform,
}

/// Rectangles filled; the label below them stays, or is filled as well.
#[derive(Debug)]
struct CoarseDropout {
    holes: (i64, i64),
    heights: (f64, f64),
    widths: (f64, f64),
    filling: Filling,
    fill_label: Option<u8>,
}

impl CoarseDropout {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let same: fn(f64) -> (f64, f64) = |value| (value, value);
        let holes = reader.range("num_holes_range", (1.0, 2.0), same)?;
        let heights = reader.range("hole_height_range", (0.1, 0.2), same)?;
        let widths = reader.range("hole_width_range", (0.1, 0.2), same)?;
        if holes.0 < 0.0 || heights.0 <= 0.0 || widths.0 <= 0.0 {
            return Err(reader.refuse("numbers and sizes of holes must be above 0"));
        }
        let filling = match reader.value("fill").and_then(serde_json::Value::as_str) {
            None => Filling::Values(border::per_band(reader, "fill")?),
            Some("random") => Filling::Random,
            Some("random_uniform") => Filling::RandomUniform,
            Some(_) => {
                let known = "a number, one for each band, \"random\" or \"random_uniform\"";
                return Err(reader.wrong("fill", known));
            }
        };
        let fill_label = border::label(reader)?;
        Ok(Self { holes: (holes.0 as i64, holes.1 as i64), heights, widths, filling, fill_label })
    }

    /// Side of a hole: pixels where the range reaches 1, else parts of the side.
    fn side(range: (f64, f64), whole: usize, draw: &mut Draw) -> usize {
        let side = if range.1 >= 1.0 {
            draw.between(range.0 as i64, (range.1 as i64).min(whole as i64)) as usize
        } else {
            (draw.uniform(range.0, range.1) * whole as f64) as usize
        };
        side.min(whole)
    }

    fn fill(&self, mut hole: ArrayViewMut3<'_, f32>, domain: Domain, draw: &mut Draw) {
        let mut any = || domain.settle((draw.unit() * f64::from(domain.max_value)) as f32);
        for (band, mut plane) in hole.outer_iter_mut().enumerate() {
            match &self.filling {
                Filling::Values(values) => plane.fill(border::fill_of(values, band)),
                Filling::Random => plane.mapv_inplace(|_| any()),
                Filling::RandomUniform => plane.fill(any()),
            }
        }
    }
}

impl Transform for CoarseDropout {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.settle();
        let (height, width) = sample.label.dim();
        for _ in 0..draw.between(self.holes.0, self.holes.1) {
            let (h, w) = (Self::side(self.heights, height, draw), Self::side(self.widths, width, draw));
            let row = draw.between(0, (height - h) as i64) as usize;
            let col = draw.between(0, (width - w) as i64) as usize;
            self.fill(sample.image.slice_mut(s![.., row..row + h, col..col + w]), sample.domain, draw);
            if let Some(label) = self.fill_label {
                sample.label.slice_mut(s![row..row + h, col..col + w]).fill(label);
            }
        }
        Ok(())
    }
}

/// swath's own: a soft-edged cloud over the sample, and its shadow displaced from it. Ground that thick cloud hides is ignored.
#[derive(Debug)]
struct CloudShadow {
    cover: (f64, f64),
    brightness: f64,
    shadow: f64,
}

impl CloudShadow {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let cover = reader.range("cover_range", (0.05, 0.3), |cover| (cover, cover))?;
        if cover.0 <= 0.0 || cover.1 > 1.0 {
            return Err(reader.wrong("cover_range", "shares above 0, at most 1"));
        }
        Ok(Self { cover, brightness: reader.number("brightness", 0.6)?, shadow: reader.number("shadow", 0.4)? })
    }
}

/// Radius by which a cloud's opacity falls from 1 to 0, in parts of its radius.
const CLOUD_EDGE: f64 = 0.5;

impl Transform for CloudShadow {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.settle();
        let (height, width) = sample.label.dim();
        let area = draw.uniform(self.cover.0, self.cover.1) * (height * width) as f64;
        let radius = (area / std::f64::consts::PI).sqrt().max(1.0);
        let aspect = draw.uniform(0.5, 2.0).sqrt();
        let centre = (draw.unit() * height as f64, draw.unit() * width as f64);
        let (away, angle) = (radius * draw.uniform(0.5, 1.5), draw.unit() * std::f64::consts::TAU);
        let shade_centre = (centre.0 + away * angle.sin(), centre.1 + away * angle.cos());
        let opacity = |(row, col): (usize, usize), centre: (f64, f64)| {
            let (dy, dx) = ((row as f64 - centre.0) * aspect, (col as f64 - centre.1) / aspect);
            ((1.0 + CLOUD_EDGE / 2.0 - dy.hypot(dx) / radius) / CLOUD_EDGE).clamp(0.0, 1.0) as f32
        };
        let domain = sample.domain;
        let (white, dark) = (self.brightness as f32 * domain.max_value, self.shadow as f32);
        for ((_, row, col), value) in sample.image.indexed_iter_mut() {
            let shaded = *value * (1.0 - dark * opacity((row, col), shade_centre));
            let cloud = opacity((row, col), centre);
            *value = domain.settle(shaded * (1.0 - cloud) + white * cloud);
        }
        for (at, label) in sample.label.indexed_iter_mut() {
            if opacity(at, centre) > 0.5 {
                *label = crate::IGNORE;
            }
        }
        Ok(())
    }
}
