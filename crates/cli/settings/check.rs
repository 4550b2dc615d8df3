//! Which settings of a training make sense, alone and together. What depends on network or data is checked where they are known.

use anyhow::{Result, ensure};
use swath_train::schedule::Schedule;

use super::{Group, LossName, OptimizerName, Thaw, Training, WeightedLoss};

impl Training {
    /// Checks everything that can be told before network and data are opened.
    pub(super) fn check(&self, classes: usize) -> Result<()> {
        self.check_length()?;
        self.check_optimizer()?;
        self.check_losses(classes)?;
        self.check_thaw()?;
        self.check_validation()
    }

    fn check_length(&self) -> Result<()> {
        ensure!(
            self.steps.is_none() || self.epochs.is_none(),
            "training.steps and training.epochs are both set; keep one of them"
        );
        ensure!(self.steps != Some(0), "training.steps is 0; train for one step at least");
        if let Some(epochs) = self.epochs {
            ensure!(epochs > 0.0 && epochs.is_finite(), "training.epochs is {epochs}, but must be above 0");
        }
        ensure!(self.accumulate >= 1, "training.accumulate is 0; one batch at least makes a step");
        Ok(())
    }

    fn check_optimizer(&self) -> Result<()> {
        let rate = self.learning_rate;
        ensure!(
            rate > 0.0 && rate.is_finite(),
            "the learning rate (training.learning_rate) is {rate}, but must be above 0"
        );
        not_negative("training.weight_decay", self.weight_decay)?;
        share("training.momentum", self.momentum)?;
        self.betas.iter().try_for_each(|&beta| share("training.betas", beta))?;
        ensure!(
            !self.nesterov || (self.optimizer == OptimizerName::Sgd && self.momentum > 0.0),
            "training.nesterov needs optimizer = \"sgd\" with a momentum above 0"
        );
        if let Some(norm) = self.clip_norm {
            ensure!(norm > 0.0 && norm.is_finite(), "training.clip_norm is {norm}, but must be above 0");
        }
        if let Some(decay) = self.ema {
            ensure!(
                decay > 0.0 && decay < 1.0,
                "training.ema is {decay}, but must lie between 0 and 1, for example 0.99"
            );
        }
        for Group { pattern, lr_multiplier, weight_decay } in &self.groups {
            let of = |key: &str| format!("{key} of the group '{pattern}' in training.groups");
            not_negative(&of("lr_multiplier"), *lr_multiplier)?;
            not_negative(&of("weight_decay"), weight_decay.unwrap_or(0.0))?;
        }
        Ok(())
    }

    fn check_losses(&self, classes: usize) -> Result<()> {
        ensure!(!self.losses.is_empty(), "training.losses is empty; name one loss at least");
        for WeightedLoss { weight, loss } in &self.losses {
            ensure!(
                *weight > 0.0 && weight.is_finite(),
                "a loss in training.losses has weight {weight}, but must have one above 0"
            );
            if let LossName::CrossEntropy { label_smoothing } | LossName::BinaryCrossEntropy { label_smoothing } = loss
            {
                share("label_smoothing in training.losses", *label_smoothing)?;
            }
        }
        if let Some(weights) = &self.class_weights {
            ensure!(
                weights.len() == classes,
                "training.class_weights has {} values for {classes} classes; give one per class",
                weights.len()
            );
            let fine = weights.iter().all(|weight| *weight >= 0.0 && weight.is_finite());
            ensure!(
                fine && weights.iter().any(|weight| *weight > 0.0),
                "training.class_weights is {weights:?}, but must hold numbers of 0 or more, not all of them 0"
            );
        }
        Ok(())
    }

    fn check_thaw(&self) -> Result<()> {
        for Thaw { pattern, at_step, at_epoch } in &self.thaw {
            ensure!(
                at_step.is_some() != at_epoch.is_some(),
                "'{pattern}' in training.thaw needs either at_step or at_epoch"
            );
            let begins = at_epoch.unwrap_or(at_step.unwrap_or(0) as f64);
            ensure!(
                begins > 0.0 && begins.is_finite(),
                "'{pattern}' in training.thaw begins at {begins}: give a step or epoch above 0, or do not freeze it"
            );
        }
        Ok(())
    }

    fn check_validation(&self) -> Result<()> {
        let Some(validation) = &self.validation else {
            ensure!(
                !matches!(self.schedule, Schedule::Plateau { .. }),
                "the schedule \"plateau\" goes by scores while training: set training.validation, for example {{ every = 50 }}"
            );
            return Ok(());
        };
        ensure!(validation.every > 0, "training.validation.every is 0; judge after one step at least");
        ensure!(validation.patience != Some(0), "training.validation.patience is 0; give 1 or more, or leave it out");
        not_negative("training.validation.min_delta", validation.min_delta)
    }
}

fn not_negative(what: &str, value: f64) -> Result<()> {
    ensure!(value >= 0.0 && value.is_finite(), "{what} is {value}, but must be 0 or more");
    Ok(())
}

/// From 0 to below 1.
fn share(what: &str, value: f64) -> Result<()> {
    ensure!((0.0..1.0).contains(&value), "{what} is {value}, but must be 0 or more and below 1");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        for (text, words) in [
            ("steps = 0", "training.steps"),
            ("steps = 3\nepochs = 1", "both"),
            ("epochs = -1", "training.epochs"),
            ("accumulate = 0", "training.accumulate"),
            ("learning_rate = nan", "learning rate"),
            ("weight_decay = -0.1", "training.weight_decay"),
            ("betas = [0.9, 1.0]", "training.betas"),
            ("nesterov = true", "sgd"),
            ("clip_norm = 0", "training.clip_norm"),
            ("ema = 1", "training.ema"),
            ("groups = [{ pattern = \"a.*\", lr_multiplier = -1 }]", "'a.*'"),
            ("losses = []", "training.losses"),
            ("losses = [{ name = \"dice\", weight = 0 }]", "weight 0"),
            ("losses = [{ name = \"cross-entropy\", label_smoothing = 1.5 }]", "label_smoothing"),
            ("class_weights = [1, 2, 3]", "3 values for 2 classes"),
            ("class_weights = [0, 0]", "not all of them 0"),
            ("thaw = [{ pattern = \"a.*\" }]", "either at_step or at_epoch"),
            ("thaw = [{ pattern = \"a.*\", at_step = 0 }]", "above 0"),
            ("schedule = { kind = \"plateau\" }", "training.validation"),
            ("validation = { every = 0 }", "training.validation.every"),
            ("validation = { every = 5, patience = 0 }", "patience"),
            ("validation = { every = 5, min_delta = -1 }", "min_delta"),
        ] {
            let training: Training = toml::from_str(text).unwrap();
            let error = training.check(2).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        Training::default().check(2).unwrap();
    }
}
