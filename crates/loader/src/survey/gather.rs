//! One pass over all images: windows read on all workers, summed up in their order.

use std::borrow::Cow;

use ndarray::Array2;
use swath_raster::{Grid, Pixels, Window, with_samples};

use super::moments::CoMoments;
use super::points::{Points, of_name, of_place};
use super::{PartSurvey, SceneSurvey, Survey, SurveyOptions};
use crate::dataset::Inner;
use crate::develop::label_window;
use crate::error::Error;
use crate::parallel;
use crate::recipe::IGNORE;
use crate::scene::{Scene, ScenePixels};
use crate::split::{PARTS, Part};
use crate::statistics::{Share, Statistics, Tally};
use crate::tiling::Tiling;
use crate::truth::Truth;

/// Side of the windows that are read.
const WINDOW_PX: usize = 1024;

/// Windows read between two sums, for each worker. Each holds a tally of 512 KiB a band.
const AHEAD: usize = 4;

/// One window to look at.
struct Job {
    scene: usize,
    part: Part,
    /// In pixels of `grid`.
    window: Window,
    /// An overview's grid, where one is looked at in place of the image.
    overview: Option<Grid>,
}

/// What one window comes to.
struct Found {
    share: Share,
    together: CoMoments,
    points: Points,
}

/// Looks at all images.
pub(super) fn gather(dataset: &Inner, options: &SurveyOptions) -> Result<Survey, Error> {
    let jobs = jobs(dataset, options)?;
    let bands = dataset.scenes.first().map_or(0, |scene| scene.band_names().len());
    let classes = dataset.recipe.classes.len();
    let mut sums = Sums::new(dataset, bands, classes, options.points_per_class);
    let threads = dataset.options.threads();
    for jobs in jobs.chunks(threads.max(1) * AHEAD) {
        let found = parallel::map(threads, jobs, |job| look(dataset, job, options.points_per_class));
        for (job, found) in jobs.iter().zip(found) {
            sums.add(job, found?);
        }
    }
    Ok(sums.finish())
}

fn jobs(dataset: &Inner, options: &SurveyOptions) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::new();
    for (index, (scene, parts)) in dataset.scenes.iter().zip(&dataset.parts).enumerate() {
        let overview = options.overview_px.and_then(|px| overview(scene.grid(), px));
        for part in PARTS.into_iter().filter(|part| !parts.is_shared() || *part == Part::Train) {
            for rectangle in parts.rectangles(part) {
                let rectangle = match &overview {
                    Some(grid) => shrunk(&rectangle, scene.grid(), grid),
                    None => rectangle,
                };
                for tile in Tiling::new(rectangle, WINDOW_PX, 0)?.tiles() {
                    jobs.push(Job { scene: index, part, window: tile.core, overview: overview.clone() });
                }
            }
        }
    }
    match jobs.is_empty() {
        true => {
            Err(Error::EmptyPart { part: Part::Train, window_px: 1, reason: "no ground is in any part".to_owned() })
        }
        false => Ok(jobs),
    }
}

/// The grid of an overview whose longer side has about `px` pixels; `None` where the image itself is no larger.
fn overview(grid: &Grid, px: usize) -> Option<Grid> {
    let factor = grid.width_px.max(grid.height_px) / px.max(1);
    // Overviews halve.
    let factor = 1usize << factor.checked_ilog2()?;
    (factor > 1).then(|| grid.with_size(grid.width_px.div_ceil(factor), grid.height_px.div_ceil(factor)))
}

/// A window of an image in pixels of its overview, at least one.
fn shrunk(window: &Window, grid: &Grid, overview: &Grid) -> Window {
    let place = |at: i64, from: usize, to: usize| (at as f64 * to as f64 / from.max(1) as f64).round() as i64;
    let (left, right) = (
        place(window.col_px, grid.width_px, overview.width_px),
        place(window.end_col_px(), grid.width_px, overview.width_px),
    );
    let (top, bottom) = (
        place(window.row_px, grid.height_px, overview.height_px),
        place(window.end_row_px(), grid.height_px, overview.height_px),
    );
    let size = |from: i64, to: i64| usize::try_from(to - from).unwrap_or(0).max(1);
    Window::new(left, top, size(left, right), size(top, bottom))
}

