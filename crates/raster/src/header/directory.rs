//! TIFF and BigTIFF structure: the chain of image directories and the values of their tags. See the TIFF 6.0
//! specification and the BigTIFF design (Aware Systems); values are taken as files give them, whatever integer type they use.

use super::Limits;
use super::bytes::{HeaderBytes, Stop};
use std::collections::BTreeMap;

/// Tags that are read, by number.
pub(crate) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const IMAGE_WIDTH: u16 = 256;
    pub(crate) const IMAGE_LENGTH: u16 = 257;
    pub(crate) const BITS_PER_SAMPLE: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(crate) const PLANAR_CONFIGURATION: u16 = 284;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const COLOR_MAP: u16 = 320;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_LENGTH: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTE_COUNTS: u16 = 325;
    pub(crate) const EXTRA_SAMPLES: u16 = 338;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
    pub(crate) const JPEG_TABLES: u16 = 347;
    pub(crate) const MODEL_PIXEL_SCALE: u16 = 33550;
    pub(crate) const MODEL_TIEPOINT: u16 = 33922;
    pub(crate) const MODEL_TRANSFORMATION: u16 = 34264;
    pub(crate) const GEO_KEY_DIRECTORY: u16 = 34735;
    pub(crate) const GEO_DOUBLE_PARAMS: u16 = 34736;
    pub(crate) const GEO_ASCII_PARAMS: u16 = 34737;
    pub(crate) const GDAL_METADATA: u16 = 42112;
    pub(crate) const GDAL_NODATA: u16 = 42113;
    pub(crate) const LERC_PARAMETERS: u16 = 50674;
}

/// Entries of one directory. Real files have about 30; a count in the tens of thousands is noise read as a directory.
const MAX_ENTRIES: u64 = 4096;

/// Where a tag's values are.
#[derive(Clone, Debug)]
struct Entry {
    kind: u16,
    count: u64,
    start: u64,
}

/// One image directory: tags whose values are read when asked for.
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    pub(crate) bytes: &'a HeaderBytes,
    pub(crate) is_big_endian: bool,
    limits: &'a Limits,
    entries: BTreeMap<u16, Entry>,
}

fn size_of_kind(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

/// Byte order and offset width of a file.
#[derive(Clone, Copy)]
struct Layout {
    is_big_endian: bool,
    is_big_tiff: bool,
}

impl Layout {
    fn uint(self, bytes: &[u8]) -> u64 {
        let fold = |acc: u64, byte: &u8| (acc << 8) | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }
}

/// All image directories of the main chain, in file order.
pub(crate) fn directories<'a>(bytes: &'a HeaderBytes, limits: &'a Limits) -> Result<Vec<Directory<'a>>, Stop> {
    let (layout, mut next) = file_header(bytes)?;
    let mut seen = Vec::new();
    let mut all = Vec::new();
    while next != 0 {
        if seen.contains(&next) {
            return Err(bytes.malformed(format!("its directories form a loop at byte {next}")));
        }
        seen.push(next);
        if seen.len() > limits.directories {
            return Err(bytes.over_limit(
                "the number of image directories",
                seen.len() as u64,
                limits.directories as u64,
            ));
        }
        let (directory, after) = directory(bytes, limits, layout, next)?;
        all.push(directory);
        next = after;
    }
    Ok(all)
}

fn file_header(bytes: &HeaderBytes) -> Result<(Layout, u64), Stop> {
    let not_tiff = |begin: &[u8]| {
        let begins = format!("{:?}", String::from_utf8_lossy(&begin[..begin.len().min(8)]));
        Stop::from(crate::Error::NotTiff { href: bytes.href.clone(), begins })
    };
    let first = bytes.get("the file header", 0, bytes.file_bytes.min(8))?;
    if first.len() < 8 {
        return Err(not_tiff(first));
    }
    let is_big_endian = match &first[..2] {
        b"II" => false,
        b"MM" => true,
        _ => return Err(not_tiff(first)),
    };
    let layout = |is_big_tiff| Layout { is_big_endian, is_big_tiff };
    match layout(false).uint(&first[2..4]) {
        42 => Ok((layout(false), layout(false).uint(&first[4..8]))),
        43 => {
            let header = bytes.get("the BigTIFF header", 0, 16)?;
            if layout(true).uint(&header[4..6]) != 8 {
                return Err(bytes.malformed("its BigTIFF offsets are not of 8 bytes"));
            }
            Ok((layout(true), layout(true).uint(&header[8..16])))
        }
        _ => Err(not_tiff(first)),
    }
}

fn directory<'a>(
    bytes: &'a HeaderBytes,
    limits: &'a Limits,
    layout: Layout,
    start: u64,
) -> Result<(Directory<'a>, u64), Stop> {
    let (count_len, entry_len, inline_len) = if layout.is_big_tiff { (8, 20, 8) } else { (2, 12, 4) };
    let what = "an image directory";
    let count = layout.uint(bytes.get(what, start, count_len)?);
    if count == 0 || count > MAX_ENTRIES {
        return Err(bytes.malformed(format!("the directory at byte {start} says it has {count} entries")));
    }
    let table = bytes.get(what, start.saturating_add(count_len), count * entry_len + inline_len)?;
    let mut entries = BTreeMap::new();
    for (index, entry) in table.chunks_exact(entry_len as usize).take(count as usize).enumerate() {
        let (number, kind) = (layout.uint(&entry[..2]) as u16, layout.uint(&entry[2..4]) as u16);
        let split = 4 + inline_len as usize;
        let (count, value) = (layout.uint(&entry[4..split]), &entry[split..]);
        let Some(size) = size_of_kind(kind) else { continue };
        let is_inline = count.saturating_mul(size) <= inline_len;
        let inline_at = start + count_len + index as u64 * entry_len + split as u64;
        let start = if is_inline { inline_at } else { layout.uint(value) };
        // Where a tag is given twice the first counts, as in libtiff.
        entries.entry(number).or_insert(Entry { kind, count, start });
    }
    let next = layout.uint(&table[(count * entry_len) as usize..]);
    Ok((Directory { bytes, is_big_endian: layout.is_big_endian, limits, entries }, next))
}

