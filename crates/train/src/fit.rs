//! The loop of training: batches in, steps run, results judged, state kept.
//!
//! The loop knows neither loader nor network. A [`Task`] does the work; the loop decides when: at which rate, when to
//! validate, when to save, when to stop. Everything it decides by is in [`Progress`], so a run that goes on from a saved
//! `Progress` decides as the uninterrupted run would have. (Limits on time are the exception: clocks do not repeat.)

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};
use crate::schedule::{Plateau, Schedule};

pub use crate::checkpoint::Mark;

/// The work that the loop drives.
pub trait Task {
    /// What one step consumes.
    type Batch;
    /// The caller's error.
    type Error: From<TrainError>;

    /// Runs one optimiser step.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn step(&mut self, batch: Self::Batch, at: StepAt) -> Result<Stepped, Self::Error>;

    /// Runs one optimiser step and, while it computes, may look at the batch of the step after. Whoever does not look gets the batches one by
    /// one.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn step_ahead(
        &mut self,
        batch: Self::Batch,
        at: StepAt,
        _ahead: &mut Ahead<'_, Self::Batch, Self::Error>,
    ) -> Result<Stepped, Self::Error> {
        self.step(batch, at)
    }

    /// Judges the state after `step` steps; the score is what [`FitOptions`] monitors. `None` when there is nothing to
    /// judge by.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn validate(&mut self, _step: u64) -> Result<Option<f64>, Self::Error> {
        Ok(None)
    }

    /// Saves state and progress under the marks given, so that a run can go on from there.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn save(&mut self, _progress: &Progress, _marks: &[Mark]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Takes note of a step.
    fn record(&mut self, _record: &StepRecord) {}
}

/// The batch after the one in work, fetched when it is first looked at.
pub struct Ahead<'a, B, E> {
    batches: &'a mut dyn Iterator<Item = Result<B, E>>,
    next: &'a mut Option<Result<B, E>>,
    /// Whether another step follows as far as can be told.
    follows: bool,
    waited_s: f64,
}

impl<B, E> Ahead<'_, B, E> {
    /// The next step's batch; `None` where none follows, or where it failed, which is that step's to report.
    pub fn batch(&mut self) -> Option<&B> {
        if self.follows && self.next.is_none() {
            let started = Instant::now();
            *self.next = self.batches.next();
            self.waited_s += started.elapsed().as_secs_f64();
        }
        self.next.as_ref().and_then(|next| next.as_ref().ok())
    }
}

impl<B, E> std::fmt::Debug for Ahead<'_, B, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead").field("follows", &self.follows).finish_non_exhaustive()
    }
}

/// Where and how fast a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepAt {
    /// Number of the step, counted from 1.
    pub step: u64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Momentum, where the schedule sets it: an input of graphs that have one.
    pub momentum: Option<f64>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepped {
    /// Loss of the batch.
    pub loss: f32,
    /// Samples in the batch.
    pub samples: usize,
}

/// One line of a training curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Number of the step, counted from 1.
    pub step: u64,
    /// Loss of the batch.
    pub loss: f32,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Samples of the step over its time, waiting included.
    pub samples_per_s: f64,
    /// Share of the step's time that was spent waiting for its batch.
    pub wait_share: f64,
}

/// When to do what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// Steps in all; the schedule spans them.
    pub steps: u64,
    /// Pause after this step, for example to go on with another graph; the schedule still spans `steps`.
    pub until: Option<u64>,
    /// Seconds of training after which to stop, over all parts of a resumed run.
    pub time_limit_s: Option<f64>,
    /// Base learning rate (the largest one of a one-cycle schedule).
    pub learning_rate: f64,
    /// Course of the learning rate.
    pub schedule: Schedule,
    /// Validate after every so many steps; always when training is over.
    pub validate_every: Option<u64>,
    /// Save after every so many steps; always after the last one.
    pub save_every: Option<u64>,
    /// Whether a larger score is better.
    pub larger_is_better: bool,
    /// Stop after so many validations in a row without a better score.
    pub patience: Option<u64>,
    /// A score is better when it beats the best one by more than this.
    pub min_delta: f64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            steps: 1000,
            until: None,
            time_limit_s: None,
            learning_rate: 1e-3,
            schedule: Schedule::one_cycle(),
            validate_every: None,
            save_every: None,
            larger_is_better: true,
            patience: None,
            min_delta: 0.0,
        }
    }
}

