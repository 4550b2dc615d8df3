//! From the decoded pixels of a chip to its place in a batch: target, validity, augmentation and normalisation.
//!
//! Where a recipe only crops, flips and turns, pixels go from their block to the batch in one pass. Where it also changes
//! values, they stop over in a [`Sample`].

use ndarray::{Array2, Array3, ArrayView2};
use swath_raster::{Blocks, DType, Pixels, Window, nodata_test, with_dtype, with_samples};

use crate::augment::view::View;
use crate::augment::{Pipeline, resize};
use crate::batch::Buffers;
use crate::draw::Draw;
use crate::error::Error;
use crate::fuse::{Convert, Gain, place};
use crate::normalise::Normaliser;
use crate::plan::{Chip, Plan};
use crate::prefetch::Io;
use crate::recipe::IGNORE;
use crate::sample::Sample;
use crate::scene::{Layer, LayerPixels, Scene, ScenePixels};
use crate::split::{Part, Parts};
use crate::truth::Truth;

/// A chip whose leading crops, flips and turns have been drawn.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) chip: Chip,
    /// What the sample shows of the chip's window.
    pub(crate) view: View,
    /// Draws of the steps that follow.
    pub(crate) draw: Draw,
}

impl Draft {
    /// Draws the leading steps.
    pub(crate) fn new(chip: Chip, pipeline: &Pipeline, mut draw: Draw) -> Result<Draft, Error> {
        let view = pipeline.lead(View::whole(chip.window.height_px, chip.window.width_px), &mut draw)?;
        Ok(Draft { chip, view, draw })
    }

    /// The pixels that it needs.
    pub(crate) fn window(&self) -> Window {
        let (row, col, height, width) = self.view.bounds();
        Window::new(self.chip.window.col_px + col, self.chip.window.row_px + row, width, height)
    }
}

/// What a sample must have to be kept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Least {
    /// Share of pixels with a target.
    pub(crate) labelled: f64,
    /// Share of pixels that are valid.
    pub(crate) valid: f64,
}

/// What turns chips of one dataset into samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Developer<'a> {
    pub(crate) scenes: &'a [Scene],
    pub(crate) parts: &'a [Parts],
    pub(crate) normaliser: &'a Normaliser,
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) output_px: Option<usize>,
    pub(crate) io: &'a Io,
    /// Where samples of other ground are drawn, in training.
    pub(crate) plan: Option<&'a Plan>,
}

/// Gathers the samples of a batch in two buffers, which may hold what an earlier batch left in them.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    buffers: Buffers,
    pub(crate) size: Option<(usize, usize)>,
    samples: usize,
    /// Samples that will come, so that room is made once.
    expected: usize,
}

impl Assembly {
    pub(crate) fn for_samples(expected: usize, buffers: Buffers) -> Assembly {
        Assembly { expected, buffers, ..Assembly::default() }
    }

    /// Room for one more sample: planes to be written in full, and targets to ignore.
    fn slot(&mut self, bands: usize, size: (usize, usize)) -> Result<(&mut [f32], &mut [u8]), Error> {
        let first = *self.size.get_or_insert(size);
        if first != size {
            return Err(Error::Uneven { first, other: size });
        }
        let pixels = size.0 * size.1;
        let whole = self.expected.max(self.samples + 1) * pixels;
        if self.buffers.target.len() < whole || self.buffers.image.len() < whole * bands {
            self.buffers.image.resize(whole * bands, 0.0);
            self.buffers.target.resize(whole, IGNORE);
        }
        let at = self.samples * pixels;
        self.samples += 1;
        let target = &mut self.buffers.target[at..at + pixels];
        target.fill(IGNORE);
        Ok((&mut self.buffers.image[at * bands..(at + pixels) * bands], target))
    }

    fn drop_last(&mut self) {
        self.samples -= 1;
    }

