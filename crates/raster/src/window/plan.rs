//! Which blocks make up a window.

use super::{ReadPlan, ReadRequest};
use crate::cache::BlockKey;
use crate::header::Level;
use crate::{Error, Raster, Result, Window};
use std::sync::Arc;

impl ReadPlan {
    /// Plans a read.
    ///
    /// # Errors
    /// [`Error::NoBand`], [`Error::NoLevel`] or [`Error::WindowTooLarge`].
    pub fn new(raster: &Arc<Raster>, request: ReadRequest) -> Result<ReadPlan> {
        let header = &raster.header;
        let levels = header.levels.len();
        let Some(level) = header.levels.get(request.level) else {
            return Err(Error::NoLevel { href: raster.href.clone(), level: request.level, levels });
        };
        let bands = request.bands.clone().unwrap_or_else(|| (0..header.bands.len()).collect());
        if let Some(band) = bands.iter().find(|band| **band >= header.bands.len()) {
            return Err(Error::NoBand { href: raster.href.clone(), band: *band, bands: header.bands.len() });
        }
        let window = request.window;
        // A side of 0 makes no pixels, but arrays bound the product of the other sides all the same.
        let [width, height, count] = [window.width_px, window.height_px, bands.len()].map(|side| side.max(1) as u64);
        let cells = width.saturating_mul(height).saturating_mul(count);
        let bytes = cells.saturating_mul(header.dtype.size_bytes() as u64);
        if bytes > raster.limits.window_bytes {
            let limit_bytes = raster.limits.window_bytes;
            return Err(Error::WindowTooLarge { href: raster.href.clone(), window, bytes, limit_bytes });
        }
        let blocks = blocks_of(level, &window, &bands);
        let mask = header.masks[request.level].as_ref().filter(|_| request.with_validity);
        let mask_blocks = mask.map(|mask| blocks_of(mask, &window, &[0])).unwrap_or_default();
        let alpha = header.alpha_band.filter(|band| request.with_validity && !bands.contains(band));
        let alpha_blocks = match alpha {
            Some(band) if level.is_planar => blocks_of(level, &window, &[band]),
            _ => Vec::new(),
        };
        Ok(ReadPlan { raster: raster.clone(), request, bands, blocks, mask_blocks, alpha_blocks })
    }

    /// The file to be read.
    pub fn raster(&self) -> &Arc<Raster> {
        &self.raster
    }

    /// The window, in pixels of its level.
    pub fn window(&self) -> Window {
        self.request.window
    }

    /// Bands (from 0) in the order wanted.
    pub fn bands(&self) -> &[usize] {
        &self.bands
    }

    /// What was asked for.
    pub fn request(&self) -> &ReadRequest {
        &self.request
    }

    /// Blocks the plan needs, masks included.
    pub fn block_count(&self) -> usize {
        self.blocks.len() + self.mask_blocks.len() + self.alpha_blocks.len()
    }

    /// The part of the window that the image covers, in the window's own pixels; `None` where it covers nothing.
    pub fn covered(&self) -> Option<Window> {
        let (level, window) = (self.level(), self.request.window);
        let image = Window::new(0, 0, level.width_px, level.height_px);
        let inside = image.intersection(&window)?;
        Some(Window { col_px: inside.col_px - window.col_px, row_px: inside.row_px - window.row_px, ..inside })
    }

    /// The value that stands for "not measured": the request's, else the file's.
    pub fn nodata(&self) -> Option<f64> {
        self.request.nodata.or(self.raster.header.nodata)
    }

    /// Bytes of a block, compressed and decoded.
    pub(crate) fn block_bytes(&self, key: BlockKey) -> u64 {
        let Some(level) = self.level_of(key) else { return 0 };
        let bands = if level.is_planar { 1 } else { level.bands };
        let value_bytes = if key.is_mask { 1 } else { self.raster.header.dtype.size_bytes() };
        let sizes = [level.block_width_px, level.block_height_px, bands, value_bytes];
        let decoded = sizes.iter().fold(1_u64, |bytes, size| bytes.saturating_mul(*size as u64));
        decoded.saturating_add(level.byte_counts.get(key.block).copied().unwrap_or(0))
    }

    pub(crate) fn level(&self) -> &Level {
        &self.raster.header.levels[self.request.level]
    }
}

/// Indices of the blocks of `bands` that meet `window`, ascending and each once.
fn blocks_of(level: &Level, window: &Window, bands: &[usize]) -> Vec<usize> {
    let image = Window::new(0, 0, level.width_px, level.height_px);
    let Some(inside) = image.intersection(window).filter(|_| !bands.is_empty()) else { return Vec::new() };
    // The intersection lies in the image, so that its ends are not negative.
    let (left, top) = (inside.col_px as usize, inside.row_px as usize);
    let cols = left / level.block_width_px..=(left + inside.width_px - 1) / level.block_width_px;
    let rows = top / level.block_height_px..=(top + inside.height_px - 1) / level.block_height_px;
    let mut planes = if level.is_planar { bands.to_vec() } else { vec![0] };
    planes.sort_unstable();
    planes.dedup();
    let (across, down) = (level.blocks_across(), level.blocks_down());
    let of_row = |plane: usize, row: usize| cols.clone().map(move |col| (plane * down + row) * across + col);
    planes.iter().flat_map(|plane| rows.clone().flat_map(move |row| of_row(*plane, row))).collect()
}

/// Where a block lies in its level: first column and row in pixels, and the first band it holds.
pub(super) fn origin(level: &Level, index: usize) -> (usize, usize, usize) {
    let (across, down) = (level.blocks_across().max(1), level.blocks_down().max(1));
    let (plane, within) = (index / (across * down), index % (across * down));
    ((within % across) * level.block_width_px, (within / across) * level.block_height_px, plane)
}
