//! Tiled GeoTIFF and COG out, block by block, through a temporary name.

use crate::{ColorTable, DType, Grid, Pixels, Resampling, Result};
use std::path::Path;

/// How the blocks of a written file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum WriterCompression {
    None,
    Deflate { level: u8 },
    Lzw,
    Zstd { level: u8 },
}

/// How a file is written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Rows and columns of a tile; a multiple of 16.
    pub tile_px: usize,
    /// Compression, with the predictor that suits the type (horizontal for integers, floating point for floats) where `predictor` is on.
    pub compression: WriterCompression,
    /// Store differences between neighbours.
    pub predictor: bool,
    /// The value that stands for "not measured".
    pub nodata: Option<f64>,
    /// One name for each band, or none at all.
    pub descriptions: Vec<String>,
    /// Colours of a one-band uint8 or uint16 image.
    pub color_table: Option<ColorTable>,
    /// Dataset metadata items.
    pub metadata: Vec<(String, String)>,
    /// How overviews are made: mode or nearest for labels.
    pub overviews: Option<Resampling>,
}

/// Writes a file row of tiles after row of tiles, top to bottom, holding one row of tiles in memory (and, for overviews, the
/// finished levels in a second temporary file). Nothing lies under the final name before [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    /// Starts a file of `bands` bands of `dtype` on `grid`.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write), and [`Error::WriteInput`](crate::Error::WriteInput) where the options do not fit each other.
    pub fn create(path: &Path, grid: &Grid, bands: usize, dtype: DType, options: WriteOptions) -> Result<Writer> {
        unimplemented!("{path:?} {grid:?} {bands} {dtype} {options:?}")
    }

    /// Adds the next rows: `samples` `[band, row, col]` over the full width; any number of rows.
    ///
    /// # Errors
    /// [`Error::WriteInput`](crate::Error::WriteInput) where shape or type do not fit, [`Error::Write`](crate::Error::Write).
    pub fn write_rows(&mut self, samples: &crate::Samples) -> Result<()> {
        unimplemented!("{samples:?}")
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::WriteInput`](crate::Error::WriteInput) where rows are missing, [`Error::Write`](crate::Error::Write).
    pub fn finish(self) -> Result<()> {
        unimplemented!()
    }
}

/// Writes pixels held in memory as a COG: header first, overviews, tiles.
///
/// # Errors
/// As [`Writer`].
pub fn write_cog(path: &Path, pixels: &Pixels, options: WriteOptions) -> Result<()> {
    let (bands, _, _) = pixels.samples.shape();
    let mut writer = Writer::create(path, &pixels.grid, bands, pixels.samples.dtype(), options)?;
    writer.write_rows(&pixels.samples)?;
    writer.finish()
}
