//! The operators as ONNX Runtime sees them: which attributes and tensors, which shapes; the work is done in `cpu/`.

pub(super) mod attributes;
pub(super) mod batchnorm;
pub(super) mod conv;
pub(super) mod maxpool;
pub(super) mod optimizer;
pub(super) mod relu;
pub(super) mod resize;
pub(super) mod softmax_cross_entropy;