    /// What has been gathered of images of `bands` bands: `[n, band, row, col]` and `[n, row, col]`.
    pub(crate) fn finish(self, bands: usize) -> Buffers {
        let (height, width) = self.size.unwrap_or((0, 0));
        let pixels = self.samples * height * width;
        let mut buffers = self.buffers;
        buffers.image.truncate(pixels * bands);
        buffers.target.truncate(pixels);
        buffers
    }
}

impl Developer<'_> {
    /// Appends the sample of a chip; false, and nothing appended, where it has less than it must.
    pub(crate) fn develop(
        &self,
        mut draft: Draft,
        pixels: &ScenePixels,
        least: Least,
        assembly: &mut Assembly,
    ) -> Result<bool, Error> {
        let scene = &self.scenes[draft.chip.scene];
        let bands = scene.band_names().len();
        let view = draft.view.relative_to(
            pixels.window.row_px - draft.chip.window.row_px,
            pixels.window.col_px - draft.chip.window.col_px,
        );
        let size = (view.height, view.width);
        let labelled = |target: &[u8]| least.labelled <= 0.0 || labelled_share(target) >= least.labelled;
        let kept = if self.pipeline.is_exact() && self.output_px.is_none_or(|px| size == (px, px)) {
            let (image, target) = assembly.slot(bands, size)?;
            let invalid = self.expose(&draft.chip, pixels, &view, Some(self.normaliser), image, target)?;
            let lost = invalid.map_or(0, |invalid| invalid.iter().filter(|invalid| **invalid).count());
            labelled(target) && 1.0 - lost as f64 / target.len().max(1) as f64 >= least.valid
        } else {
            let mut sample = self.sample(&draft.chip, pixels, &view)?;
            let scene = draft.chip.scene;
            self.pipeline.follow(&mut sample, &mut draft.draw, &|draw| self.other(scene, draw))?;
            if let Some(px) = self.output_px.filter(|px| (sample.view.height, sample.view.width) != (*px, *px)) {
                resize::resize(&mut sample, px, px, resize::Method::Linear, resize::Method::Nearest);
            }
            let (image, target) = assembly.slot(bands, (sample.view.height, sample.view.width))?;
            let valid = self.normalise(&sample, image, target);
            labelled(target) && valid >= least.valid
        };
        if !kept {
            assembly.drop_last();
        }
        Ok(kept)
    }

    /// A training window of another scene, read through the same cache.
    fn other(&self, scene: usize, draw: &mut Draw) -> Result<Sample, Error> {
        let chip = self.plan.and_then(|plan| plan.elsewhere(scene, draw)).ok_or(Error::NoPairs)?;
        let pixels = self.io.read(&self.scenes[chip.scene], chip.window, false)?;
        self.sample(&chip, &pixels, &View::whole(chip.window.height_px, chip.window.width_px))
    }

    /// The chip as a sample of measured values.
    pub(crate) fn sample(&self, chip: &Chip, pixels: &ScenePixels, view: &View) -> Result<Sample, Error> {
        let scene = &self.scenes[chip.scene];
        let size = (view.height, view.width);
        let mut image = Array3::zeros((scene.band_names().len(), size.0, size.1));
        let mut target = Array2::from_elem(size, IGNORE);
        let mut valid = Array2::from_elem(size, true);
        if let (Some(image), Some(target)) = (image.as_slice_mut(), target.as_slice_mut()) {
            let invalid = self.expose(chip, pixels, view, None, image, target)?;
            valid.iter_mut().zip(invalid.into_iter().flatten()).for_each(|(valid, invalid)| *valid = !invalid);
        }
        Ok(Sample::new(image, target, valid, scene.domain))
    }

    /// Puts a finished sample, through its pending view, into its slot; returns the share of its pixels that are valid.
    fn normalise(&self, sample: &Sample, image: &mut [f32], target: &mut [u8]) -> f64 {
        let pixels = target.len();
        let mut valid = vec![false; pixels];
        place(sample.valid.view(), (0, 0), &sample.view, &mut valid, |v| v);
        place(sample.label.view(), (0, 0), &sample.view, target, |v| v);
        for (band, (source, plane)) in sample.image.outer_iter().zip(image.chunks_exact_mut(pixels.max(1))).enumerate()
        {
            let gain = gain(self.normaliser, band, (1.0, 0.0));
            place(source, (0, 0), &sample.view, plane, |v: f32| gain.of(v));
            plane.iter_mut().zip(&valid).filter(|(_, valid)| !**valid).for_each(|(value, _)| *value = 0.0);
        }
        target.iter_mut().zip(&valid).filter(|(_, valid)| !**valid).for_each(|(target, _)| *target = IGNORE);
        valid.iter().filter(|valid| **valid).count() as f64 / pixels.max(1) as f64
    }

    /// Fills image planes, all of them, and target with what the view shows of the pixels. Returns where pixels are
    /// invalid, `None` where all are valid; there the image is 0 and the target ignored.
    fn expose(
        &self,
        chip: &Chip,
        pixels: &ScenePixels,
        view: &View,
        normaliser: Option<&Normaliser>,
        image: &mut [f32],
        target: &mut [u8],
    ) -> Result<Option<Vec<bool>>, Error> {
        let scene = &self.scenes[chip.scene];
        let size = view.height * view.width;
        let bands = scene.band_names().len();
        let mut missing: Option<Vec<u16>> = None;
        for (layer, from) in scene.layers.iter().zip(&pixels.layers) {
            let gains: Vec<Gain> = (layer.outputs.iter().zip(&layer.scaling))
                .map(|(&output, &scaling)| normaliser.map_or_else(|| of_scaling(scaling), |n| gain(n, output, scaling)))
                .collect();
            let planes = Planes { layer, view, size, image: &mut *image, missing: &mut missing };
            expose_layer(planes, from, &gains).map_err(|source| layer.failed(pixels.window, source))?;
        }
        show_label(scene, pixels, view, target)?;
        let mut invalid: Option<Vec<bool>> =
            missing.map(|missing| missing.into_iter().map(|count| usize::from(count) >= bands).collect());
        self.restrict(chip, pixels.window, view, &mut invalid, target);
        if let Some(invalid) = &invalid {
            for plane in image.chunks_exact_mut(size.max(1)) {
                plane.iter_mut().zip(invalid).filter(|(_, invalid)| **invalid).for_each(|(value, _)| *value = 0.0);
            }
            target.iter_mut().zip(invalid).filter(|(_, invalid)| **invalid).for_each(|(target, _)| *target = IGNORE);
        }
        Ok(invalid)
    }

    /// Leaves out what does not belong to the chip: targets outside its part, and in training the pixels there as well.
    fn restrict(&self, chip: &Chip, window: Window, view: &View, invalid: &mut Option<Vec<bool>>, target: &mut [u8]) {
        let parts = &self.parts[chip.scene];
        if chip.scored == chip.window && chip.window.contains(&window) && parts.holds(chip.part, &window) {
            return;
        }
        let shown = |pieces: Vec<Window>| -> Vec<bool> {
            let mut inside = vec![false; target.len()];
            for piece in pieces.iter().filter_map(|piece| piece.intersection(&window)) {
                let at = (piece.row_px - window.row_px, piece.col_px - window.col_px);
                let unit = ArrayView2::from_shape((1, 1), &[true]).ok();
                let Some(whole) = unit.as_ref().and_then(|v| v.broadcast((piece.height_px, piece.width_px))) else {
                    continue;
                };
                place(whole, at, view, &mut inside, |v| v);
            }
            inside
        };
        let counted = shown(parts.pieces(chip.part, &chip.scored));
        let usable = if chip.part == Part::Train { counted.clone() } else { shown(vec![chip.window]) };
        target.iter_mut().zip(&counted).filter(|(_, counted)| !**counted).for_each(|(target, _)| *target = IGNORE);
        if usable.iter().any(|usable| !usable) {
            let invalid = invalid.get_or_insert_with(|| vec![false; usable.len()]);
            invalid.iter_mut().zip(&usable).filter(|(_, usable)| !**usable).for_each(|(invalid, _)| *invalid = true);
        }
    }
}

