//! The mode for bytes: Huffman codes of values or of differences to the left or upper neighbour.

use super::reader::{Kind, Reader};
use super::{Blob, Image, Reason, bits};

/// Codes are at most this long.
const MAX_LEN: usize = 32;

/// Decodes all values.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    blob: &Blob,
    is_delta: bool,
    values: &mut [f64],
    image: &Image,
) -> Result<(), Reason> {
    let table = table(reader)?;
    let mut bits = Bits::new(reader.rest());
    let offset = if blob.kind == Kind::I8 { 128 } else { 0 };
    let wrap = |value: i64| if blob.kind == Kind::I8 { f64::from(value as i8) } else { f64::from(value as u8) };
    if !is_delta {
        for pixel in (0..blob.rows * blob.cols).filter(|pixel| image.is_valid(*pixel)) {
            for depth in 0..blob.depth {
                values[pixel * blob.depth + depth] = wrap(i64::from(table.next(&mut bits)?) - offset);
            }
        }
        return Ok(());
    }
    for depth in 0..blob.depth {
        let mut previous = 0.0;
        for pixel in (0..blob.rows * blob.cols).filter(|pixel| image.is_valid(*pixel)) {
            let (row, col) = (pixel / blob.cols, pixel % blob.cols);
            let has_left = col > 0 && image.is_valid(pixel - 1);
            let has_upper = row > 0 && image.is_valid(pixel - blob.cols);
            let from = if !has_left && has_upper { values[(pixel - blob.cols) * blob.depth + depth] } else { previous };
            previous = wrap(i64::from(table.next(&mut bits)?) - offset + from as i64);
            values[pixel * blob.depth + depth] = previous;
        }
    }
    Ok(())
}

/// For each code length, the codes of that length and their symbols, ascending by code.
struct Table {
    by_len: Vec<Vec<(u32, u32)>>,
}

impl Table {
    fn next(&self, bits: &mut Bits<'_>) -> Result<u32, Reason> {
        let mut code = 0u32;
        for codes in &self.by_len[1..] {
            code = (code << 1) | bits.next()?;
            if let Ok(found) = codes.binary_search_by_key(&code, |(code, _)| *code) {
                return Ok(codes[found].1);
            }
        }
        Err("it holds a code that its table does not".to_owned())
    }
}

fn table(reader: &mut Reader<'_>) -> Result<Table, Reason> {
    let version = reader.i32()?;
    let (size, first, end) = (reader.size()?, reader.size()?, reader.size()?);
    if version < 2 || size == 0 || size > 1 << 15 || first >= end || end > 2 * size {
        return Err("its code table makes no sense".to_owned());
    }
    let lens = bits::numbers(reader, end - first)?;
    if lens.len() != end - first || lens.iter().any(|len| *len as usize > MAX_LEN) {
        return Err("its code lengths make no sense".to_owned());
    }
    let mut bits = Bits::new(reader.rest());
    let mut by_len = vec![Vec::new(); MAX_LEN + 1];
    for (symbol, len) in (first..end).zip(&lens).filter(|(_, len)| **len > 0) {
        let mut code = 0u32;
        for _ in 0..*len {
            code = (code << 1) | bits.next()?;
        }
        // Symbols run on from the end of the table to its beginning.
        by_len[*len as usize].push((code, (symbol % size) as u32));
    }
    by_len.iter_mut().for_each(|codes| codes.sort_unstable());
    let used = bits.used_bytes();
    reader.take(used)?;
    Ok(Table { by_len })
}

/// Bits of little-endian 32-bit words, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Bits { bytes, at: 0 }
    }

    fn next(&mut self) -> Result<u32, Reason> {
        let (word, bit) = (self.at / 32, self.at % 32);
        // The first eight bits of a word are in its last byte.
        let byte = self.bytes.get(word * 4 + 3 - bit / 8).ok_or("it ends within a code")?;
        self.at += 1;
        Ok(u32::from(byte >> (7 - bit % 8)) & 1)
    }

    fn used_bytes(&self) -> usize {
        self.at.div_ceil(32) * 4
    }
}
