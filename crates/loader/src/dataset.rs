//! A labelled dataset, opened by a recipe: what the commands and other programs hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ndarray::{Array2, Array3};
use swath_catalog::pairing::LabelKind;
use swath_catalog::{AssetRef, LabelRef, Pair};
use swath_raster::{
    BlockCache, FailedBlock, FailurePolicy, FetchOptions, FetchStatistics, Fetcher, Grid, MemoryBudget, Window,
};

use crate::augment::Pipeline;
use crate::augment::view::View;
use crate::balance::Balance;
use crate::claims;
use crate::develop::{Developer, Draft, Least, label_window};
use crate::draw::{Draw, Purpose};
use crate::error::Error;
use crate::fingerprint;
use crate::normalise::Normaliser;
use crate::parallel;
use crate::plan::{Chip, Known, Plan, Screen, Share};
use crate::prefetch::{Batches, Io, Schedule};
use crate::recipe::Recipe;
use crate::sampling::Sampling;
use crate::scene::Scene;
use crate::split::{self, Part, Parts, Placed};
use crate::statistics::{self, Statistics};
use crate::tiling::Tiling;
use crate::truth::{Truth, Vector};

/// How a dataset is read; nothing here changes a batch.
#[derive(Debug, Clone)]
pub struct Options {
    /// How bytes are fetched.
    pub fetch: FetchOptions,
    /// Decoded pixels kept, in bytes (default 1 GiB).
    pub cache_bytes: u64,
    /// The bound for all memory of reading: bytes in flight, headers, decoded pixels kept (at most half of it), and the batches
    /// that are made ahead, which wait for what is left. Absent: each has its own bound alone.
    pub memory: Option<MemoryBudget>,
    /// Threads that decode and augment; 0: one per core.
    pub workers: usize,
    /// Batches made ahead of the consumer (default 4), and at least one per worker.
    pub prefetch: usize,
    /// Which share of each epoch this process reads, from 0 to `world - 1`.
    pub rank: usize,
    /// Into how many shares each epoch is parted; together they are the epoch, and each is of other ground.
    pub world: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fetch: FetchOptions::default(),
            cache_bytes: 1 << 30,
            memory: None,
            workers: 0,
            prefetch: 4,
            rank: 0,
            world: 1,
        }
    }
}

impl Options {
    /// How bytes are fetched and how many decoded ones are kept, within the bound for memory.
    pub(crate) fn bounded(&self) -> (FetchOptions, u64) {
        match &self.memory {
            None => (self.fetch.clone(), self.cache_bytes),
            Some(budget) => (self.fetch.clone().within(budget), self.cache_bytes.min(budget.take(0.5))),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}

/// An image without a label, for prediction.
#[derive(Debug, Clone)]
pub struct Image {
    /// Names it in messages.
    pub id: String,
    /// Its files, to be stacked band over band.
    pub assets: Vec<AssetRef>,
}

/// One chip before normalisation, for pictures.
#[derive(Debug, Clone)]
pub struct RawChip {
    /// Measured values `[band, row, col]`; 0 where invalid.
    pub image: Array3<f32>,
    /// Class indices `[row, col]`, [`crate::IGNORE`] where there is no truth.
    pub target: Array2<u8>,
}

/// Opened images and labels, and the division of their ground. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) scenes: Vec<Scene>,
    pub(crate) parts: Vec<Parts>,
    /// Weight of each scene's positions.
    pub(crate) weights: Vec<f64>,
    /// Addresses of all files.
    pub(crate) files: Vec<String>,
    /// Scenes of which no window can have as much as it must, by what their items say.
    excluded: Vec<bool>,
    pub(crate) recipe: Recipe,
    pub(crate) io: Io,
    pub(crate) options: Options,
    pub(crate) pipeline: Pipeline,
    /// Size to which evaluation windows are brought, where training changes the scale.
    evaluation_px: Option<usize>,
    statistics: OnceLock<Statistics>,
    normaliser: OnceLock<Normaliser>,
    balance: OnceLock<Arc<Balance>>,
    screen: OnceLock<Option<Arc<Screen>>>,
    /// Windows that were read and drawn again, over all epochs.
    pub(crate) redrawn: AtomicU64,
}

impl Dataset {
    /// Opens images and labels, checks that the recipe fits them, and divides the ground. Reads headers and vector labels,
    /// no pixels.
    ///
    /// # Errors
    /// [`Error::Recipe`] or [`Error::Augmentation`] where the recipe contradicts itself; [`Error::UnknownClass`],
    /// [`Error::ReadLabel`], [`Error::Bands`], [`Error::NoCrs`], [`Error::Raster`] name the item or file that does not fit.
    pub fn open(pairs: &[Pair], recipe: &Recipe, options: &Options) -> Result<Dataset, Error> {
        if pairs.is_empty() {
            return Err(Error::NoPairs);
        }
        recipe.check()?;
        let io = Io::start(options)?;
        let vectors = read_vectors(pairs, recipe, options.threads())?;
        let sources = pairs.iter().zip(vectors).map(|(pair, vector)| Source {
            id: pair.id.clone(),
            assets: pair.images.clone(),
            label: vector.map_or(LabelSource::Raster(Box::new(pair.label.clone())), LabelSource::Vector),
        });
        let scenes = io.open(sources.collect(), recipe)?;
        let placed: Vec<Placed<'_>> = (pairs.iter().zip(&scenes))
            .map(|(pair, scene)| Placed { id: &pair.id, grid: scene.grid(), declared: pair.split })
            .collect();
        let mut parts = split::divide(&placed, &recipe.split)?;
        if recipe.footprints {
            let all = parts.into_iter().zip(pairs).zip(&scenes);
            let inside = all.map(|((parts, pair), scene)| parts.inside(&pair.footprint, scene.grid(), &pair.id));
            parts = inside.collect::<Result<_, Error>>()?;
        }
        check_items(pairs, recipe)?;
        let excluded =
            pairs.iter().zip(&scenes).map(|(pair, scene)| claims::is_hopeless(pair, scene, recipe)).collect();
        let of_pair = |pair: &Pair| {
            let label = format!("{} {:?}", pair.label.href, pair.label.kind);
            pair.images
                .iter()
                .map(|image| image.href.to_string())
                .chain([pair.label.href.to_string(), label])
                .collect::<Vec<_>>()
        };
        let files = pairs.iter().flat_map(of_pair).collect();
        Dataset::new(scenes, parts, excluded, files, recipe, io, options)
    }

