//! A sample taken apart and put together by a map: for each new pixel the position it comes from.
//!
//! Positions are (x, y) in pixels, whole numbers at pixel centres, as in OpenCV's `remap` and `warpAffine`.

use ndarray::{Array2, Array3, ArrayView2};

use super::noise::mirror;
use super::parameters::Reader;
use super::resize::{Method, cubic};
use crate::error::Error;
use crate::recipe::IGNORE;
use crate::sample::Sample;

/// OpenCV interpolates at positions rounded to 1/32 of a pixel, and results are to agree with it.
fn stepped(position: f64) -> f64 {
    (position * 32.0 + 0.5).floor() / 32.0
}

/// What lies beyond the edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edge {
    /// `fill` in the image.
    Constant,
    /// The outermost pixel again and again.
    Replicate,
    /// Mirrored, the outermost pixel not repeated.
    Mirror,
}

/// How values are made at positions between pixels and beyond the edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Warping {
    method: Method,
    edge: Edge,
    fill: f32,
    /// Target beyond the edge; where it is not given, such pixels are invalid.
    fill_label: Option<u8>,
}

impl Warping {
    /// Reads what all warping augmentations share.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Warping, Error> {
        let method = Method::read(reader, "interpolation", 1.0)?;
        Method::read_for_labels(reader)?;
        let edge = match reader.number("border_mode", 0.0)? {
            0.0 => Edge::Constant,
            1.0 => Edge::Replicate,
            4.0 => Edge::Mirror,
            _ => return Err(reader.wrong("border_mode", "0 (constant), 1 (replicate) or 4 (mirror)")),
        };
        let fill = reader.number("fill", 0.0)? as f32;
        let fill_label = match reader.value("fill_mask").map(serde_json::Value::as_f64) {
            None => None,
            Some(Some(value)) if (0.0..=255.0).contains(&value) => Some(value as u8),
            Some(_) => return Err(reader.wrong("fill_mask", "a target value from 0 to 255")),
        };
        Ok(Warping { method, edge, fill, fill_label })
    }

    /// Makes the sample anew, `height` x `width`, from where `from(row, col)` says each pixel comes from.
    pub(crate) fn remap(
        &self,
        sample: &mut Sample,
        height: usize,
        width: usize,
        from: impl Fn(usize, usize) -> (f64, f64),
    ) {
        sample.settle();
        let exact = Array2::from_shape_fn((height, width), |(row, col)| from(row, col));
        let positions = match self.method {
            Method::Nearest => exact.clone(),
            _ => exact.mapv(|(x, y)| (stepped(x), stepped(y))),
        };
        let mut image = Array3::zeros((sample.image.dim().0, height, width));
        let domain = sample.domain;
        for (source, mut plane) in sample.image.outer_iter().zip(image.outer_iter_mut()) {
            plane.zip_mut_with(&positions, |value, &(x, y)| *value = domain.interpolated(self.value(source, x, y)));
        }
        let nearest =
            exact.mapv(|(x, y)| self.position((y + 0.5).floor() as i64, (x + 0.5).floor() as i64, sample.label.dim()));
        let beyond = self.fill_label.unwrap_or(IGNORE);
        sample.label = nearest.mapv(|at| at.map_or(beyond, |at| sample.label[at]));
        sample.valid = nearest.mapv(|at| at.map_or(self.fill_label.is_some(), |at| sample.valid[at]));
        sample.image = image;
        sample.view = super::view::View::whole(height, width);
    }

    /// The pixel at a whole position, by the edge rule; `None` beyond a constant edge.
    fn position(&self, row: i64, col: i64, (rows, cols): (usize, usize)) -> Option<[usize; 2]> {
        let inside = row >= 0 && col >= 0 && (row as usize) < rows && (col as usize) < cols;
        let clamp = |i: i64, length: usize| i.clamp(0, length as i64 - 1) as usize;
        match self.edge {
            _ if inside => Some([row as usize, col as usize]),
            Edge::Constant => None,
            Edge::Replicate => Some([clamp(row, rows), clamp(col, cols)]),
            Edge::Mirror => Some([mirror(row, rows), mirror(col, cols)]),
        }
    }

    fn value(&self, source: ArrayView2<'_, f32>, x: f64, y: f64) -> f32 {
        let pixel = |row: i64, col: i64| self.position(row, col, source.dim()).map_or(self.fill, |at| source[at]);
        let (left, top) = (x.floor(), y.floor());
        let (tx, ty) = ((x - left) as f32, (y - top) as f32);
        let (left, top) = (left as i64, top as i64);
        match self.method {
            Method::Nearest => pixel((y + 0.5).floor() as i64, (x + 0.5).floor() as i64),
            Method::Linear | Method::Area => {
                let upper = pixel(top, left) * (1.0 - tx) + pixel(top, left + 1) * tx;
                let lower = pixel(top + 1, left) * (1.0 - tx) + pixel(top + 1, left + 1) * tx;
                upper * (1.0 - ty) + lower * ty
            }
            Method::Cubic => {
                let (across, down) = (cubic(tx), cubic(ty));
                let row = |i: i64| -> f32 { (-1..=2).zip(across).map(|(j, w)| pixel(top + i, left + j) * w).sum() };
                (-1..=2).zip(down).map(|(i, w)| row(i) * w).sum()
            }
        }
    }
}
