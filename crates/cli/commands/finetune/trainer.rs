//! The work of the training loop: batches into the engine, state into checkpoints, progress to the terminal and to disk.

use std::fs::{File, OpenOptions};
use std::io::Write;

use anyhow::{Context, Error, Result};
use serde::{Deserialize, Serialize};
use swath_autodiff::Model;
use swath_loader::{Batch, Dataset, Part};
use swath_train::checkpoint::{CheckpointStore, Mark, SavedTensor};
use swath_train::fit::{self, Ahead, StepAt, StepRecord, Stepped, Task};
use swath_train::{InferenceSession, LossScaler, SessionOptions};

use super::engine::{Engine, into_network};
use crate::judge::count;
use crate::progress::Progress;
use crate::run_folder::{RunFolder, Validated};
use crate::settings::{Keep, Metric, Settings};

/// What a checkpoint holds besides tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) progress: fit::Progress,
    /// The scale of the loss, where it is scaled.
    pub(super) loss_scaler: Option<LossScaler>,
    /// Scores on the validation part so far.
    pub(super) validations: Vec<Validated>,
    /// Settings that training began with, as TOML: a run goes on with the same ones.
    pub(super) settings: String,
}

/// A network in training at work in a run's folder.
#[derive(Debug)]
pub(super) struct Trainer<'a> {
    pub(super) engine: Engine,
    /// Scores on the validation part so far.
    pub(super) validations: Vec<Validated>,
    model: &'a Model,
    judge: Option<Judge<'a>>,
    store: CheckpointStore,
    settings: String,
    history: File,
    bar: Progress,
    waited_s: f64,
    total_s: f64,
}

/// Judges a network while it is in training.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    dataset: &'a Dataset,
    classes: usize,
    session: SessionOptions,
    metric: Metric,
}

impl<'a> Judge<'a> {
    /// The judge that the settings ask for.
    pub(super) fn new(settings: &'a Settings, dataset: &'a Dataset) -> Option<Self> {
        let metric = settings.training.validation.as_ref()?.metric;
        Some(Self { dataset, classes: settings.classes.len(), session: settings.training.session_options(), metric })
    }

    fn judge(&self, step: u64, network: &Model) -> Result<Validated> {
        let mut session = InferenceSession::from_bytes(&network.to_bytes()?, &self.session)?;
        let metrics = count(self.dataset, Part::Validate, &mut session, self.classes)?.metrics();
        Ok(Validated { step, score: self.metric.of(&metrics), mean_iou: metrics.mean_iou })
    }
}

/// Where a run stands when it is taken up.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// Steps done.
    pub(super) step: u64,
    /// Steps in all.
    pub(super) total: u64,
    /// Scores on the validation part so far.
    pub(super) validations: Vec<Validated>,
    /// The settings as a checkpoint keeps them.
    pub(super) settings: String,
}

impl<'a> Trainer<'a> {
    /// Begins in `folder`, or goes on from `start`: the history is cut back to it.
    pub(super) fn new(
        engine: Engine,
        model: &'a Model,
        judge: Option<Judge<'a>>,
        folder: &RunFolder,
        start: Start,
    ) -> Result<Self> {
        let path = folder.history();
        let kept = if start.step > 0 { folder.read_history()? } else { Vec::new() };
        let lines = kept.iter().filter(|record| record.step <= start.step).map(serde_json::to_string);
        let text: String = lines.map(|line| line.map(|line| line + "\n")).collect::<Result<_, _>>()?;
        crate::whole_file::write_text(&path, &text)?;
        let history =
            OpenOptions::new().append(true).open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let store = CheckpointStore::new(folder.checkpoint());
        let bar = Progress::new("train", start.total, "steps");
        let Start { validations, settings, .. } = start;
        let (waited_s, total_s) = (0.0, 0.0);
        Ok(Self { engine, validations, model, judge, store, settings, history, bar, waited_s, total_s })
    }

