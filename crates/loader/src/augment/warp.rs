//! A sample taken apart and put together by a map: for each new pixel the position it comes from.
//!
//! Positions are (x, y) in pixels, whole numbers at pixel centres, as in OpenCV's `remap` and `warpAffine`.

use ndarray::{Array2, Array3, ArrayView2};

use super::border::Border;
use super::parameters::Reader;
use super::resize::{Method, cubic, lanczos};
use crate::error::Error;
use crate::recipe::IGNORE;
use crate::sample::Sample;

/// OpenCV (5.0) takes the weights of its widest kernel from a table with 32 steps to a pixel, and results are to agree with it.
fn stepped(position: f64) -> f64 {
    (position * 32.0 + 0.5).floor() / 32.0
}

/// The pixel nearest to a position; of two, the even one.
fn nearest(position: f64) -> i64 {
    position.round_ties_even() as i64
}

/// How values are made at positions between pixels and beyond the edge.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Warping {
    method: Method,
    border: Border,
}

impl Warping {
    /// Reads what all warping augmentations share.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Warping, Error> {
        let method = Method::read(reader, "interpolation", 1.0)?;
        Method::read_for_labels(reader)?;
        Ok(Warping { method, border: Border::read(reader)? })
    }

    /// Whether values between pixels are made at steps, so that positions need not be exact.
    pub(crate) fn is_stepped(&self) -> bool {
        self.method == Method::Lanczos
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
        let positions = if self.is_stepped() { &exact.mapv(|(x, y)| (stepped(x), stepped(y))) } else { &exact };
        let mut image = Array3::zeros((sample.image.dim().0, height, width));
        let domain = sample.domain;
        for (band, (source, mut plane)) in sample.image.outer_iter().zip(image.outer_iter_mut()).enumerate() {
            let fill = self.border.fill(band);
            plane
                .zip_mut_with(positions, |value, &(x, y)| *value = domain.interpolated(self.value(source, fill, x, y)));
        }
        let size = sample.label.dim();
        let from = exact.mapv(|(x, y)| self.border.position(nearest(y), nearest(x), size));
        let label = self.border.fill_label;
        sample.label = from.mapv(|at| at.map_or(label.unwrap_or(IGNORE), |at| sample.label[at]));
        sample.valid = from.mapv(|at| at.map_or(label.is_some(), |at| sample.valid[at]));
        sample.image = image;
        sample.view = super::view::View::whole(height, width);
    }

    fn value(&self, source: ArrayView2<'_, f32>, fill: f32, x: f64, y: f64) -> f32 {
        let pixel = |row: i64, col: i64| self.border.position(row, col, source.dim()).map_or(fill, |at| source[at]);
        let (left, top) = (x.floor(), y.floor());
        let (tx, ty) = ((x - left) as f32, (y - top) as f32);
        let (left, top) = (left as i64, top as i64);
        match self.method {
            Method::Nearest => pixel(nearest(y), nearest(x)),
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
            Method::Lanczos => {
                let (across, down) = (lanczos(tx), lanczos(ty));
                let row = |i: i64| -> f32 { (-3..=4).zip(across).map(|(j, w)| pixel(top + i, left + j) * w).sum() };
                (-3..=4).zip(down).map(|(i, w)| row(i) * w).sum()
            }
        }
    }
}
