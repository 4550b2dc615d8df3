//! From window to read plan, and from decoded blocks to pixels.

mod pieces;
mod plan;

pub use pieces::nodata_test;

use crate::header::Raster;
use crate::{Samples, Window};
use ndarray::ArrayView2;
use std::sync::Arc;

/// What is to be read of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRequest {
    /// In pixels of `level`; may reach outside the image.
    pub window: Window,
    /// Bands counted from 0, in the order wanted; `None` for all.
    pub bands: Option<Vec<usize>>,
    /// 0 is full resolution.
    pub level: usize,
    /// Whether [`Pixels::valid`](crate::Pixels::valid) is wanted: costs reading the internal mask, if there is one.
    pub with_validity: bool,
    /// Nodata value to use instead of the file's.
    pub nodata: Option<f64>,
}

impl ReadRequest {
    /// All bands of a window at full resolution, without validity.
    pub fn window(window: Window) -> Self {
        ReadRequest { window, bands: None, level: 0, with_validity: false, nodata: None }
    }
}

/// Which blocks of a file make up a window. Cheap to make, checked, and holds no pixels.
#[derive(Clone, Debug)]
pub struct ReadPlan {
    pub(crate) raster: Arc<Raster>,
    pub(crate) request: ReadRequest,
    pub(crate) bands: Vec<usize>,
    /// Indices into the level's block tables, ascending.
    pub(crate) blocks: Vec<usize>,
    /// Indices into the mask's block tables, ascending; empty where validity is not wanted or there is no mask.
    pub(crate) mask_blocks: Vec<usize>,
    /// Blocks of the opacity band, where validity is wanted and these are not among `blocks`.
    pub(crate) alpha_blocks: Vec<usize>,
}

/// One decoded block: the values `[band, row, col]` that a strip or tile holds, of one band where the file is planar.
#[derive(Debug)]
pub struct Block {
    /// Values; tiles at the image's edge keep their padding.
    pub samples: Samples,
}

/// The decoded blocks of a plan, ready to be copied out.
#[derive(Debug)]
pub struct Blocks {
    pub(crate) plan: ReadPlan,
    pub(crate) blocks: Vec<Option<Arc<Block>>>,
    pub(crate) mask_blocks: Vec<Option<Arc<Block>>>,
    pub(crate) alpha_blocks: Vec<Option<Arc<Block>>>,
}

/// A rectangle of one band of a window, straight out of a decoded block.
#[derive(Debug)]
pub struct Piece<'a, T> {
    /// Position in the plan's bands, from 0.
    pub band: usize,
    /// First row within the window.
    pub row_px: usize,
    /// First column within the window.
    pub col_px: usize,
    /// Values `[row, col]`; each row is contiguous, so that `row.as_slice()` succeeds.
    pub samples: ArrayView2<'a, T>,
}