fn labelled_share(target: &[u8]) -> f64 {
    let labelled = target.iter().filter(|&&value| value != IGNORE).count();
    labelled as f64 / target.len().max(1) as f64
}

fn of_scaling((scale, offset): (f64, f64)) -> Gain {
    Gain { scale: scale as f32, offset: offset as f32 }
}

/// The file's scaling and the normalisation of an input band in one.
fn gain(normaliser: &Normaliser, band: usize, (scale, offset): (f64, f64)) -> Gain {
    let (factor, addend) = (normaliser.scale[band], normaliser.offset[band]);
    Gain { scale: (scale * factor) as f32, offset: (offset * factor + addend) as f32 }
}

/// Where the planes of one layer go, and where it is noted that they have no value.
struct Planes<'a> {
    layer: &'a Layer,
    view: &'a View,
    /// Pixels of a plane.
    size: usize,
    image: &'a mut [f32],
    /// For each pixel of the view, the bands that have no value there.
    missing: &'a mut Option<Vec<u16>>,
}

impl Planes<'_> {
    fn plane(&mut self, band: usize) -> &mut [f32] {
        let output = self.layer.outputs[band];
        &mut self.image[output * self.size..(output + 1) * self.size]
    }

    /// Notes pixels of one band that have no value, and leaves 0 there.
    fn lose(&mut self, band: usize, gone: &[bool]) {
        let size = self.size;
        self.plane(band).iter_mut().zip(gone).filter(|(_, gone)| **gone).for_each(|(value, _)| *value = 0.0);
        let missing = self.missing.get_or_insert_with(|| vec![0; size]);
        missing.iter_mut().zip(gone).filter(|(_, gone)| **gone).for_each(|(count, _)| *count += 1);
    }

    /// Fills the planes from decoded blocks, in one pass.
    fn fill<T: swath_raster::Sample + Convert>(&mut self, blocks: &Blocks, gains: &[Gain]) -> swath_raster::Result<()> {
        let view = self.view;
        for piece in blocks.pieces::<T>()? {
            let (gain, at) = (gains[piece.band], (piece.row_px as i64, piece.col_px as i64));
            place(piece.samples, at, view, self.plane(piece.band), |value: T| gain.of(value));
            let Some(nodata) = self.layer.nodata else { continue };
            let is_nodata = nodata_test::<T>(nodata);
            if piece.samples.iter().any(|&value| is_nodata(value)) {
                let mut gone = vec![false; self.size];
                place(piece.samples, at, view, &mut gone, is_nodata);
                self.lose(piece.band, &gone);
            }
        }
        let window = blocks.plan().window();
        let whole = Window::new(0, 0, window.width_px, window.height_px);
        if blocks.plan().covered() != Some(whole) || !blocks.is_complete() {
            let mut gone = vec![vec![true; self.size]; gains.len()];
            for piece in blocks.pieces::<T>()? {
                let at = (piece.row_px as i64, piece.col_px as i64);
                place(piece.samples, at, view, &mut gone[piece.band], |_| false);
            }
            gone.iter().enumerate().for_each(|(band, gone)| self.lose(band, gone));
        }
        Ok(())
    }

    /// Fills the planes from an array that says itself what is valid.
    fn fill_from(&mut self, pixels: &Pixels, gains: &[Gain]) {
        let view = self.view;
        with_samples!(&pixels.samples, array => {
            for (band, source) in array.outer_iter().enumerate() {
                let gain = gains[band];
                place(source, (0, 0), view, self.plane(band), |value| gain.of(value));
            }
        });
        let Some(valid) = pixels.valid.as_ref().filter(|valid| valid.iter().any(|valid| !valid)) else { return };
        for (band, source) in valid.outer_iter().enumerate() {
            let mut gone = vec![true; self.size];
            place(source, (0, 0), view, &mut gone, |valid| !valid);
            self.lose(band, &gone);
        }
    }
}