/// How far a run has come: all that the loop remembers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Samples seen.
    pub samples: u64,
    /// Seconds of training so far.
    pub elapsed_s: f64,
    /// Best score so far.
    pub best: Option<Best>,
    /// Validations since the best one.
    pub stale: u64,
    /// Step after which the last validation was made.
    pub validated: Option<u64>,
    /// Memory of a plateau schedule.
    pub plateau: Plateau,
}

/// The best validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its score.
    pub score: f64,
    /// Steps done then.
    pub step: u64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// [`FitOptions::until`] was reached.
    Paused,
    /// The stop flag was raised.
    Stopped,
    /// The time limit was reached.
    OutOfTime,
    /// The batches ended first.
    OutOfBatches,
    /// The score has not improved for too long.
    EarlyStopped,
}

impl Outcome {
    /// Whether training is over. A run that goes on later must not be judged at a moment that an uninterrupted one passes
    /// by: a plateau schedule remembers every validation.
    fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::EarlyStopped | Self::OutOfBatches)
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Why it ended.
    pub outcome: Outcome,
    /// How far it came.
    pub progress: Progress,
}

/// Trains from `progress` on until something in `options` ends it, `batches` end, or `stop` is raised.
///
/// `batches` must begin with the batch that follows `progress`. After a raised `stop` the step in work is finished and
/// the state saved.
///
/// # Errors
/// When a setting is out of range, a batch or the task fails, or the loss is not finite any more.
pub fn fit<T: Task>(
    task: &mut T,
    batches: impl IntoIterator<Item = Result<T::Batch, T::Error>>,
    options: &FitOptions,
    progress: Progress,
    stop: &AtomicBool,
) -> Result<Summary, T::Error> {
    options.check()?;
    let mut run = Run { task, options, progress, saved: None };
    let mut batches = batches.into_iter();
    let mut next = None;
    let outcome = loop {
        if let Some(outcome) = run.ended(stop) {
            break outcome;
        }
        let started = Instant::now();
        let Some(batch) = next.take().or_else(|| batches.next()) else { break Outcome::OutOfBatches };
        let waited_s = started.elapsed().as_secs_f64();
        let ahead = Ahead { batches: &mut batches, next: &mut next, follows: run.goes_on(), waited_s };
        run.step(batch?, started, ahead)?;
        run.after_step()?;
    };
    if outcome.is_final() {
        run.validate()?;
    }
    run.save(&[Mark::Last])?;
    Ok(Summary { outcome, progress: run.progress })
}

impl FitOptions {
    /// Learning rate of the step after `progress`.
    pub fn rate(&self, progress: &Progress) -> f64 {
        self.learning_rate * self.schedule.factor(progress.step, self.steps) * progress.plateau.factor()
    }

    /// Momentum of the step after `progress`, where the schedule sets it.
    pub fn momentum(&self, progress: &Progress) -> Option<f64> {
        self.schedule.momentum(progress.step, self.steps)
    }

    /// Checks the settings; [`fit`] does so before its first batch.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn check(&self) -> Result<()> {
        let rate = self.learning_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(TrainError::setting("the learning rate", rate, "above 0"));
        }
        let counts =
            [("validate_every", self.validate_every), ("save_every", self.save_every), ("patience", self.patience)];
        for (what, count) in counts {
            if count == Some(0) {
                return Err(TrainError::setting(what, 0, "at least 1, or left out"));
            }
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return Err(TrainError::setting("min_delta", self.min_delta, "0 or more"));
        }
        self.schedule.check(self.steps)
    }
}

