//! Augmentations by a matrix: rotations, affine maps, perspective, and crops brought to a size.

use super::parameters::Reader;
use super::resize::{Method, resize};
use super::warp::Warping;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("RandomResizedCrop", 1.0, |reader| Ok(Box::new(ResizedCrop::read(reader)?))),
    ("Rotate", 0.5, |reader| Ok(Box::new(Affine::rotate(reader)?))),
    ("ShiftScaleRotate", 0.5, |reader| Ok(Box::new(Affine::shift_scale_rotate(reader)?))),
    ("Affine", 0.5, |reader| Ok(Box::new(Affine::read(reader)?))),
    ("Perspective", 0.5, |reader| Ok(Box::new(Perspective::read(reader)?))),
];

/// A crop of random area and shape, brought to a size.
#[derive(Debug)]
struct ResizedCrop {
    size: (usize, usize),
    scale: (f64, f64),
    ratio: (f64, f64),
    method: Method,
    label_method: Method,
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
        let method = Method::read(reader, "interpolation", 1.0)?;
        let label_method = Method::read_for_labels(reader)?;
        reader.accept(&["area_for_downscale"]);
        Ok(Self { size, scale, ratio, method, label_method })
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
        resize(sample, self.size.0, self.size.1, self.method, self.label_method);
        Ok(())
    }
}

/// How far an affine map moves.
#[derive(Debug)]
enum Shift {
    Pixels((f64, f64), (f64, f64)),
    Parts((f64, f64), (f64, f64)),
}

/// `Affine`, and `Rotate` and `ShiftScaleRotate` as cases of it. Angles in degrees, counter-clockwise as albumentations draws them.
#[derive(Debug)]
struct Affine {
    scale: ((f64, f64), (f64, f64)),
    keep_ratio: bool,
    shift: Shift,
    angle: (f64, f64),
    shear: ((f64, f64), (f64, f64)),
    warping: Warping,
}

/// Smallest and largest value of a draw.
type Span = (f64, f64);

const STILL: Span = (0.0, 0.0);
const UNSCALED: Span = (1.0, 1.0);

fn around_zero(limit: f64) -> (f64, f64) {
    (-limit, limit)
}

/// A range for both axes, or a table with one for each.
fn both(
    reader: &mut Reader<'_>,
    parameter: &'static str,
    default: (f64, f64),
    spread: fn(f64) -> (f64, f64),
) -> Result<(Span, Span), Error> {
    if reader.value(parameter).is_some_and(serde_json::Value::is_object) {
        let mut axes = reader.nested(parameter)?;
        return Ok((axes.range("x", default, spread)?, axes.range("y", default, spread)?));
    }
    let range = reader.range(parameter, default, spread)?;
    Ok((range, range))
}

impl Affine {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["rotate_method"]);
        for parameter in ["fit_output", "balanced_scale"] {
            if reader.flag(parameter, false)? {
                return Err(reader.wrong(parameter, "false"));
            }
        }
        let same: fn(f64) -> (f64, f64) = |value| (value, value);
        let pixels = both(reader, "translate_px", STILL, same)?;
        let shift = match reader.value("translate_percent").is_some() {
            true => both(reader, "translate_percent", STILL, same).map(|(x, y)| Shift::Parts(x, y))?,
            false => Shift::Pixels(pixels.0, pixels.1),
        };
        let affine = Self {
            scale: both(reader, "scale", UNSCALED, same)?,
            keep_ratio: reader.flag("keep_ratio", false)?,
            shift,
            angle: reader.range("rotate", STILL, same)?,
            shear: both(reader, "shear", STILL, same)?,
            warping: Warping::read(reader)?,
        };
        affine.checked(reader)
    }

    fn rotate(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["rotate_method"]);
        if reader.flag("crop_border", false)? {
            return Err(reader.wrong("crop_border", "false"));
        }
        let angle = reader.range("limit", (-90.0, 90.0), around_zero)?;
        let shift = Shift::Pixels(STILL, STILL);
        let warping = Warping::read(reader)?;
        Ok(Self { scale: (UNSCALED, UNSCALED), keep_ratio: true, shift, angle, shear: (STILL, STILL), warping })
    }

    fn shift_scale_rotate(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["rotate_method"]);
        let limit = reader.range("shift_limit", (-0.0625, 0.0625), around_zero)?;
        let shift = Shift::Parts(
            reader.range("shift_limit_x", limit, around_zero)?,
            reader.range("shift_limit_y", limit, around_zero)?,
        );
        let (low, high) = reader.range("scale_limit", (-0.1, 0.1), around_zero)?;
        let scale = (1.0 + low, 1.0 + high);
        let angle = reader.range("rotate_limit", (-45.0, 45.0), around_zero)?;
        let warping = Warping::read(reader)?;
        // Scale and aspect are drawn for each axis, as albumentations does.
        Self { scale: (scale, scale), keep_ratio: false, shift, angle, shear: (STILL, STILL), warping }.checked(reader)
    }

    fn checked(self, reader: &Reader<'_>) -> Result<Self, Error> {
        match self.scale.0.0 > 0.0 && self.scale.1.0 > 0.0 {
            true => Ok(self),
            false => Err(reader.refuse("scales must be above 0")),
        }
    }

    /// The drawn map from old to new positions: `[a, b, c, d, e, f]`, x' = a x + b y + c, y' = d x + e y + f.
    fn matrix(&self, height: usize, width: usize, draw: &mut Draw) -> [f64; 6] {
        let pick = |range: (f64, f64), draw: &mut Draw| draw.uniform(range.0, range.1);
        let (dx, dy) = match self.shift {
            Shift::Pixels(x, y) => {
                (draw.between(x.0 as i64, x.1 as i64) as f64, draw.between(y.0 as i64, y.1 as i64) as f64)
            }
            Shift::Parts(x, y) => ((pick(x, draw) * width as f64).trunc(), (pick(y, draw) * height as f64).trunc()),
        };
        let shear = (-pick(self.shear.0, draw), -pick(self.shear.1, draw));
        let scale_x = pick(self.scale.0, draw);
        let scale_y = if self.keep_ratio { scale_x } else { pick(self.scale.1, draw) };
        let (sin, cos) = pick(self.angle, draw).rem_euclid(360.0).to_radians().sin_cos();
        let (shear_x, shear_y) = (shear.0.to_radians().tan(), shear.1.to_radians().tan());
        // Shear after rotation after scale, all about the centre of the outermost pixel centres.
        let rotated = [[cos * scale_x, sin * scale_y], [-sin * scale_x, cos * scale_y]];
        let a = rotated[0][0] + shear_x * rotated[1][0];
        let b = rotated[0][1] + shear_x * rotated[1][1];
        let d = shear_y * rotated[0][0] + rotated[1][0];
        let e = shear_y * rotated[0][1] + rotated[1][1];
        let centre = (width as f64 / 2.0 - 0.5, height as f64 / 2.0 - 0.5);
        let c = centre.0 + dx - a * centre.0 - b * centre.1;
        let f = centre.1 + dy - d * centre.0 - e * centre.1;
        [a, b, c, d, e, f]
    }
}

