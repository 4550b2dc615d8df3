//! What can be known of the kernels without a GPU: that NVRTC compiles every source, that cuDNN takes the descriptors, that
//! the arithmetic of every source, run on the processor by the launches a GPU gets, agrees with the processor's own
//! kernels, and that ONNX Runtime takes the operators.

mod batchnorm;
mod conv;
mod host;
mod images;
mod libraries;
mod loss;
mod maxpool;
mod optimizer;
mod pointwise;
mod registration;
mod resize;
