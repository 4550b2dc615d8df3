//! Operators of domain `swath`: the parts of a training step that plain ONNX operators do slowly, as kernels that a stock
//! ONNX Runtime runs on its own threads. `register` makes them known to a session; the table says which there are.

// The kernels speak to ONNX Runtime through addresses and to the processor through intrinsics; every block says why it is sound.
#![allow(unsafe_code)]

pub mod cpu;
mod error;
mod operator;
mod operators;
#[cfg(test)]
mod test_model;

use ort::operator::OperatorDomain;
use ort::session::builder::SessionBuilder;

pub use error::KernelError;
use operator::Adaptor;

/// The domain's name in a model's `opset_import`; its version is 1.
pub const DOMAIN: &str = "swath";

macro_rules! table {
    ($($operator:ty),* $(,)?) => {
        /// Names of the operators this build can run on CPU.
        pub const OPERATORS: &[&str] = &[$(<$operator as operator::CpuOperator>::NAME),*];

        fn domain() -> ort::Result<OperatorDomain> {
            Ok(OperatorDomain::new(DOMAIN)?$(.add(Adaptor::<$operator>::new())?)*)
        }
    };
}

table![operators::relu::ReluGrad];

/// Makes every operator of domain `swath` known to the session that `builder` will build.
///
/// # Errors
/// When ONNX Runtime refuses the domain, for example because the builder has one of that name already.
pub fn register(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    builder.with_operators(domain()?).map_err(|error| ort::Error::new(error.to_string()))
}
