//! Batches made ahead of their consumer: the one bridge from async reading to sync use.
//!
//! A feeder on the I/O runtime takes batches in order and fetches their blocks, several batches at once; workers on threads of
//! their own decode and augment; the consumer gets batches in order. A batch is begun only when the consumer has taken one, so
//! that no more than `prefetch` exist at a time. Dropping [`Batches`] stops all of it.

mod io;

pub(crate) use io::Io;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::future::join_all;
use ndarray::{Array3, Array4};
use swath_raster::{FailurePolicy, Reserved};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::augment::Pipeline;
use crate::batch::{Batch, Buffers, ChipId, Pool};
use crate::dataset::Dataset;
use crate::develop::{Assembly, Draft, Least};
use crate::draw::{Draw, Purpose};
use crate::error::Error;
use crate::plan::{Chip, Plan};
use crate::scene::{SceneBytes, ScenePixels, ScenePlan};

/// What an iterator over batches goes through.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) chips: Vec<Chip>,
    pub(crate) first_batch: u64,
    pub(crate) batch: usize,
    pub(crate) drop_last: bool,
    pub(crate) output_px: Option<usize>,
    /// Windows that were refused unread before the chips were found.
    pub(crate) refused: u64,
    /// The plan and the epoch, where samples are augmented and may be drawn again.
    pub(crate) training: Option<(Plan, u64)>,
}

impl Schedule {
    pub(crate) fn batches(&self) -> u64 {
        let count = if self.drop_last { self.chips.len() / self.batch } else { self.chips.len().div_ceil(self.batch) };
        count as u64
    }

    fn chips(&self, batch: u64) -> &[Chip] {
        let first = (batch as usize).saturating_mul(self.batch).min(self.chips.len());
        &self.chips[first..first.saturating_add(self.batch).min(self.chips.len())]
    }
}

/// What workers share.
#[derive(Debug)]
struct Shop {
    dataset: Dataset,
    schedule: Schedule,
    /// Used in place of the recipe's where nothing is augmented.
    plain: Pipeline,
    stop: AtomicBool,
    counters: Counters,
    /// Batches that may be under way.
    ahead: u32,
    pool: Arc<Pool>,
}

#[derive(Debug, Default)]
struct Counters {
    decode_ns: AtomicU64,
    develop_ns: AtomicU64,
    redrawn: AtomicU64,
    skipped: AtomicU64,
}

/// A sample's draft and blocks, or why there are none.
type Fetched = Result<(Draft, SceneBytes), Error>;

/// A batch whose blocks have been fetched.
struct Job {
    batch: u64,
    chips: Vec<(Chip, Fetched)>,
    /// The memory that it may take, until it is handed over.
    held: Option<Reserved>,
}

/// A batch by its number, made or spoilt, and the memory reserved for it.
type Made = (u64, Result<Batch, Error>, Option<Reserved>);

/// Batches in the order of the plan. An error comes in the place of the batch that it spoilt; the next call goes on with the
/// batch after it.
#[derive(Debug)]
pub struct Batches {
    shop: Arc<Shop>,
    finished: Receiver<Made>,
    early: BTreeMap<u64, (Result<Batch, Error>, Option<Reserved>)>,
    next: u64,
    end: u64,
    permits: Arc<Semaphore>,
    feeder: Option<tokio::task::JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    started: Instant,
    waited: Duration,
    samples: u64,
}

/// How an iteration went so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Samples handed out.
    pub samples: u64,
    /// Seconds since the start.
    pub elapsed_s: f64,
    /// Seconds for which the consumer had to wait for a batch.
    pub waited_s: f64,
    /// Samples a second, over all of the time.
    pub samples_per_s: f64,
    /// Share of the time that was spent waiting, in 0..=1.
    pub wait_share: f64,
    /// Seconds spent decoding, summed over workers.
    pub decode_s: f64,
    /// Seconds spent on labels, augmentation and normalisation, summed over workers.
    pub develop_s: f64,
    /// Windows that were read and drawn again because too little of them was valid or labelled.
    pub redrawn: u64,
    /// Windows that were drawn again unread, because overviews or labels say as much.
    pub refused: u64,
    /// Windows that could not be read and were replaced or left out, under [`FailurePolicy::Skip`].
    pub skipped: u64,
}

