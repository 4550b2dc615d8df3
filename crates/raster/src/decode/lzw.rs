//! TIFF's LZW: codes of 9 to 12 bits, most significant bit first, widened one code early (TIFF 6.0, section 13).
//!
//! Every table entry is a stretch of the output that has been written already, so that a code is copied from the output
//! itself and the table holds no bytes.

use super::Reason;

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
const MAX_CODES: usize = 4096;

/// Decompresses into `out` until it is full.
pub(super) fn decompress(compressed: &[u8], out: &mut [u8]) -> Result<(), Reason> {
    if let [0, second, ..] = compressed
        && second & 1 == 1
    {
        return Err("it is in the old LZW bit order, which is not supported".to_owned());
    }
    let mut bits = Bits { bytes: compressed, at: 0, held: 0, count: 0 };
    // Start and length of each code's stretch of output.
    let mut table = [(0u32, 0u32); MAX_CODES];
    let (mut next, mut width) = (FIRST, 9u32);
    let mut previous: Option<(usize, usize)> = None;
    let mut filled = 0usize;
    while filled < out.len() {
        let Some(code) = bits.take(width) else {
            return Err(format!("it ends after {filled} of {} bytes", out.len()));
        };
        if code == CLEAR {
            (next, width, previous) = (FIRST, 9, None);
            continue;
        }
        if code == END {
            return Err(format!("it ends after {filled} of {} bytes", out.len()));
        }
        let start = filled;
        if code < CLEAR {
            out[filled] = code as u8;
            filled += 1;
        } else if code < next {
            let (from, len) = (table[code].0 as usize, table[code].1 as usize);
            filled += copy(out, from, start, len);
        } else {
            // The one code that may be used before it is defined: the previous stretch and its first byte.
            let (from, len) = previous.filter(|_| code == next).ok_or("it uses a code before defining it")?;
            filled += copy(out, from, start, len + 1);
        }
        if let Some((from, len)) = previous
            && next < MAX_CODES
        {
            // The previous stretch and the byte after it lie side by side in the output.
            table[next] = (from as u32, len as u32 + 1);
            next += 1;
            if next + 1 >= 1 << width && width < 12 {
                width += 1;
            }
        }
        previous = Some((start, filled - start));
    }
    Ok(())
}

/// Copies `len` bytes (or as many as fit) from `from` to `to`; the stretches may overlap by `to - from >= 1`.
#[inline(always)]
fn copy(out: &mut [u8], from: usize, to: usize, len: usize) -> usize {
    let len = len.min(out.len() - to);
    if from + len <= to {
        let (before, after) = out.split_at_mut(to);
        after[..len].copy_from_slice(&before[from..from + len]);
    } else {
        for i in 0..len {
            out[to + i] = out[from + i];
        }
    }
    len
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
}

impl Bits<'_> {
    #[inline(always)]
    fn take(&mut self, width: u32) -> Option<usize> {
        if self.count < width {
            self.fill();
            if self.count < width {
                return None;
            }
        }
        self.count -= width;
        Some((self.held >> self.count) as usize & ((1 << width) - 1))
    }

    #[inline(always)]
    fn fill(&mut self) {
        if let Some(Ok(word)) = self.bytes.get(self.at..self.at + 4).map(<[u8; 4]>::try_from) {
            self.held = (self.held << 32) | u64::from(u32::from_be_bytes(word));
            self.at += 4;
            self.count += 32;
            return;
        }
        while self.count <= 24 {
            let Some(byte) = self.bytes.get(self.at) else { return };
            self.held = (self.held << 8) | u64::from(*byte);
            self.at += 1;
            self.count += 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(plain: &[u8]) {
        let mut encoder = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
        let packed = encoder.encode(plain).unwrap();
        let mut out = vec![0; plain.len()];
        decompress(&packed, &mut out).unwrap();
        assert_eq!(out, plain);
    }

    #[test]
    fn agrees_with_another_encoder() {
        round_trip(b"");
        round_trip(b"a");
        round_trip(&[7; 100_000]);
        round_trip(&(0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 27) as u8).collect::<Vec<_>>());
        round_trip(&(0..200_000u32).map(|i| (i / 300 % 256) as u8).collect::<Vec<_>>());
    }

    #[test]
    fn what_ends_early_or_uses_undefined_codes_is_an_error() {
        let mut out = [0; 10];
        assert!(decompress(&[0x80], &mut out).is_err());
        // Clear (256), then code 300, 9 bits each.
        assert!(decompress(&[0b1000_0000, 0b0100_1011, 0b0000_0000], &mut out).is_err());
    }
}