    /// Opens images without labels, for prediction; classes, split and augmentations of the recipe are not looked at.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_images(images: &[Image], recipe: &Recipe, options: &Options) -> Result<Dataset, Error> {
        if images.is_empty() {
            return Err(Error::NoPairs);
        }
        let mut options = options.clone();
        if options.fetch.on_failure == FailurePolicy::Skip {
            // A map has no sample to leave out.
            options.fetch.on_failure = FailurePolicy::Mask;
        }
        let io = Io::start(&options)?;
        let source =
            |image: &Image| Source { id: image.id.clone(), assets: image.assets.clone(), label: LabelSource::None };
        let scenes = io.open(images.iter().map(source).collect(), recipe)?;
        let parts = scenes.iter().map(|scene| Parts::everything(scene.grid())).collect();
        let recipe = Recipe { augment: Vec::new(), ..recipe.clone() };
        Dataset::new(scenes, parts, Vec::new(), Vec::new(), &recipe, io, &options)
    }

    fn new(
        scenes: Vec<Scene>,
        parts: Vec<Parts>,
        excluded: Vec<bool>,
        files: Vec<String>,
        recipe: &Recipe,
        io: Io,
        options: &Options,
    ) -> Result<Dataset, Error> {
        if options.rank >= options.world.max(1) {
            let reason = format!("is {} of {} shares; they are counted from 0", options.rank, options.world);
            return Err(Error::Recipe { field: "rank".to_owned(), reason });
        }
        let bands = scenes.first().map_or(0, |scene| scene.band_names().len());
        if let Some(other) = scenes.iter().find(|scene| scene.band_names().len() != bands) {
            let reason = format!(
                "it has {} bands and the first image {bands}; name the bands in the recipe",
                other.band_names().len()
            );
            return Err(Error::Bands { item: other.id().to_string(), href: "its image".to_owned(), reason });
        }
        let pipeline = Pipeline::compile(&recipe.augment)?;
        // Cropping to the output size keeps the scale, so that evaluation has nothing to resize.
        let whole = View::whole(recipe.window_px, recipe.window_px);
        let cropped = pipeline.lead(whole, &mut Draw::new(0, Purpose::Augment, 0, 0))?;
        let evaluation_px = recipe.output_px.filter(|px| (cropped.height, cropped.width) != (*px, *px));
        let weights = scenes.iter().map(|scene| recipe.sampling.item_weight(scene.id())).collect();
        let inner = Inner {
            scenes,
            parts,
            weights,
            excluded,
            files,
            recipe: recipe.clone(),
            io,
            options: options.clone(),
            pipeline,
            evaluation_px,
            statistics: OnceLock::new(),
            normaliser: OnceLock::new(),
            balance: OnceLock::new(),
            screen: OnceLock::new(),
            redrawn: AtomicU64::new(0),
        };
        Ok(Dataset { inner: Arc::new(inner) })
    }

