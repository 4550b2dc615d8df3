//! What lies beyond the edge of a sample, for the steps that pad it or reach past it.
//!
//! Ground that nobody measured is invalid (image 0 after normalisation, target ignored) unless a recipe says what it is: by a
//! border mode that repeats what is there, or by `fill_mask`, which gives it a class and `fill` for its values.

use ndarray::{Array2, Array3};
use serde_json::Value;

use super::noise::mirror;
use super::parameters::Reader;
use super::view::View;
use crate::error::Error;
use crate::recipe::IGNORE;
use crate::sample::Sample;

/// OpenCV's border modes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edge {
    /// 0: `fill`.
    Constant,
    /// 1: the outermost pixel again and again.
    Replicate,
    /// 2: mirrored, the outermost pixel repeated once.
    Reflect,
    /// 3: from the opposite edge on.
    Wrap,
    /// 4: mirrored, the outermost pixel not repeated.
    Mirror,
}

/// An edge rule with what a constant edge consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Border {
    edge: Edge,
    /// One value for all bands, or one for each.
    fill: Vec<f32>,
    /// Target beyond a constant edge; where it is not given, such pixels are invalid.
    pub(crate) fill_label: Option<u8>,
}

impl Border {
    /// Reads `border_mode`, `fill` and `fill_mask`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Border, Error> {
        let edge = match reader.number("border_mode", 0.0)? {
            0.0 => Edge::Constant,
            1.0 => Edge::Replicate,
            2.0 => Edge::Reflect,
            3.0 => Edge::Wrap,
            4.0 => Edge::Mirror,
            _ => {
                let known = "0 (constant), 1 (replicate), 2 (reflect), 3 (wrap) or 4 (mirror)";
                return Err(reader.wrong("border_mode", known));
            }
        };
        Ok(Border { edge, fill: per_band(reader, "fill")?, fill_label: label(reader)? })
    }

    /// Whether pixels beyond the edge have values and targets.
    pub(crate) fn is_ground(&self) -> bool {
        self.edge != Edge::Constant || self.fill_label.is_some()
    }

    /// The value of a band beyond a constant edge.
    pub(crate) fn fill(&self, band: usize) -> f32 {
        fill_of(&self.fill, band)
    }

    /// The pixel that stands at a position, which may lie outside; `None` beyond a constant edge.
    pub(crate) fn position(&self, row: i64, col: i64, (rows, cols): (usize, usize)) -> Option<[usize; 2]> {
        let inside = row >= 0 && col >= 0 && (row as usize) < rows && (col as usize) < cols;
        let both = |f: fn(i64, usize) -> usize| Some([f(row, rows), f(col, cols)]);
        match self.edge {
            _ if inside => Some([row as usize, col as usize]),
            Edge::Constant => None,
            Edge::Replicate => both(|i, length| i.clamp(0, length as i64 - 1) as usize),
            Edge::Reflect => both(|i, length| {
                let folded = i.rem_euclid(2 * length as i64) as usize;
                folded.min(2 * length - 1 - folded)
            }),
            Edge::Wrap => both(|i, length| i.rem_euclid(length as i64) as usize),
            Edge::Mirror => both(mirror),
        }
    }

    /// The `height` x `width` pixels from (row, col) on, which may lie outside of the sample.
    pub(crate) fn cut(&self, sample: &mut Sample, (row, col): (i64, i64), height: usize, width: usize) {
        sample.settle();
        let size = sample.label.dim();
        let from = Array2::from_shape_fn((height, width), |(r, c)| self.position(row + r as i64, col + c as i64, size));
        let mut image = Array3::zeros((sample.image.dim().0, height, width));
        for (band, (source, mut plane)) in sample.image.outer_iter().zip(image.outer_iter_mut()).enumerate() {
            plane.zip_mut_with(&from, |value, at| *value = at.map_or(self.fill(band), |at| source[at]));
        }
        let beyond = self.fill_label.unwrap_or(IGNORE);
        sample.label = from.mapv(|at| at.map_or(beyond, |at| sample.label[at]));
        sample.valid = from.mapv(|at| at.map_or(self.fill_label.is_some(), |at| sample.valid[at]));
        sample.image = image;
        sample.view = View::whole(height, width);
    }
}

/// One number for all bands, or a list with one for each.
pub(crate) fn per_band(reader: &mut Reader<'_>, parameter: &'static str) -> Result<Vec<f32>, Error> {
    let number = |value: &Value| value.as_f64().map(|value| value as f32);
    let values = match reader.value(parameter) {
        None => Some(vec![0.0]),
        Some(Value::Array(list)) if !list.is_empty() => list.iter().map(number).collect(),
        Some(value) => number(value).map(|value| vec![value]),
    };
    values.ok_or_else(|| reader.wrong(parameter, "a number, or a list of one for each band"))
}

/// The value of a band out of [`per_band`]; bands beyond the end of a list have its last value.
pub(crate) fn fill_of(values: &[f32], band: usize) -> f32 {
    values.get(band).or(values.last()).copied().unwrap_or(0.0)
}

/// Reads `fill_mask`: a target value.
pub(crate) fn label(reader: &mut Reader<'_>) -> Result<Option<u8>, Error> {
    let value = match reader.value("fill_mask") {
        Some(Value::Array(list)) if list.len() == 1 => list.first(),
        value => value,
    };
    match value.map(Value::as_f64) {
        None => Ok(None),
        Some(Some(value)) if (0.0..=255.0).contains(&value) => Ok(Some(value as u8)),
        Some(_) => Err(reader.wrong("fill_mask", "a target value from 0 to 255")),
    }
}

/// Where a sample that is padded lies in the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Position {
    Center,
    /// At a corner: whether padding comes above, and to the left.
    Corner(bool, bool),
    Random,
}

impl Position {
    pub(crate) fn read(reader: &mut Reader<'_>, parameter: &'static str) -> Result<Position, Error> {
        Ok(match reader.text(parameter, "center")? {
            "center" => Position::Center,
            "top_left" => Position::Corner(false, false),
            "top_right" => Position::Corner(false, true),
            "bottom_left" => Position::Corner(true, false),
            "bottom_right" => Position::Corner(true, true),
            "random" => Position::Random,
            _ => {
                let known = "center, top_left, top_right, bottom_left, bottom_right or random";
                return Err(reader.wrong(parameter, known));
            }
        })
    }

    /// Rows above and columns to the left, of so many in all.
    pub(crate) fn before(self, rows: usize, cols: usize, draw: &mut crate::draw::Draw) -> (i64, i64) {
        let (rows, cols) = (rows as i64, cols as i64);
        match self {
            Position::Center => (rows / 2, cols / 2),
            Position::Corner(above, left) => (if above { rows } else { 0 }, if left { cols } else { 0 }),
            Position::Random => (draw.between(0, rows), draw.between(0, cols)),
        }
    }
}
