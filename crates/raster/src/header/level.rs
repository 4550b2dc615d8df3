//! One image directory: how its pixels are cut into blocks, and where those lie in the file.

use bytes::Bytes;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
    Lzma,
    Lerc,
    LercDeflate,
    LercZstd,
    Jpeg,
    WebP,
}

impl Compression {
    /// The usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "uncompressed",
            Compression::Lzw => "LZW",
            Compression::Deflate => "deflate",
            Compression::PackBits => "PackBits",
            Compression::Zstd => "ZSTD",
            Compression::Lzma => "LZMA",
            Compression::Lerc => "LERC",
            Compression::LercDeflate => "LERC with deflate",
            Compression::LercZstd => "LERC with ZSTD",
            Compression::Jpeg => "JPEG",
            Compression::WebP => "WebP",
        }
    }
}

/// What undoes the difference coding of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predictor {
    None,
    Horizontal,
    FloatingPoint,
}

/// How the bits of one value are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleFormat {
    Unsigned,
    Signed,
    Float,
}

/// One resolution of an image: size, blocks, encoding.
#[derive(Clone, Debug)]
pub struct Level {
    /// Columns.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
    /// Columns of a block; tiles at the right edge reach beyond the image.
    pub block_width_px: usize,
    /// Rows of a block; the last strip is shorter.
    pub block_height_px: usize,
    /// Cut into tiles, not strips.
    pub is_tiled: bool,
    /// Each band in blocks of its own.
    pub is_planar: bool,
    /// How blocks are compressed.
    pub compression: Compression,
    pub(crate) bands: usize,
    pub(crate) bits: u16,
    pub(crate) format: SampleFormat,
    pub(crate) predictor: Predictor,
    pub(crate) is_big_endian: bool,
    pub(crate) is_bit_reversed: bool,
    pub(crate) is_ycbcr: bool,
    pub(crate) jpeg_tables: Option<Bytes>,
    pub(crate) offsets: Vec<u64>,
    pub(crate) byte_counts: Vec<u64>,
}

impl Level {
    /// Blocks side by side.
    pub fn blocks_across(&self) -> usize {
        self.width_px.div_ceil(self.block_width_px)
    }

    /// Blocks one above the other.
    pub fn blocks_down(&self) -> usize {
        self.height_px.div_ceil(self.block_height_px)
    }
}

impl SampleFormat {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            SampleFormat::Unsigned => "unsigned integer",
            SampleFormat::Signed => "signed integer",
            SampleFormat::Float => "float",
        }
    }
}
