//! Augmentations by an affine map: `Affine`, `Rotate` and `ShiftScaleRotate`.

use super::parameters::Reader;
use super::warp::Warping;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("Rotate", 0.5, |reader| Ok(Box::new(Affine::rotate(reader)?))),
    ("ShiftScaleRotate", 0.5, |reader| Ok(Box::new(Affine::shift_scale_rotate(reader)?))),
    ("Affine", 0.5, |reader| Ok(Box::new(Affine::read(reader)?))),
];

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
    balanced: bool,
    shift: Shift,
    angle: (f64, f64),
    shear: ((f64, f64), (f64, f64)),
    frame: Frame,
    warping: Warping,
}

/// What of the turned sample is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Frame {
    /// As many pixels as before, around the same centre.
    Same,
    /// All of it.
    Grown,
    /// The largest upright rectangle that is all ground.
    Inscribed,
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
        let same: fn(f64) -> (f64, f64) = |value| (value, value);
        let pixels = both(reader, "translate_px", STILL, same)?;
        let shift = match reader.value("translate_percent").is_some() {
            true => both(reader, "translate_percent", STILL, same).map(|(x, y)| Shift::Parts(x, y))?,
            false => Shift::Pixels(pixels.0, pixels.1),
        };
        let affine = Self {
            scale: both(reader, "scale", UNSCALED, same)?,
            keep_ratio: reader.flag("keep_ratio", false)?,
            balanced: reader.flag("balanced_scale", false)?,
            shift,
            angle: reader.range("rotate", STILL, same)?,
            shear: both(reader, "shear", STILL, same)?,
            frame: if reader.flag("fit_output", false)? { Frame::Grown } else { Frame::Same },
            warping: Warping::read(reader)?,
        };
        affine.checked(reader)
    }

    fn rotate(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["rotate_method"]);
        let frame = if reader.flag("crop_border", false)? { Frame::Inscribed } else { Frame::Same };
        let angle = reader.range("limit", (-90.0, 90.0), around_zero)?;
        Ok(Self { angle, frame, ..Self::still(reader)? })
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
        // The scale is drawn for each axis, as albumentations does.
        Self { scale: (scale, scale), keep_ratio: false, shift, angle, ..Self::still(reader)? }.checked(reader)
    }

    /// What moves nothing, with the border and interpolation that all read alike.
    fn still(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            scale: (UNSCALED, UNSCALED),
            keep_ratio: true,
            balanced: false,
            shift: Shift::Pixels(STILL, STILL),
            angle: STILL,
            shear: (STILL, STILL),
            frame: Frame::Same,
            warping: Warping::read(reader)?,
        })
    }

    /// A factor for one axis; balanced, it is as often below 1 as above where the range allows both.
    fn factor(&self, range: Span, draw: &mut Draw) -> f64 {
        let (low, high) = range;
        match (self.balanced, low < 1.0, high > 1.0) {
            (false, ..) => draw.uniform(low, high),
            (true, true, true) if draw.chance(0.5) => draw.uniform(low, 1.0),
            (true, _, true) => draw.uniform(1.0, high),
            (true, true, false) => draw.uniform(low, 1.0),
            (true, false, false) => 1.0,
        }
    }

    fn checked(self, reader: &Reader<'_>) -> Result<Self, Error> {
        match self.scale.0.0 > 0.0 && self.scale.1.0 > 0.0 {
            true => Ok(self),
            false => Err(reader.refuse("scales must be above 0")),
        }
    }

    /// The drawn map from old to new positions: `[a, b, c, d, e, f]`, x' = a x + b y + c, y' = d x + e y + f; and the angle in
    /// degrees.
    fn matrix(&self, height: usize, width: usize, draw: &mut Draw) -> ([f64; 6], f64) {
        let pick = |range: (f64, f64), draw: &mut Draw| draw.uniform(range.0, range.1);
        let (dx, dy) = match self.shift {
            Shift::Pixels(x, y) => {
                (draw.between(x.0 as i64, x.1 as i64) as f64, draw.between(y.0 as i64, y.1 as i64) as f64)
            }
            Shift::Parts(x, y) => ((pick(x, draw) * width as f64).trunc(), (pick(y, draw) * height as f64).trunc()),
        };
        let shear = (-pick(self.shear.0, draw), -pick(self.shear.1, draw));
        let scale_x = self.factor(self.scale.0, draw);
        let scale_y = if self.keep_ratio { scale_x } else { self.factor(self.scale.1, draw) };
        let angle = pick(self.angle, draw);
        let (sin, cos) = angle.rem_euclid(360.0).to_radians().sin_cos();
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
        ([a, b, c, d, e, f], angle)
    }
}

