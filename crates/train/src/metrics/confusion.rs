//! A streamed confusion matrix and what follows from it.
//!
//! With `n[t][p]` pixels of true class `t` that were called `p`, and for class `c` the counts `tp = n[c][c]`,
//! `fn = sum_p n[c][p] - tp`, `fp = sum_t n[t][c] - tp`:
//!
//! | measure | definition |
//! |---|---|
//! | IoU | `tp / (tp + fp + fn)` |
//! | precision | `tp / (tp + fp)`; 0 where the class is true somewhere and predicted nowhere |
//! | recall | `tp / (tp + fn)`; 0 where the class is predicted somewhere and true nowhere |
//! | F1 | `2 tp / (2 tp + fp + fn)` |
//! | support | `tp + fn`, true pixels |
//! | mean IoU, mean F1 | plain mean over the classes that are present |
//! | overall accuracy | `sum_c tp / N` |
//! | frequency-weighted IoU | `sum_c support * IoU / N` |
//! | kappa | `(a - e) / (1 - e)` with `a` the overall accuracy and `e = sum_c support * predicted / N²` |
//!
//! A class that is neither true nor predicted anywhere is absent: it has no measures, is left out of the means and is
//! listed. A class that is on one side only counts, with an IoU of 0.

use ndarray::{ArrayView, ArrayView3, ArrayView4, Axis, Dimension, Zip};
use serde::{Deserialize, Serialize};

use super::{mean, most_likely};
use crate::error::{Result, TrainError};

/// Pixels counted by true and predicted class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    ignore: Option<i64>,
    /// Row-major `[truth, prediction]`.
    counts: Vec<u64>,
    ignored: u64,
}

/// What follows from a confusion matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// One entry per class, in order.
    pub classes: Vec<ClassMetrics>,
    /// Mean IoU of the present classes; `None` where nothing was counted.
    pub mean_iou: Option<f64>,
    /// Mean F1 of the present classes.
    pub mean_f1: Option<f64>,
    /// Share of pixels that are right.
    pub overall_accuracy: Option<f64>,
    /// Mean IoU weighted by true pixels.
    pub frequency_weighted_iou: Option<f64>,
    /// Cohen's kappa; `None` where chance alone would be right everywhere.
    pub kappa: Option<f64>,
    /// Classes that are neither true nor predicted anywhere.
    pub absent: Vec<usize>,
    /// Pixels counted.
    pub pixels: u64,
    /// Pixels left out for the ignore value.
    pub ignored: u64,
}

/// Measures of one class; `None` for an absent one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Intersection over union.
    pub iou: Option<f64>,
    /// F1, the harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Share of the pixels called this class that are of it.
    pub precision: Option<f64>,
    /// Share of the pixels of this class that are called so.
    pub recall: Option<f64>,
    /// True pixels.
    pub support: u64,
    /// Predicted pixels.
    pub predicted: u64,
}

impl Confusion {
    /// An empty matrix for classes `0..classes`; true pixels of value `ignore` are left out.
    ///
    /// # Errors
    /// When there are no classes, or more than 65,536 (the matrix would need 32 GiB).
    pub fn new(classes: usize, ignore: Option<i64>) -> Result<Self> {
        if classes == 0 || classes > 1 << 16 {
            return Err(TrainError::setting("the number of classes", classes, "between 1 and 65,536"));
        }
        Ok(Self { classes, ignore, counts: vec![0; classes * classes], ignored: 0 })
    }

    /// Counts class maps of equal shape, for example `[n, row, col]`.
    ///
    /// # Errors
    /// When the shapes differ, or a value is neither a class nor (in the truth) the ignore value. Nothing of these maps
    /// is counted then.
    pub fn add<D: Dimension>(&mut self, truth: ArrayView<'_, i64, D>, prediction: ArrayView<'_, i64, D>) -> Result<()> {
        if truth.shape() != prediction.shape() {
            let (expected, got) = (format!("{:?}", truth.shape()), prediction.shape().to_vec());
            return Err(TrainError::Shape { name: "prediction".into(), expected, got });
        }
        let mut added = vec![0_u64; self.counts.len()];
        let mut ignored = 0;
        let mut wrong = None;
        Zip::from(&truth).and(&prediction).for_each(|&truth, &prediction| match self.cell(truth, prediction) {
            Ok(Some(cell)) => added[cell] += 1,
            Ok(None) => ignored += 1,
            Err(error) => wrong = wrong.take().or(Some(error)),
        });
        if let Some(error) = wrong {
            return Err(error);
        }
        self.counts.iter_mut().zip(added).for_each(|(count, more)| *count += more);
        self.ignored += ignored;
        Ok(())
    }