impl Transform for Affine {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (height, width) = (sample.view.height, sample.view.width);
        let [a, b, c, d, e, f] = self.matrix(height, width, draw);
        let det = a * e - b * d;
        if det == 0.0 || [a, b, c, d, e, f] == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] {
            return Ok(());
        }
        // From new to old positions, in OpenCV's order of operations and its steps of 1/1024 pixel.
        let inverse = 1.0 / det;
        let (ia, ib, id, ie) = (e * inverse, -b * inverse, -d * inverse, a * inverse);
        let (ic, i_f) = (-ia * c - ib * f, -id * c - ie * f);
        let fixed = |value: f64| (value * 1024.0).round_ties_even();
        self.warping.remap(sample, height, width, |row, col| {
            let (x, y) = (col as f64, row as f64);
            let (down_x, down_y) = (fixed(ib * y + ic), fixed(ie * y + i_f));
            ((down_x + fixed(ia * x)) / 1024.0, (down_y + fixed(id * x)) / 1024.0)
        });
        Ok(())
    }
}

/// The four corners moved inwards by random amounts, then pulled out to the corners again.
#[derive(Debug)]
struct Perspective {
    scale: (f64, f64),
    warping: Warping,
}

/// Corners are moved by at most this part of a side, as in albumentations: further in, the quadrilateral could fold.
const MAX_CORNER_SHIFT: f64 = 0.32;

impl Perspective {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if reader.flag("fit_output", false)? {
            return Err(reader.wrong("fit_output", "false"));
        }
        if !reader.flag("keep_size", true)? {
            return Err(reader.wrong("keep_size", "true"));
        }
        let scale = reader.range("scale", (0.05, 0.1), |scale| (0.0, scale))?;
        Ok(Self { scale, warping: Warping::read(reader)? })
    }
}

impl Transform for Perspective {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (height, width) = (sample.view.height, sample.view.width);
        let scale = draw.uniform(self.scale.0, self.scale.1);
        let (w, h) = (width as f64, height as f64);
        let corners: [(f64, f64); 4] = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y): (f64, f64)| {
            let (dx, dy) = draw.normal_pair();
            let moved = |corner: f64, by: f64| (corner - (by * scale).abs() % MAX_CORNER_SHIFT).abs();
            (moved(x, dx) * w, moved(y, dy) * h)
        });
        let map = square_to(&corners);
        self.warping.remap(sample, height, width, |row, col| {
            let (u, v) = (col as f64 / w, row as f64 / h);
            let z = map[6] * u + map[7] * v + 1.0;
            ((map[0] * u + map[1] * v + map[2]) / z, (map[3] * u + map[4] * v + map[5]) / z)
        });
        Ok(())
    }
}

/// The projective map that takes the unit square's corners (0,0), (1,0), (1,1), (0,1) to four points (Heckbert 1989).
fn square_to(points: &[(f64, f64); 4]) -> [f64; 8] {
    let [p0, p1, p2, p3] = *points;
    let (sum_x, sum_y) = (p0.0 - p1.0 + p2.0 - p3.0, p0.1 - p1.1 + p2.1 - p3.1);
    let ((dx1, dy1), (dx2, dy2)) = ((p1.0 - p2.0, p1.1 - p2.1), (p3.0 - p2.0, p3.1 - p2.1));
    let det = dx1 * dy2 - dx2 * dy1;
    let (g, h) = match det == 0.0 {
        true => (0.0, 0.0),
        false => ((sum_x * dy2 - dx2 * sum_y) / det, (dx1 * sum_y - sum_x * dy1) / det),
    };
    [p1.0 - p0.0 + g * p1.0, p3.0 - p0.0 + h * p3.0, p0.0, p1.1 - p0.1 + g * p1.1, p3.1 - p0.1 + h * p3.1, p0.1, g, h]
}
