//! Huffman codes of a JPEG scan, and the bits they are made of.

use super::Reason;

/// Codes up to this long are looked up at once.
const FAST_BITS: u32 = 9;

/// A table of codes.
pub(super) struct Huffman {
    /// Length and symbol of the code that begins with these bits; length 0 where it is longer.
    fast: Vec<(u8, u8)>,
    /// For each length, the code after the last of that length, and what to add to a code to get its symbol's index.
    ends: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// From the number of codes of each length and their symbols.
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Result<Huffman, Reason> {
        let mut fast = vec![(0, 0); 1 << FAST_BITS];
        let mut ends = [(0, 0); 17];
        let (mut code, mut index) = (0u32, 0usize);
        for (len, count) in (1u32..).zip(counts) {
            let offset = index as i32 - code as i32;
            for _ in 0..*count {
                if code >= 1 << len {
                    return Err("a Huffman table has more codes than there are".to_owned());
                }
                if len <= FAST_BITS {
                    let first = (code << (FAST_BITS - len)) as usize;
                    fast[first..first + (1 << (FAST_BITS - len))].fill((len as u8, symbols[index]));
                }
                code += 1;
                index += 1;
            }
            ends[len as usize] = (code, offset);
            code <<= 1;
        }
        Ok(Huffman { fast, ends, symbols: symbols.to_vec() })
    }

    /// The next symbol.
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<u8, Reason> {
        bits.fill();
        let (len, symbol) = self.fast[bits.peek(FAST_BITS) as usize];
        if len > 0 {
            bits.skip(u32::from(len));
            return Ok(symbol);
        }
        for len in FAST_BITS + 1..=16 {
            let code = bits.peek(len);
            let (end, offset) = self.ends[len as usize];
            if code < end {
                bits.skip(len);
                let index = usize::try_from(code as i32 + offset).ok();
                return index
                    .and_then(|index| self.symbols.get(index))
                    .copied()
                    .ok_or_else(|| "a code is wrong".to_owned());
            }
        }
        Err("a code is in no table".to_owned())
    }
}

/// The bits of a scan; after its end there are zeros, as in libjpeg, but not for long.
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    held: u64,
    count: u32,
    /// Bytes made up after the end.
    made_up: usize,
}

/// More zeros than this after the end are a truncated stream, not a sloppy one.
const MAX_MADE_UP: usize = 64;

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Bits { rest: data, held: 0, count: 0, made_up: 0 }
    }

    /// What follows the bits read so far.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match self.rest {
                [0xff, 0x00, rest @ ..] => {
                    self.rest = rest;
                    0xff
                }
                [0xff, ..] | [] => {
                    self.made_up += 1;
                    0
                }
                [byte, rest @ ..] => {
                    self.rest = rest;
                    *byte
                }
            };
            self.held = (self.held << 8) | u64::from(byte);
            self.count += 8;
        }
    }

    fn peek(&self, width: u32) -> u32 {
        ((self.held >> (self.count - width)) & ((1 << width) - 1)) as u32
    }

    fn skip(&mut self, width: u32) {
        self.count -= width;
    }

    /// A number of `size` bits in JPEG's form: those that begin with 0 are negative.
    pub(super) fn signed(&mut self, size: u8) -> Result<i32, Reason> {
        if size == 0 {
            return Ok(0);
        }
        if size > 16 || self.made_up > MAX_MADE_UP {
            return Err("its data end early".to_owned());
        }
        self.fill();
        let width = u32::from(size);
        let value = self.peek(width) as i32;
        self.skip(width);
        Ok(if value < 1 << (width - 1) { value - (1 << width) + 1 } else { value })
    }

    /// Goes on after the next restart marker.
    pub(super) fn restart(&mut self) -> Result<(), Reason> {
        (self.held, self.count, self.made_up) = (0, 0, 0);
        match self.rest {
            [0xff, 0xd0..=0xd7, rest @ ..] => {
                self.rest = rest;
                Ok(())
            }
            _ => Err("a restart marker is missing".to_owned()),
        }
    }
}
