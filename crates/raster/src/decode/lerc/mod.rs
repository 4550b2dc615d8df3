//! LERC (Esri's Limited Error Raster Compression), the `Lerc2` blobs that libtiff writes: versions 3 to 6 without the lossless
//! float mode of version 6. After the format of the reference implementation, <https://github.com/Esri/lerc>.

mod bits;
mod huffman;
mod reader;
mod tiles;

use super::{Reason, Shape};
use crate::header::{Level, SampleFormat};
use reader::{Kind, Reader};

/// What a blob's header says.
struct Blob {
    version: i32,
    rows: usize,
    cols: usize,
    /// Values per pixel.
    depth: usize,
    /// Bytes of the blob, header included.
    bytes: usize,
    valid_pixels: usize,
    tile_px: usize,
    kind: Kind,
    max_error: f64,
    min: f64,
    max: f64,
}

/// Values in file order `[row, col, band]`, and which pixels are valid.
struct Image {
    values: Vec<f64>,
    /// `None` where all are.
    mask: Option<Vec<bool>>,
}

/// Appends the block's values in the little-endian form of the file's type. Bands lie in one blob, or, where floats of each
/// band are invalid elsewhere, in a blob each.
pub(super) fn decompress(level: &Level, shape: Shape, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let is_byte = level.format == SampleFormat::Unsigned && level.bits == 8;
    let mut images: Vec<(Image, usize)> = Vec::new();
    let mut bands = 0;
    loop {
        let mut reader = Reader::new(bytes);
        let header = header(&mut reader, bytes)?;
        let Blob { rows, cols, depth, .. } = header;
        if (rows, cols) != (shape.rows, shape.cols) || bands + depth > shape.bands {
            return Err(format!("it holds {rows} by {cols} pixels of {} values", bands + depth));
        }
        let previous = images.last().and_then(|(image, _)| image.mask.as_deref());
        images.push((image(&mut reader, &header, previous)?, depth));
        bands += depth;
        // Opacity of bytes is stored as the blob's mask.
        if bands == shape.bands || (images.len() == 1 && is_byte && bands + 1 == shape.bands) {
            break;
        }
        bytes = bytes
            .get(header.bytes..)
            .filter(|rest| !rest.is_empty())
            .ok_or_else(|| format!("it holds {rows} by {cols} pixels of {bands} values, not of {}", shape.bands))?;
    }
    for pixel in 0..shape.rows * shape.cols {
        for (image, depth) in &images {
            let is_valid = image.is_valid(pixel);
            for value in &image.values[pixel * depth..(pixel + 1) * depth] {
                write(level, is_valid.then_some(*value), out)?;
            }
            if bands < shape.bands {
                write(level, Some(if is_valid { 255.0 } else { 0.0 }), out)?;
            }
        }
    }
    Ok(())
}

/// Invalid values are NaN in floats and 0 in integers, as in libtiff.
fn write(level: &Level, value: Option<f64>, out: &mut Vec<u8>) -> Result<(), Reason> {
    let whole = value.unwrap_or(0.0);
    match (level.format, level.bits) {
        (SampleFormat::Unsigned, 8) => out.push(whole as u8),
        (SampleFormat::Signed, 8) => out.extend((whole as i8).to_le_bytes()),
        (SampleFormat::Unsigned, 16) => out.extend((whole as u16).to_le_bytes()),
        (SampleFormat::Signed, 16) => out.extend((whole as i16).to_le_bytes()),
        (SampleFormat::Unsigned, 32) => out.extend((whole as u32).to_le_bytes()),
        (SampleFormat::Signed, 32) => out.extend((whole as i32).to_le_bytes()),
        (SampleFormat::Float, 32) => out.extend((value.unwrap_or(f64::NAN) as f32).to_le_bytes()),
        (SampleFormat::Float, 64) => out.extend(value.unwrap_or(f64::NAN).to_le_bytes()),
        (_, bits) => return Err(format!("LERC has no values of {bits} bits")),
    }
    Ok(())
}

fn header(reader: &mut Reader<'_>, blob: &[u8]) -> Result<Blob, Reason> {
    if reader.take(6)? != b"Lerc2 " {
        return Err("it is no Lerc2 blob".to_owned());
    }
    let version = reader.i32()?;
    if !(3..=6).contains(&version) {
        return Err(format!("Lerc2 version {version} is not supported"));
    }
    let checksum = reader.u32()?;
    let (rows, cols) = (reader.size()?, reader.size()?);
    let depth = if version >= 4 { reader.size()? } else { 1 };
    let (valid_pixels, tile_px, blob_len) = (reader.size()?, reader.size()?, reader.size()?);
    let kind = Kind::of(reader.i32()?)?;
    if version >= 6 {
        reader.take(8)?;
    }
    let (max_error, min, max) = (reader.f64()?, reader.f64()?, reader.f64()?);
    if version >= 6 {
        reader.take(16)?;
    }
    // Key, version and checksum themselves are not summed.
    let summed = blob.get(14..blob_len).ok_or("it is shorter than it says")?;
    if fletcher32(summed) != checksum {
        return Err("its checksum is wrong".to_owned());
    }
    if tile_px == 0 || depth == 0 || rows.saturating_mul(cols) < valid_pixels {
        return Err("its sizes contradict each other".to_owned());
    }
    Ok(Blob { version, rows, cols, depth, bytes: blob_len, valid_pixels, tile_px, kind, max_error, min, max })
}

