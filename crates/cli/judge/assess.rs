//! Counts everything that is measured of a network on a part of a dataset, scene by scene and block by block.
//!
//! Boundaries need to be seen across the samples' edges, so that the part of each scene is put together first, two bytes a
//! pixel, one scene at a time. A sample that was resized cannot be put together with others and is counted by itself.

use std::collections::BTreeMap;

use anyhow::Result;
use ndarray::{Array2, ArrayView2, s};
use swath_loader::{Chip, Dataset, IGNORE, Part};
use swath_raster::Window;
use swath_train::InferenceSession;
use swath_train::metrics::{Confusion, Tally, near_edges};

use super::blocks::{Block, Lattice};
use super::elsewhere::{Copied, Elsewhere};
use super::gallery::{Choice, Gallery};
use super::saved::Saver;
use super::stream::{Sample, run_over};
use super::{Origin, Protocol};

/// What a network made of one part of a dataset.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The counts of each scene that has ground in the part.
    pub(crate) scenes: Vec<SceneTally>,
    /// Samples worth looking at.
    pub(crate) gallery: Gallery,
    /// Copying another date's label.
    pub(crate) copied: Copied,
}

/// The counts of one scene.
#[derive(Debug)]
pub(crate) struct SceneTally {
    /// What is known of it.
    pub(crate) origin: Origin,
    /// Its counts by block of ground.
    pub(crate) blocks: BTreeMap<Block, Tally>,
}

/// Judges `network`, with as many classes as there are `names`, on `part`; `origins` are those of the dataset's scenes. Samples
/// at `wanted` places are kept in place of the protocol's choice.
pub(crate) fn assess(
    dataset: &Dataset,
    part: Part,
    network: &mut InferenceSession,
    names: &[String],
    origins: &[Origin],
    protocol: &Protocol,
    wanted: Vec<Chip>,
) -> Result<Judgement> {
    let mut assessment = Assessment::new(dataset, part, names, origins, protocol, wanted)?;
    run_over(dataset, part, network, |sample| assessment.add(sample))?;
    assessment.finish()
}

struct Assessment<'a> {
    dataset: &'a Dataset,
    part: Part,
    classes: usize,
    origins: &'a [Origin],
    distance_px: usize,
    lattice: Lattice,
    elsewhere: Elsewhere<'a>,
    copied: Copied,
    choice: Choice,
    saver: Option<Saver<'a>>,
    open: Option<OpenScene>,
    scenes: Vec<SceneTally>,
}

/// The scene that is being put together.
struct OpenScene {
    scene: usize,
    /// The smallest window around its part.
    extent: Window,
    truth: Array2<u8>,
    prediction: Array2<u8>,
    pieces: Vec<(Chip, Tally)>,
    blocks: BTreeMap<Block, Tally>,
}

impl<'a> Assessment<'a> {
    fn new(
        dataset: &'a Dataset,
        part: Part,
        names: &'a [String],
        origins: &'a [Origin],
        protocol: &Protocol,
        wanted: Vec<Chip>,
    ) -> Result<Self> {
        let classes = names.len();
        let empty = Confusion::new(classes, Some(i64::from(IGNORE)))?;
        let saver = protocol.save.as_ref().map(|folder| Saver::create(folder, dataset, part, names));
        Ok(Self {
            dataset,
            part,
            classes,
            origins,
            distance_px: protocol.boundary_px,
            lattice: Lattice::new(protocol.block_px),
            elsewhere: Elsewhere::new(dataset, origins),
            copied: Copied { copy: empty.clone(), network: empty, images: [0, 0], is_resized: false },
            choice: Choice::new(protocol.keep, wanted),
            saver: saver.transpose()?,
            open: None,
            scenes: Vec::new(),
        })
    }

