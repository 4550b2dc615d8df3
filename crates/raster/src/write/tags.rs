//! The header of a written file: one directory per level, all of them before any pixel, little-endian, TIFF or BigTIFF.

use crate::header::tag;

/// Values of one tag.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Ascii(String),
    Short(Vec<u16>),
    Long(Vec<u32>),
    Double(Vec<f64>),
    /// Offsets and sizes: 4 bytes each in TIFF, 8 in BigTIFF.
    Place(Vec<u64>),
}

/// Tags of one directory with their values, ascending by tag.
pub(super) type Tags = std::collections::BTreeMap<u16, Values>;

impl Values {
    fn kind(&self, is_big: bool) -> (u16, usize) {
        match self {
            Values::Ascii(_) => (2, 1),
            Values::Short(_) => (3, 2),
            Values::Long(_) => (4, 4),
            Values::Double(_) => (12, 8),
            Values::Place(_) if is_big => (16, 8),
            Values::Place(_) => (4, 4),
        }
    }

    fn count(&self) -> usize {
        match self {
            Values::Ascii(text) => text.len() + 1,
            Values::Short(values) => values.len(),
            Values::Long(values) => values.len(),
            Values::Double(values) => values.len(),
            Values::Place(values) => values.len(),
        }
    }

    fn bytes(&self, is_big: bool) -> Vec<u8> {
        match self {
            Values::Ascii(text) => [text.as_bytes(), &[0]].concat(),
            Values::Short(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::Long(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::Double(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::Place(values) if is_big => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::Place(values) => values.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect(),
        }
    }
}

/// Bytes of the header of these directories; independent of the offsets in them.
pub(super) fn header_len(directories: &[Tags], is_big: bool) -> u64 {
    header(directories, is_big).len() as u64
}

/// The file header and all directories, each followed by its longer values.
pub(super) fn header(directories: &[Tags], is_big: bool) -> Vec<u8> {
    let mut out: Vec<u8> = if is_big {
        [&b"II"[..], &43u16.to_le_bytes(), &8u16.to_le_bytes(), &0u16.to_le_bytes(), &16u64.to_le_bytes()].concat()
    } else {
        [&b"II"[..], &42u16.to_le_bytes(), &8u32.to_le_bytes()].concat()
    };
    for (index, tags) in directories.iter().enumerate() {
        directory(tags, is_big, index + 1 == directories.len(), &mut out);
    }
    out
}

fn place(value: u64, is_big: bool, out: &mut Vec<u8>) {
    if is_big {
        out.extend(value.to_le_bytes());
    } else {
        out.extend((value as u32).to_le_bytes());
    }
}

fn directory(tags: &Tags, is_big: bool, is_last: bool, out: &mut Vec<u8>) {
    let (count_len, entry_len, inline_len) = if is_big { (8, 20, 8) } else { (2, 12, 4) };
    let begin = out.len();
    let values_begin = begin + count_len + tags.len() * entry_len + inline_len;
    let mut values: Vec<u8> = Vec::new();
    if is_big {
        out.extend((tags.len() as u64).to_le_bytes());
    } else {
        out.extend((tags.len() as u16).to_le_bytes());
    }
    for (number, tag_values) in tags {
        let (kind, _) = tag_values.kind(is_big);
        out.extend(number.to_le_bytes());
        out.extend(kind.to_le_bytes());
        place(tag_values.count() as u64, is_big, out);
        let mut bytes = tag_values.bytes(is_big);
        if bytes.len() <= inline_len {
            bytes.resize(inline_len, 0);
            out.extend(bytes);
        } else {
            place((values_begin + values.len()) as u64, is_big, out);
            values.extend(bytes);
            // Values begin on even bytes, as the specification asks.
            values.resize(values.len().next_multiple_of(8), 0);
        }
    }
    let end = (values_begin + values.len()).next_multiple_of(8);
    place(if is_last { 0 } else { end as u64 }, is_big, out);
    out.extend(values);
    out.resize(end, 0);
}

/// The tags that hold where tiles are.
pub(super) fn set_places(tags: &mut Tags, offsets: Vec<u64>, byte_counts: Vec<u64>) {
    tags.insert(tag::TILE_OFFSETS, Values::Place(offsets));
    tags.insert(tag::TILE_BYTE_COUNTS, Values::Place(byte_counts));
}