impl Batches {
    pub(crate) fn start(dataset: Dataset, schedule: Schedule) -> Result<Batches, Error> {
        let options = &dataset.inner.options;
        let (threads, ahead) = (options.threads(), options.prefetch.max(options.threads()));
        let (next, end) = (schedule.first_batch.min(schedule.batches()), schedule.batches());
        let runtime = dataset.inner.io.runtime.as_ref().map(|runtime| runtime.handle().clone());
        let shop = Arc::new(Shop {
            dataset: dataset.clone(),
            schedule,
            plain: Pipeline::default(),
            stop: AtomicBool::new(false),
            counters: Counters::default(),
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
            // As many as are made ahead, and the one that the consumer holds.
            pool: Pool::new(ahead + 1),
        });
        let (jobs, todo) = channel();
        let (done, finished) = channel();
        let todo = Arc::new(Mutex::new(todo));
        let permits = Arc::new(Semaphore::new(ahead));
        let mut workers = Vec::with_capacity(threads);
        for number in 0..threads {
            let (shop, todo, done) = (shop.clone(), todo.clone(), done.clone());
            let thread = std::thread::Builder::new().name(format!("swath-load-{number}"));
            workers.push(thread.spawn(move || work(&shop, &todo, &done)).map_err(|source| Error::Start { source })?);
        }
        let feeder = runtime.map(|runtime| runtime.spawn(feed(shop.clone(), permits.clone(), jobs, next..end)));
        let (early, started) = (BTreeMap::new(), Instant::now());
        let (waited, samples) = (Duration::ZERO, 0);
        Ok(Batches { shop, finished, early, next, end, permits, feeder, workers, started, waited, samples })
    }

    /// The next batch, waited for.
    fn take(&mut self) -> Result<Batch, Error> {
        let asked = Instant::now();
        let batch = loop {
            if let Some((batch, _)) = self.early.remove(&self.next) {
                break batch;
            }
            match self.finished.recv() {
                Ok((number, batch, held)) => self.early.insert(number, (batch, held)),
                Err(_) => break Err(Error::Worker { batch: self.next }),
            };
        };
        self.waited += asked.elapsed();
        self.next += 1;
        self.samples += batch.as_ref().map_or(0, |batch| batch.len() as u64);
        self.permits.add_permits(1);
        batch
    }

    /// Batches still to come.
    pub fn remaining(&self) -> u64 {
        self.end - self.next
    }

    /// Batches in all, those before a resumed start included.
    pub fn total(&self) -> u64 {
        self.end
    }

