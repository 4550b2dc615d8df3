//! How fast to learn at each step.
//!
//! A schedule is a factor on the base learning rate, a pure function of the step (counted from 0) and of the number of
//! steps in all. The definitions are those of `torch.optim.lr_scheduler`, stepped once per optimiser step. Only
//! [`Schedule::Plateau`] looks back at results; its memory is a [`Plateau`], kept apart.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};

/// A course of the learning rate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The base rate throughout.
    #[default]
    Constant,
    /// Times `gamma` after every `every` steps (`StepLR`).
    Step {
        /// Steps between two falls.
        every: u64,
        /// Factor of one fall.
        #[serde(default = "gamma")]
        gamma: f64,
    },
    /// Falls as `(1 - step / total) ^ power` to 0 at the end (`PolynomialLR`), after a linear rise over `warmup` steps.
    Polynomial {
        /// The exponent.
        #[serde(default = "one")]
        power: f64,
        /// Steps of linear rise.
        #[serde(default)]
        warmup: u64,
    },
    /// Falls along half a cosine to `floor` (`CosineAnnealingLR`), after a linear rise over `warmup` steps (`LinearLR`).
    Cosine {
        /// Steps of linear rise.
        #[serde(default)]
        warmup: u64,
        /// Factor at the end.
        #[serde(default)]
        floor: f64,
    },
    /// Rises from `1 / div_factor` to 1 over `pct_start` of the steps and falls to `1 / (div_factor *
    /// final_div_factor)`, both along half a cosine (`OneCycleLR`; the base rate is its `max_lr`). The optimiser's momentum
    /// (of Adam the first beta) goes the opposite way, see [`Schedule::momentum`].
    OneCycle {
        /// Share of the steps that rise.
        #[serde(default = "pct_start")]
        pct_start: f64,
        /// Base rate over first rate.
        #[serde(default = "div_factor")]
        div_factor: f64,
        /// First rate over last rate.
        #[serde(default = "final_div_factor")]
        final_div_factor: f64,
        /// Whether the momentum takes part.
        #[serde(default = "yes")]
        cycle_momentum: bool,
        /// Momentum at the peak of the rate.
        #[serde(default = "base_momentum")]
        base_momentum: f64,
        /// Momentum at the first and the last step.
        #[serde(default = "max_momentum")]
        max_momentum: f64,
    },
    /// Times `factor` whenever the monitored score has not improved for more than `patience` validations
    /// (`ReduceLROnPlateau`).
    Plateau {
        /// Factor of one fall.
        #[serde(default = "gamma")]
        factor: f64,
        /// Validations without improvement that are borne.
        #[serde(default = "patience")]
        patience: u64,
        /// An improvement counts from this share of the best score on.
        #[serde(default = "threshold")]
        threshold: f64,
        /// Validations after a fall in which nothing is counted.
        #[serde(default)]
        cooldown: u64,
        /// Least factor on the base rate.
        #[serde(default)]
        floor: f64,
    },
}

fn gamma() -> f64 {
    0.1
}
fn one() -> f64 {
    1.0
}
fn pct_start() -> f64 {
    0.3
}
fn div_factor() -> f64 {
    25.0
}
fn final_div_factor() -> f64 {
    1e4
}
fn yes() -> bool {
    true
}
fn base_momentum() -> f64 {
    0.85
}
fn max_momentum() -> f64 {
    0.95
}
fn patience() -> u64 {
    10
}
fn threshold() -> f64 {
    1e-4
}

/// First factor of a linear rise, as `torch.optim.lr_scheduler.LinearLR` has it by default.
const WARMUP_START: f64 = 1.0 / 3.0;

impl Schedule {
    /// PyTorch's one-cycle schedule with its default settings.
    pub fn one_cycle() -> Self {
        Self::OneCycle {
            pct_start: pct_start(),
            div_factor: div_factor(),
            final_div_factor: final_div_factor(),
            cycle_momentum: true,
            base_momentum: base_momentum(),
            max_momentum: max_momentum(),
        }
    }

