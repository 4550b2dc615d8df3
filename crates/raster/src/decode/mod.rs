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
use bytemuck::{AnyBitPattern, NoUninit, cast_vec};
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

/// Values of block `index`, over all of its bands.
pub(crate) fn value_count(level: &Level, index: usize) -> usize {
    let (bands, rows, cols) = Shape::of(level, index).dim();
    bands * rows * cols
}

/// A block in which every value is `value`: what a sparse file leaves out.
pub(crate) fn constant(level: &Level, dtype: DType, index: usize, value: f64) -> Block {
    Block { samples: Samples::filled(dtype, Shape::of(level, index).dim(), value) }
}

fn samples(level: &Level, shape: Shape, raw: &mut [u8], spare: Option<Samples>) -> Result<Samples, Reason> {
    let order = unpack::Order { shape, predictor: level.predictor, is_big_endian: level.is_big_endian };
    match (level.format, level.bits) {
        (SampleFormat::Unsigned, 8) => whole::<u8, u8>(&order, raw, spare),
        (SampleFormat::Unsigned, 16) => whole::<u16, u16>(&order, raw, spare),
        (SampleFormat::Unsigned, 32) => whole::<u32, u32>(&order, raw, spare),
        (SampleFormat::Unsigned, 64) => whole::<u64, u64>(&order, raw, spare),
        (SampleFormat::Signed, 8) => whole::<i8, u8>(&order, raw, spare),
        (SampleFormat::Signed, 16) => whole::<i16, u16>(&order, raw, spare),
        (SampleFormat::Signed, 32) => whole::<i32, u32>(&order, raw, spare),
        (SampleFormat::Signed, 64) => whole::<i64, u64>(&order, raw, spare),
        (SampleFormat::Float, 16) => {
            let halves = unpack::words::<u16>(&order, raw, Vec::new());
            shaped::<f32>(shape, halves.into_iter().map(|half| f16::from_bits(half).to_f32()).collect())
        }
        (SampleFormat::Float, 32) => whole::<f32, u32>(&order, raw, spare),
        (SampleFormat::Float, 64) => whole::<f64, u64>(&order, raw, spare),
        (SampleFormat::Unsigned, bits @ 1..=7) => shaped::<u8>(shape, bits::unpack(shape, bits, raw)),
        (SampleFormat::Unsigned, bits @ 9..=15) => shaped::<u16>(shape, bits::unpack(shape, bits, raw)),
        (SampleFormat::Unsigned, bits @ 17..=31) => shaped::<u32>(shape, bits::unpack(shape, bits, raw)),
        (_, bits) => Err(format!("{bits} bits are not understood")),
    }
}

/// Values that are words as wide as themselves, in the memory of `spare` where that is of this type.
fn whole<T: Sample + AnyBitPattern + NoUninit, W: unpack::Word + AnyBitPattern + NoUninit>(
    order: &unpack::Order,
    raw: &mut [u8],
    spare: Option<Samples>,
) -> Result<Samples, Reason> {
    let room = spare.and_then(|mut spare| T::of_mut(&mut spare).map(std::mem::take));
    let room = room.map_or_else(Vec::new, |array| array.into_raw_vec_and_offset().0);
    shaped::<T>(order.shape, cast_vec(unpack::words::<W>(order, raw, cast_vec(room))))
}

fn shaped<T: Sample>(shape: Shape, values: Vec<T>) -> Result<Samples, Reason> {
    let array = Array3::from_shape_vec(shape.dim(), values);
    array.map(T::wrap).map_err(|_| "its values do not fill it".to_owned())
}
