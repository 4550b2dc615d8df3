//! The compressions, each to exactly the bytes a block needs.

use super::{Reason, Shape, jpeg, lerc, lzw, packbits};
use crate::header::{Compression, Level};
use std::cell::RefCell;

thread_local! {
    static INFLATE: RefCell<libdeflater::Decompressor> = RefCell::new(libdeflater::Decompressor::new());
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Leaves the block's `len` bytes in `out`; what a stream holds beyond these is ignored.
pub(super) fn decompress(
    level: &Level,
    shape: Shape,
    compressed: &[u8],
    len: usize,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    out.clear();
    match level.compression {
        Compression::None => {
            let bytes = compressed.get(..len);
            out.extend_from_slice(bytes.ok_or_else(|| format!("it holds {} of {len} bytes", compressed.len()))?);
            Ok(())
        }
        Compression::Lzw => {
            out.resize(len, 0);
            lzw::decompress(compressed, out)
        }
        Compression::Deflate => deflate(compressed, len, out),
        Compression::Zstd => zstd(compressed, len, out),
        Compression::PackBits => packbits::decompress(compressed, len, out),
        Compression::Lzma => lzma(compressed, len, out),
        Compression::Lerc => lerc::decompress(level, shape, compressed, out),
        Compression::LercDeflate => {
            let mut blob = Vec::new();
            deflate_all(compressed, len, &mut blob)?;
            lerc::decompress(level, shape, &blob, out)
        }
        Compression::LercZstd => {
            let limit = len.saturating_mul(2).saturating_add(MAX_SURPLUS_BYTES);
            let blob = zstd::bulk::decompress(compressed, limit).map_err(|error| error.to_string())?;
            lerc::decompress(level, shape, &blob, out)
        }
        Compression::Jpeg => jpeg::decompress(level, shape, compressed, out),
        Compression::WebP => webp(shape, compressed, out),
    }
}

/// A last strip may be stored at full height, so that the stream holds more than is needed.
const MAX_SURPLUS_BYTES: usize = 64 << 20;

fn deflate(compressed: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    out.resize(len, 0);
    INFLATE.with_borrow_mut(|inflate| {
        let mut room = len;
        loop {
            match inflate.zlib_decompress(compressed, out) {
                Ok(got) if got < len => return Err(format!("it holds {got} of {len} bytes")),
                Ok(_) => return Ok(()),
                Err(libdeflater::DecompressionError::InsufficientSpace)
                    if room < len.saturating_add(MAX_SURPLUS_BYTES) =>
                {
                    room = room.saturating_mul(2).max(4096);
                    out.resize(room, 0);
                }
                Err(source) => return Err(source.to_string()),
            }
        }
    })
}

/// Inflates a stream whose length is not known beforehand, up to a little more than the block itself.
fn deflate_all(compressed: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    INFLATE.with_borrow_mut(|inflate| {
        let limit = len.saturating_mul(2).saturating_add(MAX_SURPLUS_BYTES);
        let mut room = len.max(4096);
        loop {
            out.resize(room, 0);
            match inflate.zlib_decompress(compressed, out) {
                Ok(got) => {
                    out.truncate(got);
                    return Ok(());
                }
                Err(libdeflater::DecompressionError::InsufficientSpace) if room < limit => room *= 2,
                Err(source) => return Err(source.to_string()),
            }
        }
    })
}

/// Memory that an LZMA stream may ask for its dictionary: liblzma's presets need 64 MiB at most.
const MAX_LZMA_KIB: u32 = 256 << 10;

fn lzma(compressed: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    use std::io::Read;
    out.resize(len, 0);
    let mut stream = lzma_rust2::XzReader::new_mem_limit(compressed, true, MAX_LZMA_KIB);
    stream.read_exact(out).map_err(|error| error.to_string())
}

fn webp(shape: Shape, compressed: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut decoder =
        image_webp::WebPDecoder::new(std::io::Cursor::new(compressed)).map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    if (height as usize, width as usize) != (shape.rows, shape.cols) || !matches!(shape.bands, 3 | 4) {
        return Err(format!("it holds {width} by {height} px for {} bands", shape.bands));
    }
    let held_bands = if decoder.has_alpha() { 4 } else { 3 };
    let mut image = vec![0; shape.rows * shape.cols * held_bands];
    decoder.read_image(&mut image).map_err(|error| error.to_string())?;
    for pixel in image.chunks_exact(held_bands) {
        out.extend_from_slice(&pixel[..held_bands.min(shape.bands)]);
        // Opaque tiles of an image with alpha are stored without it.
        out.resize(out.len() + shape.bands.saturating_sub(held_bands), 255);
    }
    Ok(())
}

fn zstd(compressed: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    use std::io::Read;
    out.resize(len, 0);
    let whole = ZSTD.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress_to_buffer(compressed, &mut out[..])
    });
    match whole {
        Ok(got) if got == len => Ok(()),
        Ok(got) => Err(format!("it holds {got} of {len} bytes")),
        // More than is needed, or broken: the stream decoder tells which.
        Err(_) => {
            let mut stream = zstd::stream::read::Decoder::with_buffer(compressed).map_err(|error| error.to_string())?;
            stream.read_exact(out).map_err(|error| error.to_string())
        }
    }
}
