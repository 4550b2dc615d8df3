//! The EfficientNet-B0 encoder (Tan and Le 2019) in its two forms: as PyTorch's libraries train it, and as converted
//! from TensorFlow, which pads windows of stride 2 more on the far side.
//!
//! Stochastic depth, which both use in training, is no part of the network.

use super::Feature;
use super::writer::{Activation, Conv, Norm, PYTORCH, Writer};
use crate::error::Result;

/// Expansion, channels, blocks, stride and window of each stage.
pub(crate) const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
];
/// Channels that enter a block for each that its squeeze leaves.
const SQUEEZE: usize = 4;

/// What tells the two forms apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    norm: Norm,
    tensorflow: bool,
    /// Blocks, counted through all stages, whose outcome the decoder reads, at 1/4, 1/8, 1/16 and 1/32; at 1/2 it reads the
    /// stem.
    read: [usize; 4],
}

/// As timm and torchvision have it; modules named as timm names them.
pub(super) const TIMM: Form = Form { norm: PYTORCH, tensorflow: false, read: [2, 4, 10, 15] };
/// As converted from TensorFlow; modules named as smp's `efficientnet-b0` names them, which reads the fifth stage after
/// its first block.
pub(super) const TENSORFLOW: Form =
    Form { norm: Norm { epsilon: 1e-3, keep: 0.99 }, tensorflow: true, read: [2, 4, 8, 15] };

impl Form {
    fn window(self, to: usize, size: usize, stride: usize) -> Conv {
        let plain = Conv::new(to, size, stride);
        // Rows and columns are even at every stride of 2, so that `size - 2` of them are missing.
        let total = size.saturating_sub(stride);
        match self.tensorflow && stride == 2 {
            true => Conv { pads: [total / 2, total - total / 2], ..plain },
            false => plain,
        }
    }

    /// Names of the stem's convolution and normalisation.
    fn stem(self) -> [&'static str; 2] {
        match self.tensorflow {
            true => ["encoder._conv_stem", "encoder._bn0"],
            false => ["encoder.conv_stem", "encoder.bn1"],
        }
    }

    /// Names of a pair of a block's modules, by their role.
    fn modules(self, block: &str, part: Part, expands: bool) -> [String; 2] {
        let pair = match (self.tensorflow, part) {
            (true, Part::Expand) => ["_expand_conv", "_bn0"],
            (true, Part::Depthwise) => ["_depthwise_conv", "_bn1"],
            (true, Part::Project) => ["_project_conv", "_bn2"],
            (true, Part::Squeeze) => ["_se_reduce", "_se_expand"],
            (false, Part::Expand) => ["conv_pw", "bn1"],
            (false, Part::Depthwise) => ["conv_dw", if expands { "bn2" } else { "bn1" }],
            (false, Part::Project) if expands => ["conv_pwl", "bn3"],
            (false, Part::Project) => ["conv_pw", "bn2"],
            (false, Part::Squeeze) => ["se.conv_reduce", "se.conv_expand"],
        };
        pair.map(|name| format!("{block}.{name}"))
    }
}

/// The roles of a block's pairs of modules.
#[derive(Debug, Clone, Copy)]
enum Part {
    Expand,
    Depthwise,
    Squeeze,
    Project,
}

/// Features at 1/2, 1/4, 1/8, 1/16 and 1/32.
pub(super) fn b0(net: &mut Writer, bands: usize, form: Form) -> Result<Vec<Feature>> {
    let stem = net.normalised(&Writer::image(bands), form.stem(), form.window(32, 3, 2), form.norm)?;
    let mut value = net.activated(&stem, Activation::Swish);
    let mut features = vec![value.clone()];
    let mut counted = 0;
    for (stage, &(expansion, channels, blocks, stride, size)) in STAGES.iter().enumerate() {
        for index in 0..blocks {
            let name = match form.tensorflow {
                true => format!("encoder._blocks.{counted}"),
                false => format!("encoder.blocks.{stage}.{index}"),
            };
            let window = form.window(value.channels * expansion, size, if index == 0 { stride } else { 1 });
            value = block(net, &value, &name, form, expansion, window, channels)?;
            if form.read.contains(&counted) {
                features.push(value.clone());
            }
            counted += 1;
        }
    }
    Ok(features)
}

/// Widens, convolves each channel by itself, weighs the channels by their means, narrows without activation.
fn block(
    net: &mut Writer,
    from: &Feature,
    name: &str,
    form: Form,
    expansion: usize,
    window: Conv,
    channels: usize,
) -> Result<Feature> {
    let modules = |part| form.modules(name, part, expansion != 1);
    let mut value = from.clone();
    if expansion != 1 {
        let wide = Conv::new(from.channels * expansion, 1, 1);
        value = convolution(net, &value, &modules(Part::Expand), wide, form)?;
        value = net.activated(&value, Activation::Swish);
    }
    let depthwise = Conv { depthwise: true, ..window };
    value = convolution(net, &value, &modules(Part::Depthwise), depthwise, form)?;
    value = net.activated(&value, Activation::Swish);
    let squeezed = from.channels / SQUEEZE;
    value = weighed(net, &value, &modules(Part::Squeeze), squeezed)?;
    let narrow = Conv::new(channels, 1, 1);
    value = convolution(net, &value, &modules(Part::Project), narrow, form)?;
    Ok(if window.stride == 1 && from.channels == channels { net.joined("Add", name, [from, &value]) } else { value })
}

fn convolution(net: &mut Writer, from: &Feature, [conv, bn]: &[String; 2], shape: Conv, form: Form) -> Result<Feature> {
    net.normalised(from, [conv, bn], shape, form.norm)
}

/// Squeeze and excitation (Hu et al. 2018): each channel times a weight that depends on the means of all.
fn weighed(net: &mut Writer, from: &Feature, [reduce, expand]: &[String; 2], squeezed: usize) -> Result<Feature> {
    let mean = net.applied("GlobalAveragePool", reduce, from);
    let inner = net.biased(&mean, reduce, squeezed)?;
    let inner = net.activated(&inner, Activation::Swish);
    let inner = net.biased(&inner, expand, from.channels)?;
    let weight = net.applied("Sigmoid", expand, &inner);
    Ok(net.joined("Mul", expand, [from, &weight]))
}
