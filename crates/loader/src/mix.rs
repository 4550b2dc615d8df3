//! Augmentations that mix the samples of a batch: MixUp and CutMix.
//!
//! Targets are class indices, which cannot be blended: where MixUp blends two pixels, the target is that of the stronger one.
//! A loss of blended targets, `w` times that of one and `1 - w` times that of the other, needs both targets and is not made here;
//! the small default `alpha` makes most weights nearly 0 or 1.

use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::error::Error;

/// A mixing step of a recipe: `{ name = "CutMix", p = 0.5, alpha = 1.0 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum Mix {
    /// Image `a * w + b * (1 - w)`, target that of the sample with the larger weight; w from Beta(alpha, alpha).
    MixUp {
        /// Probability that a sample is mixed.
        #[serde(default = "half")]
        p: f64,
        /// Shape of the distribution of weights; 1 is even, smaller values favour one of the samples.
        #[serde(default = "fifth")]
        alpha: f64,
    },
    /// A rectangle of another sample laid over image and target; its share of the area is 1 - w, w from Beta(alpha, alpha).
    CutMix {
        /// Probability that a sample is mixed.
        #[serde(default = "half")]
        p: f64,
        /// Shape of the distribution of shares.
        #[serde(default = "one")]
        alpha: f64,
    },
}

fn half() -> f64 {
    0.5
}

fn fifth() -> f64 {
    0.2
}

fn one() -> f64 {
    1.0
}

impl Mix {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (Mix::MixUp { p, alpha } | Mix::CutMix { p, alpha }) = *self;
        match (0.0..=1.0).contains(&p) && (0.01..=100.0).contains(&alpha) {
            true => Ok(()),
            false => {
                let reason = format!("p must lie in 0..1 and alpha in 0.01..100, not {p} and {alpha}");
                Err(Error::Recipe { field: "mix".to_owned(), reason })
            }
        }
    }

    /// Mixes samples of a batch, `image` `[n, band, row, col]` and `target` `[n, row, col]`, with others of the same batch.
    pub(crate) fn apply(
        &self,
        image: &mut [f32],
        target: &mut [u8],
        samples: usize,
        size: (usize, usize),
        draw: &mut Draw,
    ) {
        if samples < 2 {
            return;
        }
        let (old_image, old_target) = (image.to_vec(), target.to_vec());
        let (values, pixels) = (image.len() / samples, target.len() / samples);
        for sample in 0..samples {
            let (Mix::MixUp { p, alpha } | Mix::CutMix { p, alpha }) = *self;
            let happens = draw.chance(p);
            let other = (sample + 1 + draw.below(samples as u64 - 1) as usize) % samples;
            let weight = beta(alpha, draw);
            let (row, col) = (draw.unit(), draw.unit());
            if !happens {
                continue;
            }
            let own = &mut image[sample * values..(sample + 1) * values];
            let own_target = &mut target[sample * pixels..(sample + 1) * pixels];
            let their = &old_image[other * values..(other + 1) * values];
            let their_target = &old_target[other * pixels..(other + 1) * pixels];
            match self {
                Mix::MixUp { .. } => {
                    let (a, b) = (weight as f32, 1.0 - weight as f32);
                    own.iter_mut().zip(their).for_each(|(own, their)| *own = *own * a + their * b);
                    if weight < 0.5 {
                        own_target.copy_from_slice(their_target);
                    }
                }
                Mix::CutMix { .. } => {
                    let hole = hole(1.0 - weight, (row, col), size);
                    own.chunks_exact_mut(pixels)
                        .zip(their.chunks_exact(pixels))
                        .for_each(|(own, their)| paste(own, their, &hole, size.1));
                    paste(own_target, their_target, &hole, size.1);
                }
            }
        }
    }
}

/// Rows and columns of a rectangle of the sample's shape around a centre, cut at the edges.
fn hole(area: f64, (row, col): (f64, f64), (height, width): (usize, usize)) -> [std::ops::Range<usize>; 2] {
    let side = area.max(0.0).sqrt();
    [(row, height), (col, width)].map(|(centre, length)| {
        let (middle, half) = (centre * length as f64, side * length as f64 / 2.0);
        (middle - half).max(0.0) as usize..((middle + half) as usize).min(length)
    })
}

