//! Convolution of `[n, channel, row, col]` tensors and its two gradients.
//!
//! All three are sums over a *window*: the input around a band of output rows, laid out once per tile so that every tap
//! of the kernel reads consecutive elements ([`window`]). The forward pass and the input gradient are then a matrix
//! product of packed weights with the window ([`correlate`], [`product`]); the weight gradient is the product of output
//! gradient and input over the pixels ([`grad_weight`]). Depthwise convolutions, which have nothing to multiply
//! across channels, go their own way ([`depthwise`]), and 3 x 3 kernels at stride 1 multiply less ([`winograd`]).

mod correlate;
mod depthwise;
mod forward;
mod grad_input;
mod grad_weight;
mod packed;
mod product;
mod shape;
#[cfg(test)]
mod tests;
mod transpose;
mod window;
mod winograd;

pub use forward::conv;
pub use grad_input::conv_grad_input;
pub use grad_weight::conv_grad_weight;
pub use shape::ConvShape;
