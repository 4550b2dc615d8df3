//! Decoded blocks to pixels: rectangles of each band, copied or handed out as they lie.

use super::plan::origin;
use super::{Block, Blocks, Piece, ReadPlan};
use crate::header::Level;
use crate::{Error, Pixels, Result, Sample, Window, with_dtype};
use ndarray::{Array3, s};
use std::sync::Arc;

impl Blocks {
    /// The plan they were read by.
    pub fn plan(&self) -> &ReadPlan {
        &self.plan
    }

    /// True where every block was had and decoded.
    pub fn is_complete(&self) -> bool {
        self.blocks.iter().chain(&self.mask_blocks).chain(&self.alpha_blocks).all(Option::is_some)
    }

    /// The window's pixels as rectangles of `T`, band by band within each block. They cover [`ReadPlan::covered`] without
    /// overlap; what lies outside the image, and blocks lost under [`FailurePolicy::Mask`](crate::FailurePolicy::Mask), have
    /// no piece, so the target is to be filled beforehand.
    ///
    /// # Errors
    /// [`Error::WrongType`] where the file's pixels are not `T`.
    pub fn pieces<T: Sample>(&self) -> Result<impl Iterator<Item = Piece<'_, T>>> {
        let actual = self.plan.raster.header.dtype;
        if actual != T::DTYPE {
            return Err(Error::WrongType { href: self.plan.raster.href.clone(), actual, asked: T::DTYPE });
        }
        let level = self.plan.level();
        Ok(pieces(level, &self.plan.request.window, &self.plan.bands, &self.plan.blocks, &self.blocks))
    }

    /// Copies the window out: `[band, row, col]`, with what has no value filled by nodata (or 0), and validity if it was asked for.
    ///
    /// # Errors
    /// [`Error::WrongType`] where a block is not of the file's type.
    pub fn to_pixels(&self) -> Result<Pixels> {
        with_dtype!(self.plan.raster.header.dtype, T => self.to_pixels_of::<T>())
    }

    fn to_pixels_of<T: Sample>(&self) -> Result<Pixels> {
        let window = self.plan.request.window;
        let fill = self.plan.nodata().map_or(T::default(), T::from_f64);
        let shape = (self.plan.bands.len(), window.height_px, window.width_px);
        let mut array = Array3::from_elem(shape, fill);
        for piece in self.pieces::<T>()? {
            let (rows, cols) = piece.samples.dim();
            let (top, left) = (piece.row_px, piece.col_px);
            array.slice_mut(s![piece.band, top..top + rows, left..left + cols]).assign(&piece.samples);
        }
        let valid = if self.plan.request.with_validity { Some(self.validity(&array)?) } else { None };
        let header = &self.plan.raster.header;
        let grid = header.level_grid(self.plan.request.level).unwrap_or_else(|| header.grid.clone());
        Ok(Pixels { samples: T::wrap(array), valid, grid: grid.of_window(&window) })
    }

    /// Which values are measurements: inside the image, in a block that was had, and as the file says it. As in GDAL, a mask
    /// decides alone, else nodata, else opacity; a nodata value that the request gives counts besides.
    fn validity<T: Sample>(&self, array: &Array3<T>) -> Result<Array3<bool>> {
        let mut valid = Array3::from_elem(array.dim(), false);
        for piece in self.pieces::<T>()? {
            let (rows, cols) = piece.samples.dim();
            let (top, left) = (piece.row_px, piece.col_px);
            valid.slice_mut(s![piece.band, top..top + rows, left..left + cols]).fill(true);
        }
        let header = &self.plan.raster.header;
        let window = &self.plan.request.window;
        if let Some(mask) = &header.masks[self.plan.request.level] {
            let blocks = pieces::<u8>(mask, window, &[0], &self.plan.mask_blocks, &self.mask_blocks);
            keep_where_nonzero(&mut valid, blocks, window);
        } else if let Some(alpha) = header.alpha_band.filter(|_| header.nodata.is_none()) {
            let (indices, blocks) = match self.plan.alpha_blocks.is_empty() {
                true => (&self.plan.blocks, &self.blocks),
                false => (&self.plan.alpha_blocks, &self.alpha_blocks),
            };
            let blocks = pieces::<T>(self.plan.level(), window, std::slice::from_ref(&alpha), indices, blocks);
            keep_where_nonzero(&mut valid, blocks, window);
        }
        let of_file = header.nodata.filter(|_| header.masks[self.plan.request.level].is_none());
        if let Some(nodata) = self.plan.request.nodata.or(of_file) {
            let is_nodata = nodata_test::<T>(nodata);
            ndarray::Zip::from(&mut valid).and(array).for_each(|valid, value| *valid &= !is_nodata(*value));
        }
        Ok(valid)
    }
}