struct Run<'a, T> {
    task: &'a mut T,
    options: &'a FitOptions,
    progress: Progress,
    /// Step after which the last checkpoint was saved.
    saved: Option<u64>,
}

impl<T: Task> Run<'_, T> {
    fn ended(&self, stop: &AtomicBool) -> Option<Outcome> {
        let (options, progress) = (self.options, &self.progress);
        if progress.step >= options.steps {
            Some(Outcome::Finished)
        } else if options.until.is_some_and(|until| progress.step >= until) {
            Some(Outcome::Paused)
        } else if options.patience.is_some_and(|patience| progress.stale >= patience) {
            Some(Outcome::EarlyStopped)
        } else if stop.load(Ordering::Relaxed) {
            Some(Outcome::Stopped)
        } else if options.time_limit_s.is_some_and(|limit| progress.elapsed_s >= limit) {
            Some(Outcome::OutOfTime)
        } else {
            None
        }
    }

    /// Whether a step follows the next one, as far as counting tells.
    fn goes_on(&self) -> bool {
        let last = self.options.until.map_or(self.options.steps, |until| until.min(self.options.steps));
        self.progress.step + 1 < last
    }

    fn step(
        &mut self,
        batch: T::Batch,
        started: Instant,
        mut ahead: Ahead<'_, T::Batch, T::Error>,
    ) -> Result<(), T::Error> {
        let (learning_rate, momentum) = (self.options.rate(&self.progress), self.options.momentum(&self.progress));
        let at = StepAt { step: self.progress.step + 1, learning_rate, momentum };
        let Stepped { loss, samples } = self.task.step_ahead(batch, at, &mut ahead)?;
        let waited_s = ahead.waited_s;
        let took_s = started.elapsed().as_secs_f64();
        self.progress.step = at.step;
        self.progress.samples += samples as u64;
        self.progress.elapsed_s += took_s;
        // A step shorter than the clock's tick still gives finite numbers.
        let seconds = took_s.max(1e-9);
        self.task.record(&StepRecord {
            step: at.step,
            loss,
            learning_rate: at.learning_rate,
            samples_per_s: samples as f64 / seconds,
            wait_share: (waited_s / seconds).min(1.0),
        });
        if loss.is_finite() { Ok(()) } else { Err(TrainError::NotFinite { step: at.step, loss }.into()) }
    }

    fn after_step(&mut self) -> Result<(), T::Error> {
        let due = |every: Option<u64>| every.is_some_and(|every| self.progress.step.is_multiple_of(every));
        let (validate, save) = (due(self.options.validate_every), due(self.options.save_every));
        if validate {
            self.validate()?;
        }
        if save { self.save(&[Mark::Last]) } else { Ok(()) }
    }

    fn validate(&mut self) -> Result<(), T::Error> {
        let step = self.progress.step;
        if self.progress.validated == Some(step) {
            return Ok(());
        }
        self.progress.validated = Some(step);
        let Some(score) = self.task.validate(step)? else { return Ok(()) };
        let larger = self.options.larger_is_better;
        self.progress.plateau.observe(&self.options.schedule, score, larger);
        let gain = |best: Best| if larger { score - best.score } else { best.score - score };
        let better = |best: Best| gain(best) > self.options.min_delta;
        // What was saved at this step does not know of the validation.
        self.saved = None;
        if score.is_finite() && self.progress.best.is_none_or(better) {
            (self.progress.best, self.progress.stale) = (Some(Best { score, step }), 0);
            self.save(&[Mark::Best, Mark::Last])
        } else {
            self.progress.stale += 1;
            Ok(())
        }
    }

    fn save(&mut self, marks: &[Mark]) -> Result<(), T::Error> {
        if self.saved == Some(self.progress.step) {
            return Ok(());
        }
        self.task.save(&self.progress, marks)?;
        self.saved = Some(self.progress.step);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
