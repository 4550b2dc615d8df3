//! `metrics.json`: the scores of a network on one part of a dataset, with class names, as files and pages show them.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use swath_train::metrics::{ClassMetrics, Confusion};

use crate::report;

/// The scores of a network on one part of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scores {
    /// Part of the dataset: `train`, `validate` or `test`.
    pub(crate) part: String,
    /// Mean IoU of the classes that occur in truth or prediction.
    pub(crate) mean_iou: Option<f64>,
    /// Mean F1 of the same classes.
    pub(crate) mean_f1: Option<f64>,
    /// Share of the counted pixels that are right.
    pub(crate) overall_accuracy: Option<f64>,
    /// Mean IoU weighted by true pixels.
    pub(crate) frequency_weighted_iou: Option<f64>,
    /// Cohen's kappa.
    pub(crate) kappa: Option<f64>,
    /// One entry per class, in the order of their values.
    pub(crate) classes: Vec<ClassScores>,
    /// Classes that occur neither in truth nor in prediction; they are in no mean.
    pub(crate) absent: Vec<String>,
    /// Pixels by true class (row) and predicted class (column).
    pub(crate) confusion: Vec<Vec<u64>>,
    /// Pixels counted.
    pub(crate) pixels: u64,
    /// Pixels left out: without truth, nodata, or of an ignored class.
    pub(crate) ignored: u64,
}

/// The scores of one class; `null` for one that is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClassScores {
    /// Name.
    pub(crate) name: String,
    /// IoU, F1, precision, recall, support, predicted pixels.
    #[serde(flatten)]
    pub(crate) metrics: ClassMetrics,
}

impl Scores {
    /// The scores that follow from a confusion matrix of as many classes as there are names.
    pub(crate) fn new(part: &str, names: &[String], confusion: &Confusion) -> Self {
        let metrics = confusion.metrics();
        let named = names.iter().cloned().zip(&metrics.classes);
        Self {
            part: part.to_owned(),
            mean_iou: metrics.mean_iou,
            mean_f1: metrics.mean_f1,
            overall_accuracy: metrics.overall_accuracy,
            frequency_weighted_iou: metrics.frequency_weighted_iou,
            kappa: metrics.kappa,
            classes: named.map(|(name, metrics)| ClassScores { name, metrics: *metrics }).collect(),
            absent: metrics.absent.iter().filter_map(|&class| names.get(class).cloned()).collect(),
            confusion: confusion.rows().map(<[u64]>::to_vec).collect(),
            pixels: metrics.pixels,
            ignored: metrics.ignored,
        }
    }

    /// The same numbers for the report.
    pub(crate) fn to_report(&self) -> report::Evaluation {
        let score = |class: &ClassScores| report::ClassScore {
            iou: class.metrics.iou,
            f1: class.metrics.f1,
            precision: class.metrics.precision,
            recall: class.metrics.recall,
            support: class.metrics.support,
        };
        report::Evaluation {
            confusion: self.confusion.clone(),
            scores: self.classes.iter().map(score).collect(),
            miou: self.mean_iou,
            overall_accuracy: self.overall_accuracy,
            ignored_pixels: self.ignored,
        }
    }

    /// A table for a terminal.
    pub(crate) fn table(&self) -> String {
        let percent = |value: Option<f64>| value.map_or("absent".to_owned(), |value| format!("{value:.4}"));
        let width = self.classes.iter().map(|class| class.name.len()).max().unwrap_or(0).max(5);
        let mut text = format!(
            "{:width$}  {:>7} {:>7} {:>9} {:>7} {:>11}\n",
            "class", "IoU", "F1", "precision", "recall", "support"
        );
        for ClassScores { name, metrics: m } in &self.classes {
            let (iou, f1, precision, recall) = (percent(m.iou), percent(m.f1), percent(m.precision), percent(m.recall));
            text += &format!("{name:width$}  {iou:>7} {f1:>7} {precision:>9} {recall:>7} {:>11}\n", m.support);
        }
        let (miou, accuracy) = (percent(self.mean_iou), percent(self.overall_accuracy));
        text += &format!(
            "mean IoU {miou}, overall accuracy {accuracy}, {} pixels ({} left out)",
            self.pixels, self.ignored
        );
        if !self.absent.is_empty() {
            text += &format!("\nin no mean, being neither true nor predicted: {}", self.absent.join(", "));
        }
        text
    }

    /// Writes `metrics.json`.
    pub(crate) fn write(&self, path: &std::path::Path) -> Result<()> {
        Ok(swath_catalog::publish::write_json_atomically(path, self)?)
    }
}
