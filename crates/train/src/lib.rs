//! swath-train: runs a training graph on a stock ONNX Runtime, step after step; its README is this page.
#![doc = include_str!("../README.md")]

pub mod checkpoint;
pub mod error;
pub mod fit;
pub mod kernels;
pub mod loss_scale;
pub mod metrics;
pub mod schedule;
pub mod session;

pub use checkpoint::{Checkpoint, CheckpointStore, Mark};
pub use error::{Result, TrainError};
pub use fit::{Ahead, FitOptions, Outcome, Progress, StepAt, StepRecord, Stepped, Summary, Task, fit};
pub use loss_scale::LossScaler;
pub use metrics::{ClassMetrics, Confusion, Metrics};
pub use schedule::{Plateau, Schedule};
pub use session::{
    AccumulatingSession, Device, Execution, InferenceSession, InputTensor, SessionOptions, StateValue, StepInputs,
    StepOutput, TrainSession,
};
