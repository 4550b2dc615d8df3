//! What a written file is to be like.

use crate::{ColorTable, Resampling};

/// How the blocks of a written file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterCompression {
    /// Not at all.
    None,
    /// zlib; level 1 (fast) to 12 (small).
    Deflate {
        /// 1 to 12.
        level: u8,
    },
    /// LZW, read by everything.
    Lzw,
    /// Zstandard; level 1 (fast) to 22 (small).
    Zstd {
        /// 1 to 22.
        level: u8,
    },
}

/// How a file is written.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteOptions {
    /// Rows and columns of a tile; a multiple of 16.
    pub tile_px: usize,
    /// How tiles are compressed.
    pub compression: WriterCompression,
    /// Store differences between neighbours: predictor 2 for integers, 3 for floats. Pays off for images, seldom for classes.
    pub predictor: bool,
    /// The value that stands for "not measured".
    pub nodata: Option<f64>,
    /// One name for each band, or none at all.
    pub descriptions: Vec<String>,
    /// Colours of a one-band uint8 or uint16 image: 256 or 65536 entries, shorter tables are filled up with black.
    pub color_table: Option<ColorTable>,
    /// The first three bands are red, green and blue.
    pub is_rgb: bool,
    /// What values of all bands are multiplied by to give what they stand for.
    pub scale: Option<f64>,
    /// Dataset metadata items.
    pub metadata: Vec<(String, String)>,
    /// How overviews are made, each half the size of the one before until one tile holds it: nearest or mode for labels,
    /// average for measurements; `None` writes no overviews.
    pub overviews: Option<Resampling>,
}

impl Default for WriteOptions {
    /// Tiles of 512 px, deflate with predictor, no overviews.
    fn default() -> Self {
        WriteOptions {
            tile_px: 512,
            compression: WriterCompression::Deflate { level: 6 },
            predictor: true,
            nodata: None,
            descriptions: Vec::new(),
            color_table: None,
            is_rgb: false,
            scale: None,
            metadata: Vec::new(),
            overviews: None,
        }
    }
}
