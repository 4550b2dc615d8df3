//! Whole-word values: byte order, predictors 2 and 3, and band-interleaved bytes to one plane per band, in one pass.

use super::Shape;
use crate::header::Predictor;

/// How the values of a block lie in its bytes.
pub(super) struct Order {
    pub(super) shape: Shape,
    pub(super) predictor: Predictor,
    pub(super) is_big_endian: bool,
}

/// An unsigned integer as wide as a value; differences wrap, whatever the value means.
pub(super) trait Word: Copy + Default {
    const BYTES: usize;
    fn le(bytes: &[u8]) -> Self;
    fn be(bytes: &[u8]) -> Self;
    fn add(self, other: Self) -> Self;
}

macro_rules! impl_word {
    ($($t:ty),*) => {$(
        impl Word for $t {
            const BYTES: usize = size_of::<$t>();
            #[inline(always)]
            fn le(bytes: &[u8]) -> Self {
                <[u8; size_of::<$t>()]>::try_from(bytes).map_or(0, <$t>::from_le_bytes)
            }
            #[inline(always)]
            fn be(bytes: &[u8]) -> Self {
                <[u8; size_of::<$t>()]>::try_from(bytes).map_or(0, <$t>::from_be_bytes)
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
        }
    )*};
}
impl_word!(u8, u16, u32, u64);

/// The values `[band, row, col]` of a block whose decompressed bytes are `raw`, written over `out` where that is as long.
pub(super) fn words<W: Word>(order: &Order, raw: &mut [u8], mut out: Vec<W>) -> Vec<W> {
    let Shape { bands, rows, cols } = order.shape;
    if out.len() != bands * rows * cols {
        out = vec![W::default(); bands * rows * cols];
    }
    let row_bytes = bands * cols * W::BYTES;
    if row_bytes == 0 {
        return out;
    }
    let plane = rows * cols;
    let mut shuffled = Vec::new();
    for (row, line) in raw.chunks_exact_mut(row_bytes).take(rows).enumerate() {
        let to = Target { plane, start: row * cols, cols };
        match order.predictor {
            Predictor::FloatingPoint => {
                accumulate_bytes(line, bands);
                shuffled.resize(row_bytes, 0);
                gather_bytes::<W>(line, &mut shuffled);
                spread::<W>(&shuffled, bands, to, &mut out, W::be);
            }
            Predictor::Horizontal if order.is_big_endian => sum::<W>(line, bands, to, &mut out, W::be),
            Predictor::Horizontal => sum::<W>(line, bands, to, &mut out, W::le),
            Predictor::None if order.is_big_endian => spread::<W>(line, bands, to, &mut out, W::be),
            Predictor::None => spread::<W>(line, bands, to, &mut out, W::le),
        }
    }
    out
}

/// Where one row's values go: band `b` to `b * plane + start ..` for `cols` values.
#[derive(Clone, Copy)]
struct Target {
    plane: usize,
    start: usize,
    cols: usize,
}

/// Takes bands apart.
#[inline(always)]
fn spread<W: Word>(line: &[u8], bands: usize, to: Target, out: &mut [W], word: impl Fn(&[u8]) -> W) {
    match bands {
        1 => {
            for (value, bytes) in out[to.start..to.start + to.cols].iter_mut().zip(line.chunks_exact(W::BYTES)) {
                *value = word(bytes);
            }
        }
        _ => {
            for band in 0..bands {
                let begin = band * to.plane + to.start;
                let values = out[begin..begin + to.cols].iter_mut();
                for (value, pixel) in values.zip(line.chunks_exact(bands * W::BYTES)) {
                    *value = word(&pixel[band * W::BYTES..(band + 1) * W::BYTES]);
                }
            }
        }
    }
}

/// Takes bands apart, each value being the difference to its left neighbour of the same band.
#[inline(always)]
fn sum<W: Word>(line: &[u8], bands: usize, to: Target, out: &mut [W], word: impl Fn(&[u8]) -> W) {
    match bands {
        1 => sum_bands::<W, 1>(line, to, out, word),
        2 => sum_bands::<W, 2>(line, to, out, word),
        3 => sum_bands::<W, 3>(line, to, out, word),
        4 => sum_bands::<W, 4>(line, to, out, word),
        _ => {
            for band in 0..bands {
                let begin = band * to.plane + to.start;
                let mut value = W::default();
                for (out, pixel) in out[begin..begin + to.cols].iter_mut().zip(line.chunks_exact(bands * W::BYTES)) {
                    value = value.add(word(&pixel[band * W::BYTES..(band + 1) * W::BYTES]));
                    *out = value;
                }
            }
        }
    }
}

/// As [`sum`] for a number of bands known when compiled: one pass, running sums in registers.
#[inline(always)]
fn sum_bands<W: Word, const N: usize>(line: &[u8], to: Target, out: &mut [W], word: impl Fn(&[u8]) -> W) {
    let mut planes = out.chunks_exact_mut(to.plane.max(1));
    let rows: [&mut [W]; N] = std::array::from_fn(|_| match planes.next() {
        Some(plane) => &mut plane[to.start..to.start + to.cols],
        None => &mut [],
    });
    let mut values = [W::default(); N];
    for (col, pixel) in line.chunks_exact(N * W::BYTES).enumerate() {
        for band in 0..N {
            values[band] = values[band].add(word(&pixel[band * W::BYTES..(band + 1) * W::BYTES]));
            rows[band][col] = values[band];
        }
    }
}

/// First half of predictor 3: each byte is the difference to the byte `bands` before it.
fn accumulate_bytes(line: &mut [u8], bands: usize) {
    for i in bands..line.len() {
        line[i] = line[i].wrapping_add(line[i - bands]);
    }
}

/// Second half of predictor 3: the row holds all most significant bytes first, then the next, and so on.
fn gather_bytes<W: Word>(line: &[u8], out: &mut [u8]) {
    let values = line.len() / W::BYTES;
    for (byte, plane) in line.chunks_exact(values.max(1)).enumerate() {
        for (value, from) in plane.iter().enumerate() {
            out[value * W::BYTES + byte] = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(predictor: Predictor, is_big_endian: bool, bands: usize, cols: usize) -> Order {
        Order { shape: Shape { bands, rows: 1, cols }, predictor, is_big_endian }
    }

    #[test]
    fn horizontal_sums_run_within_a_band_and_wrap() {
        let mut raw = [1u16, 10, 65535, 1, 3, 5].map(u16::to_le_bytes).concat();
        // Band 0: 1, 1 - 1 = 0, 3. Band 1: 10, 11, 16.
        assert_eq!(
            words::<u16>(&order(Predictor::Horizontal, false, 2, 3), &mut raw, Vec::new()),
            [1, 0, 3, 10, 11, 16]
        );
    }

    #[test]
    fn any_number_of_bands_sums_alike() {
        for bands in [1usize, 2, 3, 4, 5, 13] {
            let cols = 7;
            let mut raw: Vec<u8> = (0..bands * cols).map(|i| (i * 37 % 251) as u8).collect();
            let mut expected = vec![0u8; bands * cols];
            for band in 0..bands {
                let mut value = 0u8;
                for col in 0..cols {
                    value = value.wrapping_add(raw[col * bands + band]);
                    expected[band * cols + col] = value;
                }
            }
            assert_eq!(words::<u8>(&order(Predictor::Horizontal, false, bands, cols), &mut raw, Vec::new()), expected);
        }
    }

    #[test]
    fn big_endian_words_are_swapped_before_they_are_summed() {
        let mut raw = [0x01, 0x00, 0x00, 0x02];
        assert_eq!(words::<u16>(&order(Predictor::Horizontal, true, 1, 2), &mut raw, Vec::new()), [256, 258]);
    }
}
