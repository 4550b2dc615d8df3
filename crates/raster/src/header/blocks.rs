//! From a directory to a [`Level`]: sizes, encoding and block tables, each checked.

use super::Limits;
use super::bytes::Stop;
use super::directory::{Directory, tag};
use super::level::{Compression, Level, Predictor, SampleFormat};
use crate::DType;
use bytes::Bytes;

/// Columns and rows of an image; GDAL has the same limit.
const MAX_SIDE_PX: u64 = i32::MAX as u64;

/// Reads one directory's size, encoding and block tables.
pub(crate) fn level(directory: &Directory<'_>, limits: &Limits) -> Result<Level, Stop> {
    let (width_px, height_px) = (side(directory, tag::IMAGE_WIDTH)?, side(directory, tag::IMAGE_LENGTH)?);
    let bands = directory.uint(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
    if bands == 0 || bands > limits.bands as u64 {
        return Err(directory.bytes.over_limit("the number of bands", bands, limits.bands as u64));
    }
    let compression = compression(directory)?;
    let bits = uniform(directory, tag::BITS_PER_SAMPLE, 1, "bands of different bit depths")?;
    let format = sample_format(directory)?;
    let is_tiled = directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_OFFSETS);
    let (block_width_px, block_height_px) = if is_tiled {
        (side(directory, tag::TILE_WIDTH)?, side(directory, tag::TILE_LENGTH)?)
    } else {
        let rows = directory.uint(tag::ROWS_PER_STRIP)?.unwrap_or(height_px as u64);
        (width_px, usize::try_from(rows.clamp(1, height_px as u64)).unwrap_or(height_px))
    };
    let mut level = Level {
        width_px,
        height_px,
        block_width_px,
        block_height_px,
        is_tiled,
        is_planar: bands > 1 && directory.uint(tag::PLANAR_CONFIGURATION)? == Some(2),
        compression,
        bands: bands as usize,
        bits: u16::try_from(bits).unwrap_or(u16::MAX),
        format,
        predictor: predictor(directory, compression)?,
        is_big_endian: directory.is_big_endian,
        is_bit_reversed: directory.uint(tag::FILL_ORDER)? == Some(2),
        is_ycbcr: directory.uint(tag::PHOTOMETRIC)? == Some(6),
        jpeg_tables: directory.blob(tag::JPEG_TABLES)?.map(Bytes::copy_from_slice),
        offsets: Vec::new(),
        byte_counts: Vec::new(),
    };
    let dtype = dtype(&level)
        .ok_or_else(|| directory.bytes.unsupported(format!("a pixel type of {bits} bits ({})", level.format.name())))?;
    check(directory, &level, dtype, limits)?;
    block_tables(directory, &mut level)?;
    Ok(level)
}

/// Type of the pixels once decoded: bit depths in between are widened, 16-bit floats too, as GDAL does.
pub(crate) fn dtype(level: &Level) -> Option<DType> {
    match (level.format, level.bits) {
        (SampleFormat::Unsigned, 1..=8) => Some(DType::U8),
        (SampleFormat::Unsigned, 9..=16) => Some(DType::U16),
        (SampleFormat::Unsigned, 17..=32) => Some(DType::U32),
        (SampleFormat::Unsigned, 64) => Some(DType::U64),
        (SampleFormat::Signed, 8) => Some(DType::I8),
        (SampleFormat::Signed, 16) => Some(DType::I16),
        (SampleFormat::Signed, 32) => Some(DType::I32),
        (SampleFormat::Signed, 64) => Some(DType::I64),
        (SampleFormat::Float, 16 | 32) => Some(DType::F32),
        (SampleFormat::Float, 64) => Some(DType::F64),
        _ => None,
    }
}

fn side(directory: &Directory<'_>, tag: u16) -> Result<usize, Stop> {
    let value = directory.uint(tag)?.ok_or_else(|| directory.bytes.malformed(format!("tag {tag} is missing")))?;
    if value == 0 {
        return Err(directory.bytes.malformed(format!("tag {tag} says a size of 0")));
    }
    if value > MAX_SIDE_PX {
        return Err(directory.bytes.over_limit("a side of the image in pixels", value, MAX_SIDE_PX));
    }
    Ok(value as usize)
}

/// The one value that a tag gives for all bands.
fn uniform(directory: &Directory<'_>, tag: u16, default: u64, otherwise: &str) -> Result<u64, Stop> {
    let values = directory.uints(tag)?;
    let first = values.first().copied().unwrap_or(default);
    if values.iter().any(|value| *value != first) {
        return Err(directory.bytes.unsupported(otherwise));
    }
    Ok(first)
}

