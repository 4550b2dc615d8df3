//! The usual mode: small tiles, each constant, raw, or an offset and packed steps above it.

use super::reader::{Kind, Reader};
use super::{Blob, Image, Reason, bits};
use std::ops::Range;

/// Decodes all tiles; `max` holds the largest value of each depth.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    blob: &Blob,
    max: &[f64],
    values: &mut [f64],
    image: &Image,
) -> Result<(), Reason> {
    for top in (0..blob.rows).step_by(blob.tile_px) {
        for left in (0..blob.cols).step_by(blob.tile_px) {
            let rows = top..(top + blob.tile_px).min(blob.rows);
            let cols = left..(left + blob.tile_px).min(blob.cols);
            for (depth, max) in max.iter().enumerate() {
                let tile = Tile { rows: rows.clone(), cols: cols.clone(), depth, max: *max };
                tile.decode(reader, blob, values, image)?;
            }
        }
    }
    Ok(())
}

struct Tile {
    rows: Range<usize>,
    cols: Range<usize>,
    depth: usize,
    max: f64,
}

impl Tile {
    fn decode(&self, reader: &mut Reader<'_>, blob: &Blob, values: &mut [f64], image: &Image) -> Result<(), Reason> {
        let flag = reader.u8()?;
        let is_difference = blob.version >= 5 && flag & 4 != 0;
        let pattern = if blob.version >= 5 { 14 } else { 15 };
        if usize::from(flag >> 2) & pattern != (self.cols.start >> 3) & pattern {
            return Err("a tile is not where it should be".to_owned());
        }
        if is_difference && self.depth == 0 {
            return Err("a tile differs from a band before the first".to_owned());
        }
        let mut put =
            |mut step: Box<dyn FnMut() -> Result<f64, Reason> + '_>, is_clamped: bool| -> Result<(), Reason> {
                for row in self.rows.clone() {
                    for col in self.cols.clone() {
                        let pixel = row * blob.cols + col;
                        if !image.is_valid(pixel) {
                            continue;
                        }
                        let at = pixel * blob.depth + self.depth;
                        let value = step()? + if is_difference { values[at - 1] } else { 0.0 };
                        values[at] = if is_clamped { value.min(self.max) } else { value };
                    }
                }
                Ok(())
            };
        match flag & 3 {
            0 if is_difference => Err("a raw tile cannot be a difference".to_owned()),
            0 => put(Box::new(|| reader.value(blob.kind)), false),
            2 => put(Box::new(|| Ok(0.0)), false),
            mode => {
                let is_integer = !matches!(blob.kind, Kind::F32 | Kind::F64);
                let kind = if is_difference && is_integer { Kind::I32 } else { blob.kind };
                let offset = reader.value(kind.narrowed(flag >> 6)?)?;
                if mode == 3 {
                    return put(Box::new(|| Ok(offset)), is_difference);
                }
                let room = self.rows.len() * self.cols.len();
                let mut steps = bits::numbers(reader, room)?.into_iter();
                let step = 2.0 * blob.max_error;
                let next = || Ok(offset + f64::from(steps.next().ok_or("a tile has too few steps")?) * step);
                put(Box::new(next), true)
            }
        }
    }
}
