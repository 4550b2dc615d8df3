//! Runs a network over a part of a dataset and counts: the confusion matrix, and the chips worth showing.

use anyhow::Result;
use ndarray::{Array2, ArrayView2, Axis, Ix2, Ix4, SliceInfo, SliceInfoElem, s};
use swath_loader::{Chip, ChipId, Dataset, IGNORE, Part};
use swath_train::InferenceSession;
use swath_train::metrics::{Confusion, most_likely};

use crate::progress::Progress;

/// What a network made of one part of a dataset.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// Pixels by true and predicted class.
    pub(crate) confusion: Confusion,
    /// Chips worth showing, the most varied first.
    pub(crate) chips: Vec<JudgedChip>,
}

/// One chip with truth and prediction.
#[derive(Debug, Clone)]
pub(crate) struct JudgedChip {
    /// Where it is.
    pub(crate) chip: Chip,
    /// Id of its image-and-label pair.
    pub(crate) item: String,
    /// Class values `[row, col]`; [`IGNORE`] where there is no truth.
    pub(crate) truth: Array2<u8>,
    /// Class values `[row, col]`.
    pub(crate) prediction: Array2<u8>,
    /// How mixed its true classes are, in nats; chips are chosen by it.
    variety: f64,
}

/// Runs `network` over `part` and keeps up to `keep` chips of different scenes or places.
pub(crate) fn judge(
    dataset: &Dataset,
    part: Part,
    network: &mut InferenceSession,
    classes: usize,
    keep: usize,
) -> Result<Judgement> {
    let batches = dataset.evaluate(part)?;
    let mut progress = Progress::new("evaluate", batches.total(), "batches");
    let mut confusion = Confusion::new(classes, Some(i64::from(IGNORE)))?;
    let mut chips = Vec::new();
    for batch in batches {
        let batch = batch?;
        let logits = network.run(batch.image.view())?;
        let prediction = most_likely(logits.view().into_dimensionality::<Ix4>()?);
        for (index, id) in batch.provenance.iter().enumerate() {
            let (truth, predicted) = (batch.target.index_axis(Axis(0), index), prediction.index_axis(Axis(0), index));
            let scored = inner(id, truth.dim());
            // What lies around the pixels that count is context for the network; nobody judged it, nobody is shown it.
            let window = if scored_alone(id, truth.dim()) { id.scored } else { id.window };
            let (truth, predicted) = (truth.slice(&scored), predicted.slice(&scored));
            confusion.add(truth.mapv(i64::from).view(), predicted)?;
            let chip = Chip { scene: id.scene, window, scored: id.scored, part, index: chips.len() as u64 };
            consider(&mut chips, keep, chip, &id.item, truth, predicted);
        }
        progress.at(batch.index + 1, String::new);
    }
    progress.end();
    chips.sort_by(|a, b| b.variety.total_cmp(&a.variety));
    Ok(Judgement { confusion, chips })
}

/// Rows and columns of a sample that count: its window may reach beyond them, for context. A sample of another size than its
/// window was resized and has no such margin.
fn inner(id: &ChipId, (rows, cols): (usize, usize)) -> SliceInfo<[SliceInfoElem; 2], Ix2, Ix2> {
    let (window, scored) = (&id.window, &id.scored);
    if !scored_alone(id, (rows, cols)) {
        return s![.., ..];
    }
    let from = |inner: i64, outer: i64| usize::try_from(inner - outer).unwrap_or(0);
    let (top, left) = (from(scored.row_px, window.row_px), from(scored.col_px, window.col_px));
    s![top..(top + scored.height_px).min(rows), left..(left + scored.width_px).min(cols)]
}

/// Whether a sample can be cut to the pixels that count.
fn scored_alone(id: &ChipId, (rows, cols): (usize, usize)) -> bool {
    (id.window.height_px, id.window.width_px) == (rows, cols)
}

/// Keeps the chip if it is more varied than one kept so far; of each image at most half of those kept.
fn consider(
    chips: &mut Vec<JudgedChip>,
    keep: usize,
    chip: Chip,
    item: &str,
    truth: ArrayView2<'_, u8>,
    prediction: ArrayView2<'_, i64>,
) {
    let variety = variety(truth);
    let of_image = |chips: &[JudgedChip]| chips.iter().filter(|kept| kept.chip.scene == chip.scene).count();
    let crowded = of_image(chips) >= keep.div_ceil(2).max(1);
    let candidates = chips.iter().enumerate().filter(|(_, kept)| !crowded || kept.chip.scene == chip.scene);
    let least =
        candidates.min_by(|(_, a), (_, b)| a.variety.total_cmp(&b.variety)).map(|(index, kept)| (index, kept.variety));
    if crowded || chips.len() >= keep {
        match least {
            Some((index, least)) if least < variety => drop(chips.swap_remove(index)),
            _ => return,
        }
    }
    chips.push(JudgedChip {
        chip,
        item: item.to_owned(),
        truth: truth.to_owned(),
        prediction: prediction.mapv(|class| u8::try_from(class).unwrap_or(u8::MAX)),
        variety,
    });
}

/// Entropy of the true classes, times the share of pixels that have one.
fn variety(truth: ArrayView2<'_, u8>) -> f64 {
    let mut counts = [0_u32; 256];
    truth.iter().for_each(|&class| counts[usize::from(class)] += 1);
    let known: u32 = counts[..usize::from(IGNORE)].iter().sum();
    let share = |count: u32| f64::from(count) / f64::from(known.max(1));
    let entropy: f64 = counts[..usize::from(IGNORE)]
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| -share(count) * share(count).ln())
        .sum();
    entropy * f64::from(known) / truth.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_chip_is_more_varied_than_a_plain_or_unknown_one() {
        let mixed = ndarray::array![[0_u8, 1], [2, 1]];
        let plain = ndarray::array![[1_u8, 1], [1, 1]];
        let unknown = ndarray::array![[0_u8, 1], [IGNORE, IGNORE]];
        assert!(variety(mixed.view()) > variety(unknown.view()));
        assert!(variety(unknown.view()) > variety(plain.view()));
    }
}
