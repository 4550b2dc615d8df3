//! Running graphs on ONNX Runtime: the only part of swath, with `kernels`, that names `ort`.
//!
//! [`TrainSession`] runs a training graph step after step and keeps its state (parameters, moments, statistics) where
//! the graph runs. [`AccumulatingSession`] takes one step over several batches. [`InferenceSession`] runs a network forward. [`Runtime`] is the loaded library.

mod accumulate;
mod bound;
mod build;
mod cuda;
mod device;
mod host;
mod inference;
mod input;
mod options;
mod placement;
mod precision;
mod runtime;
mod state;
mod train;

pub use accumulate::AccumulatingSession;
pub(crate) use build::built;
pub use device::Device;
pub use inference::{Axis, InferenceSession};
pub use input::InputTensor;
pub use options::{Execution, SessionOptions};
pub use runtime::Runtime;
pub use state::StateValue;
pub use train::{StepInputs, StepOutput, TrainSession};