fn sample_format(directory: &Directory<'_>) -> Result<SampleFormat, Stop> {
    match uniform(directory, tag::SAMPLE_FORMAT, 1, "bands of different number formats")? {
        1 | 4 => Ok(SampleFormat::Unsigned),
        2 => Ok(SampleFormat::Signed),
        3 => Ok(SampleFormat::Float),
        5 | 6 => Err(directory.bytes.unsupported("a complex pixel type")),
        other => Err(directory.bytes.malformed(format!("sample format {other} does not exist"))),
    }
}

fn compression(directory: &Directory<'_>) -> Result<Compression, Stop> {
    let unsupported = |name: &str| Err(directory.bytes.unsupported(format!("{name} compression")));
    match directory.uint(tag::COMPRESSION)?.unwrap_or(1) {
        1 => Ok(Compression::None),
        5 => Ok(Compression::Lzw),
        7 => Ok(Compression::Jpeg),
        8 | 32946 => Ok(Compression::Deflate),
        32773 => Ok(Compression::PackBits),
        34887 => match directory.uints(tag::LERC_PARAMETERS)?.get(1) {
            None | Some(0) => Ok(Compression::Lerc),
            Some(1) => Ok(Compression::LercDeflate),
            Some(2) => Ok(Compression::LercZstd),
            Some(other) => unsupported(&format!("LERC with additional number {other}")),
        },
        34925 => Ok(Compression::Lzma),
        50000 => Ok(Compression::Zstd),
        50001 => Ok(Compression::WebP),
        2..=4 => unsupported("CCITT fax"),
        6 => unsupported("old-style JPEG (number 6)"),
        34712 | 33003..=33005 => unsupported("JPEG 2000"),
        50002 | 52546 => unsupported("JPEG XL"),
        other => unsupported(&format!("number {other}")),
    }
}

fn predictor(directory: &Directory<'_>, compression: Compression) -> Result<Predictor, Stop> {
    // libtiff undoes a predictor after these three only, and ignores the tag otherwise.
    if !matches!(compression, Compression::Lzw | Compression::Deflate | Compression::Zstd | Compression::Lzma) {
        return Ok(Predictor::None);
    }
    match directory.uint(tag::PREDICTOR)?.unwrap_or(1) {
        1 => Ok(Predictor::None),
        2 => Ok(Predictor::Horizontal),
        3 => Ok(Predictor::FloatingPoint),
        other => Err(directory.bytes.unsupported(format!("predictor {other}"))),
    }
}

fn check(directory: &Directory<'_>, level: &Level, dtype: DType, limits: &Limits) -> Result<(), Stop> {
    let bytes = directory.bytes;
    let whole_words = matches!(level.bits, 8 | 16 | 32 | 64);
    match level.predictor {
        Predictor::Horizontal if !whole_words => {
            return Err(bytes.unsupported("predictor 2 on bits that fill no bytes"));
        }
        Predictor::FloatingPoint if level.format != SampleFormat::Float => {
            return Err(bytes.malformed("predictor 3 on pixels that are no floats"));
        }
        _ => {}
    }
    match level.compression {
        Compression::Jpeg | Compression::WebP if level.bits != 8 || level.format != SampleFormat::Unsigned => {
            return Err(bytes.unsupported(format!("{} of other than 8 bits", level.compression.name())));
        }
        Compression::Jpeg | Compression::WebP => {}
        _ if level.is_ycbcr => return Err(bytes.unsupported("YCbCr that is not JPEG")),
        _ => {}
    }
    let bands = if level.is_planar { 1 } else { level.bands as u64 };
    let block = (level.block_width_px as u64).saturating_mul(level.block_height_px as u64);
    let block_bytes = block.saturating_mul(bands).saturating_mul(dtype.size_bytes() as u64);
    if block_bytes > limits.block_bytes {
        return Err(bytes.over_limit("the size of a decoded block in bytes", block_bytes, limits.block_bytes));
    }
    Ok(())
}

fn block_tables(directory: &Directory<'_>, level: &mut Level) -> Result<(), Stop> {
    let bytes = directory.bytes;
    let tiled = directory.has(tag::TILE_OFFSETS);
    let (offsets, counts) =
        if tiled { (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS) } else { (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS) };
    let planes = if level.is_planar { level.bands as u64 } else { 1 };
    let blocks = (level.blocks_across() as u64).saturating_mul(level.blocks_down() as u64).saturating_mul(planes);
    let listed = directory.count(offsets);
    if listed < blocks {
        return Err(bytes.malformed(format!("it has {blocks} blocks and lists {listed}")));
    }
    level.offsets = directory.uints(offsets)?;
    level.byte_counts = directory.uints(counts)?;
    if level.byte_counts.is_empty() && level.compression == Compression::None && blocks == 1 {
        let start = level.offsets.first().copied().unwrap_or(0);
        level.byte_counts = vec![bytes.file_bytes.saturating_sub(start)];
    }
    if (level.byte_counts.len() as u64) < blocks {
        return Err(bytes.malformed(format!("it has {blocks} blocks and gives {} sizes", level.byte_counts.len())));
    }
    Ok(())
}
