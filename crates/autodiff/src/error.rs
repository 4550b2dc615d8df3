//! Everything that can go wrong between an ONNX file and a training graph, as one typed enum.
//!
//! Variants carry the operands (file, node, operator, shapes); a message says what, where and what to do.

use std::path::PathBuf;

/// A failure of reading, understanding, adapting or differentiating a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read the model {path}: check that the file exists and is readable", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The file could not be written; nothing is left behind.
    #[error("cannot write the model {path}: check the folder and the free space", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes are not an ONNX protobuf.
    #[error("not a complete ONNX model: the file is truncated or of another kind; export it again")]
    Decode(#[source] prost::DecodeError),
    /// The protobuf decodes but contradicts the ONNX specification.
    #[error("malformed ONNX model: {what}; export it again")]
    Malformed {
        /// The contradiction.
        what: String,
    },
    /// The operator set is one whose definitions this crate does not know.
    #[error(
        "the model uses opset {found} of domain '{domain}'; opsets {oldest} to {newest} of the standard domain are understood: export with opset_version=17"
    )]
    Opset {
        /// Domain of the operator set.
        domain: String,
        /// Version in the file.
        found: i64,
        /// Oldest version understood.
        oldest: i64,
        /// Newest version understood.
        newest: i64,
    },
    /// A tensor's data lies outside the model's folder, is missing or is too short.
    #[error(
        "external data of tensor '{tensor}' at '{location}' cannot be used: {reason}; keep the data file beside the model, as it was exported"
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// Location as written in the model.
        location: String,
        /// Why it is refused.
        reason: String,
    },
    /// A tensor's data does not fit its dimensions.
    #[error(
        "tensor '{tensor}' has dimensions {dims:?} that need {expected} bytes, its data has {found}; the file is damaged: export it again"
    )]
    TensorData {
        /// The tensor.
        tensor: String,
        /// Its dimensions as written.
        dims: Vec<i64>,
        /// Bytes that the dimensions call for.
        expected: u128,
        /// Bytes found.
        found: u128,
    },
    /// A dimension is negative, or a tensor is larger than any machine could hold.
    #[error(
        "'{value}' would have dimensions {dims:?}, beyond the limit of {limit} elements; check the input size and the model"
    )]
    TooLarge {
        /// The value.
        value: String,
        /// Its dimensions.
        dims: Vec<i64>,
        /// The limit in elements.
        limit: u64,
    },
    /// The graph runs in a circle.
    #[error("the graph runs in a circle through node '{node}' ({operator}); export the model again")]
    Cycle {
        /// A node on the circle.
        node: String,
        /// Its operator.
        operator: String,
    },
    /// A node or graph output reads a value that nothing produces.
    #[error(
        "'{consumer}' reads '{value}', which is neither an input, an initializer nor any node's output; export the model again"
    )]
    MissingValue {
        /// Node or output that reads it.
        consumer: String,
        /// The value.
        value: String,
    },
    /// Two producers claim one value.
    #[error("'{value}' is produced twice; export the model again")]
    DuplicateValue {
        /// The value.
        value: String,
    },
    /// A node lacks an input or attribute, or has one of an impossible value.
    #[error("node '{node}' ({operator}): {reason}")]
    Node {
        /// The node.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Inputs of a node do not fit together.
    #[error("node '{node}' ({operator}) cannot take inputs of shapes {shapes:?}: {reason}")]
    Shape {
        /// The node.
        node: String,
        /// Its operator.
        operator: String,
        /// Shapes of its inputs.
        shapes: Vec<Vec<usize>>,
        /// What is wrong and what to do.
        reason: String,
    },
    /// No shape is known for what an operator yields.
    #[error(
        "node '{node}': operator {operator} is not supported; supported operators are listed in the documentation of swath-autodiff. Replace the layer or export it as simpler operators"
    )]
    UnknownOperator {
        /// The node.
        node: String,
        /// Its operator, with its domain where not the standard one.
        operator: String,
    },
    /// The gradient path crosses an operator without a rule.
    #[error(
        "node '{node}': operator {operator} has no gradient rule and lies between a trainable parameter and the loss; freeze the parameters before it (--freeze) or replace the layer"
    )]
    NoGradient {
        /// The node.
        node: String,
        /// Its operator.
        operator: String,
    },
    /// The network is not one image in, one map of logits out.
    #[error(
        "the model's {what}; a network with one float input [N, C, H, W] and one output [N, classes, H, W] is needed"
    )]
    NotSegmentation {
        /// What was found instead.
        what: String,
    },
    /// An input of another number of bands than the network's.
    #[error("the model takes {expected} input bands, {found} were asked for; adapt its input to {found} bands first")]
    InputChannels {
        /// Bands that the network takes.
        expected: usize,
        /// Bands that were asked for.
        found: usize,
    },
    /// A change of input bands or classes that cannot be made.
    #[error("cannot adapt the model: {reason}")]
    Adapt {
        /// Why, and what to do.
        reason: String,
    },
    /// A network that cannot be built.
    #[error("cannot build the network: {reason}")]
    Build {
        /// Why, and what to do.
        reason: String,
    },
    /// A file of weights could not be read.
    #[error("cannot read the weights {path}: check that the file exists and is readable", path = .path.display())]
    ReadWeights {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of weights is damaged, of another kind, or for another network.
    #[error("the weights {path} cannot be used: {what}", path = .path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// An option of the training graph makes no sense.
    #[error("training options: {reason}")]
    Options {
        /// Which option, and what to do.
        reason: String,
    },
    /// Nothing would be trained.
    #[error(
        "no parameter is left to train: the model has {parameters} parameters and {frozen} of them are frozen; freeze fewer"
    )]
    NothingToTrain {
        /// Parameters in the model.
        parameters: usize,
        /// Parameters that the patterns freeze.
        frozen: usize,
    },
    /// A tensor given to write back does not fit the model.
    #[error("tensor '{name}' cannot be written back: {reason}")]
    WriteBack {
        /// The tensor.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// A broken promise inside this crate: a rule, patch or lowering contradicted itself.
    #[error("internal contradiction in swath-autodiff ({place}): {what}; please report it with the model")]
    Internal {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
