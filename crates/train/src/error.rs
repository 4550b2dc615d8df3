//! What can go wrong between a training graph and its weights, as one enum.
//!
//! Each message is one sentence that says what failed, where, and what to do; the cause is linked, not repeated.

use std::path::PathBuf;

use crate::session::Device;

/// Result of this crate.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

/// A cause from a library whose type is no part of this crate's interface.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// No library of ONNX Runtime where it is looked for.
    #[error(
        "ONNX Runtime was not found in `.ort` beside or above {searched_from}: run `make runtime`, or set ORT_DYLIB_PATH to libonnxruntime.so"
    )]
    RuntimeMissing {
        /// Folder of the running executable, where the search began.
        searched_from: PathBuf,
    },
    /// `ORT_DYLIB_PATH` names a file that is not there.
    #[error(
        "ORT_DYLIB_PATH is {path}, where there is no file: set it to libonnxruntime.so, or unset it and run `make runtime`"
    )]
    RuntimePath {
        /// The value of the variable.
        path: PathBuf,
    },
    /// The library is there but cannot be used.
    #[error(
        "{path} cannot be used as ONNX Runtime (1.{minimum} or later is needed): run `make runtime`, or set ORT_DYLIB_PATH to another one"
    )]
    RuntimeLoad {
        /// The library.
        path: PathBuf,
        /// Least minor version.
        minimum: u32,
        /// What the loader said.
        #[source]
        source: Cause,
    },
    /// A device that was asked for cannot be used. Never answered by using another one.
    #[error("device {device} cannot be used: {missing}")]
    Device {
        /// The device asked for.
        device: Device,
        /// What is missing, and the remedy.
        missing: String,
        /// What the loader or ONNX Runtime said, if it was asked.
        #[source]
        source: Option<Cause>,
    },
    /// A device name that cannot be read.
    #[error("`{text}` is no device: use `cpu`, `cuda` or `cuda:INDEX`")]
    DeviceName {
        /// What was given.
        text: String,
    },
    /// ONNX Runtime did not accept the graph or an option.
    #[error("ONNX Runtime did not accept {what}")]
    Session {
        /// The graph or the option.
        what: String,
        /// ONNX Runtime's message.
        #[source]
        source: Cause,
    },
    /// ONNX Runtime failed while running the graph.
    #[error("running {what} failed")]
    Run {
        /// Which graph, at which step.
        what: String,
        /// ONNX Runtime's message.
        #[source]
        source: Cause,
    },
    /// A step failed half-way before, so that the weights may be half updated.
    #[error("an earlier step failed and may have left the weights half updated: load a checkpoint into a new session")]
    Poisoned,
    /// Steps of a session out of their order.
    #[error("{what}: call `launch` and `finish` by turns")]
    Order {
        /// What is missing.
        what: &'static str,
    },
    /// Gradients overflow float16 at any scale of the loss.
    #[error(
        "gradients are not finite at step {step} even with the loss scaled by {scale}: use bfloat16 or float32, or a lower learning rate"
    )]
    Overflow {
        /// Step counted from 1.
        step: u64,
        /// The scale by then.
        scale: f32,
    },
    /// The graph wants an input that was not given.
    #[error("the graph's input `{name}` was not given (given: {given})")]
    MissingInput {
        /// The input.
        name: String,
        /// Names that were given.
        given: String,
    },
    /// A name that the graph does not have.
    #[error("the graph has no {role} `{name}` (it has: {known})")]
    UnknownTensor {
        /// `input`, `output` or `state tensor`.
        role: &'static str,
        /// The name.
        name: String,
        /// Names of that role.
        known: String,
    },
    /// Shapes that do not agree.
    #[error("`{name}` has shape {got:?} where {expected} is expected")]
    Shape {
        /// The tensor.
        name: String,
        /// Expected shape, `?` for a free axis.
        expected: String,
        /// Shape given.
        got: Vec<usize>,
    },
    /// Element types that do not agree.
    #[error("`{name}` holds {got} where {expected} is expected")]
    ElementType {
        /// The tensor.
        name: String,
        /// Type expected.
        expected: String,
        /// Type given.
        got: String,
    },
    /// The loss is no number any more.
    #[error("the loss is {loss} at step {step}: lower the learning rate, or clip the gradient")]
    NotFinite {
        /// Step counted from 1.
        step: u64,
        /// The loss.
        loss: f32,
    },
    /// A setting that makes no sense.
    #[error("{what} is {value}, but must be {rule}")]
    Setting {
        /// The setting's name.
        what: &'static str,
        /// Its value.
        value: String,
        /// What it has to be.
        rule: &'static str,
    },
    /// A class value outside the range.
    #[error("{side} has class {value}, but there are {classes} classes (0 to {}) and the ignore value is {ignore:?}", classes - 1)]
    ClassOutOfRange {
        /// `truth` or `prediction`.
        side: &'static str,
        /// The value.
        value: i64,
        /// Number of classes.
        classes: usize,
        /// Value left out of the count.
        ignore: Option<i64>,
    },
    /// Confusion matrices that count different things.
    #[error("confusion matrices of {left} and {right} classes cannot be added")]
    ConfusionMismatch {
        /// Classes of the one.
        left: usize,
        /// Classes of the other.
        right: usize,
    },
    /// A file operation failed.
    #[error("could not {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A checkpoint that cannot be used.
    #[error("checkpoint {path} cannot be used: {reason}")]
    Checkpoint {
        /// File or folder.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What the reader said, if it was a reader.
        #[source]
        source: Option<Cause>,
    },
}

impl TrainError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn session<E: std::error::Error + Send + Sync + 'static>(
        what: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Session { what, source: Box::new(source) }
    }

    pub(crate) fn setting(what: &'static str, value: impl ToString, rule: &'static str) -> Self {
        Self::Setting { what, value: value.to_string(), rule }
    }
}
