//! The operators as ONNX Runtime sees them: which attributes and tensors, which shapes; the work is done in `cpu/`.

pub(super) mod relu;