    /// Goes on with another engine, which `make` gives and which takes over the state of this one.
    pub(super) fn with_engine(self, make: impl FnOnce() -> Result<Engine>) -> Result<Self> {
        let state = self.engine.state()?.into_iter();
        let state: Vec<_> = state.map(|tensor| (tensor.name.to_owned(), tensor.values.into_owned())).collect();
        let scaler = self.engine.loss_scaler();
        let Self { engine, validations, model, judge, store, settings, history, bar, waited_s, total_s } = self;
        // Two engines at once would take the memory of both.
        drop(engine);
        let mut engine = make()?;
        engine.load(state.iter().map(|(name, values)| (name.as_str(), values.as_slice())))?;
        engine.set_loss_scaler(scaler)?;
        Ok(Self { engine, validations, model, judge, store, settings, history, bar, waited_s, total_s })
    }

    /// Share of the training time that was spent waiting for data.
    pub(super) fn wait_share(&self) -> f64 {
        if self.total_s > 0.0 { self.waited_s / self.total_s } else { 0.0 }
    }

    /// The network as it stands, or as it stood when it was best; and the step of that.
    pub(super) fn network(&self, keep: Keep, progress: &fit::Progress) -> Result<(Model, u64)> {
        match progress.best {
            Some(best) if keep == Keep::Best && best.step != progress.step => {
                let saved = self.store.load::<Saved>(Mark::Best)?;
                let saved = saved.with_context(|| format!("{}: no best checkpoint", self.store.folder().display()))?;
                Ok((self.network_of(&saved.tensors)?, best.step))
            }
            _ => Ok((self.current()?, progress.step)),
        }
    }

    fn current(&self) -> Result<Model> {
        let state = self.engine.state()?;
        into_network(self.model, state.iter().map(|tensor| (tensor.name, tensor.role, &*tensor.values)))
    }

    fn network_of(&self, tensors: &[SavedTensor]) -> Result<Model> {
        let state = self.engine.state()?;
        let named = tensors.iter().filter_map(|tensor| {
            let role = state.iter().find(|known| known.name == tensor.name)?.role;
            Some((tensor.name.as_str(), role, tensor.values.as_slice()))
        });
        into_network(self.model, named)
    }
}

fn samples(batches: &[Batch]) -> usize {
    batches.iter().map(Batch::len).sum()
}

impl Task for Trainer<'_> {
    type Batch = Vec<Batch>;
    type Error = Error;

    fn step(&mut self, batches: Vec<Batch>, at: StepAt) -> Result<Stepped> {
        let loss = self.engine.step(&batches, at, None)?;
        Ok(Stepped { loss, samples: samples(&batches) })
    }

    fn step_ahead(
        &mut self,
        batches: Vec<Batch>,
        at: StepAt,
        ahead: &mut Ahead<'_, Vec<Batch>, Error>,
    ) -> Result<Stepped> {
        let loss = self.engine.step(&batches, at, Some(ahead))?;
        Ok(Stepped { loss, samples: samples(&batches) })
    }

    fn validate(&mut self, step: u64) -> Result<Option<f64>> {
        let Some(judge) = &self.judge else { return Ok(None) };
        let validated = judge.judge(step, &self.current()?)?;
        self.validations.push(validated);
        Ok(validated.score)
    }

    fn save(&mut self, progress: &fit::Progress, marks: &[Mark]) -> Result<()> {
        self.history.sync_data().context("cannot write the history")?;
        let (progress, validations) = (progress.clone(), self.validations.clone());
        let (loss_scaler, settings) = (self.engine.loss_scaler(), self.settings.clone());
        let saved = Saved { progress, loss_scaler, validations, settings };
        self.store.save(saved.progress.step, &self.engine.state()?, &saved, marks)?;
        Ok(())
    }

    fn record(&mut self, record: &StepRecord) {
        let seconds = 1.0 / record.samples_per_s;
        self.total_s += seconds;
        self.waited_s += seconds * record.wait_share;
        // A full disk shows at the next checkpoint, which is an error; a lost line of the curve is not worth the run.
        if let Ok(line) = serde_json::to_string(record) {
            let _ = writeln!(self.history, "{line}");
        }
        self.bar.at(record.step, || {
            format!("loss {:.4} lr {:.2e} {:.1} samples/s", record.loss, record.learning_rate, record.samples_per_s)
        });
    }
}
