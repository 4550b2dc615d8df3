//! What happens in the course of a training: parameters that begin late, judging on the validation part, the loop's options.

use serde::{Deserialize, Serialize};
use swath_train::Metrics;
use swath_train::fit::FitOptions;

use super::Training;

/// Frozen parameters that begin to train, after so many steps or epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thaw {
    /// Pattern over parameter names.
    pub(crate) pattern: String,
    /// Steps done before they begin.
    pub(crate) at_step: Option<u64>,
    /// Epochs done before they begin; in place of `at_step`.
    pub(crate) at_epoch: Option<f64>,
}

/// Judging on the validation part while training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Validation {
    /// Steps from one judgement to the next.
    pub(crate) every: u64,
    /// The score that decides.
    #[serde(default)]
    pub(crate) metric: Metric,
    /// Stop after so many judgements in a row without a better score.
    pub(crate) patience: Option<u64>,
    /// A score is better when it beats the best one by more than this.
    #[serde(default)]
    pub(crate) min_delta: f64,
    /// The weights that are written in the end.
    #[serde(default)]
    pub(crate) keep: Keep,
}

/// A score to judge by; larger is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metric {
    #[default]
    MeanIou,
    MeanF1,
    /// Share of pixels that are right.
    Accuracy,
}

/// Which weights are written in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Keep {
    /// Those with the best score.
    #[default]
    Best,
    /// Those after the last step.
    Last,
}

impl Metric {
    /// This score; `None` where nothing was counted.
    pub(crate) fn of(self, metrics: &Metrics) -> Option<f64> {
        match self {
            Self::MeanIou => metrics.mean_iou,
            Self::MeanF1 => metrics.mean_f1,
            Self::Accuracy => metrics.overall_accuracy,
        }
    }
}

impl Training {
    /// Optimiser steps that so many epochs take.
    pub(super) fn steps_of(&self, epochs: f64, batches_per_epoch: u64) -> u64 {
        (epochs * batches_per_epoch as f64 / self.accumulate.max(1) as f64).ceil() as u64
    }

    /// What begins to train when.
    pub(crate) fn thaw_plan(&self, batches_per_epoch: u64) -> Vec<swath_autodiff::Thaw> {
        let planned = |thaw: &Thaw| {
            let by_epoch = thaw.at_epoch.map(|epochs| self.steps_of(epochs, batches_per_epoch));
            swath_autodiff::Thaw {
                pattern: thaw.pattern.clone(),
                after_step: thaw.at_step.or(by_epoch).unwrap_or_default(),
            }
        };
        self.thaw.iter().map(planned).collect()
    }

    /// How the loop goes over so many steps.
    pub(crate) fn fit_options(&self, total: u64) -> FitOptions {
        let validation = self.validation.as_ref();
        FitOptions {
            steps: total,
            until: self.until,
            learning_rate: self.learning_rate,
            schedule: self.schedule.clone(),
            validate_every: validation.map(|validation| validation.every),
            patience: validation.and_then(|validation| validation.patience),
            min_delta: validation.map_or(0.0, |validation| validation.min_delta),
            save_every: (self.checkpoint_every > 0).then_some(self.checkpoint_every),
            ..FitOptions::default()
        }
    }
}
