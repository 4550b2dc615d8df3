//! The folder of a run: what lies where, and the record of how it was made.
//!
//! ```text
//! swath.toml      every setting, defaults included
//! model.onnx      the fine-tuned network, for inference
//! item.json       its STAC item (MLM): bands, scaling, classes, metrics
//! metrics.json    scores on the held-out part
//! history.jsonl   one line per optimiser step
//! statistics.json bands and classes of the training part, with the key under which they can be used again
//! run.json        how the run was made
//! report.html     all of it on one page
//! checkpoint/     where to go on from with --resume
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use swath_catalog::{Href, Rewrites};
use swath_loader::{Dataset, Normaliser, Statistics, Windows};
use swath_train::Execution;
use swath_train::fit::{Outcome, StepRecord};

/// What is there before the first checkpoint.
const ATTEMPT: &[&str] = &["swath.toml", "history.jsonl", "statistics.json", "checkpoint"];
/// What a finished run adds.
const RESULTS: &[&str] = &["model.onnx", "item.json", "metrics.json", "run.json", "report.html"];

/// A run's folder.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder(PathBuf);

/// How a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// Name and version of this program.
    pub(crate) software: String,
    /// The command as typed.
    pub(crate) command: Vec<String>,
    /// When training ended, RFC 3339.
    pub(crate) finished_at: String,
    /// Wall time of the training in seconds.
    pub(crate) training_s: f64,
    /// Share of that time spent waiting for data.
    pub(crate) wait_share: f64,
    /// Optimiser steps done, and why no more were.
    pub(crate) steps: u64,
    /// Step whose weights were written.
    pub(crate) written_step: u64,
    /// Scores on the validation part while training.
    pub(crate) validations: Vec<Validated>,
    /// Why training ended.
    pub(crate) outcome: Outcome,
    /// What ran the training graph.
    pub(crate) execution: Execution,
    /// Network that training began from.
    pub(crate) initial_model: FileRecord,
    /// What was changed in it before training.
    pub(crate) adaptations: Vec<String>,
    /// The catalog.
    pub(crate) catalog: FileRecord,
    /// Ids of the image-and-label pairs.
    pub(crate) pairs: Vec<String>,
    /// Names of the bands in the order of the input.
    pub(crate) bands: Vec<String>,
    /// What was done to pixel values.
    pub(crate) normaliser: Normaliser,
    /// Windows of an epoch, and what was left out to get them.
    #[serde(default)]
    pub(crate) windows: Windows,
    /// Windows that were read and drawn again, in all epochs.
    #[serde(default)]
    pub(crate) redrawn: u64,
    /// Blocks that could not be read, under a policy that goes on.
    pub(crate) failed_blocks: Vec<String>,
    /// What items say otherwise than their files, and which of the two was used.
    #[serde(default)]
    pub(crate) contradictions: Vec<String>,
}

/// Scores on the validation part after so many steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Validated {
    /// Steps done.
    pub(crate) step: u64,
    /// The score that decides.
    pub(crate) score: Option<f64>,
    /// Mean IoU.
    pub(crate) mean_iou: Option<f64>,
}

/// Statistics as they are kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// What they depend on.
    key: String,
    #[serde(flatten)]
    statistics: Statistics,
}

/// A file that went in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its SHA-256, hexadecimal.
    pub(crate) sha256: String,
}

impl FileRecord {
    /// Takes note of a file.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), sha256: crate::network::sha256_file(path)? })
    }

    /// Takes note of a catalog, by the file that stands for its address; the checksum of one that no file stands for is empty.
    pub(crate) fn of_catalog(path: &Path, rewrites: &Rewrites) -> Result<Self> {
        let href = rewrites.apply(&Href::parse(&path.to_string_lossy())?)?;
        let sha256 = href.as_file().map(crate::network::sha256_file).transpose()?.unwrap_or_default();
        Ok(Self { path: path.to_owned(), sha256 })
    }
}

impl RunFolder {
    /// The run at `root`, which need not be there yet.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// Makes the folder for a new run. What an attempt without a checkpoint left is no run and is used again; anything else
    /// that is there is refused.
    pub(crate) fn create(&self) -> Result<()> {
        let mut entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let foreign = entries.any(|entry| !ATTEMPT.iter().any(|name| entry.file_name() == *name));
        ensure!(
            !foreign && !self.has_checkpoint(),
            "{} already holds a run: go on with --resume, replace it with --overwrite, or choose another --set out=FOLDER",
            self.0.display()
        );
        fs::create_dir_all(&self.0).with_context(|| format!("cannot make the folder {}", self.0.display()))
    }

    /// Removes what an earlier run left here, and nothing else.
    pub(crate) fn clear(&self) -> Result<()> {
        for name in ATTEMPT.iter().chain(RESULTS) {
            let path = self.0.join(name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether there is a state to go on from.
    pub(crate) fn has_checkpoint(&self) -> bool {
        self.checkpoint().join("last.json").is_file()
    }

    /// Takes back a run that failed before its first checkpoint: nothing half-written stays.
    pub(crate) fn discard_attempt(&self) {
        if !self.has_checkpoint() {
            // The failure to tell is the one that ended the run.
            let _ = fs::remove_dir_all(self.checkpoint());
            let _ = fs::remove_file(self.settings());
            let _ = fs::remove_file(self.history());
            let _ = fs::remove_file(self.statistics());
            let _ = fs::remove_dir(&self.0);
        }
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.0.join("swath.toml")
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.0.join("model.onnx")
    }

    pub(crate) fn item(&self) -> PathBuf {
        self.0.join("item.json")
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.0.join("metrics.json")
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }

    pub(crate) fn statistics(&self) -> PathBuf {
        self.0.join("statistics.json")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.0.join("run.json")
    }

    pub(crate) fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// Lets a dataset use the statistics kept here, where they are of the same data, bands, classes and split.
    pub(crate) fn reuse_statistics(&self, dataset: &Dataset) -> Result<()> {
        match fs::read(self.statistics()).ok().and_then(|text| serde_json::from_slice::<Kept>(&text).ok()) {
            Some(kept) if kept.key == dataset.statistics_key() => Ok(dataset.use_statistics(kept.statistics)?),
            _ => Ok(()),
        }
    }

    /// Keeps the statistics of a dataset.
    pub(crate) fn keep_statistics(&self, dataset: &Dataset) -> Result<()> {
        let kept = Kept { key: dataset.statistics_key(), statistics: dataset.statistics()?.clone() };
        crate::whole_file::write_text(&self.statistics(), &serde_json::to_string_pretty(&kept)?)
    }

    /// Reads the step records of the run.
    pub(crate) fn read_history(&self) -> Result<Vec<StepRecord>> {
        let path = self.history();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let line = |line: &str| serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()));
        text.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
    }
}

/// Reads a JSON file of a run.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not what swath writes there", path.display()))
}
