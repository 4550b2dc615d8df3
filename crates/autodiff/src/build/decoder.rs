//! The decoder of smp's Unet: five blocks, each at twice the resolution of the one before.

use super::Feature;
use super::writer::{Activation, Conv, PYTORCH, Writer};
use crate::error::Result;

/// Channels of the blocks.
const CHANNELS: [usize; 5] = [256, 128, 64, 32, 16];

/// The features of an encoder, from 1/2 to 1/32 of the image, brought to its full size; the last block has only what
/// comes from below.
pub(super) fn write(net: &mut Writer, features: &[Feature]) -> Result<Feature> {
    let mut from_below = features.iter().rev();
    let mut value = from_below.next().cloned().unwrap_or_else(|| Writer::image(0));
    for (index, channels) in CHANNELS.into_iter().enumerate() {
        let module = format!("decoder.blocks.{index}");
        value = net.upsampled(&value, from_below.next(), &module);
        for half in ["conv1", "conv2"] {
            let names = [format!("{module}.{half}.0"), format!("{module}.{half}.1")];
            value = net.normalised(&value, [&names[0], &names[1]], Conv::new(channels, 3, 1), PYTORCH)?;
            value = net.activated(&value, Activation::Relu);
        }
    }
    Ok(value)
}