/// Fills the planes of one layer.
fn expose_layer(mut planes: Planes<'_>, from: &LayerPixels, gains: &[Gain]) -> swath_raster::Result<()> {
    match from {
        LayerPixels::Blocks(blocks) if !planes.layer.has_mask => {
            with_dtype!(blocks.plan().raster().header.dtype, T => planes.fill::<T>(blocks, gains))
        }
        LayerPixels::Blocks(blocks) => {
            planes.fill_from(&blocks.to_pixels()?, gains);
            Ok(())
        }
        LayerPixels::Pixels(pixels) => {
            planes.fill_from(pixels, gains);
            Ok(())
        }
    }
}

/// Puts the label, as the view shows it, into the target.
fn show_label(scene: &Scene, pixels: &ScenePixels, view: &View, target: &mut [u8]) -> Result<(), Error> {
    if matches!(scene.truth, Truth::None) {
        target.fill(0);
        return Ok(());
    }
    if let (Truth::Raster { layer, values }, Some(LayerPixels::Blocks(blocks))) = (&scene.truth, &pixels.label)
        && blocks.plan().raster().header.dtype == DType::U8
    {
        for piece in blocks.pieces::<u8>().map_err(|source| layer.failed(pixels.window, source))? {
            let at = (piece.row_px as i64, piece.col_px as i64);
            values.check(piece.samples)?;
            if values.is_identity() {
                place(piece.samples, at, view, target, |value| value);
            } else {
                place(piece.samples, at, view, target, |value| values.of_byte(value));
            }
        }
        return Ok(());
    }
    let label = label_window(scene, pixels)?;
    place(label.view(), (0, 0), view, target, |v| v);
    Ok(())
}

