//! Tiled GeoTIFF and COG out, block by block, through a temporary name.

mod describe;
mod options;
mod pyramid;
mod spool;
mod tags;
mod tile;

pub use options::{WriteOptions, WriterCompression};

use crate::{DType, Error, Grid, Pixels, Resampling, Result, Samples, with_dtype};
use pyramid::{Pyramid, RowSink};
use spool::Spool;
use std::path::{Path, PathBuf};
use tags::Tags;
use tile::TileEncoder;

/// Offsets of plain TIFF have 32 bits.
const MAX_PLAIN_BYTES: u64 = u32::MAX as u64;

/// Writes a file from top to bottom, holding one row of tiles per level in memory and compressed tiles in a nameless file beside
/// it. Nothing lies under the final name before [`Writer::finish`]; a writer that is dropped leaves nothing behind.
///
/// The layout is that of a COG: all directories first, then the coarsest overview's tiles, last the full resolution's.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    grid: Grid,
    bands: usize,
    dtype: DType,
    options: WriteOptions,
    sizes: Vec<(usize, usize)>,
    sink: Box<dyn RowSink>,
    encoder: TileEncoder,
    spool: Spool,
    rows: usize,
}

impl Writer {
    /// Starts a file of `bands` bands of `dtype` on `grid`.
    ///
    /// # Errors
    /// [`Error::Write`], and [`Error::WriteInput`] where the options do not fit each other.
    pub fn create(path: &Path, grid: &Grid, bands: usize, dtype: DType, options: WriteOptions) -> Result<Writer> {
        let wrong = |reason: String| Error::WriteInput { path: path.to_owned(), reason };
        check(grid, bands, dtype, &options).map_err(wrong)?;
        describe::add_place(&mut Tags::new(), grid).map_err(wrong)?;
        let has_predictor = options.predictor && options.compression != WriterCompression::None;
        let encoder = TileEncoder::new(options.compression, has_predictor).map_err(wrong)?;
        let has_overviews = options.overviews.is_some();
        let sizes = pyramid::level_sizes(grid.width_px, grid.height_px, options.tile_px, has_overviews);
        let method = options.overviews.unwrap_or(Resampling::Nearest);
        let sink: Box<dyn RowSink> = with_dtype!(dtype, T => {
            Box::new(Pyramid::<T>::new(bands, &sizes, options.tile_px, method, options.nodata))
        });
        let spool = Spool::create(path, sizes.len())?;
        let (path, grid) = (path.to_owned(), grid.clone());
        Ok(Writer { path, grid, bands, dtype, options, sizes, sink, encoder, spool, rows: 0 })
    }

    /// Adds the next rows: `samples` `[band, row, col]` over the full width; any number of rows.
    ///
    /// # Errors
    /// [`Error::WriteInput`] where shape or type do not fit, [`Error::Write`].
    pub fn write_rows(&mut self, samples: &Samples) -> Result<()> {
        let (bands, rows, cols) = samples.shape();
        let wrong = |reason: String| Error::WriteInput { path: self.path.clone(), reason };
        if samples.dtype() != self.dtype {
            return Err(wrong(format!("it holds {}, and rows of {} were given", self.dtype, samples.dtype())));
        }
        if (bands, cols) != (self.bands, self.grid.width_px) || self.rows + rows > self.grid.height_px {
            let (b, h, w) = (self.bands, self.grid.height_px, self.grid.width_px);
            let reason = format!("[{b}, {h}, {w}] has no room for [{bands}, {rows}, {cols}] after row {}", self.rows);
            return Err(wrong(reason));
        }
        self.sink.push(samples, &mut self.encoder, &mut self.spool)?;
        self.rows += rows;
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::WriteInput`] where rows are missing, [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        let wrong = |reason: String| Error::WriteInput { path: self.path.clone(), reason };
        if self.rows != self.grid.height_px {
            return Err(wrong(format!("{} of {} rows were written", self.rows, self.grid.height_px)));
        }
        let level = |(index, size): (usize, &(usize, usize))| {
            describe::level_tags(*size, self.bands, self.dtype, &self.options, index > 0)
        };
        let mut directories: Vec<Tags> = self.sizes.iter().enumerate().map(level).collect();
        if let Some(first) = directories.first_mut() {
            describe::add_place(first, &self.grid).map_err(wrong)?;
            describe::add_metadata(first, &self.options, self.bands);
        }
        // Places of the right number, so that the header's length is known before its values are.
        self.set_places(&mut directories, 0);
        let is_big = tags::header_len(&directories, true).saturating_add(self.spool.len()) > MAX_PLAIN_BYTES;
        let data_begin = tags::header_len(&directories, is_big);
        self.set_places(&mut directories, data_begin);
        let header = tags::header(&directories, is_big);
        self.spool.assemble(&header)
    }

    /// Where each tile will lie once the levels, the coarsest first, follow the header.
    fn set_places(&self, directories: &mut [Tags], data_begin: u64) {
        let mut end = data_begin;
        for (directory, tiles) in directories.iter_mut().zip(&self.spool.tiles).rev() {
            let byte_counts: Vec<u64> = tiles.iter().map(|(_, len)| *len).collect();
            let offsets = byte_counts.iter().map(|len| {
                let start = end;
                end += len;
                start
            });
            let offsets = offsets.collect();
            tags::set_places(directory, offsets, byte_counts);
        }
    }
}

fn check(grid: &Grid, bands: usize, dtype: DType, options: &WriteOptions) -> std::result::Result<(), String> {
    let sides = [grid.width_px, grid.height_px];
    if bands == 0 || sides.contains(&0) {
        return Err("an image without pixels cannot be written".to_owned());
    }
    if bands > usize::from(u16::MAX) || sides.iter().any(|side| i32::try_from(*side).is_err()) {
        return Err(format!("TIFF cannot hold {bands} bands of {} by {} px", grid.width_px, grid.height_px));
    }
    if options.tile_px == 0 || !options.tile_px.is_multiple_of(16) || options.tile_px > 65_520 {
        return Err(format!("tiles of {} px cannot be written: give a multiple of 16", options.tile_px));
    }
    if !options.descriptions.is_empty() && options.descriptions.len() != bands {
        return Err(format!("{} band names were given for {bands} bands", options.descriptions.len()));
    }
    if options.color_table.is_some() && (bands != 1 || !matches!(dtype, DType::U8 | DType::U16)) {
        return Err(format!("colours are for one band of uint8 or uint16, not {bands} of {dtype}"));
    }
    if options.is_rgb && bands < 3 {
        return Err(format!("red, green and blue need three bands, not {bands}"));
    }
    if matches!(options.overviews, Some(Resampling::Bilinear | Resampling::Cubic)) {
        return Err("overviews are made by nearest, average or mode".to_owned());
    }
    Ok(())
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
