#![doc = include_str!("../README.md")]

mod accumulation;
mod adapt;
mod backward;
mod builder;
mod error;
mod forward;
pub mod graph;
mod infer;
mod inspect;
mod loss;
mod lowering;
mod model;
pub mod onnx;
mod optimizer;
mod options;
mod parameters;
mod pattern;
mod resizable;
mod rules;
mod simplify;
mod training_graph;
mod vector_jacobian;
mod write_back;

pub use accumulation::{AccumulatingGraphs, accumulating_graphs};
pub use adapt::{Adaptation, AdaptationReport, adapt};
pub use error::{Error, Result};
pub use graph::Dimension;
pub use inspect::{Inspection, ParameterInfo};
pub use loss::Loss;
pub use model::Model;
pub use optimizer::Optimizer;
pub use options::{BatchNormMode, Lowering, ParameterGroup, TrainingOptions};
pub use rules::{SupportedOperator, supported_operators};
pub use training_graph::{Role, StateTensor, TrainingGraph, gradient_graph, training_graph};
pub use vector_jacobian::vector_jacobian;
pub use write_back::write_back;