/// Target values of the window that was read.
pub(crate) fn label_window(scene: &Scene, pixels: &ScenePixels) -> Result<Array2<u8>, Error> {
    let size = (pixels.window.height_px, pixels.window.width_px);
    match (&scene.truth, &pixels.label) {
        (Truth::Vector { .. }, _) => {
            let runs = scene.truth.burned(scene.grid())?;
            Ok(runs.map_or_else(|| Array2::from_elem(size, IGNORE), |runs| runs.window(&pixels.window)))
        }
        (Truth::Raster { layer, values }, Some(from)) => {
            let failed = |source| layer.failed(pixels.window, source);
            let (pixels, covered) = match from {
                LayerPixels::Blocks(blocks) => (&blocks.to_pixels().map_err(failed)?, blocks.plan().covered()),
                LayerPixels::Pixels(pixels) => (pixels, Some(Window::new(0, 0, size.1, size.0))),
            };
            let mut target = Array2::from_elem(size, IGNORE);
            let Some(c) = covered else { return Ok(target) };
            let valid = |row: usize, col: usize| pixels.valid.as_ref().is_none_or(|valid| valid[[0, row, col]]);
            with_samples!(&pixels.samples, array => {
                for row in c.row_px as usize..c.end_row_px() as usize {
                    for col in c.col_px as usize..c.end_col_px() as usize {
                        if valid(row, col) {
                            target[[row, col]] = values.target(whole(array[[0, row, col]]))?;
                        }
                    }
                }
            });
            Ok(target)
        }
        _ => Ok(Array2::from_elem(size, IGNORE)),
    }
}

/// A class value as a whole number; labels of floating type are refused when they are opened.
fn whole<T: swath_raster::Sample + Convert>(value: T) -> i64 {
    swath_raster::Sample::to_f64(value) as i64
}
