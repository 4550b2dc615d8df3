//! The tensors of what `torch.save` writes since PyTorch 1.6: a zip, stored without compression, of a pickle `data.pkl`
//! that names the tensors and one file `data/KEY` for each storage.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Described};
use super::view::View;

/// A state dict of ten thousand tensors takes 2 MB of pickle.
const LARGEST_PICKLE_BYTES: u64 = 64 << 20;

/// Where each tensor lies in the bytes of the archive.
pub(super) fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, String> {
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("it is no whole zip archive ({error})"))?;
    let pickle = archive.file_names().filter_map(Result::ok).find(|name| name.ends_with("/data.pkl"));
    let pickle = pickle.map(|name| name.into_owned());
    let pickle = pickle.ok_or("it is a zip without data.pkl, which torch.save did not write")?;
    let folder = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.index_for_name(&format!("{folder}byteorder")).is_some() {
        let order = content(&mut archive, &format!("{folder}byteorder"), 16)?;
        if order != b"little" {
            return Err("its numbers are big-endian; write it again on a little-endian machine".into());
        }
    }
    let described = pickle::tensors(&content(&mut archive, &pickle, LARGEST_PICKLE_BYTES)?)?;
    let mut storages = HashMap::new();
    let mut views = BTreeMap::new();
    for (name, Described { kind, key, offset, dims, strides }) in described {
        let storage = match storages.get(&key) {
            Some(range) => Range::clone(range),
            None => {
                let range = stored(&mut archive, &format!("{folder}data/{key}"))?;
                storages.insert(key, range.clone());
                range
            }
        };
        views.insert(name, View { kind, dims, strides, offset, storage });
    }
    Ok(views)
}

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// A small file of the archive.
fn content(archive: &mut Archive<'_>, name: &str, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let entry = archive.by_name(name).map_err(|error| format!("'{name}' cannot be read in it ({error})"))?;
    let mut bytes = Vec::new();
    entry
        .take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("'{name}' in it is damaged ({error})"))?;
    match bytes.len() as u64 > limit_bytes {
        true => Err(format!("'{name}' in it is larger than {limit_bytes} bytes")),
        false => Ok(bytes),
    }
}

/// Where a storage lies, its checksum compared.
fn stored(archive: &mut Archive<'_>, name: &str) -> Result<Range<usize>, String> {
    let mut entry = archive.by_name(name).map_err(|error| format!("'{name}' cannot be read in it ({error})"))?;
    if entry.compression() != CompressionMethod::Stored {
        return Err(format!("'{name}' in it is compressed, which torch.save does not do"));
    }
    let start = entry.data_start();
    let read = std::io::copy(&mut entry, &mut std::io::sink())
        .map_err(|error| format!("'{name}' in it is damaged ({error})"))?;
    let range = start.and_then(|start| {
        let end = start.checked_add(read)?;
        Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    });
    range.ok_or_else(|| format!("'{name}' lies beyond the archive"))
}
