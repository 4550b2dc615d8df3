//! One tile to compressed bytes: bands interleaved, differences, compression.

use super::WriterCompression;
use crate::Sample;
use ndarray::ArrayView3;

/// Turns tiles into bytes; keeps the compressors.
pub(super) struct TileEncoder {
    compression: WriterCompression,
    has_predictor: bool,
    deflate: Option<libdeflater::Compressor>,
}

impl std::fmt::Debug for TileEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TileEncoder").field("compression", &self.compression).finish_non_exhaustive()
    }
}

impl TileEncoder {
    pub(super) fn new(compression: WriterCompression, has_predictor: bool) -> Result<Self, String> {
        let deflate = match compression {
            WriterCompression::Deflate { level } => {
                let level = libdeflater::CompressionLvl::new(i32::from(level))
                    .map_err(|_| format!("deflate has no level {level}: give 1 to 12"))?;
                Some(libdeflater::Compressor::new(level))
            }
            WriterCompression::Zstd { level } if !(1..=22).contains(&level) => {
                return Err(format!("ZSTD has no level {level}: give 1 to 22"));
            }
            _ => None,
        };
        Ok(TileEncoder { compression, has_predictor, deflate })
    }

    /// The bytes of a tile `[band, row, col]` of `tile_px` squared, of which `part` is filled; the rest repeats the last row
    /// and column, which compresses to almost nothing.
    pub(super) fn encode<T: Sample>(&mut self, part: ArrayView3<'_, T>, tile_px: usize) -> Result<Vec<u8>, String> {
        let (bands, rows, cols) = part.dim();
        let size = T::DTYPE.size_bytes();
        let row_bytes = tile_px * bands * size;
        let mut raw: Vec<u8> = Vec::with_capacity(row_bytes * tile_px);
        for row in 0..tile_px.min(rows) {
            let begin = raw.len();
            for col in 0..tile_px {
                for band in 0..bands {
                    part[(band, row, col.min(cols - 1))].write_le(&mut raw);
                }
            }
            if self.has_predictor {
                predict(&mut raw[begin..], bands, size, T::DTYPE.is_float());
            }
        }
        while raw.len() < row_bytes * tile_px && raw.len() >= row_bytes {
            raw.extend_from_within(raw.len() - row_bytes..);
        }
        self.compress(&raw)
    }

    fn compress(&mut self, raw: &[u8]) -> Result<Vec<u8>, String> {
        match (self.compression, &mut self.deflate) {
            (WriterCompression::Deflate { .. }, Some(deflate)) => {
                let mut out = vec![0; deflate.zlib_compress_bound(raw.len())];
                let len = deflate.zlib_compress(raw, &mut out).map_err(|error| error.to_string())?;
                out.truncate(len);
                Ok(out)
            }
            (WriterCompression::Zstd { level }, _) => {
                zstd::bulk::compress(raw, i32::from(level)).map_err(|error| error.to_string())
            }
            (WriterCompression::Lzw, _) => {
                let mut encoder = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
                encoder.encode(raw).map_err(|error| error.to_string())
            }
            _ => Ok(raw.to_vec()),
        }
    }
}

/// Replaces a row of values by differences to the left neighbour of the same band.
fn predict(row: &mut [u8], bands: usize, size: usize, is_float: bool) {
    if is_float {
        let values = row.len() / size;
        let plain = row.to_vec();
        // All most significant bytes first, then the next, and so on.
        for (value, bytes) in plain.chunks_exact(size).enumerate() {
            for (byte, from) in bytes.iter().rev().enumerate() {
                row[byte * values + value] = *from;
            }
        }
        for i in (bands..row.len()).rev() {
            row[i] = row[i].wrapping_sub(row[i - bands]);
        }
        return;
    }
    let step = bands * size;
    for at in (step..row.len()).step_by(size).rev() {
        let mut borrow = 0u16;
        // Little-endian subtraction, byte by byte, so that one loop serves every width.
        for byte in at..at + size {
            let difference = u16::from(row[byte]).wrapping_sub(u16::from(row[byte - step])).wrapping_sub(borrow);
            row[byte] = difference as u8;
            borrow = u16::from(difference > 0xff);
        }
    }
}