    /// Factor on the base rate at `step` (counted from 0) of `total` steps. [`Schedule::Plateau`] gives 1: its factor is
    /// [`Plateau::factor`].
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        match *self {
            Self::Constant | Self::Plateau { .. } => 1.0,
            Self::Step { every, gamma } => gamma.powf((step / every.max(1)) as f64),
            Self::Polynomial { power, warmup } => {
                warmed(step, warmup, || (1.0 - share(step - warmup, total.saturating_sub(warmup))).powf(power))
            }
            Self::Cosine { warmup, floor } => warmed(step, warmup, || {
                let turn = PI * share(step - warmup, total.saturating_sub(warmup));
                floor + (1.0 - floor) * (1.0 + turn.cos()) / 2.0
            }),
            Self::OneCycle { pct_start, div_factor, final_div_factor, .. } => {
                let (first, last) = (1.0 / div_factor, 1.0 / (div_factor * final_div_factor));
                one_cycle(step, total, pct_start, [first, 1.0, last])
            }
        }
    }

    /// Momentum at `step` (counted from 0) of `total` steps, where the schedule sets it: SGD's momentum, the first beta of
    /// Adam and AdamW.
    pub fn momentum(&self, step: u64, total: u64) -> Option<f64> {
        match *self {
            Self::OneCycle { pct_start, cycle_momentum: true, base_momentum, max_momentum, .. } => {
                Some(one_cycle(step, total, pct_start, [max_momentum, base_momentum, max_momentum]))
            }
            _ => None,
        }
    }

    /// Checks the settings against each other and against the number of steps.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn check(&self, total: u64) -> Result<()> {
        let positive = |what, value: f64| {
            let fine = value > 0.0 && value.is_finite();
            if fine { Ok(()) } else { Err(TrainError::setting(what, value, "above 0")) }
        };
        let within = |what, value: f64| {
            let fine = (0.0..=1.0).contains(&value);
            if fine { Ok(()) } else { Err(TrainError::setting(what, value, "between 0 and 1")) }
        };
        let warms = |warmup: u64| {
            let fine = warmup < total || warmup == 0;
            if fine { Ok(()) } else { Err(TrainError::setting("warmup", warmup, "below the number of steps")) }
        };
        match *self {
            Self::Constant => Ok(()),
            Self::Step { every: 0, .. } => Err(TrainError::setting("every", 0, "at least 1")),
            Self::Step { gamma, .. } => positive("gamma", gamma),
            Self::Polynomial { power, warmup } => positive("power", power).and(warms(warmup)),
            Self::Cosine { warmup, floor } => within("floor", floor).and(warms(warmup)),
            Self::OneCycle { pct_start, div_factor, final_div_factor, base_momentum, max_momentum, .. } => {
                within("pct_start", pct_start)
                    .and(positive("div_factor", div_factor))
                    .and(positive("final_div_factor", final_div_factor))
                    .and(within("base_momentum", base_momentum))
                    .and(within("max_momentum", max_momentum))
            }
            Self::Plateau { factor, threshold, floor, .. } => {
                within("factor", factor).and(within("threshold", threshold)).and(within("floor", floor))
            }
        }
    }
}

/// Memory of [`Schedule::Plateau`]: the best score so far and how long it has stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    factor: f64,
    best: Option<f64>,
    waited: u64,
    cooling: u64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 1.0, best: None, waited: 0, cooling: 0 }
    }
}

impl Plateau {
    /// Factor on the base rate now.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes the score of a validation, larger being better when `larger_is_better`. Does nothing under any other
    /// schedule than [`Schedule::Plateau`].
    pub fn observe(&mut self, schedule: &Schedule, score: f64, larger_is_better: bool) {
        let Schedule::Plateau { factor, patience, threshold, cooldown, floor } = *schedule else { return };
        let improved = self.best.is_none_or(|best| {
            if larger_is_better { score > best * (1.0 + threshold) } else { score < best * (1.0 - threshold) }
        });
        if improved {
            (self.best, self.waited) = (Some(score), 0);
        } else {
            self.waited += 1;
        }
        if self.cooling > 0 {
            (self.cooling, self.waited) = (self.cooling - 1, 0);
        }
        if self.waited > patience {
            self.factor = (self.factor * factor).max(floor);
            (self.cooling, self.waited) = (cooldown, 0);
        }
    }
}

fn share(step: u64, total: u64) -> f64 {
    if total == 0 { 1.0 } else { (step as f64 / total as f64).min(1.0) }
}

/// `rest` after a linear rise from [`WARMUP_START`] over the first `warmup` steps.
fn warmed(step: u64, warmup: u64, rest: impl FnOnce() -> f64) -> f64 {
    if step < warmup { WARMUP_START + (1.0 - WARMUP_START) * step as f64 / warmup as f64 } else { rest() }
}

/// From the first value to the second over `pct_start` of the steps, then to the third.
fn one_cycle(step: u64, total: u64, pct_start: f64, [first, peak, last]: [f64; 3]) -> f64 {
    let (step, total) = (step as f64, total as f64);
    // The turning points as OneCycleLR computes them; the peak may lie between two steps.
    let (turn, end) = (pct_start * total - 1.0, total - 1.0);
    if turn > 0.0 && step <= turn {
        half_cosine(first, peak, step / turn)
    } else {
        half_cosine(peak, last, ((step - turn) / (end - turn)).min(1.0))
    }
}

fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}
