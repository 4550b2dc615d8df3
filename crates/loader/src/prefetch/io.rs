//! The I/O runtime and what is read through it: scenes opened many at a time, and single windows on the calling thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use swath_raster::{BlockCache, FailurePolicy, Fetcher, Grid, Pixels, Window};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::dataset::{Options, Source};
use crate::error::Error;
use crate::recipe::Recipe;
use crate::scene::{Layer, Scene, ScenePixels, ScenePlan};

/// The I/O runtime with what it reads through.
#[derive(Debug)]
pub(crate) struct Io {
    pub(crate) runtime: Option<Runtime>,
    pub(crate) fetcher: Fetcher,
    pub(crate) cache: BlockCache,
}

/// Threads of the I/O runtime: they only wait and copy; decoding is done elsewhere.
const IO_THREADS: usize = 2;

/// Images whose headers are read at a time.
const OPEN_AT_ONCE: usize = 64;

impl Io {
    pub(crate) fn start(options: &Options) -> Result<Io, Error> {
        let runtime =
            Builder::new_multi_thread().worker_threads(IO_THREADS).enable_all().thread_name("swath-io").build();
        let raster = |source| Error::Raster { item: "all".to_owned(), source };
        let (fetch, cache_bytes) = options.bounded();
        Ok(Io {
            runtime: Some(runtime.map_err(|source| Error::Start { source })?),
            fetcher: Fetcher::new(fetch).map_err(raster)?,
            cache: BlockCache::new(cache_bytes),
        })
    }

    fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match &self.runtime {
            Some(runtime) => runtime.handle().block_on(work),
            None => Err(Error::Start { source: std::io::Error::other("the I/O runtime has been stopped") }),
        }
    }

    /// Opens scenes, many at a time; of several errors the first scene's is given.
    pub(crate) fn open(&self, sources: Vec<Source>, recipe: &Recipe) -> Result<Vec<Scene>, Error> {
        let recipe = Arc::new(recipe.clone());
        let slots = Arc::new(Semaphore::new(OPEN_AT_ONCE));
        self.run(async {
            let mut tasks = JoinSet::new();
            for (index, source) in sources.into_iter().enumerate() {
                let (fetcher, recipe, slots) = (self.fetcher.clone(), recipe.clone(), slots.clone());
                tasks.spawn(async move {
                    let _slot = slots.acquire().await;
                    (index, Scene::open(&source.id, &source.assets, source.label, &recipe, &fetcher).await)
                });
            }
            let mut opened = BTreeMap::new();
            while let Some(finished) = tasks.join_next().await {
                let (index, scene) = finished.map_err(|_| Error::Worker { batch: 0 })?;
                opened.insert(index, scene);
            }
            opened.into_values().collect()
        })
    }

    /// Reads one window on the calling thread, of which a block that cannot be had is only invalid where samples with one are
    /// skipped: a statistic of the rest is one.
    pub(crate) fn read(&self, scene: &Scene, window: Window, with_validity: bool) -> Result<ScenePixels, Error> {
        self.read_masked(scene, scene.plan(window, with_validity)?)
    }

    /// As [`Io::read`], of the image's own grid or of an overview's, validity included.
    pub(crate) fn read_on(&self, scene: &Scene, overview: Option<&Grid>, window: Window) -> Result<ScenePixels, Error> {
        let plan = match overview {
            Some(overview) => scene.plan_overview(overview, window)?,
            None => scene.plan(window, true)?,
        };
        self.read_masked(scene, plan)
    }

    fn read_masked(&self, scene: &Scene, plan: ScenePlan) -> Result<ScenePixels, Error> {
        let fetcher = match self.fetcher.policy() {
            FailurePolicy::Skip => self.fetcher.with_policy(FailurePolicy::Mask),
            FailurePolicy::Fail | FailurePolicy::Mask => self.fetcher.clone(),
        };
        self.run(plan.fetch(scene, &fetcher, &self.cache))?.decode(scene)
    }

    /// Reads one window of a sample on the calling thread.
    pub(crate) fn read_sample(&self, scene: &Scene, window: Window) -> Result<ScenePixels, Error> {
        let plan = scene.plan(window, false)?;
        self.run(plan.fetch(scene, &self.fetcher, &self.cache))?.decode(scene)
    }

    /// Reads all of a file that has the scene's grid, from an overview; `None` where there is none.
    pub(crate) fn read_overview(&self, layer: &Layer) -> Result<Option<Pixels>, Error> {
        let Some(plan) = layer.overview()? else { return Ok(None) };
        let window = plan.window();
        let failed = |source| layer.failed(window, source);
        let fetched = self.run(async { self.fetcher.fetch(plan, &self.cache).await.map_err(failed) })?;
        fetched.decode().and_then(|blocks| blocks.to_pixels()).map_err(failed).map(Some)
    }

    /// Reads the label of one window on the calling thread, and nothing of the image.
    pub(crate) fn read_label(&self, scene: &Scene, window: Window) -> Result<ScenePixels, Error> {
        let plan = scene.plan_label(window)?;
        self.run(plan.fetch(scene, &self.fetcher, &self.cache))?.decode(scene)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // Dropping a runtime waits for its blocking threads, which may be waiting for a slow disk or server.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