fn paste<T: Copy>(own: &mut [T], their: &[T], [rows, cols]: &[std::ops::Range<usize>; 2], width: usize) {
    for row in rows.clone() {
        let line = row * width + cols.start..row * width + cols.end;
        own[line.clone()].copy_from_slice(&their[line]);
    }
}

/// A value of Beta(alpha, alpha), as the ratio of two Gamma values.
fn beta(alpha: f64, draw: &mut Draw) -> f64 {
    let (a, b) = (gamma(alpha, draw), gamma(alpha, draw));
    if a + b > 0.0 { a / (a + b) } else { 0.5 }
}

/// A value of Gamma(alpha, 1) by Marsaglia and Tsang (2000); below 1 by way of alpha + 1.
fn gamma(alpha: f64, draw: &mut Draw) -> f64 {
    if alpha < 1.0 {
        let power = (1.0 - draw.unit()).powf(1.0 / alpha);
        return gamma(alpha + 1.0, draw) * power;
    }
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = draw.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - draw.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Purpose;

    #[test]
    fn beta_has_its_mean_and_variance() {
        let mut draw = Draw::new(0, Purpose::Mix, 0, 0);
        for alpha in [0.2, 1.0, 3.0] {
            let values: Vec<f64> = (0..40_000).map(|_| beta(alpha, &mut draw)).collect();
            let mean = values.iter().sum::<f64>() / 40_000.0;
            let variance = values.iter().map(|v| (v - 0.5).powi(2)).sum::<f64>() / 40_000.0;
            // Var = 1 / (4 (2 alpha + 1)); five standard errors of the mean, and as many of the variance, which is below 1/4.
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 5.0 * (expected / 40_000.0f64).sqrt(), "{alpha}: {mean}");
            assert!((variance - expected).abs() < 5.0 * 0.25 / 200.0, "{alpha}: {variance}");
        }
    }

    #[test]
    fn blended_samples_follow_the_formula() {
        // Sample n holds 10 n + band everywhere, and target n.
        let before: Vec<f32> = (0..3u8).flat_map(|n| (0..2u8).flat_map(move |b| [f32::from(10 * n + b); 6])).collect();
        for seed in 0..50 {
            let (mut image, mut target) = (before.clone(), (0..3u8).flat_map(|n| [n; 6]).collect::<Vec<u8>>());
            let draw = || Draw::new(seed, Purpose::Mix, 0, 0);
            Mix::MixUp { p: 1.0, alpha: 0.4 }.apply(&mut image, &mut target, 3, (2, 3), &mut draw());
            let mut draw = draw();
            for n in 0..3 {
                // The same numbers in the same order: whether, with whom, how much, and where a hole would lie.
                let _ = draw.chance(1.0);
                let other = (n + 1 + draw.below(2) as usize) % 3;
                let weight = beta(0.4, &mut draw);
                let _ = (draw.unit(), draw.unit());
                let (w, rest) = (weight as f32, 1.0 - weight as f32);
                for pixel in 0..12 {
                    assert_eq!(image[n * 12 + pixel], before[n * 12 + pixel] * w + before[other * 12 + pixel] * rest);
                }
                let stronger = if weight < 0.5 { other } else { n };
                assert!(target[n * 6..(n + 1) * 6].iter().all(|&class| usize::from(class) == stronger));
            }
        }
    }

    #[test]
    fn cut_pixels_keep_image_and_target_together() {
        let mut draw = Draw::new(1, Purpose::Mix, 0, 0);
        // Sample n holds n everywhere, in image (2 bands) and target.
        let mut image: Vec<f32> = (0..4).flat_map(|n| vec![n as f32; 2 * 30]).collect();
        let mut target: Vec<u8> = (0..4).flat_map(|n| vec![n; 30]).collect();
        Mix::CutMix { p: 1.0, alpha: 1.0 }.apply(&mut image, &mut target, 4, (5, 6), &mut draw);
        for n in 0..4 {
            for pixel in 0..30 {
                let class = f32::from(target[n * 30 + pixel]);
                assert_eq!((image[n * 60 + pixel], image[n * 60 + 30 + pixel]), (class, class));
            }
        }
        assert_ne!(target, (0..4).flat_map(|n| vec![n; 30]).collect::<Vec<u8>>());
    }
}
