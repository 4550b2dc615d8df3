//! A small UNet made from nothing, for machines without Python and budgets of minutes: what `models/unet-small` was
//! trained from, and what a run from scratch starts with.
//!
//! ```text
//! x [n, bands, rows, cols] ─ stem 16 ───────────────────────────────── cat ─ 16 ─ head ─ logits [n, classes, rows, cols]
//!                              └ residual 32, /2 ──────────── cat ─ 32 ─┘ x2
//!                                  └ residual 64, /4 ──── cat ─ 48 ─┘ x2
//!                                      └ residual 96, /8 cat ─ 64 ─┘ x2
//!                                          └ residual 96, /16 ─┘ x2
//! ```
//! Convolutions are 3 x 3 without bias, each with a BatchNormalization of its own and a Relu; upsampling repeats pixels.

use super::writer::{Activation, Conv, PYTORCH, Writer};
use super::{Feature, check_counts};
use crate::error::Result;
use crate::model::Model;

/// Channels of the stem and of the four residual stages, each at half the resolution of the one before.
const ENCODER: [usize; 5] = [16, 32, 64, 96, 96];
/// Channels of the decoder's blocks, each at twice the resolution of the one before.
const DECODER: [usize; 4] = [64, 48, 32, 16];

/// A UNet of 0.7 million weights, drawn from `seed` (He et al. 2015, uniform, by fan-in; the head by Glorot and Bengio
/// 2010). Input `x` float32 `[batch, bands, height, width]`, output `logits` float32 `[batch, classes, height, width]`; rows
/// and columns must be multiples of 16. Parameters are named as a PyTorch `state_dict` names them.
///
/// # Errors
/// When `bands` or `classes` is zero or beyond 4,096.
pub fn small_unet(bands: usize, classes: usize, seed: u64) -> Result<Model> {
    check_counts(bands, classes)?;
    let mut net = Writer::new(seed);
    let mut levels = vec![convolve(&mut net, &Writer::image(bands), "encoder.stem", "", Conv::new(ENCODER[0], 3, 1))?];
    let mut value = levels[0].clone();
    for (stage, &channels) in ENCODER[1..].iter().enumerate() {
        value = residual(&mut net, &value, &format!("encoder.stages.{stage}"), channels)?;
        levels.push(value.clone());
    }
    levels.pop();
    for (block, &to) in DECODER.iter().enumerate() {
        value = upsample(&mut net, &value, levels.pop().as_ref(), &format!("decoder.blocks.{block}"), to)?;
    }
    net.head(&value, "segmentation_head", classes, 1)?;
    net.finish(bands, classes)
}

/// Two convolutions, the first with stride 2, around a shortcut.
fn residual(net: &mut Writer, from: &Feature, module: &str, channels: usize) -> Result<Feature> {
    let inner = convolve(net, from, module, "1", Conv::new(channels, 3, 2))?;
    let inner = normalised(net, &inner, module, "2", Conv::new(channels, 3, 1))?;
    let shortcut = normalised(net, from, module, "_skip", Conv::new(channels, 1, 2))?;
    let sum = net.joined("Add", module, [&inner, &shortcut]);
    Ok(net.activated(&sum, Activation::Relu))
}

/// Twice the resolution, joined with the encoder's features of that resolution, then two convolutions; at full
/// resolution, where most of the time goes, only one.
fn upsample(net: &mut Writer, from: &Feature, skip: Option<&Feature>, module: &str, to: usize) -> Result<Feature> {
    let joined = net.upsampled(from, skip, module);
    let value = convolve(net, &joined, module, "1", Conv::new(to, 3, 1))?;
    match to == DECODER[3] {
        true => Ok(value),
        false => convolve(net, &value, module, "2", Conv::new(to, 3, 1)),
    }
}

/// A convolution, its normalisation and a Relu.
fn convolve(net: &mut Writer, from: &Feature, module: &str, suffix: &str, shape: Conv) -> Result<Feature> {
    let value = normalised(net, from, module, suffix, shape)?;
    Ok(net.activated(&value, Activation::Relu))
}

fn normalised(net: &mut Writer, from: &Feature, module: &str, suffix: &str, shape: Conv) -> Result<Feature> {
    net.normalised(from, [&format!("{module}.conv{suffix}"), &format!("{module}.bn{suffix}")], shape, PYTORCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Tensor;

    fn floats(model: &Model) -> usize {
        model.graph().initializers().values().map(Tensor::len).sum()
    }

    #[test]
    fn the_weights_fit_into_three_megabytes() {
        assert!(floats(&small_unet(10, 6, 0).unwrap()) * 4 < 3_000_000);
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let bytes = |seed| small_unet(10, 6, seed).unwrap().to_bytes().unwrap();
        let (first, again) = (bytes(1), bytes(1));
        assert_eq!(first, again);
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn weights_have_the_spread_that_their_fan_in_asks_for() {
        let model = small_unet(10, 6, 3).unwrap();
        let weights = model.graph().initializers()["encoder.stages.2.conv2.weight"].as_f32().unwrap();
        let variance = weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / weights.len() as f64;
        // Of 82,944 uniform draws; the relative deviation of their variance is sqrt(0.8 / 82,944) = 0.3 %.
        let wanted = 2.0 / (96.0 * 9.0);
        assert!((variance / wanted - 1.0).abs() < 0.02, "{variance} beside {wanted}");
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert!(small_unet(0, 6, 0).unwrap_err().to_string().contains("bands"));
        assert!(small_unet(10, 0, 0).unwrap_err().to_string().contains("classes"));
    }
}
