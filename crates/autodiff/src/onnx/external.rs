//! Tensor data that lies in a file beside the model, and nowhere else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::proto::TensorProto;
use crate::error::{Error, Result};

/// The folder of a model, where the data of its tensors may lie, and how much of each file they claim.
pub(super) struct Beside<'a> {
    folder: Option<&'a Path>,
    claimed_bytes: RefCell<HashMap<PathBuf, u64>>,
}

/// Where the data of a tensor lies.
pub(super) struct Place {
    path: PathBuf,
    offset: u64,
    length: u64,
}

/// Tensors may share data, but not so that a small file becomes a large model.
const LARGEST_SHARING: u64 = 2;

impl<'a> Beside<'a> {
    /// `folder` is the model's; `None` where it came as bytes.
    pub(super) fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, claimed_bytes: RefCell::default() }
    }

    /// Checks where the data of a tensor lies, which is to have `wanted` bytes by its dimensions, and adds it to what the file
    /// is to give. Called for every tensor before the first is read, so that a file cannot be read again and again.
    ///
    /// Only a plain relative path that still lies under the folder after links are resolved is opened.
    pub(super) fn claim(&self, proto: &TensorProto, wanted: u128) -> Result<Place> {
        let entries = proto.external();
        let location = entries.get("location").copied().unwrap_or_default();
        let refuse = |reason: String| refused(proto, reason);
        let folder = self.folder.ok_or_else(|| refuse("the model came without a folder".into()))?;
        let path = inside(folder, location).map_err(&refuse)?;
        let number = |key: &str| match entries.get(key) {
            None => Ok(None),
            Some(text) => {
                text.parse::<u64>().map(Some).map_err(|_| refuse(format!("{key} '{text}' is not a number of bytes")))
            }
        };
        let offset = number("offset")?.unwrap_or(0);
        let size = path.metadata().map_err(|e| refuse(e.to_string()))?.len();
        let available =
            size.checked_sub(offset).ok_or_else(|| refuse(format!("offset {offset} lies beyond its {size} bytes")))?;
        let length = number("length")?.unwrap_or(available);
        if length > available {
            return Err(refuse(format!("{length} bytes at offset {offset} are wanted, it has {size} in all")));
        }
        if u128::from(length) != wanted {
            let (tensor, dims) = (proto.name.clone().unwrap_or_default(), proto.dims.clone());
            return Err(Error::TensorData { tensor, dims, expected: wanted, found: length.into() });
        }
        let mut claimed = self.claimed_bytes.borrow_mut();
        let total = claimed.entry(path.clone()).or_default();
        *total = total.saturating_add(length);
        if *total > size.saturating_mul(LARGEST_SHARING) {
            return Err(refuse(format!("tensors together want {total} bytes of a file of {size}")));
        }
        Ok(Place { path, offset, length })
    }
}

impl Place {
    /// Reads what was claimed for a tensor.
    pub(super) fn read(&self, proto: &TensorProto) -> Result<Vec<u8>> {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            file.take(self.length).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        read().map_err(|error| refused(proto, error.to_string()))
    }
}

fn refused(proto: &TensorProto, reason: String) -> Error {
    let location = proto.external().get("location").copied().unwrap_or_default().to_owned();
    Error::ExternalData { tensor: proto.name.clone().unwrap_or_default(), location, reason }
}

fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    if location.is_empty() || !relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err("only files inside the model's folder are read".into());
    }
    let folder = folder.canonicalize().map_err(|e| e.to_string())?;
    let path = folder.join(relative).canonicalize().map_err(|e| e.to_string())?;
    if !path.starts_with(&folder) {
        return Err("it is a link that leads out of the model's folder".into());
    }
    if !path.is_file() {
        return Err("it is not a regular file".into());
    }
    Ok(path)
}