    /// The opened images, in the order of the pairs.
    pub fn scenes(&self) -> &[Scene] {
        &self.inner.scenes
    }

    /// The division of each image, in the order of [`Dataset::scenes`].
    pub fn parts(&self) -> &[Parts] {
        &self.inner.parts
    }

    /// The recipe it was opened by.
    pub fn recipe(&self) -> &Recipe {
        &self.inner.recipe
    }

    /// Names of the bands in the order of the input, as the first image has them.
    pub fn band_names(&self) -> &[String] {
        self.inner.scenes.first().map_or(&[], |scene| scene.band_names())
    }

    /// Plans the training part; reads its labels once where windows are drawn around classes, and overviews where windows
    /// must have so much data or so many labels.
    ///
    /// # Errors
    /// [`Error::EmptyPart`]; whatever reading labels and overviews can fail with.
    pub fn plan(&self) -> Result<Plan, Error> {
        let inner = &self.inner;
        let screen = match inner.screen.get() {
            Some(screen) => screen.clone(),
            None => {
                let screen = Screen::gather(inner)?.map(Arc::new);
                inner.screen.get_or_init(|| screen).clone()
            }
        };
        let known = Known { weights: &inner.weights, excluded: &inner.excluded, screen };
        let plan = Plan::on_ground(&inner.parts, &inner.recipe, known)?;
        if !inner.recipe.sampling.is_by_class() {
            return Ok(plan);
        }
        let balance = match inner.balance.get() {
            Some(balance) => balance.clone(),
            None => {
                let balance = Arc::new(Balance::gather(inner)?);
                inner.balance.get_or_init(|| balance).clone()
            }
        };
        Ok(plan.balanced(balance))
    }

    /// Windows that were read and drawn again because they had too little data or too few labels, so far.
    pub fn redrawn(&self) -> u64 {
        self.inner.redrawn.load(Ordering::Relaxed)
    }

    /// Statistics of the training part; read once, then kept.
    ///
    /// # Errors
    /// Whatever reading the training part can fail with.
    pub fn statistics(&self) -> Result<&Statistics, Error> {
        match self.inner.statistics.get() {
            Some(statistics) => Ok(statistics),
            None => {
                let statistics = statistics::gather(&self.inner)?;
                Ok(self.inner.statistics.get_or_init(|| statistics))
            }
        }
    }

    /// What the statistics depend on, as a SHA-256: bands, classes and division of the recipe, and size, time of change and
    /// block table of every file. Statistics stored with the same key can be used again.
    pub fn statistics_key(&self) -> String {
        fingerprint::of(&self.inner)
    }

    /// Uses statistics of an earlier run instead of reading the training part. Has no effect once statistics are known.
    ///
    /// # Errors
    /// [`Error::StatisticsBands`] where they are of another number of bands.
    pub fn use_statistics(&self, statistics: Statistics) -> Result<(), Error> {
        let bands = self.band_names().len();
        if statistics.bands.len() != bands {
            return Err(Error::StatisticsBands { statistics: statistics.bands.len(), recipe: bands });
        }
        self.inner.statistics.get_or_init(|| statistics);
        Ok(())
    }

    /// The normalisation in use; reads the training part where it needs statistics and none are known.
    ///
    /// # Errors
    /// As [`Dataset::statistics`]; [`Error::Recipe`] where fixed values do not fit the bands.
    pub fn normaliser(&self) -> Result<&Normaliser, Error> {
        if let Some(normaliser) = self.inner.normaliser.get() {
            return Ok(normaliser);
        }
        let normalise = &self.inner.recipe.normalise;
        let statistics = if normalise.needs_statistics() { Some(self.statistics()?) } else { None };
        let normaliser = Normaliser::new(normalise, self.band_names().len(), statistics)?;
        Ok(self.inner.normaliser.get_or_init(|| normaliser))
    }

    /// The batches of a training epoch.
    ///
    /// # Errors
    /// [`Error::EmptyPart`]; as [`Dataset::normaliser`].
    pub fn train(&self, epoch: u64) -> Result<Batches, Error> {
        self.train_from(epoch, 0)
    }

