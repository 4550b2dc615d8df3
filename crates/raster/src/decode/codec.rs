//! The compressions, each to exactly the bytes a block needs.

use super::{Reason, Shape, lzw, packbits};
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
    let _ = shape;
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
        other => Err(format!("{} is not supported", other.name())),
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