    fn add(&mut self, sample: &Sample<'_>) -> Result<()> {
        let scene = sample.chip.scene;
        if self.open.as_ref().is_none_or(|open| open.scene != scene) {
            self.close()?;
            self.open = Some(OpenScene::new(self.dataset, scene, self.part));
        }
        let mut tally = Tally::new(self.classes)?;
        tally.add_confidence(sample.truth, sample.prediction, sample.confidence().index_axis(ndarray::Axis(0), 0));
        if let Some(saver) = &mut self.saver {
            saver.add(sample)?;
        }
        let prediction = sample.prediction.mapv(|class| u8::try_from(class).unwrap_or(IGNORE));
        let Some(open) = &mut self.open else { return Ok(()) };
        if sample.on_grid {
            open.place(&sample.chip, sample.truth, prediction.view());
            open.pieces.push((sample.chip, tally));
            return Ok(());
        }
        self.copied.is_resized = true;
        let whole = Window::new(0, 0, sample.truth.ncols(), sample.truth.nrows());
        add_piece(&mut tally, (sample.truth, prediction.view()), &whole, self.distance_px)?;
        let block = self.lattice.block(self.dataset.scenes()[scene].grid(), &sample.chip.scored);
        merge(&mut open.blocks, block, &tally, self.classes)?;
        self.choice.consider(sample.chip, sample.item, sample.truth, prediction.view());
        Ok(())
    }