/// What OpenCV computes positions in where it interpolates in steps.
const MAP_STEP_PX: f64 = 1.0 / 1024.0;

/// A position in whole steps.
fn step(position: f64) -> f64 {
    (position / MAP_STEP_PX).round_ties_even()
}

/// Longest side that a grown sample may have; the limit of windows.
const MAX_SIDE_PX: f64 = 16_384.0;

/// The map moved so that the whole sample lies right of and below (0, 0), with the rows and columns that it covers.
fn grown([a, b, c, d, e, f]: [f64; 6], height: usize, width: usize) -> Result<([f64; 6], (usize, usize)), Error> {
    let (w, h) = (width as f64, height as f64);
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
    let (xs, ys) = (corners.map(|(x, y)| a * x + b * y + c), corners.map(|(x, y)| d * x + e * y + f));
    let span = |values: [f64; 4]| {
        let (low, high) = (
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        (low.floor(), high.ceil() - low.floor() + 1.0)
    };
    let ((left, cols), (top, rows)) = (span(xs), span(ys));
    if rows.max(cols) > MAX_SIDE_PX {
        let reason =
            format!("a sample of {height} x {width} px would grow to {rows} x {cols} px; limit scale or shear");
        return Err(Error::Augmentation { name: "Affine".to_owned(), reason });
    }
    Ok(([a, b, c - left, d, e, f - top], (rows as usize, cols as usize)))
}

/// First row and column, rows and columns of the largest upright rectangle inside one of `height` x `width` turned by an angle.
fn inscribed(height: usize, width: usize, degrees: f64) -> (i64, i64, usize, usize) {
    let (w, h) = (width as f64, height as f64);
    let (long, short) = (w.max(h), w.min(h));
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (sin, cos) = (sin.abs(), cos.abs());
    // Two corners touch the longer sides, or all four touch a side each.
    let (across, down) = if short <= 2.0 * sin * cos * long || (sin - cos).abs() < 1e-10 {
        let half = 0.5 * short;
        if w >= h { (half / sin, half / cos) } else { (half / cos, half / sin) }
    } else {
        let cos_2a = cos * cos - sin * sin;
        ((w * cos - h * sin) / cos_2a, (h * cos - w * sin) / cos_2a)
    };
    let span = |length: f64, kept: f64| {
        let (first, end) =
            ((length / 2.0 - kept / 2.0).max(0.0) as usize, (length / 2.0 + kept / 2.0).min(length) as usize);
        (first, end.max(first + 1) - first)
    };
    let ((col, cols), (row, rows)) = (span(w, across), span(h, down));
    (row as i64, col as i64, rows, cols)
}

impl Transform for Affine {
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (height, width) = (sample.view.height, sample.view.width);
        let (mut map, angle) = self.matrix(height, width, draw);
        let mut size = (height, width);
        if self.frame == Frame::Grown {
            (map, size) = grown(map, height, width)?;
        }
        let [a, b, c, d, e, f] = map;
        let det = a * e - b * d;
        if det != 0.0 && map != [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] {
            let (ia, ib, id, ie) = (e / det, -b / det, -d / det, a / det);
            let (ic, i_f) = (-ia * c - ib * f, -id * c - ie * f);
            let stepped = self.warping.is_stepped();
            self.warping.remap(sample, size.0, size.1, |row, col| {
                let (x, y) = (col as f64, row as f64);
                match stepped {
                    false => (ia * x + ib * y + ic, id * x + ie * y + i_f),
                    true => (
                        (step(ib * y + ic) + step(ia * x)) * MAP_STEP_PX,
                        (step(ie * y + i_f) + step(id * x)) * MAP_STEP_PX,
                    ),
                }
            });
        }
        if self.frame == Frame::Inscribed {
            let (row, col, rows, cols) = inscribed(height, width, angle);
            sample.view = sample.view.crop(row, col, rows, cols);
        }
        Ok(())
    }
}
