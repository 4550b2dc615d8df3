//! Operators of domain `swath`: the parts of a training step that plain ONNX operators do slowly, as kernels that a stock
//! ONNX Runtime runs on its own threads, and on NVIDIA GPUs ([`cuda`]). `register` makes them known to a session; the table
//! says which there are; [`agreement()`] compares a device with the processor.

// The kernels speak to ONNX Runtime through addresses and to the processor through intrinsics; every block says why it is sound.
#![allow(unsafe_code)]

mod agreement;
pub mod cpu;
pub mod cuda;
mod error;
mod operator;
mod operators;
#[cfg(test)]
mod test_model;

use std::path::Path;

use ort::operator::OperatorDomain;
use ort::session::Session;
use ort::session::builder::SessionBuilder;

pub use agreement::{Agreement, agreement};
pub use error::KernelError;
use operator::Adaptor;

/// The domain's name in a model's `opset_import`; its version is 1.
pub const DOMAIN: &str = "swath";

macro_rules! table {
    ($($operator:ty),* $(,)?) => {
        /// Names of the operators this build can run on CPU; one that takes a scalar of either float type is named for each.
        pub const OPERATORS: &[&str] = &[$(<$operator as operator::CpuOperator>::NAME),*];

        fn add_cpu_operators(domain: OperatorDomain) -> ort::Result<OperatorDomain> {
            Ok(domain)$(.and_then(|domain| domain.add(Adaptor::<$operator>::new())))*
        }
    };
}

table![
    operators::conv::Conv,
    operators::conv::ConvGradInput,
    operators::conv::ConvGradWeight,
    operators::batchnorm::BatchNorm,
    operators::batchnorm::BatchNormGrad,
    operators::relu::ReluGrad,
    operators::maxpool::MaxPool,
    operators::maxpool::MaxPoolGrad,
    operators::resize::ResizeGrad,
    operators::softmax_cross_entropy::SoftmaxCrossEntropy,
    operators::optimizer::AdamOperator<f64, true>,
    operators::optimizer::AdamOperator<f32, true>,
    operators::optimizer::AdamOperator<f64, false>,
    operators::optimizer::AdamOperator<f32, false>,
    operators::optimizer::SgdOperator<f64>,
    operators::optimizer::SgdOperator<f32>,
];

/// Makes a session of a model in memory, one at a time ([`one_at_a_time`]).
pub(crate) fn session_of_bytes(builder: &mut SessionBuilder, model: &[u8]) -> ort::Result<Session> {
    let _making = one_at_a_time();
    builder.commit_from_memory(model)
}

/// Makes a session of a file, one at a time ([`one_at_a_time`]).
pub(crate) fn session_of_file(builder: &mut SessionBuilder, model: &Path) -> ort::Result<Session> {
    let _making = one_at_a_time();
    builder.commit_from_file(model)
}

/// ONNX Runtime looks a session's domain up and adds it in two steps: of two sessions made at once, both would add it.
fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
    static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    // It guards no data that a panic could leave half done.
    MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes every operator of domain `swath` known to the session that `builder` will build.
///
/// # Errors
/// When ONNX Runtime refuses the domain, for example because the builder has one of that name already.
pub fn register(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    builder
        .with_operators(add_cpu_operators(OperatorDomain::new(DOMAIN)?)?)
        .map_err(|error| ort::Error::new(error.to_string()))
}
