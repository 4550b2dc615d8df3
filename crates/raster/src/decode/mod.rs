//! Compressed bytes of one block to values, without a reader: decompress, undo the predictor, take bands apart.

mod bits;
mod codec;
mod jpeg;
mod lerc;
mod lzw;
mod packbits;
mod unpack;

use crate::header::{Compression, Level, SampleFormat};
use crate::window::Block;
use crate::{DType, Sample, Samples};
use bytemuck::cast_vec;
use half::f16;
use ndarray::Array3;
use std::borrow::Cow;
use std::cell::RefCell;

/// Why a block does not decode, in words; the caller adds file and place.
pub(crate) type Reason = String;

thread_local! {
    /// Decompressed bytes of the block at hand. Kept, because fresh megabytes cost page faults on every block.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Extent of one block's data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) bands: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Shape {
    /// Shape of block `index`: tiles are whole, the last strip may be shorter.
    pub(crate) fn of(level: &Level, index: usize) -> Shape {
        let bands = if level.is_planar { 1 } else { level.bands };
        let row = (index / level.blocks_across().max(1)) % level.blocks_down().max(1);
        let left = level.height_px.saturating_sub(row * level.block_height_px);
        let rows = if level.is_tiled { level.block_height_px } else { level.block_height_px.min(left) };
        Shape { bands, rows, cols: level.block_width_px }
    }

    fn dim(self) -> (usize, usize, usize) {
        (self.bands, self.rows, self.cols)
    }

    fn row_bytes(self, bits: u16) -> usize {
        (self.cols * self.bands * usize::from(bits)).div_ceil(8)
    }
}

/// Decodes block `index` of `level`. Sizes were checked when the header was read. The values may take the place of those of
/// `spare`, a block that nobody needs any more.
pub(crate) fn decode(level: &Level, index: usize, compressed: &[u8], spare: Option<Samples>) -> Result<Block, Reason> {
    let shape = Shape::of(level, index);
    SCRATCH.with_borrow_mut(|scratch| {
        let len = shape.row_bytes(level.bits) * shape.rows;
        codec::decompress(level, shape, &in_bit_order(level, compressed), len, scratch)?;
        let raw = scratch.get_mut(..len).ok_or("it holds too few bytes")?;
        Ok(Block { samples: samples(level, shape, raw, spare)? })
    })
}

/// The block's bytes with the highest bit first. FillOrder 2 turns all bytes around, compressed ones too, but for JPEG's.
fn in_bit_order<'a>(level: &Level, compressed: &'a [u8]) -> Cow<'a, [u8]> {
    if level.is_bit_reversed && level.compression != Compression::Jpeg {
        Cow::Owned(compressed.iter().map(|byte| byte.reverse_bits()).collect())
    } else {
        Cow::Borrowed(compressed)
    }
}

/// A block in which every value is `value`: what a sparse file leaves out.
pub(crate) fn constant(level: &Level, dtype: DType, index: usize, value: f64) -> Block {
    Block { samples: Samples::filled(dtype, Shape::of(level, index).dim(), value) }
}

fn samples(level: &Level, shape: Shape, raw: &mut [u8], spare: Option<Samples>) -> Result<Samples, Reason> {
    let order = unpack::Order { shape, predictor: level.predictor, is_big_endian: level.is_big_endian };
    match (level.format, level.bits) {
        (SampleFormat::Unsigned, 8) => shaped(shape, unpack::words(&order, raw, room::<u8>(spare))),
        (SampleFormat::Unsigned, 16) => shaped(shape, unpack::words(&order, raw, room::<u16>(spare))),
        (SampleFormat::Unsigned, 32) => shaped(shape, unpack::words(&order, raw, room::<u32>(spare))),
        (SampleFormat::Unsigned, 64) => shaped(shape, unpack::words(&order, raw, room::<u64>(spare))),
        (SampleFormat::Signed, 8) => {
            shaped::<i8>(shape, cast_vec(unpack::words::<u8>(&order, raw, cast_vec(room::<i8>(spare)))))
        }
        (SampleFormat::Signed, 16) => {
            shaped::<i16>(shape, cast_vec(unpack::words::<u16>(&order, raw, cast_vec(room::<i16>(spare)))))
        }
        (SampleFormat::Signed, 32) => {
            shaped::<i32>(shape, cast_vec(unpack::words::<u32>(&order, raw, cast_vec(room::<i32>(spare)))))
        }
        (SampleFormat::Signed, 64) => {
            shaped::<i64>(shape, cast_vec(unpack::words::<u64>(&order, raw, cast_vec(room::<i64>(spare)))))
        }
        (SampleFormat::Float, 16) => {
            let halves = unpack::words::<u16>(&order, raw, Vec::new());
            shaped::<f32>(shape, halves.into_iter().map(|half| f16::from_bits(half).to_f32()).collect())
        }
        (SampleFormat::Float, 32) => {
            shaped::<f32>(shape, cast_vec(unpack::words::<u32>(&order, raw, cast_vec(room::<f32>(spare)))))
        }
        (SampleFormat::Float, 64) => {
            shaped::<f64>(shape, cast_vec(unpack::words::<u64>(&order, raw, cast_vec(room::<f64>(spare)))))
        }
        (SampleFormat::Unsigned, bits @ 1..=7) => shaped::<u8>(shape, bits::unpack(shape, bits, raw)),
        (SampleFormat::Unsigned, bits @ 9..=15) => shaped::<u16>(shape, bits::unpack(shape, bits, raw)),
        (SampleFormat::Unsigned, bits @ 17..=31) => shaped::<u32>(shape, bits::unpack(shape, bits, raw)),
        (_, bits) => Err(format!("{bits} bits are not understood")),
    }
}

/// The memory of a block's values, where they are of this type; what it holds is of no meaning.
fn room<T: Sample>(spare: Option<Samples>) -> Vec<T> {
    let array = spare.and_then(|mut spare| T::of_mut(&mut spare).map(std::mem::take));
    array.map_or_else(Vec::new, |array| array.into_raw_vec_and_offset().0)
}

fn shaped<T: Sample>(shape: Shape, values: Vec<T>) -> Result<Samples, Reason> {
    let array = Array3::from_shape_vec(shape.dim(), values);
    array.map(T::wrap).map_err(|_| "its values do not fill it".to_owned())
}
