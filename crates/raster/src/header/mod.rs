//! What a file says about its pixels: levels, blocks, types, bands, nodata and place. Parsed within limits; reads nothing itself.

mod band;
mod blocks;
mod bytes;
mod cog;
mod complete;
mod directory;
mod level;
mod metadata;
mod parse;
mod place;

pub use band::{Band, ColorTable, Photometric};
pub use level::{Compression, Level};

pub(crate) use bytes::{HeaderBytes, Stop};
pub(crate) use directory::tag;
pub(crate) use level::{Predictor, SampleFormat};
pub(crate) use parse::parse;

use crate::{Crs, DType, Grid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sizes that a file may not exceed, since they come from the file itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All header bytes read for one file. A 100,000 by 100,000 px image in 256 px tiles has 2.4 MB of block tables.
    pub header_bytes: u64,
    /// Image directories followed. A COG has one per overview and mask, about 20 at most.
    pub directories: usize,
    /// Bytes of one decoded block. Strips can be as large as the image: 10980 by 10980 uint16 in one strip is 241 MB.
    pub block_bytes: u64,
    /// Bytes of one compressed block.
    pub compressed_block_bytes: u64,
    /// Bytes of pixels that one window may ask for.
    pub window_bytes: u64,
    /// Bands of one file. Hyperspectral images have a few hundred.
    pub bands: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes: 64 << 20,
            directories: 256,
            block_bytes: 1 << 30,
            compressed_block_bytes: 1 << 30,
            window_bytes: 8 << 30,
            bands: 65_535,
        }
    }
}

/// What a file says about its pixels.
#[derive(Clone, Debug)]
pub struct Header {
    /// Full resolution first, then the overviews, each coarser than the one before. Never empty.
    pub levels: Vec<Level>,
    /// The internal mask of each level, where there is one; as long as `levels`.
    pub masks: Vec<Option<Level>>,
    /// Where the full resolution lies.
    pub grid: Grid,
    /// Type of all bands once decoded.
    pub dtype: DType,
    /// The value that stands for "not measured", as the file says it.
    pub nodata: Option<f64>,
    /// One for each band, in file order.
    pub bands: Vec<Band>,
    /// What the bands mean as colours.
    pub photometric: Photometric,
    /// Colours of a palette image.
    pub color_table: Option<ColorTable>,
    /// Band (from 0) that holds opacity, 0 meaning invalid.
    pub alpha_band: Option<usize>,
    /// Ground control points (col, row, x, y), where the file has these instead of a transform.
    pub ground_control_points: Vec<[f64; 4]>,
    /// The file's own metadata items (GDAL's), by name.
    pub metadata: BTreeMap<String, String>,
}

impl Header {
    /// Grid of a level: the full resolution's extent cut into the level's pixels.
    pub fn level_grid(&self, level: usize) -> Option<Grid> {
        let level = self.levels.get(level)?;
        Some(self.grid.with_size(level.width_px, level.height_px))
    }

    /// Memory that the header takes: nearly all of it tables of blocks.
    pub(crate) fn size_bytes(&self) -> u64 {
        let tables = |level: &Level| (level.offsets.len() + level.byte_counts.len()) as u64 * 8;
        1024 + self.levels.iter().chain(self.masks.iter().flatten()).map(tables).sum::<u64>()
    }

    /// The coarsest level whose pixels are no larger than `pixel_size_ratio` full-resolution pixels; 0 for ratios below 2.
    pub fn level_for(&self, pixel_size_ratio: f64) -> usize {
        let full = self.grid.width_px as f64;
        let fits = |level: &Level| full / level.width_px as f64 <= pixel_size_ratio * 1.001;
        self.levels.iter().rposition(fits).unwrap_or(0)
    }
}

/// An opened file: its address, its header and how to reach its bytes. Made by [`Fetcher::open`](crate::Fetcher::open).
#[derive(Debug)]
pub struct Raster {
    /// The address it was opened by.
    pub href: String,
    /// What it says about itself.
    pub header: Header,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Equal for the same file opened twice by one fetcher; the key of its blocks in caches.
    pub id: u64,
    pub(crate) limits: Limits,
    pub(crate) location: Arc<crate::fetch::Location>,
}

impl Raster {
    /// The same file as one that lies in `crs`, whatever it says itself. Its blocks are the same in caches.
    pub fn in_crs(&self, crs: Crs) -> Raster {
        let mut header = self.header.clone();
        header.grid.crs = Some(crs);
        let (href, location) = (self.href.clone(), self.location.clone());
        Raster { href, header, file_bytes: self.file_bytes, id: self.id, limits: self.limits, location }
    }
}
