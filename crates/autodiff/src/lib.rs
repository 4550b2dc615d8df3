//! swath-autodiff: from an exported ONNX network to the ONNX graph that trains it.
//!
//! ONNX in, ONNX out: forward, loss, backward and optimiser as one graph that a stock ONNX Runtime runs.

mod adapt;
mod error;
mod loss;
mod model;
mod optimizer;
mod options;
mod training_graph;

pub use adapt::{Adaptation, AdaptationReport, adapt};
pub use error::{Error, Result};
pub use loss::Loss;
pub use model::{Dimension, Inspection, Model, ParameterInfo};
pub use optimizer::Optimizer;
pub use options::{BatchNormMode, Lowering, ParameterGroup, TrainingOptions};
pub use training_graph::{Role, StateTensor, TrainingGraph, gradient_graph, training_graph, write_back};