fn image(reader: &mut Reader<'_>, blob: &Blob, previous: Option<&[bool]>) -> Result<Image, Reason> {
    let pixels = blob.rows * blob.cols;
    let mask = mask(reader, blob, previous)?;
    let mut values = vec![0.0; pixels * blob.depth];
    if blob.valid_pixels == 0 {
        return Ok(Image { values, mask });
    }
    let mut ranges = (vec![blob.min; blob.depth], vec![blob.max; blob.depth]);
    if blob.min != blob.max && blob.version >= 4 {
        ranges.0 = (0..blob.depth).map(|_| reader.value(blob.kind)).collect::<Result<_, _>>()?;
        ranges.1 = (0..blob.depth).map(|_| reader.value(blob.kind)).collect::<Result<_, _>>()?;
    }
    let mut image = Image { values: Vec::new(), mask };
    if ranges.0 == ranges.1 {
        values.chunks_exact_mut(blob.depth).for_each(|pixel| pixel.copy_from_slice(&ranges.0));
    } else if reader.u8()? != 0 {
        for pixel in 0..pixels {
            if image.is_valid(pixel) {
                for value in &mut values[pixel * blob.depth..(pixel + 1) * blob.depth] {
                    *value = reader.value(blob.kind)?;
                }
            }
        }
    } else {
        coded(reader, blob, &ranges.1, &mut values, &image)?;
    }
    image.values = values;
    Ok(image)
}

fn coded(reader: &mut Reader<'_>, blob: &Blob, max: &[f64], values: &mut [f64], image: &Image) -> Result<(), Reason> {
    let is_byte = matches!(blob.kind, Kind::I8 | Kind::U8);
    let is_lossless_float = blob.version >= 6 && matches!(blob.kind, Kind::F32 | Kind::F64) && blob.max_error == 0.0;
    if is_byte && blob.max_error == 0.5 {
        match reader.u8()? {
            0 => {}
            1 => return huffman::decode(reader, blob, true, values, image),
            2 => return huffman::decode(reader, blob, false, values, image),
            other => return Err(format!("encoding mode {other} does not exist")),
        }
    } else if is_lossless_float && reader.u8()? != 0 {
        return Err("LERC's lossless float mode is not supported".to_owned());
    }
    tiles::decode(reader, blob, max, values, image)
}

/// Which pixels are valid; a blob that stores no mask has the one before it.
fn mask(reader: &mut Reader<'_>, blob: &Blob, previous: Option<&[bool]>) -> Result<Option<Vec<bool>>, Reason> {
    let pixels = blob.rows * blob.cols;
    let len = reader.size()?;
    if blob.valid_pixels == pixels {
        return Ok(None);
    }
    if blob.valid_pixels == 0 {
        return Ok(Some(vec![false; pixels]));
    }
    if len == 0 {
        let mask = previous.filter(|mask| mask.len() == pixels).ok_or("its mask is missing")?;
        return Ok(Some(mask.to_vec()));
    }
    let mut packed = Reader::new(reader.take(len)?);
    let mut bytes: Vec<u8> = Vec::with_capacity(pixels.div_ceil(8));
    while bytes.len() < pixels.div_ceil(8) {
        match packed.i16()? {
            count @ 1.. => bytes.extend_from_slice(packed.take(count.unsigned_abs().into())?),
            count => {
                let byte = packed.u8()?;
                bytes.resize(bytes.len() + usize::from(count.unsigned_abs()).max(1), byte);
            }
        }
    }
    Ok(Some((0..pixels).map(|pixel| bytes[pixel / 8] & (0x80 >> (pixel % 8)) != 0).collect()))
}

impl Image {
    fn is_valid(&self, pixel: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask[pixel])
    }
}

/// Fletcher's checksum over big-endian 16-bit words, as LERC computes it.
fn fletcher32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (0xffffu32, 0xffffu32);
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    // 359 words are as many as fit into 32 bits before folding.
    for words in bytes.chunks(718) {
        for word in words.chunks(2) {
            a += u32::from(word[0]) << 8;
            a += word.get(1).copied().map_or(0, u32::from);
            b += a;
        }
        (a, b) = (fold(a), fold(b));
    }
    (fold(b) << 16) | fold(a)
}
