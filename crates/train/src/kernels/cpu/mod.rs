//! The operators' mathematics on slices, without ONNX Runtime: each file is one operator family, tested against a naive
//! computation in `f64`.

pub mod conv;
pub mod parallel;
pub mod relu;
mod scratch;
pub mod simd;
