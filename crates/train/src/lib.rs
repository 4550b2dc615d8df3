//! swath-train: runs a training graph on a stock ONNX Runtime.
//!
//! A training graph is an ONNX graph made by `swath-autodiff`: forward, loss, backward and optimiser in one.
//! [`TrainSession`] runs it step after step, [`fit`](mod@fit) is the loop around it, [`schedule`] says how fast to learn
//! at each step, [`checkpoint`] keeps the state on disk so that a run killed at any moment goes on where it was, and
//! [`metrics`] judges what came out. Nothing here knows what the arrays mean.

pub mod checkpoint;
pub mod error;
pub mod fit;
pub mod kernels;
pub mod metrics;
pub mod schedule;
pub mod session;

pub use checkpoint::{Checkpoint, CheckpointStore, Mark};
pub use error::{Result, TrainError};
pub use fit::{FitOptions, Outcome, Progress, StepAt, StepRecord, Stepped, Summary, Task, fit};
pub use metrics::{ClassMetrics, Confusion, Metrics};
pub use schedule::{Plateau, Schedule};
pub use session::{
    Device, Execution, InferenceSession, InputTensor, SessionOptions, StateValue, StepInputs, StepOutput, TrainSession,
};
