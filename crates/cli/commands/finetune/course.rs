//! The course of a training: batches in their order, and one stage after another where frozen parameters begin to train.

use anyhow::{Context, Result, bail, ensure};
use swath_autodiff::{Model, TrainingOptions};
use swath_loader::{Batch, Dataset};
use swath_train::fit::{self, FitOptions, Outcome, Summary, fit};

use super::engine::Engine;
use super::resume::last_checkpoint;
use super::trainer::{Judge, Start, Trainer};
use crate::interrupt;
use crate::run_folder::RunFolder;
use crate::settings::Settings;

/// All that a training needs, opened and checked.
pub(super) struct Course<'a> {
    settings: &'a Settings,
    model: &'a Model,
    dataset: &'a Dataset,
    options: TrainingOptions,
    fit: FitOptions,
    /// Batches in an epoch.
    batches: u64,
}

/// A course that has an engine and, where it is taken up again, a place to go on from.
pub(super) struct Ready<'a> {
    course: Course<'a>,
    engine: Engine,
    progress: fit::Progress,
    start: Start,
}

impl<'a> Course<'a> {
    /// Plans the training of `model` with `options`; what of it thaws is read from the settings.
    pub(super) fn new(
        settings: &'a Settings,
        model: &'a Model,
        dataset: &'a Dataset,
        mut options: TrainingOptions,
    ) -> Result<Self> {
        let training = &settings.training;
        let batches = dataset.batches_per_epoch()?;
        ensure!(
            batches > 0,
            "an epoch holds fewer samples than recipe.batch = {}; raise recipe.samples",
            settings.recipe.batch
        );
        let fit = training.fit_options(training.total_steps(batches));
        fit.check()?;
        options.thaw = training.thaw_plan(batches);
        if let Some(late) = options.thaw.iter().find(|thaw| thaw.after_step >= fit.steps) {
            bail!(
                "'{}' in training.thaw begins after step {} and training ends at step {}: let it begin earlier",
                late.pattern,
                late.after_step,
                fit.steps
            );
        }
        if training.validation.is_some() {
            let part = swath_loader::Part::Validate;
            let ground = dataset.parts().iter().any(|parts| !parts.rectangles(part).is_empty());
            ensure!(ground, "training.validation has nothing to judge on: give recipe.split a part to validate on");
        }
        Ok(Self { settings, model, dataset, options, fit, batches })
    }

    /// Steps in all.
    pub(super) fn total(&self) -> u64 {
        self.fit.steps
    }

    /// Makes the engine, and loads the last checkpoint of the run into it where it is to `resume`.
    pub(super) fn ready(self, folder: &RunFolder, resume: bool) -> Result<Ready<'a>> {
        let text = self.settings.to_toml_in(folder.root())?;
        let saved = if resume { Some(last_checkpoint(folder, &text)?) } else { None };
        let mut engine = self.engine(saved.as_ref().map_or(0, |saved| saved.step))?;
        let mut start = Start { total: self.total(), settings: text, ..Start::default() };
        let mut progress = fit::Progress::default();
        if let Some(saved) = saved {
            // Parameters that begin at this very step are in no checkpoint yet.
            let beginning = self.options.thaw.iter().any(|thaw| thaw.after_step == saved.step);
            let missing = engine
                .state()?
                .iter()
                .map(|known| known.name.to_owned())
                .find(|name| !saved.tensors.iter().any(|tensor| tensor.name == *name));
            if let Some(name) = missing.filter(|_| !beginning) {
                bail!(
                    "the checkpoint in {} lacks `{name}`: start anew with --overwrite",
                    folder.checkpoint().display()
                );
            }
            engine.load(saved.named())?;
            engine.set_loss_scaler(saved.state.loss_scaler)?;
            (start.step, start.validations, progress) = (saved.step, saved.state.validations, saved.state.progress);
        }
        Ok(Ready { course: self, engine, progress, start })
    }

    /// The engine that trains on after so many steps.
    fn engine(&self, steps_done: u64) -> Result<Engine> {
        let options = TrainingOptions { steps_done, ..self.options.clone() };
        let training = &self.settings.training;
        Engine::new(self.model, &options, training.accumulate, &training.session_options())
            .with_context(|| format!("{}", self.settings.model.display()))
    }

    /// The next step after which parameters begin to train.
    fn next_stage(&self, done: u64) -> Option<u64> {
        self.options.thaw.iter().map(|thaw| thaw.after_step).filter(|&step| step > done).min()
    }
}

impl<'a> Ready<'a> {
    /// Trains in `folder` until something ends it.
    pub(super) fn train(self, folder: &RunFolder) -> Result<(Trainer<'a>, Summary)> {
        let Self { course, engine, mut progress, start } = self;
        crate::whole_file::write_text(&folder.settings(), &start.settings)?;
        interrupt::watch("step")?;
        let judge = Judge::new(course.settings, course.dataset);
        let mut trainer = Trainer::new(engine, course.model, judge, folder, start)?;
        let mut batches = steps(course.dataset, course.batches, course.settings.training.accumulate, progress.step);
        loop {
            let stage = course.next_stage(progress.step);
            let until = [course.fit.until, stage].into_iter().flatten().min();
            let options = FitOptions { until, ..course.fit.clone() };
            let summary = fit(&mut trainer, batches.by_ref(), &options, progress, &interrupt::STOP)?;
            let paused = course.fit.until.is_some_and(|until| summary.progress.step >= until);
            if summary.outcome != Outcome::Paused || paused {
                return Ok((trainer, summary));
            }
            progress = summary.progress;
            trainer = trainer.with_engine(|| course.engine(progress.step))?;
        }
    }
}

/// The batches of every step after `done` steps, epoch after epoch.
fn steps(dataset: &Dataset, batches: u64, accumulate: usize, done: u64) -> impl Iterator<Item = Result<Vec<Batch>>> {
    let mut stream = epochs(dataset.clone(), batches, done.saturating_mul(accumulate as u64));
    std::iter::from_fn(move || Some(stream.by_ref().take(accumulate).collect()))
}

/// Training batches after `done` ones, epoch after epoch.
fn epochs(dataset: Dataset, batches: u64, done: u64) -> impl Iterator<Item = Result<Batch>> {
    (done / batches..).flat_map(move |epoch| {
        let first = if epoch == done / batches { done % batches } else { 0 };
        let (stream, error) = match dataset.train_from(epoch, first) {
            Ok(stream) => (Some(stream), None),
            Err(error) => (None, Some(Err(error.into()))),
        };
        stream.into_iter().flatten().map(|batch| batch.map_err(Into::into)).chain(error)
    })
}
