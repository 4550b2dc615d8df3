//! The scale of the loss in float16 training: raised while gradients stay finite, lowered where they do not.
//!
//! Rule and defaults are those of `torch.amp.GradScaler`. What it remembers is part of a checkpoint, so that a run that goes on scales as the
//! uninterrupted one.

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};

/// Below this scale gradients overflow for another reason than the scale: 32 halvings from where it starts.
const LEAST_SCALE: f32 = 1.0 / 65536.0;

/// The scale of the next step, and when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScaler {
    scale: f32,
    /// Factor after `interval` finite steps in a row.
    growth: f32,
    /// Factor after a step whose gradients were not finite.
    backoff: f32,
    interval: u32,
    /// Finite steps since the scale last changed.
    finite_steps: u32,
}

impl Default for LossScaler {
    /// 65536, doubled after 2000 finite steps, halved after each other.
    fn default() -> Self {
        Self { scale: 65536.0, growth: 2.0, backoff: 0.5, interval: 2000, finite_steps: 0 }
    }
}

impl LossScaler {
    /// A scale that stays.
    #[must_use]
    pub fn fixed(scale: f32) -> Self {
        Self { scale, growth: 1.0, backoff: 1.0, ..Self::default() }
    }

    /// A scale that starts elsewhere than the default.
    #[must_use]
    pub fn starting_at(scale: f32) -> Self {
        Self { scale, ..Self::default() }
    }

    /// The scale of the next step.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Takes note of whether the gradients of a step were finite.
    pub fn update(&mut self, finite: bool) {
        if !finite {
            self.scale *= self.backoff;
            self.finite_steps = 0;
            return;
        }
        self.finite_steps += 1;
        if self.finite_steps == self.interval {
            let grown = self.scale * self.growth;
            if grown.is_finite() {
                self.scale = grown;
            }
            self.finite_steps = 0;
        }
    }

    /// As [`LossScaler::update`] after step `step`, held to its limit.
    ///
    /// # Errors
    /// When the gradients are not finite at any scale.
    pub(crate) fn follow(&mut self, finite: bool, step: u64) -> Result<()> {
        self.update(finite);
        if self.is_exhausted() {
            return Err(TrainError::Overflow { step, scale: self.scale });
        }
        Ok(())
    }

    /// Takes the place of the scale that a session has.
    ///
    /// # Errors
    /// When it has none, because its graph does not scale the loss.
    pub(crate) fn replace(self, current: &mut Option<Self>) -> Result<()> {
        match current {
            Some(current) => *current = self,
            None => {
                return Err(TrainError::setting("the loss scale", self.scale, "left out: the graph is not float16"));
            }
        }
        Ok(())
    }

    /// Whether lowering the scale has not helped: the gradients are not finite at any.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.backoff < 1.0 && self.scale < LEAST_SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_follows_torch() {
        // torch.amp.GradScaler(growth_interval=2000): finite 2000 times, then not, then finite 1999 times and once more.
        let mut scaler = LossScaler::default();
        (0..1999).for_each(|_| scaler.update(true));
        assert_eq!(scaler.scale(), 65536.0);
        scaler.update(true);
        assert_eq!(scaler.scale(), 131_072.0);
        scaler.update(false);
        assert_eq!(scaler.scale(), 65536.0);
        (0..1999).for_each(|_| scaler.update(true));
        assert_eq!(scaler.scale(), 65536.0);
        scaler.update(true);
        assert_eq!(scaler.scale(), 131_072.0);
    }

    #[test]
    fn it_neither_grows_beyond_float32_nor_shrinks_unnoticed() {
        let mut scaler = LossScaler { interval: 1, ..LossScaler::starting_at(f32::MAX / 3.0) };
        (0..9).for_each(|_| scaler.update(true));
        assert!(scaler.scale().is_finite());
        let mut scaler = LossScaler::default();
        (0..32).for_each(|_| scaler.update(false));
        assert!(!scaler.is_exhausted());
        scaler.update(false);
        assert!(scaler.is_exhausted());
        let mut fixed = LossScaler::fixed(128.0);
        (0..5000).for_each(|step| fixed.update(step % 2 == 0));
        assert_eq!((fixed.scale(), fixed.is_exhausted()), (128.0, false));
    }
}