    /// How the iteration went so far.
    pub fn progress(&self) -> Progress {
        let (elapsed_s, waited_s) = (self.started.elapsed().as_secs_f64(), self.waited.as_secs_f64());
        let share = |part: f64| if elapsed_s > 0.0 { part / elapsed_s } else { 0.0 };
        let seconds = |ns: &AtomicU64| Duration::from_nanos(ns.load(Ordering::Relaxed)).as_secs_f64();
        Progress {
            samples: self.samples,
            elapsed_s,
            waited_s,
            samples_per_s: share(self.samples as f64),
            wait_share: share(waited_s),
            decode_s: seconds(&self.shop.counters.decode_ns),
            develop_s: seconds(&self.shop.counters.develop_ns),
            redrawn: self.shop.counters.redrawn.load(Ordering::Relaxed),
            refused: self.shop.schedule.refused,
            skipped: self.shop.counters.skipped.load(Ordering::Relaxed),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            let batch = self.take();
            // Where every sample was skipped there is nothing to hand out.
            if batch.as_ref().map_or(true, |batch| !batch.is_empty()) {
                return Some(batch);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.remaining()).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.shop.stop.store(true, Ordering::Relaxed);
        self.permits.close();
        if let Some(feeder) = self.feeder.take() {
            feeder.abort();
        }
        // Workers end when the feeder and its fetches, who hold the other end of their queue, are gone.
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Fetches batches in order, as many at once as there are permits, and all chips of a batch at once; the fetcher bounds
/// what is under way.
async fn feed(shop: Arc<Shop>, permits: Arc<Semaphore>, jobs: Sender<Job>, batches: std::ops::Range<u64>) {
    let mut fetches = JoinSet::new();
    for batch in batches {
        let Ok(permit) = permits.acquire().await else { return };
        permit.forget();
        let held = shop.reserve(batch, &permits).await;
        let (shop, jobs) = (shop.clone(), jobs.clone());
        fetches.spawn(async move {
            let chips = shop.schedule.chips(batch).iter().map(|&chip| {
                let fetch = shop.fetch(chip);
                async move { (chip, fetch.await) }
            });
            let chips = join_all(chips).await;
            // Where nobody listens any more, nobody wants it.
            let _ = jobs.send(Job { batch, chips, held });
        });
        while fetches.try_join_next().is_some() {}
    }
    drop(jobs);
    while fetches.join_next().await.is_some() {}
}

/// Takes jobs until there are none, or until told to stop.
fn work(shop: &Shop, todo: &Mutex<Receiver<Job>>, done: &Sender<Made>) {
    loop {
        let job = match todo.lock() {
            Ok(todo) => todo.recv(),
            Err(_) => return,
        };
        let Ok(mut job) = job else { return };
        if shop.stop.load(Ordering::Relaxed) {
            return;
        }
        let (batch, held) = (job.batch, job.held.take());
        let made = catch_unwind(AssertUnwindSafe(|| shop.make(job))).unwrap_or(Err(Error::Worker { batch }));
        if done.send((batch, made, held)).is_err() {
            return;
        }
    }
}

impl Shop {
    fn pipeline(&self) -> &Pipeline {
        if self.schedule.training.is_some() { &self.dataset.inner.pipeline } else { &self.plain }
    }

    fn draft(&self, chip: Chip) -> Result<Draft, Error> {
        let epoch = self.schedule.training.as_ref().map_or(0, |(_, epoch)| *epoch);
        let draw = Draw::new(self.dataset.inner.recipe.seed, Purpose::Augment, epoch, chip.index);
        Draft::new(chip, self.pipeline(), draw)
    }

    async fn fetch(&self, chip: Chip) -> Fetched {
        let inner = &self.dataset.inner;
        let draft = self.draft(chip)?;
        let scene = &inner.scenes[chip.scene];
        let plan = scene.plan(draft.window(), false)?;
        let bytes = plan.fetch(scene, &inner.io.fetcher, &inner.io.cache).await?;
        Ok((draft, bytes))
    }

    /// Decodes and develops all chips of a batch.
    fn make(&self, job: Job) -> Result<Batch, Error> {
        let inner = &self.dataset.inner;
        let normaliser = inner.normaliser().ok_or(Error::NoStatistics { method: "the recipe" })?;
        let plan = self.schedule.training.as_ref().map(|(plan, _)| plan);
        let developer = inner.developer(self.pipeline(), normaliser, self.schedule.output_px, plan);
        let mut assembly = Assembly::for_samples(job.chips.len(), self.pool.take());
        let mut provenance = Vec::with_capacity(job.chips.len());
        for (chip, fetched) in job.chips {
            let decode = |(draft, bytes): (Draft, SceneBytes)| {
                let pixels = self.timed(&self.counters.decode_ns, || bytes.decode(&inner.scenes[draft.chip.scene]))?;
                Ok((draft, pixels))
            };
            let mut read = fetched.and_then(decode);
            let mut attempt = 0;
            loop {
                let may_redraw = self.may_redraw(attempt);
                match read {
                    Ok((draft, pixels)) => {
                        let least = if may_redraw { inner.least() } else { Least::default() };
                        let chip = draft.chip;
                        let develop = || developer.develop(draft, &pixels, least, &mut assembly);
                        if self.timed(&self.counters.develop_ns, develop)? {
                            provenance.push(self.identify(&chip));
                            break;
                        }
                        self.counters.redrawn.fetch_add(1, Ordering::Relaxed);
                        self.dataset.inner.redrawn.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) if self.may_skip(&error) => {
                        self.counters.skipped.fetch_add(1, Ordering::Relaxed);
                        match self.schedule.training {
                            None => break,
                            Some(_) if !may_redraw => return Err(error),
                            Some(_) => {}
                        }
                    }
                    Err(error) => return Err(error),
                }
                attempt += 1;
                read = self.redraw(chip.index, attempt);
            }
        }
        self.finish(job.batch, assembly, provenance)
    }

    fn finish(&self, index: u64, assembly: Assembly, provenance: Vec<ChipId>) -> Result<Batch, Error> {
        let (samples, bands, size) = (provenance.len(), self.dataset.band_names().len(), assembly.size);
        let mut buffers = assembly.finish(bands);
        self.mix(index, &mut buffers, samples, size);
        let (height, width) = size.unwrap_or((0, 0));
        let image = Array4::from_shape_vec((samples, bands, height, width), buffers.image);
        let target = Array3::from_shape_vec((samples, height, width), buffers.target);
        match (image, target) {
            (Ok(image), Ok(target)) => Ok(Batch { index, image, target, provenance, pool: self.pool.clone() }),
            _ => Err(Error::Worker { batch: index }),
        }
    }

    /// Mixes the samples of a training batch, as the recipe says.
    fn mix(&self, batch: u64, buffers: &mut Buffers, samples: usize, size: Option<(usize, usize)>) {
        let (Some((_, epoch)), Some(size)) = (&self.schedule.training, size) else { return };
        let recipe = &self.dataset.inner.recipe;
        let mut draw = Draw::new(recipe.seed, Purpose::Mix, *epoch, batch);
        for mix in &recipe.mix {
            mix.apply(&mut buffers.image, &mut buffers.target, samples, size, &mut draw);
        }
    }

    /// Waits until the bound for memory has room for a batch. A stream that has no batch under way does not wait, so that
    /// several streams of one dataset never wait for each other.
    async fn reserve(&self, batch: u64, permits: &Semaphore) -> Option<Reserved> {
        let budget = self.dataset.inner.options.memory.as_ref()?;
        let bytes = self.batch_bytes(batch);
        tokio::select! {
            biased;
            held = budget.reserve(bytes, budget.bytes() / 4) => Some(held),
            _ = permits.acquire_many(self.ahead - 1) => None,
        }
    }

    /// Memory that a batch takes until it is handed over: blocks that are not cached, and its arrays.
    fn batch_bytes(&self, batch: u64) -> u64 {
        let inner = &self.dataset.inner;
        let chips = self.schedule.chips(batch);
        // What cannot be planned is told when it is read.
        let plan = |chip: &Chip| inner.scenes[chip.scene].plan(self.draft(*chip).ok()?.window(), false).ok();
        let plans: Vec<ScenePlan> = chips.iter().filter_map(plan).collect();
        let blocks = inner.io.cache.missing_bytes(plans.iter().flat_map(ScenePlan::reads));
        let side = self.schedule.output_px.unwrap_or(inner.recipe.window_px) as u64;
        let sample = side * side * (self.dataset.band_names().len() as u64 * 4 + 1);
        blocks.saturating_add(sample * chips.len() as u64)
    }

    /// Whether a sample that failed so is left out and the batch goes on.
    fn may_skip(&self, error: &Error) -> bool {
        self.dataset.inner.io.fetcher.policy() == FailurePolicy::Skip && matches!(error, Error::Window { .. })
    }

    fn may_redraw(&self, attempt: u32) -> bool {
        attempt < MAX_REDRAWS && self.schedule.training.is_some()
    }

    /// Another window for the same sample.
    fn redraw(&self, index: u64, attempt: u32) -> Result<(Draft, ScenePixels), Error> {
        let inner = &self.dataset.inner;
        let Some((plan, epoch)) = &self.schedule.training else { return Err(Error::Worker { batch: index }) };
        let draft = self.draft(plan.draw(inner.recipe.seed, *epoch, index, attempt))?;
        let pixels = inner.io.read_sample(&inner.scenes[draft.chip.scene], draft.window())?;
        Ok((draft, pixels))
    }

    fn identify(&self, chip: &Chip) -> ChipId {
        let item = self.dataset.inner.scenes[chip.scene].id().clone();
        ChipId { item, scene: chip.scene, window: chip.window, scored: chip.scored }
    }

    fn timed<T>(&self, counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        counter.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }
}

/// Windows tried for one sample before it is taken as it is; where a twentieth of the ground is good enough, all 24 fail in
/// 3 samples of 10, and the recipe asks for too much.
const MAX_REDRAWS: u32 = 24;
