//! Which float types a graph computes in, and whether a device can.

use swath_autodiff::Model;
use swath_autodiff::graph::{DataType, SWATH_DOMAIN};

use super::Device;
use crate::error::{Result, TrainError};

/// Refuses a graph whose float types the processor has no kernels for; it is never run in another type instead.
///
/// Plain operators in float16 are no such graph: ONNX Runtime computes them in float32 and rounds every outcome.
pub(super) fn check(model: &Model, device: Device) -> Result<()> {
    if device != Device::Cpu {
        return Ok(());
    }
    let nodes = model.graph().nodes();
    let casts_to = |dtype: DataType| nodes.iter().any(|node| node.cast_type() == Some(dtype));
    let kernels = nodes.iter().any(|node| node.domain == SWATH_DOMAIN);
    let missing = match (casts_to(DataType::Bf16), casts_to(DataType::F16)) {
        (true, _) => "it has no bfloat16 kernels; use device cuda, or float32",
        (_, true) if kernels => {
            "its kernels of swath are float32 only; use device cuda, or plain operators, or float32"
        }
        _ => return Ok(()),
    };
    Err(TrainError::Device { device, missing: missing.to_owned(), source: None })
}
