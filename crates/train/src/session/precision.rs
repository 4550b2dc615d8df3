//! Which float types a graph computes in, and whether a device can.

use swath_autodiff::Model;
use swath_autodiff::graph::{DataType, SWATH_DOMAIN};

use super::Device;
use crate::error::{Result, TrainError};

/// Name of the smallest float type that a graph computes in.
pub(super) fn smallest(model: &Model) -> &'static str {
    let casts_to = |dtype| model.graph().nodes().iter().any(|node| node.cast_type() == Some(dtype));
    if casts_to(DataType::Bf16) {
        "bfloat16"
    } else if casts_to(DataType::F16) {
        "float16"
    } else {
        "float32"
    }
}

/// Refuses a graph whose float types the processor has no kernels for; it is never run in another type instead.
///
/// Plain operators in float16 are no such graph: ONNX Runtime computes them in float32 and rounds every outcome.
pub(super) fn check(model: &Model, device: Device) -> Result<()> {
    if device != Device::Cpu {
        return Ok(());
    }
    let kernels = model.graph().nodes().iter().any(|node| node.domain == SWATH_DOMAIN);
    let missing = match smallest(model) {
        "bfloat16" => "it has no bfloat16 kernels; use device cuda, or float32",
        "float16" if kernels => {
            "swath's own kernels there are float32 only; use device cuda, or plain operators, or float32"
        }
        _ => return Ok(()),
    };
    Err(TrainError::Device { device, missing: missing.to_owned(), source: None })
}
