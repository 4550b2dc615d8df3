//! To another size: `Resize`, and the interpolation that other steps share.
//!
//! Pixel centres are at half-integer positions, as in OpenCV's `resize`, whose `INTER_NEAREST` this follows as well: the
//! source of output column `j` is column `floor(j * width / new_width)`.

use ndarray::{Array2, Array3, ArrayView2};

use super::parameters::Reader;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[("Resize", 1.0, |reader| Ok(Box::new(Resize::read(reader)?)))];

/// How values between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// The value of one pixel.
    Nearest,
    /// Linear in both directions, over 2 x 2 pixels.
    Linear,
    /// Cubic convolution with a = -0.75, over 4 x 4 pixels.
    Cubic,
    /// The mean over the area that the new pixel covers; for smaller sizes.
    Area,
    /// A windowed sinc over 8 x 8 pixels.
    Lanczos,
}

impl Method {
    /// OpenCV's number for it, as albumentations writes it.
    pub(crate) fn read(reader: &mut Reader<'_>, parameter: &'static str, default: f64) -> Result<Method, Error> {
        match reader.number(parameter, default)? {
            0.0 => Ok(Method::Nearest),
            1.0 => Ok(Method::Linear),
            2.0 => Ok(Method::Cubic),
            3.0 => Ok(Method::Area),
            4.0 => Ok(Method::Lanczos),
            _ => Err(reader.wrong(parameter, "0 (nearest), 1 (linear), 2 (cubic), 3 (area) or 4 (lanczos)")),
        }
    }

    /// For labels, of which there is nothing in between.
    pub(crate) fn read_for_labels(reader: &mut Reader<'_>) -> Result<Method, Error> {
        match Method::read(reader, "mask_interpolation", 0.0)? {
            Method::Nearest => Ok(Method::Nearest),
            _ => Err(reader.wrong("mask_interpolation", "0 (nearest): classes have nothing in between")),
        }
    }
}

/// The methods of a step that brings samples to a size, which may differ for smaller sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resizing {
    method: Method,
    smaller: Method,
    labels: Method,
}

impl Resizing {
    /// Reads `interpolation`, `mask_interpolation` and `area_for_downscale`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Resizing, Error> {
        let method = Method::read(reader, "interpolation", 1.0)?;
        let labels = Method::read_for_labels(reader)?;
        let smaller = match reader.text("area_for_downscale", "")? {
            "" => method,
            "image" => Method::Area,
            _ => {
                let known = "\"image\" or nothing: classes have no mean over an area";
                return Err(reader.wrong("area_for_downscale", known));
            }
        };
        Ok(Resizing { method, smaller, labels })
    }

    /// Brings a sample to `height` x `width` pixels.
    pub(crate) fn apply(&self, sample: &mut Sample, height: usize, width: usize) {
        let is_smaller = height < sample.view.height || width < sample.view.width;
        resize(sample, height, width, if is_smaller { self.smaller } else { self.method }, self.labels);
    }
}

#[derive(Debug)]
struct Resize {
    height: usize,
    width: usize,
    resizing: Resizing,
}

impl Resize {
    fn read(reader: &mut Reader<'_>) -> Result<Resize, Error> {
        let (height, width) = (reader.pixels("height")?, reader.pixels("width")?);
        Ok(Resize { height, width, resizing: Resizing::read(reader)? })
    }
}

impl Transform for Resize {
    fn apply(&self, sample: &mut Sample, _draw: &mut Draw) -> Result<(), Error> {
        self.resizing.apply(sample, self.height, self.width);
        Ok(())
    }
}

/// Brings a sample to `height` x `width` pixels. A pixel is valid where the pixel nearest to it was.
pub(crate) fn resize(sample: &mut Sample, height: usize, width: usize, method: Method, label_method: Method) {
    sample.settle();
    let (old_height, old_width) = sample.label.dim();
    if (old_height, old_width) == (height, width) {
        return;
    }
    let mut image = Array3::zeros((sample.image.dim().0, height, width));
    for (source, mut plane) in sample.image.outer_iter().zip(image.outer_iter_mut()) {
        plane.assign(&resize_plane(source, height, width, method));
    }
    if method != Method::Nearest {
        let domain = sample.domain;
        image.mapv_inplace(|value| domain.interpolated(value));
    }
    let (rows, cols) = (Taps::between(old_height, height, label_method), Taps::between(old_width, width, label_method));
    let pick = |row: usize, col: usize| [rows.first[row], cols.first[col]];
    sample.label = Array2::from_shape_fn((height, width), |(row, col)| sample.label[pick(row, col)]);
    sample.valid = Array2::from_shape_fn((height, width), |(row, col)| sample.valid[pick(row, col)]);
    sample.image = image;
    sample.view = super::view::View::whole(height, width);
}

/// One band brought to `height` x `width` pixels; not rounded.
pub(crate) fn resize_plane(source: ArrayView2<'_, f32>, height: usize, width: usize, method: Method) -> Array2<f32> {
    let (rows, cols) = source.dim();
    // A mean over an area is one of whole pixels only where both sides get smaller.
    let is_mixed = method == Method::Area && (height > rows || width > cols);
    let taps =
        |old: usize, new: usize| if is_mixed { Taps::stretched(old, new) } else { Taps::between(old, new, method) };
    through(source, &taps(rows, height), &taps(cols, width))
}

