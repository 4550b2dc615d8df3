//! Runs a network over a part of a dataset and hands over sample after sample, each cut to the pixels that count.

use anyhow::{Result, ensure};
use ndarray::{Array3, ArrayView2, ArrayView3, Axis, Ix2, Ix3, Ix4, SliceInfo, SliceInfoElem, s};
use swath_loader::{Chip, ChipId, Dataset, Part};
use swath_train::InferenceSession;
use swath_train::metrics::{confidence, most_likely};

use crate::progress::Progress;

/// One sample with what the network made of it.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    /// Where it is. Its window is what the arrays below show.
    pub(super) chip: Chip,
    /// Id of its image-and-label pair.
    pub(super) item: &'a str,
    /// Whether its pixels are the image's own; else it was resized.
    pub(super) on_grid: bool,
    /// True class `[row, col]`, [`swath_loader::IGNORE`] where there is none.
    pub(super) truth: ArrayView2<'a, u8>,
    /// Predicted class `[row, col]`.
    pub(super) prediction: ArrayView2<'a, i64>,
    /// Scores `[class, row, col]` before softmax.
    pub(super) logits: ArrayView3<'a, f32>,
}

impl Sample<'_> {
    /// Probability of the predicted class `[1, row, col]`.
    pub(super) fn confidence(&self) -> Array3<f32> {
        confidence(self.logits.insert_axis(Axis(0)))
    }
}

/// Runs `network` over `part`; samples come image after image, row after row.
pub(super) fn run_over(
    dataset: &Dataset,
    part: Part,
    network: &mut InferenceSession,
    mut each: impl FnMut(&Sample<'_>) -> Result<()>,
) -> Result<()> {
    let batches = dataset.evaluate(part)?;
    let mut progress = Progress::new("evaluate", batches.total(), "batches");
    let mut index = 0;
    for batch in batches {
        let batch = batch?;
        let logits = network.run(batch.image.view())?.into_dimensionality::<Ix4>()?;
        let (size, expected) = (&logits.shape()[2..], &batch.target.shape()[1..]);
        ensure!(size == expected, "the network gives {size:?} pixels (rows, columns) of {expected:?}");
        let prediction = most_likely(logits.view());
        for (n, id) in batch.provenance.iter().enumerate() {
            let truth = batch.target.index_axis(Axis(0), n);
            let on_grid = is_on_grid(id, truth.dim());
            let inner = inner(id, truth.dim());
            // What lies around the pixels that count is context for the network; nobody judged it, nobody is shown it.
            let window = if on_grid { id.scored } else { id.window };
            each(&Sample {
                chip: Chip { scene: id.scene, window, scored: id.scored, part, index },
                item: &id.item,
                on_grid,
                truth: truth.slice_move(inner),
                prediction: prediction.index_axis(Axis(0), n).slice_move(inner),
                logits: logits.index_axis(Axis(0), n).slice_move(all_classes(&inner)),
            })?;
            index += 1;
        }
        progress.at(batch.index + 1, String::new);
    }
    progress.end();
    Ok(())
}

type Inner = SliceInfo<[SliceInfoElem; 2], Ix2, Ix2>;

/// Rows and columns of a sample that count: its window may reach beyond them, for context. A sample of another size than its
/// window was resized and has no such margin.
fn inner(id: &ChipId, (rows, cols): (usize, usize)) -> Inner {
    let (window, scored) = (&id.window, &id.scored);
    if !is_on_grid(id, (rows, cols)) {
        return s![.., ..];
    }
    let from = |inner: i64, outer: i64| usize::try_from(inner - outer).unwrap_or(0);
    let (top, left) = (from(scored.row_px, window.row_px), from(scored.col_px, window.col_px));
    s![top..(top + scored.height_px).min(rows), left..(left + scored.width_px).min(cols)]
}

/// The same of every class.
fn all_classes(inner: &Inner) -> SliceInfo<[SliceInfoElem; 3], Ix3, Ix3> {
    let [rows, cols] = **inner;
    let every = SliceInfoElem::Slice { start: 0, end: None, step: 1 };
    SliceInfo::try_from([every, rows, cols]).unwrap_or(s![.., .., ..])
}

/// Whether a sample's pixels are those of its window.
fn is_on_grid(id: &ChipId, (rows, cols): (usize, usize)) -> bool {
    (id.window.height_px, id.window.width_px) == (rows, cols)
}
