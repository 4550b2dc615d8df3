//! The MobileNet V2 encoder (Sandler et al. 2018), with the module names of torchvision.

use super::Feature;
use super::writer::{Activation, Conv, PYTORCH, Writer};
use crate::error::Result;

/// Expansion, channels, blocks and stride of each stage.
pub(crate) const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
/// Layers whose outcome the decoder reads, at 1/2, 1/4, 1/8 and 1/16; at 1/32 it reads the last.
const READ: [usize; 4] = [1, 3, 6, 13];
/// Channels of the last layer.
const LAST: usize = 1_280;

/// Features at 1/2, 1/4, 1/8, 1/16 and 1/32.
pub(super) fn v2(net: &mut Writer, bands: usize) -> Result<Vec<Feature>> {
    let image = Writer::image(bands);
    let mut value = convolution(net, &image, "encoder.features.0", Conv::new(32, 3, 2))?;
    let mut features = Vec::new();
    let blocks = STAGES.iter().flat_map(|&(expansion, channels, count, stride)| {
        (0..count).map(move |index| (expansion, channels, if index == 0 { stride } else { 1 }))
    });
    let mut layer = 1;
    for (expansion, channels, stride) in blocks {
        value = block(net, &value, &format!("encoder.features.{layer}.conv"), [expansion, channels, stride])?;
        if READ.contains(&layer) {
            features.push(value.clone());
        }
        layer += 1;
    }
    features.push(convolution(net, &value, &format!("encoder.features.{layer}"), Conv::new(LAST, 1, 1))?);
    Ok(features)
}

/// A convolution, its normalisation and a ReLU6, as modules 0, 1 and 2 of `module`.
fn convolution(net: &mut Writer, from: &Feature, module: &str, shape: Conv) -> Result<Feature> {
    let value = net.normalised(from, [&format!("{module}.0"), &format!("{module}.1")], shape, PYTORCH)?;
    Ok(net.activated(&value, Activation::Relu6))
}

/// Widens, convolves each channel by itself, narrows without activation; what entered is added where the shape allows.
fn block(net: &mut Writer, from: &Feature, module: &str, shape: [usize; 3]) -> Result<Feature> {
    let [expansion, channels, stride] = shape;
    let (mut value, mut index) = (from.clone(), 0);
    if expansion != 1 {
        value = convolution(net, &value, &format!("{module}.0"), Conv::new(from.channels * expansion, 1, 1))?;
        index = 1;
    }
    let depthwise = Conv { depthwise: true, ..Conv::new(value.channels, 3, stride) };
    value = convolution(net, &value, &format!("{module}.{index}"), depthwise)?;
    let names = [format!("{module}.{}", index + 1), format!("{module}.{}", index + 2)];
    value = net.normalised(&value, [&names[0], &names[1]], Conv::new(channels, 1, 1), PYTORCH)?;
    Ok(if stride == 1 && from.channels == channels { net.joined("Add", module, [from, &value]) } else { value })
}