/// Clears, in all bands, what `pieces` of a mask say is 0 or do not cover.
fn keep_where_nonzero<'a, T: Sample>(
    valid: &mut Array3<bool>,
    pieces: impl Iterator<Item = Piece<'a, T>>,
    window: &Window,
) {
    let mut keep = ndarray::Array2::from_elem((window.height_px, window.width_px), false);
    for piece in pieces {
        let (rows, cols) = piece.samples.dim();
        let mut to = keep.slice_mut(s![piece.row_px..piece.row_px + rows, piece.col_px..piece.col_px + cols]);
        to.zip_mut_with(&piece.samples, |keep, value| *keep = *value != T::default());
    }
    for mut band in valid.outer_iter_mut() {
        band.zip_mut_with(&keep, |valid, keep| *valid &= *keep);
    }
}

/// Whether a value is nodata, as GDAL has it: integers equal, floats so near that decimal text and averaging may have come
/// between them, NaN for NaN. A nodata value that an integer type cannot hold matches nothing.
pub fn nodata_test<T: Sample>(nodata: f64) -> impl Fn(T) -> bool {
    /// Four units in the last place of a float32, for float64 too.
    const NEAR: f64 = 2.0 * f32::EPSILON as f64;
    let value = T::from_f64(nodata);
    let is_float = T::DTYPE.is_float();
    let fits = is_float || value.to_f64() == nodata;
    let wanted = value.to_f64();
    move |sample: T| {
        if !is_float {
            return fits && sample == value;
        }
        let sample = sample.to_f64();
        sample == wanted
            || (sample - wanted).abs() < NEAR * (sample + wanted).abs()
            || (sample.is_nan() && wanted.is_nan())
    }
}

fn pieces<'a, T: Sample>(
    level: &'a Level,
    window: &'a Window,
    bands: &'a [usize],
    indices: &'a [usize],
    blocks: &'a [Option<Arc<Block>>],
) -> impl Iterator<Item = Piece<'a, T>> {
    let image = Window::new(0, 0, level.width_px, level.height_px);
    let wanted = image.intersection(window);
    let is_planar = level.is_planar;
    let held = indices.iter().zip(blocks).filter_map(|(index, block)| Some((*index, block.as_ref()?)));
    held.flat_map(move |(index, block)| {
        let array = T::of(&block.samples);
        let (block_col, block_row, plane) = origin(level, index);
        let area = Window::new(block_col as i64, block_row as i64, level.block_width_px, level.block_height_px);
        let shared = wanted.and_then(|wanted| wanted.intersection(&area));
        bands.iter().enumerate().filter_map(move |(position, band)| {
            let (array, shared) = (array?, shared?);
            let inner_band = if !is_planar {
                *band
            } else if *band == plane {
                0
            } else {
                return None;
            };
            let (top, left) = ((shared.row_px - area.row_px) as usize, (shared.col_px - area.col_px) as usize);
            let (bottom, right) = (top + shared.height_px, left + shared.width_px);
            let (bands, rows, cols) = array.dim();
            if inner_band >= bands || bottom > rows || right > cols {
                return None;
            }
            Some(Piece {
                band: position,
                row_px: (shared.row_px - window.row_px) as usize,
                col_px: (shared.col_px - window.col_px) as usize,
                samples: array.slice(s![inner_band, top..bottom, left..right]),
            })
        })
    })
}
