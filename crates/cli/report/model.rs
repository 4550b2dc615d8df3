//! What a report is made of: plain values, as the run recorded them. Nothing here computes or draws.
//!
//! Scores are shown as given (those of `metrics.json`), never recomputed, so that the page and the file cannot differ.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::scores::{Interval, Scores};

/// Everything one report shows. Sections without data are left out of the page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RunReport {
    /// Heading of the page, as in `Land cover of region B`.
    pub(crate) title: String,
    /// One or two sentences under the heading: what was done to what, and what came of it.
    pub(crate) summary: String,
    /// When the report was made, RFC 3339.
    pub(crate) made_at: String,
    /// The classes by value: `classes[3]` names label value 3.
    pub(crate) classes: Vec<Class>,
    /// The runs, the one that matters first.
    pub(crate) runs: Vec<Run>,
    /// What the scores were taken on, as in `region B, place 2, 3 scenes that no training window touches`.
    pub(crate) test_data: String,
    /// Chips or scenes shown beside their truth and predictions.
    pub(crate) galleries: Vec<Gallery>,
    /// What the network was trained on.
    pub(crate) training_data: TrainingData,
    /// How the run was made.
    pub(crate) provenance: Provenance,
    /// What a reader should know before quoting a number, one sentence each.
    pub(crate) remarks: Vec<String>,
}

/// A class as it is named and coloured everywhere on the page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Class {
    /// Short name.
    pub(crate) name: String,
    /// sRGB.
    pub(crate) colour: [u8; 3],
}

/// One training run and how it scored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Short name, as in `pre-trained`.
    pub(crate) name: String,
    /// One entry per optimiser step, in order.
    pub(crate) steps: Vec<Step>,
    /// Scores on held-out data during training; may be empty.
    pub(crate) validations: Vec<Validation>,
    /// Scores after training, or `None` where the run was not evaluated.
    pub(crate) scores: Option<Scores>,
    /// Mean IoU less that of the first run, and where that lies when both are judged on the same drawn blocks of ground.
    pub(crate) difference: Option<(f64, Interval)>,
    /// Wall time of the training, seconds.
    pub(crate) training_s: Option<f64>,
}

/// One optimiser step.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Counted from 1.
    pub(crate) step: u64,
    /// Mean loss of the batch.
    pub(crate) loss: f64,
    /// Learning rate that the step used.
    pub(crate) learning_rate: f64,
}

/// A look at held-out data during training.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Validation {
    /// The step after which it was taken.
    pub(crate) step: u64,
    /// Mean loss, if it was computed.
    pub(crate) loss: Option<f64>,
    /// Mean IoU over the classes that occur, 0 to 1.
    pub(crate) miou: Option<f64>,
}

/// Samples that were chosen for one reason.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Gallery {
    /// What they are, as in `Most wrong pixels`.
    pub(crate) heading: String,
    /// How they were chosen, in a sentence.
    pub(crate) note: String,
    pub(crate) samples: Vec<Sample>,
}

/// One piece of ground: how it looks, what it is, and what the runs made of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Where and when, as in `B-2, 2025-07-09, rows 128-256`.
    pub(crate) caption: String,
    /// The image, stretched for the eye.
    pub(crate) image: Picture,
    /// Class values `[row, col]`; values beyond the classes are drawn as ignored. `None` where no truth is known.
    pub(crate) truth: Option<Array2<u8>>,
    /// Predicted class values `[row, col]` by name of the run, in the order to show.
    pub(crate) predictions: Vec<(String, Array2<u8>)>,
}

/// An RGB picture. See [`super::picture`] for how one is made from bands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Picture {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// sRGB bytes `[row, col, channel]`, `rows * cols * 3` of them.
    pub(crate) rgb: Vec<u8>,
}

/// Statistics of what the network was trained on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TrainingData {
    /// What it is, as in `region B, places 0 and 1, 4 scenes, 1.0 megapixels`.
    pub(crate) caption: String,
    /// Histograms in band order.
    pub(crate) bands: Vec<BandHistogram>,
    /// Labelled pixels per class, in class order.
    pub(crate) class_pixels: Vec<u64>,
    /// Pixels whose label says to leave them out.
    pub(crate) ignored_pixels: u64,
}

/// How the values of one band are spread.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct BandHistogram {
    /// Name, as in `B08`.
    pub(crate) name: String,
    /// What it is, as in `near infrared, 0.842 µm`; may be empty.
    pub(crate) note: String,
    /// Lower edge of the first bin and upper edge of the last, in the band's unit; bins are equally wide.
    pub(crate) range: [f64; 2],
    /// Values per bin.
    pub(crate) counts: Vec<u64>,
    pub(crate) mean: f64,
    pub(crate) std: f64,
}

/// How the run was made, for someone who wants to make it again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Provenance {
    /// Headed lists of facts, as in `Machine: device, provider, library versions`. Order is kept.
    pub(crate) facts: Vec<(String, Vec<(String, String)>)>,
    /// Commands that lead here, in order.
    pub(crate) commands: Vec<String>,
    /// The configuration as used, TOML.
    pub(crate) config: String,
    /// sha256 of each file that went in or came out, hexadecimal, by path relative to the report.
    pub(crate) sha256: BTreeMap<String, String>,
}
