//! `metrics.json`: the scores of a network on one part of a dataset, as files and pages show them. docs/metrics.md defines every
//! field; a field keeps its name and meaning within a `version`.

mod comparison;
mod intervals;
mod table;

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use swath_train::metrics::{Bin, ClassMetrics, Confusion, Tally};

pub(crate) use comparison::{Compared, Comparison};
pub(crate) use intervals::{Interval, Intervals};

use crate::judge::{Judgement, Protocol, SceneTally};

/// Version of the layout of `metrics.json`.
const VERSION: u32 = 1;

/// The scores of a network on one part of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scores {
    /// Version of the layout.
    pub(crate) version: u32,
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
    /// Mean boundary IoU of the classes that have a boundary.
    pub(crate) mean_boundary_iou: Option<f64>,
    /// Distance of boundary IoU in pixels.
    pub(crate) boundary_px: usize,
    /// Expected calibration error.
    pub(crate) expected_calibration_error: Option<f64>,
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
    /// How far the scores would move on other ground.
    pub(crate) intervals: Intervals,
    /// Pixels by confidence, from 0 to 1.
    pub(crate) reliability: Vec<Reliability>,
    /// What answers without a network score.
    pub(crate) baselines: Baselines,
    /// Each image by itself, in the order of the dataset.
    pub(crate) scenes: Vec<Group>,
    /// Each collection by itself, by name; images without one together.
    pub(crate) collections: Vec<Group>,
}

/// The scores of one class; `null` for one that is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClassScores {
    /// Name.
    pub(crate) name: String,
    /// IoU, F1, precision, recall, support, predicted pixels.
    #[serde(flatten)]
    pub(crate) metrics: ClassMetrics,
    /// Boundary IoU; `null` for a class without boundary.
    pub(crate) boundary_iou: Option<f64>,
}

/// Pixels of one stretch of confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reliability {
    /// Least confidence.
    pub(crate) from: f64,
    /// Confidence that is no longer part of it, unless it is 1.
    pub(crate) to: f64,
    /// Pixels.
    pub(crate) pixels: u64,
    /// Their mean confidence.
    pub(crate) confidence: Option<f64>,
    /// The share that is right.
    pub(crate) accuracy: Option<f64>,
}

/// What answers without a network score on the same ground.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baselines {
    /// The class that is most common in the truth, everywhere.
    pub(crate) constant: Option<Baseline>,
    /// The label of the nearest other date.
    pub(crate) other_date: Option<Baseline>,
    /// The network on the pixels that another date has labelled.
    pub(crate) network_there: Option<Brief>,
    /// In words: where the other dates are, or that there are none.
    pub(crate) remark: String,
}

/// An answer without a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// What it answers.
    pub(crate) name: String,
    /// How it scores.
    #[serde(flatten)]
    pub(crate) brief: Brief,
}

/// The scores that a row of a table shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Brief {
    /// Pixels counted.
    pub(crate) pixels: u64,
    /// Mean IoU of the classes that occur.
    pub(crate) mean_iou: Option<f64>,
    /// Mean F1 of the same classes.
    pub(crate) mean_f1: Option<f64>,
    /// Share of the pixels that are right.
    pub(crate) overall_accuracy: Option<f64>,
    /// Cohen's kappa.
    pub(crate) kappa: Option<f64>,
    /// IoU by class, in the order of their values.
    pub(crate) iou: Vec<Option<f64>>,
}

/// The scores of one image or one collection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Id of the pair, or of the collection; `null` for images without one.
    pub(crate) id: Option<String>,
    /// When an image was taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) datetime: Option<chrono::DateTime<chrono::Utc>>,
    /// The scores.
    #[serde(flatten)]
    pub(crate) brief: Brief,
    /// Mean boundary IoU.
    pub(crate) mean_boundary_iou: Option<f64>,
    /// Expected calibration error.
    pub(crate) expected_calibration_error: Option<f64>,
    /// Blocks of ground.
    pub(crate) blocks: usize,
    /// Where the mean IoU lies on such ground.
    pub(crate) mean_iou_interval: Interval,
    /// Where the overall accuracy lies.
    pub(crate) overall_accuracy_interval: Interval,
}

impl Brief {
    fn new(confusion: &Confusion) -> Self {
        let metrics = confusion.metrics();
        Self {
            pixels: metrics.pixels,
            mean_iou: metrics.mean_iou,
            mean_f1: metrics.mean_f1,
            overall_accuracy: metrics.overall_accuracy,
            kappa: metrics.kappa,
            iou: metrics.classes.iter().map(|class| class.iou).collect(),
        }
    }
}