    /// Counts the scene that has been put together.
    fn close(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let others = self.elsewhere.others(open.scene);
        let grid = self.dataset.scenes()[open.scene].grid();
        let item = self.dataset.scenes()[open.scene].id().clone();
        let copied_before = self.copied.copy.metrics().pixels;
        for (chip, mut tally) in std::mem::take(&mut open.pieces) {
            let Some(inside) = open.inside(&chip.scored) else { continue };
            add_piece(&mut tally, (open.truth.view(), open.prediction.view()), &inside, self.distance_px)?;
            let block = self.lattice.block(grid, &chip.scored);
            merge(&mut open.blocks, block, &tally, self.classes)?;
            let (truth, prediction) = (cut(&open.truth, &inside), cut(&open.prediction, &inside));
            self.choice.consider(chip, &item, truth, prediction);
            if let Some(saver) = &mut self.saver {
                saver.note_block(&chip.scored, block);
            }
            if !others.is_empty() {
                let labels = self.elsewhere.labels(open.scene, &others, &chip.scored)?;
                self.copied.add(truth, prediction, labels.view())?;
            }
        }
        if let Some(saver) = &mut self.saver {
            saver.finish_scene(open.truth.view(), open.prediction.view(), self.origins.get(open.scene))?;
        }
        self.copied.images[0] += usize::from(self.copied.copy.metrics().pixels > copied_before);
        self.copied.images[1] += 1;
        if let Some(origin) = self.origins.get(open.scene) {
            self.scenes.push(SceneTally { origin: origin.clone(), blocks: open.blocks });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Judgement> {
        self.close()?;
        if let Some(saver) = self.saver {
            saver.finish()?;
        }
        Ok(Judgement { scenes: self.scenes, gallery: self.choice.finish(), copied: self.copied })
    }
}

impl OpenScene {
    fn new(dataset: &Dataset, scene: usize, part: Part) -> Self {
        let extent = extent(dataset, scene, part);
        let empty = Array2::from_elem((extent.height_px, extent.width_px), IGNORE);
        Self { scene, extent, truth: empty.clone(), prediction: empty, pieces: Vec::new(), blocks: BTreeMap::new() }
    }

    /// A window of the image, seen from the upper left corner of the extent.
    fn inside(&self, window: &Window) -> Option<Window> {
        let Window { col_px, row_px, width_px, height_px } = window.intersection(&self.extent)?;
        Some(Window::new(col_px - self.extent.col_px, row_px - self.extent.row_px, width_px, height_px))
    }

    fn place(&mut self, chip: &Chip, truth: ArrayView2<'_, u8>, prediction: ArrayView2<'_, u8>) {
        let (Some(inside), Some(shared)) = (self.inside(&chip.scored), chip.scored.intersection(&self.extent)) else {
            return;
        };
        let own = Window::new(
            shared.col_px - chip.scored.col_px,
            shared.row_px - chip.scored.row_px,
            shared.width_px,
            shared.height_px,
        );
        for (map, values) in [(&mut self.truth, truth), (&mut self.prediction, prediction)] {
            map.slice_mut(span(&inside)).assign(&values.slice(span(&own)));
        }
    }
}

/// The smallest window around the ground that a scene has in a part.
pub(super) fn extent(dataset: &Dataset, scene: usize, part: Part) -> Window {
    let rectangles = dataset.parts().get(scene).map(|parts| parts.rectangles(part)).unwrap_or_default();
    let around = |a: Window, b: Window| {
        let (left, top) = (a.col_px.min(b.col_px), a.row_px.min(b.row_px));
        let size = |from: i64, to: i64| usize::try_from(to - from).unwrap_or(0);
        let (right, bottom) = (a.end_col_px().max(b.end_col_px()), a.end_row_px().max(b.end_row_px()));
        Window::new(left, top, size(left, right), size(top, bottom))
    };
    rectangles.into_iter().reduce(around).unwrap_or(Window::new(0, 0, 0, 0))
}

type Span = ndarray::SliceInfo<[ndarray::SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix2>;

/// A window as a slice; its upper left corner is not negative.
fn span(window: &Window) -> Span {
    let at = |place: i64| usize::try_from(place).unwrap_or(0);
    s![at(window.row_px)..at(window.end_row_px()), at(window.col_px)..at(window.end_col_px())]
}

fn cut<'m>(map: &'m Array2<u8>, window: &Window) -> ArrayView2<'m, u8> {
    map.slice(span(window))
}

/// Counts classes and boundaries of a window of two maps `[row, col]`, which are looked at as far around it as boundaries reach.
fn add_piece(
    tally: &mut Tally,
    (truth, prediction): (ArrayView2<'_, u8>, ArrayView2<'_, u8>),
    window: &Window,
    distance_px: usize,
) -> Result<()> {
    let at = |place: i64| usize::try_from(place).unwrap_or(0);
    let (top, left) = (at(window.row_px), at(window.col_px));
    let (first_row, first_col) = (top.saturating_sub(distance_px), left.saturating_sub(distance_px));
    let end = |from: usize, length: usize, all: usize| (from + length).saturating_add(distance_px).min(all);
    let (end_row, end_col) = (end(top, window.height_px, truth.nrows()), end(left, window.width_px, truth.ncols()));
    let around = s![first_row..end_row, first_col..end_col];
    let truth = truth.slice(around);
    // Where there is no truth, nothing is known of the prediction's boundary either.
    let mut prediction = prediction.slice(around).to_owned();
    prediction.zip_mut_with(&truth, |value, &truth| *value = if truth == IGNORE { IGNORE } else { *value });
    let (truth_edges, edges) = (near_edges(truth, distance_px), near_edges(prediction.view(), distance_px));
    let (row, col) = (top - first_row, left - first_col);
    let inner = s![row..row + window.height_px, col..col + window.width_px];
    let (truth, counted) = (truth.slice(inner), prediction.slice(inner));
    tally.confusion.add(truth.mapv(i64::from).view(), counted.mapv(i64::from).view())?;
    tally.boundary.add((truth, truth_edges.slice(inner)), (counted, edges.slice(inner)))?;
    Ok(())
}

fn merge(blocks: &mut BTreeMap<Block, Tally>, block: Block, tally: &Tally, classes: usize) -> Result<()> {
    match blocks.get_mut(&block) {
        Some(own) => own.merge_times(tally, 1)?,
        None => {
            let mut own = Tally::new(classes)?;
            own.merge_times(tally, 1)?;
            blocks.insert(block, own);
        }
    }
    Ok(())
}

impl Copied {
    fn add(
        &mut self,
        truth: ArrayView2<'_, u8>,
        prediction: ArrayView2<'_, u8>,
        labels: ArrayView2<'_, u8>,
    ) -> Result<()> {
        let mut known = truth.mapv(i64::from);
        known.zip_mut_with(&labels, |truth, &label| *truth = if label == IGNORE { i64::from(IGNORE) } else { *truth });
        self.copy.add(known.view(), labels.mapv(i64::from).view())?;
        self.network.add(known.view(), prediction.mapv(i64::from).view())?;
        Ok(())
    }
}
