//! Weights out of files that others publish: the `state_dict` of PyTorch as safetensors or as the zip that `torch.save`
//! writes, and what their names mean to a network of [`crate::build`].
//!
//! ```text
//! file ─ safetensors ┐
//! file ─ torch ─ pickle ┴ StateDict: name → view into the file's bytes ─ naming ─ load → network
//! ```
//! Nothing in a file is executed, and no tensor is made before it is asked for by name.

mod load;
mod naming;
mod pickle;
mod safe;
mod torch;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use load::{Loaded, load_weights};
pub use naming::form_of;

use crate::error::{Error, Result};
use crate::graph::Tensor;
use view::View;

/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// First bytes of what `torch.save` wrote before PyTorch 1.6: a pickle of protocol 2 that begins with a long integer.
const OLD_TORCH: &[u8] = b"\x80\x02\x8a\x0a";

/// Named tensors of a file, read when asked for.
#[derive(Debug)]
pub struct StateDict {
    path: PathBuf,
    bytes: Vec<u8>,
    views: BTreeMap<String, View>,
}

impl StateDict {
    /// Opens a file of safetensors or of `torch.save`, told apart by their first bytes. A dictionary that holds the
    /// weights under `state_dict`, `model_state_dict` or `model` is opened there.
    ///
    /// # Errors
    /// When the file cannot be read, is of another kind or damaged, or names anything but tensors to be made.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::ReadWeights { path: path.into(), source })?;
        Self::from_bytes(path, bytes)
    }

    /// The same of bytes in memory; `path` names them in messages.
    ///
    /// # Errors
    /// As [`StateDict::open`], but for reading the file.
    pub fn from_bytes(path: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let views = if bytes.starts_with(ZIP) {
            torch::views(&bytes)
        } else if bytes.starts_with(OLD_TORCH) {
            Err("it is of the form that torch.save wrote before PyTorch 1.6; write it again with \
                 torch.save(torch.load(FILE, weights_only=True), NEW)"
                .to_owned())
        } else if bytes.get(8) == Some(&b'{') {
            safe::views(&bytes)
        } else {
            Err("it begins like neither safetensors nor the zip of torch.save; give a .safetensors or .pth file"
                .to_owned())
        };
        match views {
            Ok(views) => Ok(Self { path, bytes, views }),
            Err(what) => Err(Error::Weights { path, what }),
        }
    }

    /// Names of the tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.views.keys().map(String::as_str)
    }

    /// Dimensions of a tensor.
    #[must_use]
    pub fn dims(&self, name: &str) -> Option<&[usize]> {
        self.views.get(name).map(|view| view.dims.as_slice())
    }

    /// A tensor of floating-point numbers as float32, in row-major order whatever its strides in the file.
    ///
    /// # Errors
    /// When there is none of this name, it holds no floating-point numbers, or it reaches beyond its storage.
    pub fn floats(&self, name: &str) -> Result<Tensor> {
        let view = self.views.get(name).ok_or_else(|| "it is not there".to_owned());
        view.and_then(|view| view.floats(&self.bytes)).map_err(|what| self.error(format!("tensor '{name}': {what}")))
    }

    /// An error about this file.
    fn error(&self, what: String) -> Error {
        Error::Weights { path: self.path.clone(), what }
    }
}
