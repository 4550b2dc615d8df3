//! Values of fewer bits than a word, most significant bit first, each row beginning on a byte.

use super::Shape;

/// Unpacks `bits` (1 to 31) per value to `[band, row, col]`.
pub(super) fn unpack<T: TryFrom<u32> + Default + Copy>(shape: Shape, bits: u16, raw: &[u8]) -> Vec<T> {
    let plane = shape.rows * shape.cols;
    let mut out = vec![T::default(); shape.bands * plane];
    let row_bytes = shape.row_bytes(bits).max(1);
    for (row, line) in raw.chunks_exact(row_bytes).take(shape.rows).enumerate() {
        let mut bytes = line.iter();
        let (mut held, mut held_bits) = (0u64, 0u16);
        for col in 0..shape.cols {
            for band in 0..shape.bands {
                while held_bits < bits {
                    held = (held << 8) | u64::from(bytes.next().copied().unwrap_or(0));
                    held_bits += 8;
                }
                held_bits -= bits;
                let value = (held >> held_bits) & ((1 << bits) - 1);
                out[band * plane + row * shape.cols + col] = T::try_from(value as u32).unwrap_or_default();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_bits_cross_bytes_and_rows_begin_on_one() {
        let shape = Shape { bands: 1, rows: 2, cols: 3 };
        // 3 values of 12 bits take 36 bits, so 5 bytes a row with 4 bits of padding.
        let raw = [0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef, 0x01, 0x20];
        assert_eq!(unpack::<u16>(shape, 12, &raw), [0x123, 0x456, 0x789, 0xabc, 0xdef, 0x012]);
    }

    #[test]
    fn bands_are_taken_apart() {
        let shape = Shape { bands: 2, rows: 1, cols: 2 };
        assert_eq!(unpack::<u8>(shape, 4, &[0x12, 0x34]), [1, 3, 2, 4]);
    }
}
