//! Reading one JSON document within limits.

use std::{fs::File, io::Read, path::Path};

use serde_json::Value;

use crate::{
    error::{Error, Result},
    href::Href,
};

/// The largest real STAC documents are collections that link to each of a million items, about 100 bytes a link.
/// Depth needs no limit here: serde_json refuses more than 128 levels.
pub(crate) const LIMIT_BYTES: u64 = 128 << 20;

/// Reads and parses a file.
pub(crate) fn read_file(path: &Path) -> Result<Value> {
    parse_as_named(&read_bytes(path)?, &Href::File(path.to_path_buf()))
}

/// Reads a file whole.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let href = || Href::File(path.to_path_buf());
    let failed = |source| Error::Read { href: href(), source };
    let file = File::open(path).map_err(failed)?;
    let size_bytes = file.metadata().map_err(failed)?.len();
    let too_large = |size_bytes| Error::TooLarge { href: href(), size_bytes, limit_bytes: LIMIT_BYTES };
    if size_bytes > LIMIT_BYTES {
        return Err(too_large(size_bytes));
    }
    // A pipe or a growing file says nothing true of its size beforehand.
    let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
    file.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Parses bytes as what the name of their file says: lines of JSON, or one JSON document.
pub(crate) fn parse_as_named(bytes: &[u8], href: &Href) -> Result<Value> {
    if is_lines(href) { lines(bytes, href) } else { parse(bytes, href) }
}

/// Whether a file has one JSON document a line, by its name.
pub(crate) fn is_lines(href: &Href) -> bool {
    let extension = href.file_name().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    matches!(extension, Some("ndjson" | "jsonl" | "geojsonl"))
}

/// One item a line, as the item collection that it stands for.
fn lines(bytes: &[u8], href: &Href) -> Result<Value> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let features = lines.map(|line| parse(line, href)).collect::<Result<Vec<_>>>()?;
    Ok(serde_json::json!({"type": "FeatureCollection", "features": features}))
}

/// Parses bytes that were read from `href`; a byte-order mark is skipped.
pub(crate) fn parse(bytes: &[u8], href: &Href) -> Result<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|source| Error::Json { href: href.clone(), source })
}
