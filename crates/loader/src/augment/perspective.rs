//! `Perspective`: a sample seen at an angle.

use super::parameters::Reader;
use super::warp::Warping;
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[("Perspective", 0.5, |reader| Ok(Box::new(Perspective::read(reader)?)))];

/// The four corners moved inwards by random amounts, then pulled out to the corners again.
#[derive(Debug)]
struct Perspective {
    scale: (f64, f64),
    /// All of the sample is kept, not only what lies between the corners.
    fit: bool,
    /// The result is brought to the size of the sample.
    keep_size: bool,
    warping: Warping,
}

/// Corners are moved by at most this part of a side, as in albumentations: further in, the quadrilateral could fold.
const MAX_CORNER_SHIFT: f64 = 0.32;

impl Perspective {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (fit, keep_size) = (reader.flag("fit_output", false)?, reader.flag("keep_size", true)?);
        let scale = reader.range("scale", (0.05, 0.1), |scale| (0.0, scale))?;
        Ok(Self { scale, fit, keep_size, warping: Warping::read(reader)? })
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
        let map = match self.fit {
            false => Some((Map::square_to(&corners), sides(&corners))),
            true => all_of(&corners, w, h),
        };
        // Corners so close to a line that there is no map leave the sample as it is.
        let Some((map, (new_w, new_h))) = map else { return Ok(()) };
        let (new_w, new_h) = if self.keep_size { (w, h) } else { (new_w, new_h) };
        self.warping.remap(sample, new_h as usize, new_w as usize, |row, col| {
            map.apply(col as f64 / new_w, row as f64 / new_h)
        });
        Ok(())
    }
}

/// Width and height of a quadrilateral in whole pixels: those of its longer sides.
fn sides([p0, p1, p2, p3]: &[(f64, f64); 4]) -> (f64, f64) {
    let length = |a: &(f64, f64), b: &(f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    let longer = |one: f64, other: f64| one.max(other).floor().max(2.0);
    (longer(length(p0, p1), length(p3, p2)), longer(length(p1, p2), length(p0, p3)))
}

/// The map that shows all of a sample of `w` x `h` pixels where its corners go when the four points are pulled to the
/// corners, with the width and height that this takes.
fn all_of(points: &[(f64, f64); 4], w: f64, h: f64) -> Option<(Map, (f64, f64))> {
    let pulled = Map::square_to(points).inverse()?;
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| {
        let (u, v) = pulled.apply(x, y);
        (u * w, v * h)
    });
    let low = |axis: fn(&(f64, f64)) -> f64| corners.iter().map(axis).fold(f64::INFINITY, f64::min);
    let (left, top) = (low(|p| p.0), low(|p| p.1));
    let moved = corners.map(|(x, y)| ((x - left).round_ties_even(), (y - top).round_ties_even()));
    let high = |axis: fn(&(f64, f64)) -> f64| moved.iter().map(axis).fold(0.0, f64::max);
    let (new_w, new_h) = (high(|p| p.0), high(|p| p.1));
    if !(1.0..=MAX_SIDE_PX).contains(&new_w) || !(1.0..=MAX_SIDE_PX).contains(&new_h) {
        return None;
    }
    // From the unit square of the result over the sample's unit square to the sample.
    let from_square = Map::square_to(&moved.map(|(x, y)| (x / new_w, y / new_h))).inverse()?;
    Some((from_square.scaled(w, h), (new_w, new_h)))
}

/// Longest side of a result; the limit of windows.
const MAX_SIDE_PX: f64 = 16_384.0;

/// A projective map of the plane, row after row of its matrix.
#[derive(Debug, Clone, Copy)]
struct Map([f64; 9]);

impl Map {
    fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let m = &self.0;
        let z = m[6] * x + m[7] * y + m[8];
        ((m[0] * x + m[1] * y + m[2]) / z, (m[3] * x + m[4] * y + m[5]) / z)
    }

    /// Followed by a scaling of both axes.
    fn scaled(self, x: f64, y: f64) -> Map {
        let m = self.0;
        Map([m[0] * x, m[1] * x, m[2] * x, m[3] * y, m[4] * y, m[5] * y, m[6], m[7], m[8]])
    }

    /// By the adjugate, whose scale a projective map does not have.
    fn inverse(&self) -> Option<Map> {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let adjugate = [
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ];
        let det = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
        (det.is_finite() && det.abs() > 1e-12).then_some(Map(adjugate))
    }

    /// The map that takes the unit square's corners (0,0), (1,0), (1,1), (0,1) to four points (Heckbert 1989).
    fn square_to(points: &[(f64, f64); 4]) -> Map {
        let [p0, p1, p2, p3] = *points;
        let (sum_x, sum_y) = (p0.0 - p1.0 + p2.0 - p3.0, p0.1 - p1.1 + p2.1 - p3.1);
        let ((dx1, dy1), (dx2, dy2)) = ((p1.0 - p2.0, p1.1 - p2.1), (p3.0 - p2.0, p3.1 - p2.1));
        let det = dx1 * dy2 - dx2 * dy1;
        let (g, h) = match det == 0.0 {
            true => (0.0, 0.0),
            false => ((sum_x * dy2 - dx2 * sum_y) / det, (dx1 * sum_y - sum_x * dy1) / det),
        };
        let (top, bottom) = (
            [p1.0 - p0.0 + g * p1.0, p3.0 - p0.0 + h * p3.0, p0.0],
            [p1.1 - p0.1 + g * p1.1, p3.1 - p0.1 + h * p3.1, p0.1],
        );
        Map([top[0], top[1], top[2], bottom[0], bottom[1], bottom[2], g, h, 1.0])
    }
}
