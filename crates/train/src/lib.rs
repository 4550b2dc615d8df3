//! swath-train: runs a training graph on a stock ONNX Runtime.
//!
//! A training graph is an ONNX graph made by `swath-autodiff`: forward, loss, backward and optimiser in one.
//! [`TrainSession`] runs it step after step, [`fit`] is the loop around it, [`schedule`] says how fast to learn at each
//! step, [`checkpoint`] keeps the state on disk so that a run killed at any moment goes on where it was, and [`metrics`]
//! judges what came out. Nothing here knows what the arrays mean.

pub mod error;
pub mod kernels;
pub mod session;

pub use error::{Result, TrainError};
pub use session::{Device, Execution, InferenceSession, SessionOptions, StepInputs, StepOutput, TrainSession};