fn look(dataset: &Inner, job: &Job, points_per_class: usize) -> Result<Found, Error> {
    let scene = &dataset.scenes[job.scene];
    let pixels = dataset.io.read_on(scene, job.overview.as_ref(), job.window)?;
    let targets = match &job.overview {
        None => label_window(scene, &pixels)?,
        Some(overview) => targets_of_overview(scene, overview, &pixels)?,
    };
    let layers = pixels.arrays(scene)?;
    let mut share = Share::new(scene.band_names().len());
    share.add(scene, &layers, &targets);
    let classes = dataset.recipe.classes.len();
    let mut points = Points::new(classes, points_per_class);
    let mut together = CoMoments::default();
    let name = of_name(scene.id());
    for row in 0..job.window.height_px {
        let (values, valid) = row_of(scene, &layers, row, job.window.width_px);
        let at = |col: usize| (job.window.row_px + row as i64, job.window.col_px + col as i64);
        for (col, target) in targets.row(row).iter().enumerate().filter(|(col, _)| valid[*col]) {
            let (class, (row, col_px)) = (usize::from(*target), at(col));
            let hash = of_place(name, row, col_px);
            if points.wants(class, hash) {
                points.offer(class, hash, values.iter().map(|band| band[col] as f32).collect());
            }
        }
        let all_valid = valid.iter().all(|valid| *valid);
        let of_valid = |band: Vec<f64>| match all_valid {
            true => band,
            false => band.into_iter().zip(&valid).filter_map(|(value, valid)| valid.then_some(value)).collect(),
        };
        together.merge(&CoMoments::of(&values.into_iter().map(of_valid).collect::<Vec<_>>()));
    }
    Ok(Found { share, together, points })
}

/// Measured values `[band][col]` of one row, and which pixels are valid and finite in all bands.
fn row_of(scene: &Scene, layers: &[Cow<'_, Pixels>], row: usize, width: usize) -> (Vec<Vec<f64>>, Vec<bool>) {
    let mut values = vec![Vec::new(); scene.band_names().len()];
    let mut valid = vec![true; width];
    for (layer, pixels) in scene.layers.iter().zip(layers) {
        for (band, (&output, &(scale, offset))) in layer.outputs.iter().zip(&layer.scaling).enumerate() {
            let own: Vec<f64> = with_samples!(&pixels.samples, array => {
                let line = array.slice(ndarray::s![band, row, ..]);
                line.iter().map(|value| swath_raster::Sample::to_f64(*value) * scale + offset).collect()
            });
            valid.iter_mut().zip(&own).for_each(|(valid, value)| *valid &= value.is_finite());
            if let Some(mask) = &pixels.valid {
                let line = mask.slice(ndarray::s![band, row, ..]);
                valid.iter_mut().zip(line).for_each(|(valid, own)| *valid &= own);
            }
            values[output] = own;
        }
    }
    (values, valid)
}

/// Targets of an overview's window: polygons as they are under the centre of each pixel, a raster as it was read.
fn targets_of_overview(scene: &Scene, overview: &Grid, pixels: &ScenePixels) -> Result<Array2<u8>, Error> {
    let Truth::Vector { .. } = &scene.truth else { return label_window(scene, pixels) };
    let window = pixels.window;
    let mut targets = Array2::from_elem((window.height_px, window.width_px), IGNORE);
    let Some(runs) = scene.truth.burned(scene.grid())? else { return Ok(targets) };
    let full = scene.grid();
    let centre = |at: i64, from: usize, to: usize| ((at as f64 + 0.5) * to as f64 / from as f64) as i64;
    for (row, mut line) in targets.outer_iter_mut().enumerate() {
        let row = centre(window.row_px + row as i64, overview.height_px, full.height_px);
        let of_row = runs.window(&Window::new(0, row, full.width_px, 1));
        for (col, target) in line.iter_mut().enumerate() {
            let col = centre(window.col_px + col as i64, overview.width_px, full.width_px);
            *target = usize::try_from(col).ok().and_then(|col| of_row.get((0, col))).copied().unwrap_or(IGNORE);
        }
    }
    Ok(targets)
}

/// Sums of a part or an image.
struct Sum {
    share: Share,
    scenes: usize,
}

/// All sums so far.
struct Sums<'a> {
    dataset: &'a Inner,
    parts: Vec<(Part, Sum)>,
    /// The image whose windows are coming in.
    open: Option<(usize, Share, Vec<Part>)>,
    done: Vec<SceneSurvey>,
    together: CoMoments,
    points: Points,
    bands: usize,
}