    /// Counts logits `[n, class, row, col]` against truth `[n, row, col]`; the prediction is [`most_likely`].
    ///
    /// # Errors
    /// As [`Confusion::add`]; also when the number of classes is another.
    pub fn add_logits(&mut self, truth: ArrayView3<'_, i64>, logits: ArrayView4<'_, f32>) -> Result<()> {
        let channels = logits.len_of(Axis(1));
        if channels != self.classes && !(channels == 1 && self.classes == 2) {
            let expected = format!("[n, {}, row, col]", self.classes);
            return Err(TrainError::Shape { name: "logits".into(), expected, got: logits.shape().to_vec() });
        }
        self.add(truth, most_likely(logits).view())
    }

    /// Adds what another matrix has counted.
    ///
    /// # Errors
    /// When it counts another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.merge_times(other, 1)
    }

    /// Adds what another matrix has counted, so many times.
    ///
    /// # Errors
    /// As [`Confusion::merge`].
    pub fn merge_times(&mut self, other: &Self, times: u64) -> Result<()> {
        if self.classes != other.classes {
            return Err(TrainError::ConfusionMismatch { left: self.classes, right: other.classes });
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more * times);
        self.ignored += other.ignored * times;
        Ok(())
    }

    /// The same truth with one answer everywhere, `class`.
    pub fn answering(&self, class: usize) -> Self {
        let mut answer = Self { counts: vec![0; self.counts.len()], ..self.clone() };
        for (truth, row) in self.rows().enumerate() {
            if let Some(count) = answer.counts.get_mut(truth * self.classes + class).filter(|_| class < self.classes) {
                *count = row.iter().sum();
            }
        }
        answer
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of true class `truth` that were called `prediction`; 0 for classes that are none.
    pub fn count(&self, truth: usize, prediction: usize) -> u64 {
        let inside = truth < self.classes && prediction < self.classes;
        if inside { self.counts[truth * self.classes + prediction] } else { 0 }
    }

    /// The counts by true class: one row each, one column per predicted class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks_exact(self.classes)
    }

    /// Pixels left out for the ignore value.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// What follows from the counts so far.
    pub fn metrics(&self) -> Metrics {
        let support: Vec<u64> = self.rows().map(|row| row.iter().sum()).collect();
        let predicted: Vec<u64> =
            (0..self.classes).map(|p| (0..self.classes).map(|t| self.count(t, p)).sum()).collect();
        let hits: Vec<u64> = (0..self.classes).map(|c| self.count(c, c)).collect();
        let classes: Vec<_> = (0..self.classes).map(|c| ClassMetrics::new(hits[c], support[c], predicted[c])).collect();
        let pixels: u64 = support.iter().sum();
        let share = |part: f64| (pixels > 0).then(|| part / pixels as f64);
        let accuracy = share(hits.iter().sum::<u64>() as f64);
        let weighted = classes.iter().map(|c| c.support as f64 * c.iou.unwrap_or(0.0)).sum::<f64>();
        let chance = support.iter().zip(&predicted).map(|(&s, &p)| s as f64 * p as f64).sum::<f64>();
        let chance = share(chance).and_then(share);
        let kappa = accuracy.zip(chance).filter(|(_, e)| *e < 1.0).map(|(a, e)| (a - e) / (1.0 - e));
        Metrics {
            mean_iou: mean(classes.iter().filter_map(|class| class.iou)),
            mean_f1: mean(classes.iter().filter_map(|class| class.f1)),
            overall_accuracy: accuracy,
            frequency_weighted_iou: share(weighted),
            kappa,
            absent: (0..self.classes).filter(|&c| support[c] + predicted[c] == 0).collect(),
            pixels,
            ignored: self.ignored,
            classes,
        }
    }

    /// Where a pixel counts; `None` for an ignored one.
    fn cell(&self, truth: i64, prediction: i64) -> Result<Option<usize>> {
        if Some(truth) == self.ignore {
            return Ok(None);
        }
        let class = |side, value: i64| {
            let index = usize::try_from(value).ok().filter(|&index| index < self.classes);
            let (classes, ignore) = (self.classes, self.ignore);
            index.ok_or(TrainError::ClassOutOfRange { side, value, classes, ignore })
        };
        Ok(Some(class("truth", truth)? * self.classes + class("prediction", prediction)?))
    }
}

impl ClassMetrics {
    fn new(hits: u64, support: u64, predicted: u64) -> Self {
        let present = support + predicted > 0;
        let ratio = |part: u64, whole: u64| present.then(|| if whole == 0 { 0.0 } else { part as f64 / whole as f64 });
        Self {
            iou: ratio(hits, support + predicted - hits),
            f1: ratio(2 * hits, support + predicted),
            precision: ratio(hits, predicted),
            recall: ratio(hits, support),
            support,
            predicted,
        }
    }
}
