//! LERC's packed arrays of small numbers ("bit stuffing"), least significant bit first.

use super::Reason;
use super::reader::Reader;

/// Reads a packed array of at most `max` numbers.
pub(super) fn numbers(reader: &mut Reader<'_>, max: usize) -> Result<Vec<u32>, Reason> {
    let head = reader.u8()?;
    let count = match head >> 6 {
        0 => reader.size()?,
        1 => usize::from(reader.i16()? as u16),
        2 => usize::from(reader.u8()?),
        _ => return Err("a packed array has a count of no width".to_owned()),
    };
    if count > max {
        return Err(format!("a packed array of {count} numbers stands where {max} have room"));
    }
    let (width, has_table) = (u32::from(head & 31), head & 32 != 0);
    if !has_table {
        return unpack(reader, count, width);
    }
    let entries = usize::from(reader.u8()?).checked_sub(1).ok_or("a packed array has an empty table")?;
    let mut table = vec![0];
    table.extend(unpack(reader, entries, width)?);
    let index_width = usize::BITS - entries.leading_zeros();
    let indices = unpack(reader, count, index_width)?;
    let entry = |index: u32| {
        table.get(index as usize).copied().ok_or_else(|| "a packed index lies outside its table".to_owned())
    };
    indices.into_iter().map(entry).collect()
}

fn unpack(reader: &mut Reader<'_>, count: usize, width: u32) -> Result<Vec<u32>, Reason> {
    if width == 0 {
        return Ok(vec![0; count]);
    }
    let len = count.checked_mul(width as usize).ok_or("a packed array is too long")?.div_ceil(8);
    let mut bytes = reader.take(len)?.iter();
    let (mut held, mut held_bits) = (0u64, 0u32);
    let mut next = || {
        while held_bits < width {
            held |= u64::from(bytes.next().copied().unwrap_or(0)) << held_bits;
            held_bits += 8;
        }
        let value = (held & ((1 << width) - 1)) as u32;
        held >>= width;
        held_bits -= width;
        value
    };
    Ok((0..count).map(|_| next()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_and_without_a_table() {
        // Count in one byte (2 << 6), 3 bits each: 1, 2, 7 are 001, 010, 111, least significant first.
        let plain = [0x80 | 3, 3, 0b1101_0001, 0b0000_0001];
        assert_eq!(numbers(&mut Reader::new(&plain), 3).unwrap(), [1, 2, 7]);
        // A table of one entry beyond 0 (5, in 3 bits) and three indices of one bit: 0, 1, 1.
        let table = [0x80 | 32 | 3, 3, 2, 0b101, 0b110];
        assert_eq!(numbers(&mut Reader::new(&table), 3).unwrap(), [0, 5, 5]);
        assert!(numbers(&mut Reader::new(&plain), 2).is_err());
    }
}
