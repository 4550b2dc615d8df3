//! Judges a network on a part of a dataset: runs it over the ground ([`stream`]), counts by scene and by block of ground
//! ([`assess`], [`blocks`]), keeps samples worth looking at ([`gallery`]), and counts what copying the label of another date
//! would have scored on the same pixels ([`elsewhere`]).

mod assess;
mod blocks;
mod elsewhere;
mod gallery;
mod saved;
mod stream;

use std::path::PathBuf;

use anyhow::Result;
use swath_catalog::Pair;
use swath_loader::{Dataset, IGNORE, Part};
use swath_train::InferenceSession;
use swath_train::metrics::Confusion;

pub(crate) use assess::{Judgement, SceneTally, assess};
pub(crate) use blocks::Block;
pub(crate) use gallery::{Gallery, JudgedChip};
pub(crate) use saved::as_file_name;

use crate::settings::Settings;

/// How a network is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Protocol {
    /// Distance of boundary IoU in pixels.
    pub(crate) boundary_px: usize,
    /// Side of a block of ground in pixels.
    pub(crate) block_px: usize,
    /// Draws of the bootstrap.
    pub(crate) replicates: usize,
    /// Seed of these draws.
    pub(crate) seed: u64,
    /// Samples kept of those with the most wrong pixels, and as many of those with the most varied ground.
    pub(crate) keep: usize,
    /// Folder for labels, predictions and probabilities.
    pub(crate) save: Option<PathBuf>,
}

impl Protocol {
    /// What holds where nothing else is asked for: blocks of the window's size, and for boundary IoU 2 % of the window's
    /// diagonal, as its authors take of an image's.
    pub(crate) fn of(settings: &Settings) -> Self {
        let window_px = settings.recipe.window_px;
        let diagonal_px = window_px as f64 * std::f64::consts::SQRT_2;
        Self {
            boundary_px: ((0.02 * diagonal_px).round() as usize).max(1),
            block_px: window_px,
            replicates: 1000,
            seed: settings.recipe.seed,
            keep: 4,
            save: None,
        }
    }
}

/// What is known of a scene beside its pixels.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The pair's id.
    pub(crate) id: String,
    /// Collection of the image.
    pub(crate) collection: Option<String>,
    /// When the image was taken.
    pub(crate) datetime: Option<chrono::DateTime<chrono::Utc>>,
    /// Address of the image.
    image: String,
}

impl Origin {
    /// Of each pair, in the order of the dataset's scenes.
    pub(crate) fn of(pairs: &[Pair]) -> Vec<Self> {
        let origin = |pair: &Pair| Self {
            id: pair.id.clone(),
            collection: pair.images.first().and_then(|image| image.item.collection.clone()),
            datetime: pair.datetime,
            image: pair.images.first().map(|image| image.href.to_string()).unwrap_or_default(),
        };
        pairs.iter().map(origin).collect()
    }
}

/// Runs `network` over `part` and counts pixels by true and predicted class, nothing else.
pub(crate) fn count(
    dataset: &Dataset,
    part: Part,
    network: &mut InferenceSession,
    classes: usize,
) -> Result<Confusion> {
    let mut confusion = Confusion::new(classes, Some(i64::from(IGNORE)))?;
    stream::run_over(dataset, part, network, |sample| {
        Ok(confusion.add(sample.truth.mapv(i64::from).view(), sample.prediction)?)
    })?;
    Ok(confusion)
}
