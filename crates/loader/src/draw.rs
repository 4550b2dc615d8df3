//! Random numbers that depend on what they are for, and on nothing else.
//!
//! Every draw comes from a ChaCha stream keyed by (seed, purpose, epoch, index): whichever worker makes a sample, in
//! whatever order, it draws the same numbers. The conversions to floats and ranges are written out here, so that a new
//! version of a library cannot change a batch.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream is used for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// Dealing blocks of ground to parts.
    Split = 1,
    /// Where training windows lie.
    Window = 2,
    /// The order of an epoch.
    Order = 3,
    /// Augmenting one sample.
    Augment = 4,
    /// Mixing the samples of one batch.
    Mix = 5,
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream for one purpose, epoch and index under a seed.
    pub(crate) fn new(seed: u64, purpose: Purpose, epoch: u64, index: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        key[24] = purpose as u8;
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Evenly from `0..count`; 0 where `count` is 0.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        // Lemire's multiply-shift: a value is favoured by at most count / 2^64, below 1e-9 for any count under 10^10.
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// Evenly from `low..=high`; `low` where the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low.saturating_add(self.below(high.abs_diff(low).saturating_add(1)) as i64)
    }

    /// Evenly from `0.0..1.0`, in steps of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Evenly from `low..high`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        // Draws also where the outcome is certain, so that changing p does not shift the draws that follow.
        self.unit() < p
    }

    /// Two independent standard normal values (Box and Muller).
    pub(crate) fn normal_pair(&mut self) -> (f64, f64) {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit()).sin_cos();
        (radius * cos, radius * sin)
    }

    /// One standard normal value.
    pub(crate) fn normal(&mut self) -> f64 {
        self.normal_pair().0
    }

    /// Puts a slice in random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_part_of_their_key() {
        let first = |seed, purpose, epoch, index| Draw::new(seed, purpose, epoch, index).bits();
        let base = first(1, Purpose::Window, 1, 1);
        assert_eq!(base, first(1, Purpose::Window, 1, 1));
        for other in [
            first(2, Purpose::Window, 1, 1),
            first(1, Purpose::Augment, 1, 1),
            first(1, Purpose::Window, 2, 1),
            first(1, Purpose::Window, 1, 2),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_reaches_every_value_evenly() {
        let mut draw = Draw::new(0, Purpose::Window, 0, 0);
        let mut counts = [0u32; 7];
        (0..70_000).for_each(|_| counts[draw.below(7) as usize] += 1);
        // Binomial with n = 70000, p = 1/7: sd = sqrt(70000 * 6/49) = 92.6; five of them.
        assert!(counts.iter().all(|&n| n.abs_diff(10_000) < 463), "{counts:?}");
    }

    #[test]
    fn normal_values_have_mean_0_and_variance_1() {
        let mut draw = Draw::new(3, Purpose::Augment, 0, 0);
        let values: Vec<f64> = (0..50_000).map(|_| draw.normal()).collect();
        let mean = values.iter().sum::<f64>() / 50_000.0;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 50_000.0;
        // sd of the mean 1/sqrt(50000) = 0.0045, of the variance sqrt(2/50000) = 0.0063; five of each.
        assert!(mean.abs() < 0.0224 && (variance - 1.0).abs() < 0.0316, "{mean} {variance}");
    }
}
