//! An ONNX model in memory: read with limits, written whole or not at all.

use std::io::Write;
use std::path::Path;

use prost::Message;

use crate::error::{Error, Result};
use crate::graph::{Graph, Patch, SWATH_DOMAIN};
use crate::onnx::proto::ModelProto;
use crate::onnx::{model_from_proto, model_to_proto};

/// Oldest version of the standard operators understood: the first whose Squeeze, ReduceSum and Split take axes as inputs.
pub(crate) const OLDEST_OPSET: i64 = 13;
/// Newest version of the standard operators understood.
pub(crate) const NEWEST_OPSET: i64 = 23;
/// A protobuf message cannot be larger than this.
const LARGEST_MESSAGE_BYTES: usize = (1 << 31) - 1;

/// What a model says of itself beside its graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Header {
    pub(crate) opset: i64,
    pub(crate) ir_version: i64,
    pub(crate) other_opsets: Vec<(String, i64)>,
    /// Name and version of the program that wrote it.
    pub(crate) producer: (String, String),
    pub(crate) doc: String,
    pub(crate) metadata: Vec<(String, String)>,
}

/// A validated ONNX model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) graph: Graph,
    pub(crate) header: Header,
}

impl Model {
    /// A model out of a graph made in code, over version `opset` of the standard operators; operators of domain `swath` are those
    /// of version 1.
    ///
    /// # Errors
    /// When that version is not understood.
    pub fn new(graph: Graph, opset: i64) -> Result<Self> {
        if !(OLDEST_OPSET..=NEWEST_OPSET).contains(&opset) {
            let domain = "ai.onnx".into();
            return Err(Error::Opset { domain, found: opset, oldest: OLDEST_OPSET, newest: NEWEST_OPSET });
        }
        let producer = ("swath".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let swath = graph.nodes().iter().any(|node| node.domain == SWATH_DOMAIN);
        let other_opsets = swath.then(|| (SWATH_DOMAIN.to_owned(), 1)).into_iter().collect();
        Ok(Self { graph, header: Header { opset, ir_version: 8, other_opsets, producer, ..Header::default() } })
    }

    /// The model with one of its outputs, and without what only the others needed.
    ///
    /// # Errors
    /// When it has no output of this name.
    pub fn with_output(&self, name: &str) -> Result<Self> {
        let output = self.graph.outputs().iter().find(|output| output.name == name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.graph.outputs().iter().map(|output| output.name.as_str()).take(8).collect();
            Error::NotSegmentation { what: format!("graph has no output '{name}' (it has: {})", names.join(", ")) }
        })?;
        let patch = Patch { outputs: Some(vec![output]), prune: true, ..Patch::default() };
        Ok(Self { graph: self.graph.clone().patched(patch)?, header: self.header.clone() })
    }

    /// Reads a model and any external data beside it.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or refers to data outside its folder.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let folder = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
        model_from_proto(ModelProto::decode(&bytes[..]).map_err(Error::Decode)?, folder)
    }

    /// Reads a model that has all its data inside.
    ///
    /// # Errors
    /// When the bytes are damaged or refer to external data.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        model_from_proto(ModelProto::decode(bytes).map_err(Error::Decode)?, None)
    }

    /// The model as ONNX protobuf, all data inside.
    ///
    /// # Errors
    /// When it would exceed the 2 GiB that a protobuf may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let proto = model_to_proto(self);
        let bytes = proto.encoded_len();
        if bytes > LARGEST_MESSAGE_BYTES {
            return Err(Error::Malformed {
                what: format!("it would take {bytes} bytes, a protobuf holds 2 GiB at most"),
            });
        }
        Ok(proto.encode_to_vec())
    }

    /// Writes the model to a temporary file beside `path` and renames it: whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let written = std::fs::File::create(&part)
            .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&part, path));
        written.map_err(|source| {
            // The failure to report is the first one; a part that was never created cannot be removed either.
            let _ = std::fs::remove_file(&part);
            Error::Write { path: path.into(), source }
        })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Version of the standard operators.
    #[must_use]
    pub fn opset(&self) -> i64 {
        self.header.opset
    }

    /// Notes that travel with the model, as key and value.
    #[must_use]
    pub fn metadata(&self) -> &[(String, String)] {
        &self.header.metadata
    }

    /// Notes something under `key`, in place of what was noted there.
    pub fn set_metadata(&mut self, key: &str, value: &str) {
        self.header.metadata.retain(|(known, _)| known != key);
        self.header.metadata.push((key.to_owned(), value.to_owned()));
    }
}
