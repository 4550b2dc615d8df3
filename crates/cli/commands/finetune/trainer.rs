//! The work of the training loop: batches into the session, state into checkpoints, progress to the terminal and to disk.

use std::fs::{File, OpenOptions};
use std::io::Write;

use anyhow::{Context, Error, Result};
use ndarray::arr0;
use serde::{Deserialize, Serialize};
use swath_autodiff::TrainingGraph;
use swath_loader::Batch;
use swath_train::checkpoint::{CheckpointStore, Mark};
use swath_train::fit::{self, StepAt, StepRecord, Stepped, Task};
use swath_train::{StepInputs, TrainSession};

use crate::progress::Progress;
use crate::run_folder::RunFolder;

/// What a checkpoint holds besides tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) progress: fit::Progress,
    /// Settings that training began with, as TOML: a run goes on with the same ones.
    pub(super) settings: String,
}

/// A training session at work in a run's folder.
#[derive(Debug)]
pub(super) struct Trainer {
    pub(super) session: TrainSession,
    store: CheckpointStore,
    settings: String,
    history: File,
    bar: Progress,
    waited_s: f64,
    total_s: f64,
}

impl Trainer {
    /// Begins in `folder`, or goes on after `resumed` steps: the history is cut back to them.
    pub(super) fn new(
        session: TrainSession,
        folder: &RunFolder,
        settings: String,
        total: u64,
        resumed: u64,
    ) -> Result<Self> {
        let path = folder.history();
        let kept = if resumed > 0 { folder.read_history()? } else { Vec::new() };
        let lines = kept.iter().filter(|record| record.step <= resumed).map(serde_json::to_string);
        let text: String = lines.map(|line| line.map(|line| line + "\n")).collect::<Result<_, _>>()?;
        crate::run_folder::write_text(&path, &text)?;
        let history =
            OpenOptions::new().append(true).open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let store = CheckpointStore::new(folder.checkpoint());
        let bar = Progress::new("train", total, "steps");
        Ok(Self { session, store, settings, history, bar, waited_s: 0.0, total_s: 0.0 })
    }

    /// Share of the training time that was spent waiting for data.
    pub(super) fn wait_share(&self) -> f64 {
        if self.total_s > 0.0 { self.waited_s / self.total_s } else { 0.0 }
    }
}

impl Task for Trainer {
    type Batch = Batch;
    type Error = Error;

    fn step(&mut self, batch: Batch, at: StepAt) -> Result<Stepped> {
        let target = batch.target_i64();
        let momentum = at.momentum.map(|momentum| arr0(momentum as f32));
        let mut tensors =
            vec![(TrainingGraph::INPUT, batch.image.view().into()), (TrainingGraph::TARGET, target.view().into())];
        tensors.extend(momentum.as_ref().map(|momentum| (TrainingGraph::MOMENTUM, momentum.view().into())));
        let inputs = StepInputs { tensors, learning_rate: at.learning_rate as f32, step: at.step };
        let loss = self.session.step(&inputs)?.loss;
        Ok(Stepped { loss, samples: batch.len() })
    }

    fn save(&mut self, progress: &fit::Progress, marks: &[Mark]) -> Result<()> {
        self.history.sync_data().context("cannot write the history")?;
        let saved = Saved { progress: progress.clone(), settings: self.settings.clone() };
        self.store.save(progress.step, &self.session.state()?, &saved, marks)?;
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
