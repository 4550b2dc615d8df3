//! Several networks judged on the same ground.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::intervals::{by_block, difference};
use super::{Interval, Scores};
use crate::judge::{Judgement, Protocol};

/// The scores of several networks on the same ground, the first being the one that the others are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// Version of the layout.
    pub(crate) version: u32,
    /// The networks in the order in which they were named.
    pub(crate) models: Vec<Compared>,
    /// What a reader should know before comparing, one sentence each.
    pub(crate) remarks: Vec<String>,
}

/// One of several networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compared {
    /// What it is called.
    pub(crate) name: String,
    /// SHA-256 of the ONNX file, hexadecimal.
    pub(crate) sha256: String,
    /// Mean IoU less that of the first; `null` for the first.
    pub(crate) difference: Option<f64>,
    /// Where that difference lies when blocks of ground are drawn, the same ones for both.
    pub(crate) difference_interval: Interval,
    /// Its scores.
    pub(crate) scores: Scores,
}

impl Compared {
    /// The scores of a network, and how they differ from the first one's.
    pub(crate) fn new(
        (name, sha256): (String, String),
        scores: Scores,
        judgement: &Judgement,
        first: Option<(&Scores, &Judgement)>,
        protocol: &Protocol,
    ) -> Result<Self> {
        let Some((first_scores, first)) = first else {
            return Ok(Self { name, sha256, difference: None, difference_interval: None, scores });
        };
        let classes = scores.classes.len();
        let (own, other) = (by_block(judgement.scenes.iter())?, by_block(first.scenes.iter())?);
        Ok(Self {
            name,
            sha256,
            difference: scores.mean_iou.zip(first_scores.mean_iou).map(|(own, first)| own - first),
            difference_interval: difference(&own, &other, classes, protocol)?,
            scores,
        })
    }
}

impl Comparison {
    /// Of networks that were judged alike.
    pub(crate) fn new(models: Vec<Compared>, remarks: Vec<String>) -> Self {
        Self { version: super::VERSION, models, remarks }
    }

    /// Writes it as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        Ok(swath_catalog::publish::write_json_atomically(path, self)?)
    }
}