impl<'a> Sums<'a> {
    fn new(dataset: &'a Inner, bands: usize, classes: usize, points_per_class: usize) -> Self {
        let sum = |part| (part, Sum { share: Share::new(bands), scenes: 0 });
        Self {
            dataset,
            parts: PARTS.into_iter().map(sum).collect(),
            open: None,
            done: Vec::new(),
            together: CoMoments::default(),
            points: Points::new(classes, points_per_class),
            bands,
        }
    }

    fn add(&mut self, job: &Job, found: Found) {
        while self.done.len() + usize::from(self.open.is_some()) <= job.scene {
            self.close();
            self.open = Some((self.done.len(), Share::new(self.bands), Vec::new()));
        }
        let Some((_, scene, parts)) = &mut self.open else { return };
        let is_new = !parts.contains(&job.part);
        if is_new {
            parts.push(job.part);
        }
        scene.merge(&found.share);
        if let Some((_, sum)) = self.parts.iter_mut().find(|(part, _)| *part == job.part) {
            sum.share.merge(&found.share);
            sum.scenes += usize::from(is_new);
        }
        self.together.merge(&found.together);
        self.points.merge(found.points);
    }

    /// Sums up the image whose windows have all come in.
    fn close(&mut self) {
        let Some((index, share, parts)) = self.open.take() else { return };
        let id = self.dataset.scenes.get(index).map_or_else(String::new, |scene| scene.id().to_string());
        let statistics = self.statistics(share);
        let class_pixels: Vec<u64> = statistics.classes.iter().map(|class| class.pixels).collect();
        let labelled: u64 = class_pixels.iter().sum();
        self.done.push(SceneSurvey {
            id,
            parts,
            pixels: labelled + statistics.unlabelled_px + statistics.invalid_px,
            invalid_px: statistics.invalid_px,
            class_pixels,
            unlabelled_px: statistics.unlabelled_px,
            bands: statistics.bands.into_iter().map(Into::into).collect(),
        });
    }

    fn statistics(&self, share: Share) -> Statistics {
        let names = self.dataset.scenes.first().map_or(&[][..], |scene| scene.band_names());
        let named: Vec<(String, Tally)> = names.iter().cloned().zip(share.bands).collect();
        Statistics::from_tallies(named, &self.dataset.recipe.classes, &share.targets, share.invalid_px)
    }

    fn finish(mut self) -> Survey {
        self.close();
        while self.done.len() < self.dataset.scenes.len() {
            self.open = Some((self.done.len(), Share::new(self.bands), Vec::new()));
            self.close();
        }
        let parts = std::mem::take(&mut self.parts).into_iter().filter(|(_, sum)| sum.scenes > 0);
        let parts =
            parts.map(|(part, sum)| PartSurvey { part, scenes: sum.scenes, statistics: self.statistics(sum.share) });
        let parts = parts.collect();
        Survey {
            bands: self.dataset.scenes.first().map_or_else(Vec::new, |scene| scene.band_names().to_vec()),
            classes: self.dataset.recipe.classes.clone(),
            parts,
            scenes: self.done,
            correlation: self.together.correlation(self.bands),
            points: self.points.finish(),
        }
    }
}
