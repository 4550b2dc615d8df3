//! The operators' mathematics on slices, without ONNX Runtime: each file is one operator family, tested against a naive
//! computation in `f64`.

pub mod batchnorm;
pub mod conv;
pub mod maxpool;
pub mod optimizer;
pub mod parallel;
pub mod relu;
pub mod resize;
mod scratch;
pub mod simd;
pub mod softmax_cross_entropy;
