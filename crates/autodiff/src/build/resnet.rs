//! The ResNet encoders (He et al. 2016), with the module names of torchvision.

use super::Feature;
use super::writer::{Activation, Conv, PYTORCH, Writer};
use crate::error::Result;

/// Channels inside the blocks of the four layers.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// Channels that a bottleneck gives for each that it has inside.
const EXPANSION: usize = 4;

/// Features at 1/2, 1/4, 1/8, 1/16 and 1/32 of a network of blocks of two 3 x 3 convolutions.
pub(super) fn basic(net: &mut Writer, bands: usize, blocks: [usize; 4]) -> Result<Vec<Feature>> {
    layers(net, bands, blocks, |net, from, module, width, stride| {
        let inner = convolution(net, from, module, 1, Conv::new(width, 3, stride))?;
        let inner = net.activated(&inner, Activation::Relu);
        let inner = convolution(net, &inner, module, 2, Conv::new(width, 3, 1))?;
        shortcut(net, from, inner, module, stride)
    })
}

/// The same of a network of blocks of 1 x 1, 3 x 3 and 1 x 1 convolutions.
pub(super) fn bottleneck(net: &mut Writer, bands: usize, blocks: [usize; 4]) -> Result<Vec<Feature>> {
    layers(net, bands, blocks, |net, from, module, width, stride| {
        let inner = convolution(net, from, module, 1, Conv::new(width, 1, 1))?;
        let inner = net.activated(&inner, Activation::Relu);
        let inner = convolution(net, &inner, module, 2, Conv::new(width, 3, stride))?;
        let inner = net.activated(&inner, Activation::Relu);
        let inner = convolution(net, &inner, module, 3, Conv::new(width * EXPANSION, 1, 1))?;
        shortcut(net, from, inner, module, stride)
    })
}

/// Writes one block: from what, module, width, stride.
type Block = fn(&mut Writer, &Feature, &str, usize, usize) -> Result<Feature>;

fn layers(net: &mut Writer, bands: usize, blocks: [usize; 4], block: Block) -> Result<Vec<Feature>> {
    let stem = Conv::new(64, 7, 2);
    let stem = net.normalised(&Writer::image(bands), ["encoder.conv1", "encoder.bn1"], stem, PYTORCH)?;
    let stem = net.activated(&stem, Activation::Relu);
    let mut value = net.pooled(&stem, "encoder.maxpool");
    let mut features = vec![stem];
    for (layer, (count, width)) in blocks.into_iter().zip(WIDTHS).enumerate() {
        for index in 0..count {
            let stride = if index == 0 && layer > 0 { 2 } else { 1 };
            value = block(net, &value, &format!("encoder.layer{}.{index}", layer + 1), width, stride)?;
        }
        features.push(value.clone());
    }
    Ok(features)
}

fn convolution(net: &mut Writer, from: &Feature, module: &str, index: usize, shape: Conv) -> Result<Feature> {
    net.normalised(from, [&format!("{module}.conv{index}"), &format!("{module}.bn{index}")], shape, PYTORCH)
}

/// Adds what entered the block, brought to the shape that leaves it.
fn shortcut(net: &mut Writer, from: &Feature, inner: Feature, module: &str, stride: usize) -> Result<Feature> {
    let mut beside = from.clone();
    if stride != 1 || from.channels != inner.channels {
        let names = [format!("{module}.downsample.0"), format!("{module}.downsample.1")];
        let shape = Conv::new(inner.channels, 1, stride);
        beside = net.normalised(from, [&names[0], &names[1]], shape, PYTORCH)?;
    }
    let sum = net.joined("Add", module, [&inner, &beside]);
    Ok(net.activated(&sum, Activation::Relu))
}