    /// The batches of a training epoch from number `first_batch` on: the same bytes as without the interruption.
    ///
    /// # Errors
    /// As [`Dataset::train`].
    pub fn train_from(&self, epoch: u64, first_batch: u64) -> Result<Batches, Error> {
        self.normaliser()?;
        Batches::start(self.clone(), self.schedule(epoch, first_batch)?)
    }

    /// How many batches a training epoch has, by its plan: no sample is read for it.
    ///
    /// # Errors
    /// [`Error::EmptyPart`]; whatever reading labels can fail with, where classes are balanced.
    pub fn batches_per_epoch(&self) -> Result<u64, Error> {
        Ok(self.schedule(0, 0)?.batches())
    }

    /// Windows of an epoch that are refused before they are read, and drawn again, because overviews or labels say that they have
    /// too little. Those of a grid or of pre-cut chips are not drawn and counted by [`Plan::windows`].
    ///
    /// # Errors
    /// As [`Dataset::plan`].
    pub fn refused(&self, epoch: u64) -> Result<u64, Error> {
        Ok(self.schedule(epoch, 0)?.refused)
    }

    fn schedule(&self, epoch: u64, first_batch: u64) -> Result<Schedule, Error> {
        let plan = self.plan()?;
        let (chips, refused) = plan.epoch_and_refusals(self.inner.recipe.seed, epoch, self.share());
        Ok(Schedule {
            chips,
            refused,
            first_batch,
            batch: self.inner.recipe.batch,
            drop_last: self.inner.recipe.drop_last,
            output_px: self.inner.recipe.output_px,
            training: Some((plan, epoch)),
        })
    }

    /// The batches that cover a part of the ground, each pixel counting once; not augmented.
    ///
    /// # Errors
    /// [`Error::EmptyPart`]; as [`Dataset::normaliser`].
    pub fn evaluate(&self, part: Part) -> Result<Batches, Error> {
        self.normaliser()?;
        let chips = Plan::evaluation(&self.inner.parts, part, &self.inner.recipe)?;
        let share = self.share().range(chips.len());
        self.plain(chips[share].to_vec(), self.inner.evaluation_px, 0)
    }

    /// One whole image in overlapping tiles of `window_px`, in the order of the tiling, for [`crate::Stitcher`].
    ///
    /// # Errors
    /// [`Error::Tiling`] where the overlap is not smaller than the window; [`Error::NoPairs`] where there is no such image.
    pub fn tiles(&self, scene: usize, overlap_px: usize) -> Result<(Tiling, Batches), Error> {
        let tiling = self.tiling(scene, overlap_px)?;
        let batches = self.tiles_from(scene, &tiling, 0)?;
        Ok((tiling, batches))
    }

    /// How [`Dataset::tiles`] cuts an image.
    ///
    /// # Errors
    /// As [`Dataset::tiles`].
    pub fn tiling(&self, scene: usize, overlap_px: usize) -> Result<Tiling, Error> {
        let grid = self.inner.scenes.get(scene).ok_or(Error::NoPairs)?.grid();
        Tiling::even(grid.window(), self.inner.recipe.window_px, overlap_px)
    }

    /// The batches of a tiling from number `first_batch` on: the same tiles in each as without the interruption.
    ///
    /// # Errors
    /// As [`Dataset::tiles`].
    pub fn tiles_from(&self, scene: usize, tiling: &Tiling, first_batch: u64) -> Result<Batches, Error> {
        self.normaliser()?;
        let whole = |(index, tile): (usize, crate::Tile)| Chip {
            scene,
            window: tile.window,
            scored: tile.window,
            part: Part::Test,
            index: index as u64,
        };
        self.plain(tiling.tiles().enumerate().map(whole).collect(), None, first_batch)
    }

    fn plain(&self, chips: Vec<Chip>, output_px: Option<usize>, first_batch: u64) -> Result<Batches, Error> {
        let batch = self.inner.recipe.batch;
        Batches::start(
            self.clone(),
            Schedule { chips, first_batch, batch, drop_last: false, output_px, refused: 0, training: None },
        )
    }

    fn share(&self) -> Share {
        let Options { rank, world, .. } = self.inner.options;
        Share { rank, world }
    }

