//! Segmentation networks written from nothing, as ONNX graphs that can be trained: [`unet`] over a well-known encoder,
//! [`small_unet`] for machines without a GPU and budgets of minutes.
//!
//! A network begins with weights drawn from a seed; [`crate::weights`] puts those of a file in their place.

mod decoder;
mod efficientnet;
mod mobilenet;
mod resnet;
mod small;
mod writer;

pub(crate) use efficientnet::STAGES as EFFICIENTNET_STAGES;
pub(crate) use mobilenet::STAGES as MOBILENET_STAGES;
pub use small::small_unet;

use crate::error::{Error, Result};
use crate::model::Model;
use writer::Writer;

/// Version of the standard operators that the networks are written in.
const OPSET: i64 = 17;

/// Bands and classes beyond this are a slip of the keyboard: hyperspectral sensors have a few hundred bands.
const LARGEST_COUNT: usize = 4_096;

/// Encoders that [`unet`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoder {
    /// ResNet of 18 layers, as torchvision, timm and smp have it.
    ResNet18,
    /// ResNet of 34 layers.
    ResNet34,
    /// ResNet of 50 layers, the stride in the 3 x 3 convolution (version 1.5).
    ResNet50,
    /// MobileNet V2 of width 1, as torchvision and smp have it; timm's `mobilenetv2_100` is the same network.
    MobileNetV2,
    /// EfficientNet-B0 with symmetric padding: timm's and torchvision's `efficientnet_b0`, smp's `timm-efficientnet-b0`.
    EfficientNetB0,
    /// EfficientNet-B0 with TensorFlow's padding, of which the far side gets more, and its larger epsilon: timm's
    /// `tf_efficientnet_b0`, smp's `efficientnet-b0`.
    TfEfficientNetB0,
}

impl Encoder {
    /// Every encoder.
    pub const ALL: [Self; 6] = [
        Self::ResNet18,
        Self::ResNet34,
        Self::ResNet50,
        Self::MobileNetV2,
        Self::EfficientNetB0,
        Self::TfEfficientNetB0,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::MobileNetV2 => "mobilenet_v2",
            Self::EfficientNetB0 => "efficientnet_b0",
            Self::TfEfficientNetB0 => "tf_efficientnet_b0",
        }
    }

    /// The parameter that holds the weights `[filters, bands, kH, kW]` of the first convolution.
    pub(crate) fn first_convolution(self) -> &'static str {
        match self {
            Self::ResNet18 | Self::ResNet34 | Self::ResNet50 => "encoder.conv1.weight",
            Self::MobileNetV2 => "encoder.features.0.0.weight",
            Self::EfficientNetB0 => "encoder.conv_stem.weight",
            Self::TfEfficientNetB0 => "encoder._conv_stem.weight",
        }
    }

    fn write(self, net: &mut Writer, bands: usize) -> Result<Vec<Feature>> {
        match self {
            Self::ResNet18 => resnet::basic(net, bands, [2, 2, 2, 2]),
            Self::ResNet34 => resnet::basic(net, bands, [3, 4, 6, 3]),
            Self::ResNet50 => resnet::bottleneck(net, bands, [3, 4, 6, 3]),
            Self::MobileNetV2 => mobilenet::v2(net, bands),
            Self::EfficientNetB0 => efficientnet::b0(net, bands, efficientnet::TIMM),
            Self::TfEfficientNetB0 => efficientnet::b0(net, bands, efficientnet::TENSORFLOW),
        }
    }
}

/// A value `[n, channels, rows, cols]` in the making of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Feature {
    name: String,
    channels: usize,
}

/// The Unet of segmentation-models-pytorch over `encoder`: decoder of 256, 128, 64, 32 and 16 channels, upsampling by
/// repetition, a 3 x 3 convolution as head.
///
/// Input `x` float32 `[batch, bands, height, width]`, output `logits` float32 `[batch, classes, height, width]`; rows and
/// columns must be multiples of 32. BatchNormalization is kept, and parameters bear the names that smp's `state_dict` gives
/// them. Weights are drawn from `seed`: convolutions uniformly by fan-in (He et al. 2015), the head uniformly by fan-in and
/// fan-out (Glorot and Bengio 2010).
///
/// # Errors
/// When `bands` or `classes` is zero or beyond 4,096.
pub fn unet(encoder: Encoder, bands: usize, classes: usize, seed: u64) -> Result<Model> {
    check_counts(bands, classes)?;
    let mut net = Writer::new(seed);
    let features = encoder.write(&mut net, bands)?;
    let decoded = decoder::write(&mut net, &features)?;
    net.head(&decoded, "segmentation_head.0", classes, 3)?;
    net.finish(bands, classes)
}

fn check_counts(bands: usize, classes: usize) -> Result<()> {
    for (what, count) in [("input bands", bands), ("classes", classes)] {
        if !(1..=LARGEST_COUNT).contains(&count) {
            let reason = format!("a network needs between 1 and {LARGEST_COUNT} {what}, not {count}");
            return Err(Error::Build { reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoder_gives_a_network_that_can_be_trained() {
        for encoder in Encoder::ALL {
            let found = unet(encoder, 5, 3, 0).unwrap().inspect().unwrap();
            assert_eq!((found.bands, found.classes), (5, 3), "{}", encoder.name());
            let parameters = &found.parameters;
            assert!(parameters.iter().any(|parameter| parameter.name == encoder.first_convolution()));
            assert!(parameters.iter().any(|parameter| parameter.name == "segmentation_head.0.bias"));
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        for (bands, classes, words) in [(0, 2, "input bands"), (3, 0, "classes"), (3, 4_097, "4097")] {
            let error = unet(Encoder::ResNet18, bands, classes, 0).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