impl Scores {
    /// The scores that follow from a judgement of as many classes as there are names.
    pub(crate) fn new(part: &str, names: &[String], judgement: &Judgement, protocol: &Protocol) -> Result<Self> {
        let blocks = intervals::by_block(judgement.scenes.iter())?;
        let whole = intervals::sum(names.len(), blocks.values())?;
        let (metrics, boundary) = (whole.confusion.metrics(), whole.boundary.metrics());
        let classes = names.iter().zip(metrics.classes).zip(boundary.classes);
        Ok(Self {
            version: VERSION,
            part: part.to_owned(),
            mean_iou: metrics.mean_iou,
            mean_f1: metrics.mean_f1,
            overall_accuracy: metrics.overall_accuracy,
            frequency_weighted_iou: metrics.frequency_weighted_iou,
            kappa: metrics.kappa,
            mean_boundary_iou: boundary.mean_iou,
            boundary_px: protocol.boundary_px,
            expected_calibration_error: whole.calibration.expected_error(),
            classes: classes
                .map(|((name, metrics), boundary_iou)| ClassScores { name: name.clone(), metrics, boundary_iou })
                .collect(),
            absent: metrics.absent.iter().filter_map(|&class| names.get(class).cloned()).collect(),
            confusion: whole.confusion.rows().map(<[u64]>::to_vec).collect(),
            pixels: metrics.pixels,
            ignored: metrics.ignored,
            intervals: Intervals::new(&blocks, names.len(), protocol)?,
            reliability: reliability(whole.calibration.bins()),
            baselines: Baselines::new(names, &whole.confusion, judgement)?,
            scenes: judgement
                .scenes
                .iter()
                .map(|scene| of_scene(scene, protocol, names.len()))
                .collect::<Result<_>>()?,
            collections: collections(judgement, protocol, names.len())?,
        })
    }

    /// What a model's STAC item says of them: all but what is by image, collection, block or confidence.
    pub(crate) fn headline(&self) -> Self {
        Self { scenes: Vec::new(), collections: Vec::new(), reliability: Vec::new(), ..self.clone() }
    }

    /// Writes `metrics.json`.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        Ok(swath_catalog::publish::write_json_atomically(path, self)?)
    }
}

fn reliability(bins: &[Bin]) -> Vec<Reliability> {
    let edge = |index: usize| index as f64 / bins.len() as f64;
    let stretch = |(index, bin): (usize, &Bin)| Reliability {
        from: edge(index),
        to: edge(index + 1),
        pixels: bin.pixels,
        confidence: bin.confidence(),
        accuracy: bin.accuracy(),
    };
    bins.iter().enumerate().map(stretch).collect()
}

impl Baselines {
    fn new(names: &[String], whole: &Confusion, judgement: &Judgement) -> Result<Self> {
        let copied = &judgement.copied;
        let [some, all] = copied.images;
        let [there, judged] = [copied.copy.metrics().pixels, whole.metrics().pixels];
        let remark = if copied.is_resized {
            "Training resizes its windows and so were those that were judged: labels of other dates are not compared."
                .to_owned()
        } else if there == 0 {
            "No judged ground is labelled on another date, so that there is no other label to copy.".to_owned()
        } else if there == judged {
            "All judged pixels are labelled on another date too.".to_owned()
        } else {
            let share = 100.0 * there as f64 / judged.max(1) as f64;
            format!("{share:.1} % of the judged pixels, in {some} of {all} images, are labelled on another date too.")
        };
        let baseline = |name: String, brief: Brief| Baseline { name, brief };
        Ok(Self {
            constant: constant(whole)?.and_then(|(class, confusion)| {
                Some(baseline(format!("{} everywhere", names.get(class)?), Brief::new(&confusion)))
            }),
            other_date: (there > 0).then(|| baseline("label of another date".to_owned(), Brief::new(&copied.copy))),
            network_there: (there > 0).then(|| Brief::new(&copied.network)),
            remark,
        })
    }
}

/// The commonest true class, and what it scores as the answer everywhere. No constant answer is right more often.
fn constant(whole: &Confusion) -> Result<Option<(usize, Confusion)>> {
    let support: Vec<u64> = whole.rows().map(|row| row.iter().sum()).collect();
    let most = support.iter().copied().max().filter(|pixels| *pixels > 0);
    let Some(class) = most.and_then(|most| support.iter().position(|pixels| *pixels == most)) else { return Ok(None) };
    Ok(Some((class, whole.answering(class))))
}

fn of_scene(scene: &SceneTally, protocol: &Protocol, classes: usize) -> Result<Group> {
    let origin = &scene.origin;
    let group = group([scene].into_iter(), protocol, classes)?;
    Ok(Group { id: Some(origin.id.clone()), datetime: origin.datetime, ..group })
}

fn collections(judgement: &Judgement, protocol: &Protocol, classes: usize) -> Result<Vec<Group>> {
    let mut names: Vec<&Option<String>> = judgement.scenes.iter().map(|scene| &scene.origin.collection).collect();
    names.sort();
    names.dedup();
    let of = |name: &Option<String>| {
        let scenes = judgement.scenes.iter().filter(|scene| scene.origin.collection == *name);
        Ok(Group { id: name.clone(), ..group(scenes, protocol, classes)? })
    };
    names.into_iter().map(of).collect()
}

fn group<'s>(scenes: impl Iterator<Item = &'s SceneTally>, protocol: &Protocol, classes: usize) -> Result<Group> {
    let blocks = intervals::by_block(scenes)?;
    let whole: Tally = intervals::sum(classes, blocks.values())?;
    let intervals = Intervals::new(&blocks, classes, protocol)?;
    Ok(Group {
        id: None,
        datetime: None,
        brief: Brief::new(&whole.confusion),
        mean_boundary_iou: whole.boundary.metrics().mean_iou,
        expected_calibration_error: whole.calibration.expected_error(),
        blocks: blocks.len(),
        mean_iou_interval: intervals.mean_iou,
        overall_accuracy_interval: intervals.overall_accuracy,
    })
}