/// One band made smaller by a factor: new pixels are exactly `1 / factor` wide, so that the last may reach past the edge or
/// end before it.
pub(crate) fn shrink_plane(source: ArrayView2<'_, f32>, factor: f64, method: Method) -> Array2<f32> {
    let taps = |length: usize| {
        let new = ((length as f64 * factor).round_ties_even() as usize).max(1);
        Taps::new(length, new, 1.0 / factor, method)
    };
    through(source, &taps(source.dim().0), &taps(source.dim().1))
}

/// For each output position along one axis: source positions and their weights.
struct Taps {
    /// The first source position, also the nearest one for [`Method::Nearest`].
    first: Vec<usize>,
    taps: Vec<Vec<(usize, f32)>>,
}

impl Taps {
    /// From one length to another.
    fn between(old: usize, new: usize, method: Method) -> Taps {
        Taps::new(old, new, scale_between(old, new), method)
    }

    /// Old pixels made as wide as they come out, with a linear step where two share a new pixel: what OpenCV does where an area
    /// grows in one direction.
    fn stretched(old: usize, new: usize) -> Taps {
        let (scale, grown, last) = (scale_between(old, new), new as f64 / old as f64, old - 1);
        let taps: Vec<Vec<(usize, f32)>> = (0..new)
            .map(|i| {
                let first = (i as f64 * scale).floor();
                let past = (i + 1) as f64 - (first + 1.0) * grown;
                let t = if past <= 0.0 { 0.0 } else { past.fract() as f32 };
                vec![((first as usize).min(last), 1.0 - t), ((first as usize + 1).min(last), t)]
            })
            .collect();
        Taps { first: taps.iter().map(|taps| taps[0].0).collect(), taps }
    }

    /// `new` positions, `scale` old pixels apart.
    fn new(old: usize, new: usize, scale: f64, method: Method) -> Taps {
        let last = old as i64 - 1;
        let clamped = |position: i64| position.clamp(0, last) as usize;
        let taps: Vec<Vec<(usize, f32)>> = (0..new)
            .map(|i| {
                let centre = (i as f64 + 0.5) * scale - 0.5;
                let (floor, t) = (centre.floor() as i64, (centre - centre.floor()) as f32);
                match method {
                    Method::Nearest => vec![(clamped((i as f64 * scale).floor() as i64), 1.0)],
                    Method::Area if scale > 1.0 => area(i as f64 * scale, (i + 1) as f64 * scale, old),
                    Method::Linear | Method::Area => vec![(clamped(floor), 1.0 - t), (clamped(floor + 1), t)],
                    Method::Cubic => (-1..=2).zip(cubic(t)).map(|(step, w)| (clamped(floor + step), w)).collect(),
                    Method::Lanczos => (-3..=4).zip(lanczos(t)).map(|(step, w)| (clamped(floor + step), w)).collect(),
                }
            })
            .collect();
        Taps { first: taps.iter().map(|taps| taps.first().map_or(0, |tap| tap.0)).collect(), taps }
    }
}

/// Old pixels to a new one, rounded as OpenCV rounds it: where this falls on a whole number decides which pixel is taken.
fn scale_between(old: usize, new: usize) -> f64 {
    1.0 / (new as f64 / old as f64)
}

/// The source pixels between two positions, by the share of each that lies between them.
fn area(start: f64, end: f64, length: usize) -> Vec<(usize, f32)> {
    let (start, end) = (start.min(length as f64 - 1.0), end.min(length as f64));
    let (first, last) = (start.floor() as usize, (end.ceil() as usize).min(length));
    let covered = |pixel: usize| (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)).max(0.0);
    (first..last).map(|pixel| (pixel, (covered(pixel) / (end - start)) as f32)).collect()
}

/// Weights of the four pixels around a position `t` past the second (Keys, a = -0.75 as in OpenCV).
pub(crate) fn cubic(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let outer = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let inner = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let (first, second, third) = (outer(t + 1.0), inner(t), inner(1.0 - t));
    [first, second, third, 1.0 - first - second - third]
}

/// Weights of the eight pixels around a position `t` past the fourth: sinc in a window of four pixels to each side, made to
/// add up to 1.
pub(crate) fn lanczos(t: f32) -> [f32; 8] {
    use std::f64::consts::PI;
    let weight = |distance: f64| match distance.abs() < 1e-6 {
        true => 1.0,
        false => 4.0 * (PI * distance).sin() * (PI * distance / 4.0).sin() / (PI * distance).powi(2),
    };
    let weights = [3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0, -4.0].map(|step| weight(f64::from(t) + step));
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| (weight / sum) as f32)
}

fn through(source: ArrayView2<'_, f32>, rows: &Taps, cols: &Taps) -> Array2<f32> {
    let mut across = Array2::zeros((source.dim().0, cols.taps.len()));
    for (line, mut out) in source.outer_iter().zip(across.outer_iter_mut()) {
        out.iter_mut().zip(&cols.taps).for_each(|(out, taps)| *out = taps.iter().map(|&(at, w)| line[at] * w).sum());
    }
    let mut result = Array2::zeros((rows.taps.len(), cols.taps.len()));
    for (mut out, taps) in result.outer_iter_mut().zip(&rows.taps) {
        for &(at, weight) in taps {
            out.scaled_add(weight, &across.row(at));
        }
    }
    result
}
