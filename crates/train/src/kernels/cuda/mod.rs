//! The operators of domain `swath` on NVIDIA GPUs, for ONNX Runtime's CUDA execution provider.
//!
//! Convolutions are cuDNN's; the rest is CUDA C (`source/`), compiled by NVRTC for the GPU at hand when first used. Nothing of
//! NVIDIA's is needed to build this, and nothing is loaded before a session asks for a GPU. All work is queued on the
//! stream of the session, in memory that ONNX Runtime hands out; no kernel adds up by atomics, so that all but cuDNN's
//! faster algorithms give the same bits each time.
//!
//! Images (X, Y, W, a convolution's bias and their gradients) may be `float32`, `float16` or `bfloat16`; what there is per
//! channel, the loss and the optimisers are `float32`. Sums are `float32` or wider throughout.

mod batchnorm;
mod call;
mod compile;
mod conv;
mod cross_entropy;
mod cudnn;
mod device;
mod element;
mod maxpool;
mod module;
mod operator;
mod operators;
mod optimizer;
mod pointwise;
mod resize;
#[cfg(test)]
mod tests;
mod units;

use cudarc::{cudnn::sys as cudnn_library, driver::sys as driver, nvrtc::sys as nvrtc};
use ort::operator::OperatorDomain;
use ort::session::builder::SessionBuilder;

use super::DOMAIN;
use super::error::KernelError;
use element::Element;
use operator::{Adaptor, Build};

/// What the kernels of a session heed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Use no algorithm of cuDNN's that may give other bits the next time.
    pub deterministic: bool,
    /// Let cuDNN multiply `float32` as TF32, with 10 bits of mantissa.
    pub tf32: bool,
}

/// What ONNX Runtime calls its CUDA execution provider.
const PROVIDER: &str = "CUDAExecutionProvider";

/// First part of cuDNN's version that ONNX Runtime is built for.
const CUDNN_VERSION: usize = 9;

/// Makes every operator of domain `swath` known to the session that `builder` will build, for its CUDA provider. The
/// operators of [`super::register`] are not among them: a node that the GPU cannot run is refused, not run elsewhere.
///
/// # Errors
/// When one of NVIDIA's libraries cannot be loaded, or ONNX Runtime refuses the domain.
pub fn register(builder: SessionBuilder, settings: Settings) -> ort::Result<SessionBuilder> {
    libraries()?;
    let domain = add_operators(OperatorDomain::new(DOMAIN)?, settings, Some(PROVIDER))?;
    builder.with_operators(domain).map_err(|error| ort::Error::new(error.to_string()))
}

/// Loads what the kernels call. Without a library its functions cannot even fail.
fn libraries() -> Result<(), KernelError> {
    let missing = |library, remedy| Err(KernelError::Library { library, remedy });
    // SAFETY: loading runs the libraries' initialisers; the CUDA provider loads the same ones.
    let [has_driver, has_nvrtc, has_cudnn] =
        unsafe { [driver::is_culib_present(), nvrtc::is_culib_present(), cudnn_library::is_culib_present()] };
    if !has_driver {
        return missing("libcuda.so.1", "install the NVIDIA driver");
    }
    if !has_nvrtc {
        return missing("libnvrtc.so.13", "install CUDA 13, or put its folder on LD_LIBRARY_PATH");
    }
    // ONNX Runtime's handles are of version 9, and only functions of that version know what is in them.
    // SAFETY: the library is there, and the function takes nothing.
    let version = if has_cudnn { unsafe { cudnn_library::cudnnGetVersion() / 10_000 } } else { 0 };
    if version != CUDNN_VERSION {
        return missing("libcudnn.so.9", "install cuDNN 9, or put its folder on LD_LIBRARY_PATH");
    }
    Ok(())
}

macro_rules! table {
    (images: [$($image:ty),* $(,)?], float32: [$($single:ty),* $(,)?] $(,)?) => {
        fn add_operators(
            mut domain: OperatorDomain,
            settings: Settings,
            provider: Option<&'static str>,
        ) -> ort::Result<OperatorDomain> {
            for element in Element::ALL {
                let build = Build { element, settings };
                $(domain = domain.add(Adaptor::<$image>::new(build, provider))?;)*
            }
            let build = Build { element: Element::F32, settings };
            $(domain = domain.add(Adaptor::<$single>::new(build, provider))?;)*
            Ok(domain)
        }
    };
}

table! {
    images: [
        operators::conv::Conv,
        operators::conv::ConvGradInput,
        operators::conv::ConvGradWeight,
        operators::batchnorm::BatchNorm,
        operators::batchnorm::BatchNormGrad,
        operators::relu::ReluGrad,
        operators::maxpool::MaxPool,
        operators::maxpool::MaxPoolGrad,
        operators::resize::ResizeGrad,
    ],
    float32: [
        operators::softmax_cross_entropy::SoftmaxCrossEntropy,
        operators::optimizer::AdamOperator<f64, true>,
        operators::optimizer::AdamOperator<f32, true>,
        operators::optimizer::AdamOperator<f64, false>,
        operators::optimizer::AdamOperator<f32, false>,
        operators::optimizer::SgdOperator<f64>,
        operators::optimizer::SgdOperator<f32>,
    ],
}
