//! The operators as ONNX Runtime sees them on a GPU: tensors checked as by their twins on the processor, then handed on as
//! addresses.

pub(super) mod batchnorm;
pub(super) mod conv;
pub(super) mod maxpool;
pub(super) mod optimizer;
pub(super) mod relu;
pub(super) mod resize;
pub(super) mod softmax_cross_entropy;
