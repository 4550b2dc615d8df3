//! Intervals of scores by a bootstrap over blocks of ground.

use std::collections::BTreeMap;

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use swath_train::metrics::{Tally, bootstrap};

use crate::judge::{Block, Protocol, SceneTally};

/// Share of the replicates between the two ends of an interval.
pub(super) const LEVEL: f64 = 0.95;

/// Lower and upper end; `null` with fewer than two blocks, or where most draws lack the measure.
pub(crate) type Interval = Option<[f64; 2]>;

/// How far scores would move on other ground of the same kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intervals {
    /// Share of the replicates between the two ends.
    pub(crate) level: f64,
    /// Draws.
    pub(crate) replicates: usize,
    /// Seed of the draws.
    pub(crate) seed: u64,
    /// Side of a block in pixels.
    pub(crate) block_px: usize,
    /// Blocks that hold judged ground.
    pub(crate) blocks: usize,
    pub(crate) mean_iou: Interval,
    pub(crate) mean_f1: Interval,
    pub(crate) overall_accuracy: Interval,
    pub(crate) frequency_weighted_iou: Interval,
    pub(crate) kappa: Interval,
    pub(crate) mean_boundary_iou: Interval,
    pub(crate) expected_calibration_error: Interval,
    /// One entry per class, in the order of their values.
    pub(crate) classes: Vec<ClassIntervals>,
}

/// Intervals of the scores of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClassIntervals {
    pub(crate) iou: Interval,
    pub(crate) f1: Interval,
    pub(crate) precision: Interval,
    pub(crate) recall: Interval,
    pub(crate) boundary_iou: Interval,
}

/// Scores of the whole: seven, then five of each class.
const OVERALL: usize = 7;
const BY_CLASS: usize = 5;

impl Intervals {
    /// Of the counts of some blocks.
    pub(super) fn new(blocks: &BTreeMap<Block, Tally>, classes: usize, protocol: &Protocol) -> Result<Self> {
        let mut replicates = vec![Vec::new(); OVERALL + BY_CLASS * classes];
        if blocks.len() > 1 {
            let tallies: Vec<&Tally> = blocks.values().collect();
            draw(tallies.len(), protocol, |times| {
                let measures = measures(&drawn(classes, &tallies, times)?);
                replicates.iter_mut().zip(measures).for_each(|(all, one)| all.push(one));
                Ok(())
            })?;
        }
        let ends: Vec<Interval> = replicates.iter().map(|all| bootstrap::interval(all, LEVEL)).collect();
        let (overall, by_class) = ends.split_at(OVERALL);
        Ok(Self {
            level: LEVEL,
            replicates: protocol.replicates,
            seed: protocol.seed,
            block_px: protocol.block_px,
            blocks: blocks.len(),
            mean_iou: overall[0],
            mean_f1: overall[1],
            overall_accuracy: overall[2],
            frequency_weighted_iou: overall[3],
            kappa: overall[4],
            mean_boundary_iou: overall[5],
            expected_calibration_error: overall[6],
            classes: by_class.chunks_exact(BY_CLASS).map(ClassIntervals::new).collect(),
        })
    }
}

impl ClassIntervals {
    fn new(ends: &[Interval]) -> Self {
        Self { iou: ends[0], f1: ends[1], precision: ends[2], recall: ends[3], boundary_iou: ends[4] }
    }
}

/// All scores in the order of [`Intervals`].
fn measures(tally: &Tally) -> Vec<Option<f64>> {
    let (metrics, boundary) = (tally.confusion.metrics(), tally.boundary.metrics());
    let mut all = vec![
        metrics.mean_iou,
        metrics.mean_f1,
        metrics.overall_accuracy,
        metrics.frequency_weighted_iou,
        metrics.kappa,
        boundary.mean_iou,
        tally.calibration.expected_error(),
    ];
    for (class, boundary) in metrics.classes.iter().zip(boundary.classes) {
        all.extend([class.iou, class.f1, class.precision, class.recall, boundary]);
    }
    all
}

/// Where the mean IoU of one network minus that of another lies, both on the same drawn blocks.
pub(super) fn difference(
    one: &BTreeMap<Block, Tally>,
    other: &BTreeMap<Block, Tally>,
    classes: usize,
    protocol: &Protocol,
) -> Result<Interval> {
    let pairs: Vec<(&Tally, &Tally)> =
        one.iter().filter_map(|(block, tally)| Some((tally, other.get(block)?))).collect();
    if pairs.len() < 2 {
        return Ok(None);
    }
    let (first, second): (Vec<&Tally>, Vec<&Tally>) = pairs.into_iter().unzip();
    let mut replicates = Vec::new();
    draw(first.len(), protocol, |times| {
        let mean_iou = |tallies: &[&Tally]| Ok(drawn(classes, tallies, times)?.confusion.metrics().mean_iou);
        let pair: Result<_> = mean_iou(&first).and_then(|first| Ok(first.zip(mean_iou(&second)?)));
        replicates.push(pair?.map(|(first, second)| first - second));
        Ok(())
    })?;
    Ok(bootstrap::interval(&replicates, LEVEL))
}

/// Draws as the protocol says, from ChaCha8 with its seed.
fn draw(blocks: usize, protocol: &Protocol, mut each: impl FnMut(&[u64]) -> Result<()>) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(protocol.seed);
    let mut outcome = Ok(());
    bootstrap::resample(
        blocks,
        protocol.replicates,
        |below| random.random_range(0..below),
        |times| {
            if outcome.is_ok() {
                outcome = each(times);
            }
        },
    );
    outcome
}

fn drawn(classes: usize, blocks: &[&Tally], times: &[u64]) -> Result<Tally> {
    let mut sum = Tally::new(classes)?;
    for (block, &times) in blocks.iter().zip(times).filter(|(_, times)| **times > 0) {
        sum.merge_times(block, times)?;
    }
    Ok(sum)
}

/// The counts of all blocks together.
pub(super) fn sum<'t>(classes: usize, tallies: impl Iterator<Item = &'t Tally>) -> Result<Tally> {
    let mut sum = Tally::new(classes)?;
    for tally in tallies {
        sum.merge_times(tally, 1)?;
    }
    Ok(sum)
}

/// The counts of some scenes by block; scenes of one place share theirs.
pub(super) fn by_block<'s>(scenes: impl Iterator<Item = &'s SceneTally>) -> Result<BTreeMap<Block, Tally>> {
    let mut blocks: BTreeMap<Block, Tally> = BTreeMap::new();
    for (block, tally) in scenes.flat_map(|scene| &scene.blocks) {
        match blocks.get_mut(block) {
            Some(own) => own.merge_times(tally, 1)?,
            None => drop(blocks.insert(*block, tally.clone())),
        }
    }
    Ok(blocks)
}