impl<'a> Directory<'a> {
    pub(crate) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    /// How many values a tag says it has.
    pub(crate) fn count(&self, tag: u16) -> u64 {
        self.entries.get(&tag).map_or(0, |entry| entry.count)
    }

    fn raw(&self, tag: u16) -> Result<Option<(u16, &'a [u8])>, Stop> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        let size = size_of_kind(entry.kind).unwrap_or(1);
        let len = entry.count.saturating_mul(size);
        if len > self.limits.header_bytes {
            return Err(self.bytes.over_limit("the size of one tag's values in bytes", len, self.limits.header_bytes));
        }
        Ok(Some((entry.kind, self.bytes.get("the values of a tag", entry.start, len)?)))
    }

    /// The values as unsigned integers; empty where the tag is missing.
    pub(crate) fn uints(&self, tag: u16) -> Result<Vec<u64>, Stop> {
        let layout = Layout { is_big_endian: self.is_big_endian, is_big_tiff: false };
        let Some((kind, raw)) = self.raw(tag)? else { return Ok(Vec::new()) };
        match kind {
            1 | 3 | 4 | 6..=9 | 13 | 16..=18 => {
                let size = size_of_kind(kind).unwrap_or(1) as usize;
                Ok(raw.chunks_exact(size).map(|chunk| layout.uint(chunk)).collect())
            }
            _ => Err(self.bytes.malformed(format!("tag {tag} should hold integers"))),
        }
    }

    /// The first value as an unsigned integer.
    pub(crate) fn uint(&self, tag: u16) -> Result<Option<u64>, Stop> {
        Ok(self.uints(tag)?.first().copied())
    }

    /// The values as floats; empty where the tag is missing.
    pub(crate) fn floats(&self, tag: u16) -> Result<Vec<f64>, Stop> {
        let layout = Layout { is_big_endian: self.is_big_endian, is_big_tiff: false };
        let Some((kind, raw)) = self.raw(tag)? else { return Ok(Vec::new()) };
        match kind {
            12 => Ok(raw.chunks_exact(8).map(|chunk| f64::from_bits(layout.uint(chunk))).collect()),
            11 => Ok(raw.chunks_exact(4).map(|chunk| f64::from(f32::from_bits(layout.uint(chunk) as u32))).collect()),
            _ => Ok(self.uints(tag)?.into_iter().map(|value| value as f64).collect()),
        }
    }

    /// The values as text up to the first NUL.
    pub(crate) fn text(&self, tag: u16) -> Result<Option<String>, Stop> {
        let Some((_, raw)) = self.raw(tag)? else { return Ok(None) };
        let end = raw.iter().position(|byte| *byte == 0).unwrap_or(raw.len());
        Ok(Some(String::from_utf8_lossy(&raw[..end]).into_owned()))
    }

    /// The values as they are.
    pub(crate) fn blob(&self, tag: u16) -> Result<Option<&'a [u8]>, Stop> {
        Ok(self.raw(tag)?.map(|(_, raw)| raw))
    }
}