    /// One chip in measured values, not normalised and not augmented.
    ///
    /// # Errors
    /// Whatever reading its window can fail with.
    pub fn raw(&self, chip: &Chip) -> Result<RawChip, Error> {
        let pipeline = Pipeline::default();
        let normaliser = Normaliser::identity(self.band_names().len());
        let draft = Draft::new(*chip, &pipeline, Draw::new(0, Purpose::Augment, 0, 0))?;
        let scene = self.inner.scenes.get(chip.scene).ok_or(Error::NoPairs)?;
        let pixels = self.inner.io.read(scene, draft.window(), false)?;
        let developer = self.inner.developer(&pipeline, &normaliser, None, None);
        let sample = developer.sample(chip, &pixels, &draft.view)?;
        Ok(RawChip { image: sample.image, target: sample.label })
    }

    /// Class indices of a window of an image, `[row, col]`, [`crate::IGNORE`] where there is no truth; whatever part the pixels
    /// belong to, and whether the image has a value there or not.
    ///
    /// # Errors
    /// [`Error::NoPairs`] where there is no such image; whatever reading its label can fail with.
    pub fn label(&self, scene: usize, window: Window) -> Result<Array2<u8>, Error> {
        let scene = self.inner.scenes.get(scene).ok_or(Error::NoPairs)?;
        label_window(scene, &self.inner.io.read_label(scene, window)?)
    }

    /// Requests and bytes so far.
    pub fn fetched(&self) -> FetchStatistics {
        self.inner.io.fetcher.statistics()
    }

    /// What items say otherwise than their files, and which of the two is used, for the run's record.
    pub fn contradictions(&self) -> Vec<String> {
        self.inner.scenes.iter().flat_map(|scene| scene.contradictions.iter().cloned()).collect()
    }

    /// Every block that could not be had so far, for the run's record.
    pub fn failed_blocks(&self) -> Vec<FailedBlock> {
        self.inner.io.fetcher.failed_blocks()
    }

    /// The cache of decoded pixels.
    pub fn cache(&self) -> &BlockCache {
        &self.inner.io.cache
    }

    /// The fetcher, for reading other files with the same bounds.
    pub fn fetcher(&self) -> &Fetcher {
        &self.inner.io.fetcher
    }
}

impl Inner {
    pub(crate) fn developer<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        normaliser: &'a Normaliser,
        output_px: Option<usize>,
        plan: Option<&'a Plan>,
    ) -> Developer<'a> {
        let (scenes, parts, io) = (&self.scenes, &self.parts, &self.io);
        Developer { scenes, parts, normaliser, pipeline, output_px, io, plan }
    }

    /// What a training sample must have.
    pub(crate) fn least(&self) -> Least {
        Least { labelled: self.recipe.min_valid, valid: 1.0 - self.recipe.max_nodata }
    }

    pub(crate) fn normaliser(&self) -> Option<&Normaliser> {
        self.normaliser.get()
    }
}

/// What a scene is opened from.
pub(crate) struct Source {
    pub(crate) id: String,
    pub(crate) assets: Vec<AssetRef>,
    pub(crate) label: LabelSource,
}

/// Where the label of a scene comes from.
pub(crate) enum LabelSource {
    None,
    Vector(Vector),
    Raster(Box<LabelRef>),
}

impl LabelSource {
    pub(crate) async fn open(self, recipe: &Recipe, grid: &Grid, fetcher: &Fetcher) -> Result<Truth, Error> {
        match self {
            LabelSource::None => Ok(Truth::None),
            LabelSource::Vector(vector) => Ok(Truth::Vector { vector, burned: OnceLock::new() }),
            LabelSource::Raster(label) => Truth::open_raster(&label, recipe, grid, fetcher).await,
        }
    }
}

/// Refuses weights of items that are not there.
fn check_items(pairs: &[Pair], recipe: &Recipe) -> Result<(), Error> {
    let Sampling::Weighted { items, .. } = &recipe.sampling else { return Ok(()) };
    match items.keys().find(|name| pairs.iter().all(|pair| pair.id != **name)) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = pairs.iter().take(5).map(|pair| pair.id.as_str()).collect();
            let reason = format!("there is no item '{name}'; there are {} and others", known.join(", "));
            Err(Error::Recipe { field: "sampling.items".to_owned(), reason })
        }
    }
}

/// Reads all vector labels, on as many threads as there are workers; `None` for raster labels. Of several errors the
/// first pair's is given.
fn read_vectors(pairs: &[Pair], recipe: &Recipe, threads: usize) -> Result<Vec<Option<Vector>>, Error> {
    let read = |pair: &Pair| match &pair.label.kind {
        LabelKind::Vector { class, filter, background } => {
            Vector::read(&pair.label, class, filter, background.as_deref(), recipe).map(Some)
        }
        LabelKind::Raster { .. } => Ok(None),
    };
    parallel::map(threads, pairs, read).into_iter().collect()
}
