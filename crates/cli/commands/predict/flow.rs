//! Reading, the network, blending and writing at the same time: each on threads of its own, with short queues between, so that
//! memory is bounded and the network never waits for a file.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use ndarray::{Array3, Array4, Ix4, s};
use swath_loader::{Batch, Dataset, Stitcher, Tiling};
use swath_train::InferenceSession;

use super::journal::Journal;
use super::orientation::Orientation;
use super::outputs::{Band, Outputs, Products};
use super::{Augment, TileArgs, decide};
use crate::interrupt;
use crate::progress::Progress;

/// What is to be computed.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// One scene, opened as the model wants it.
    pub(super) dataset: &'a Dataset,
    pub(super) tiles: &'a TileArgs,
    pub(super) products: Products,
    /// The map's value for each of the network's classes.
    pub(super) classes: &'a [u8],
}

/// Where the time went, in seconds. What is done at the same time counts for each that does it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// From opening the scene to the map's name.
    pub(crate) total_s: f64,
    /// Decoding and scaling, over all threads.
    pub(crate) read_s: f64,
    /// Running the network.
    pub(crate) infer_s: f64,
    /// The network's wait for tiles, and for room in the queue behind it.
    pub(crate) infer_wait_s: f64,
    /// Probabilities, blending and deciding.
    pub(crate) stitch_s: f64,
    /// Compressing and writing.
    pub(crate) write_s: f64,
    /// The writer's wait for rows.
    pub(crate) write_wait_s: f64,
}

/// Scores of a batch of tiles `[n, class, row, col]`.
enum Scores {
    Logits(Array4<f32>),
    Probabilities(Array4<f32>),
}

/// Computes what `outputs` still lacks and writes it. Ends early, without an error, where Ctrl-C asked for it.
pub(super) fn run(
    job: &Job<'_>,
    session: &mut InferenceSession,
    outputs: &mut Outputs,
    mut journal: Option<&mut Journal>,
) -> Result<Tally> {
    let tiling = job.dataset.tiling(0, job.tiles.overlap)?;
    let done = outputs.rows();
    if done >= tiling.extent().height_px {
        return Ok(Tally::default());
    }
    let first = Start::new(&tiling, done, job.tiles);
    let (to_stitch, scored) = sync_channel(1);
    let (to_write, finished) = sync_channel(0);
    std::thread::scope(|scope| {
        let infer = scope.spawn(|| infer(job, session, &tiling, first.batch, to_stitch));
        let stitch = scope.spawn(|| stitch(job, &tiling, first, scored, to_write));
        let mut tally = Tally::default();
        let written = write(&finished, outputs, &mut journal, &mut tally);
        // A thread that is left without a receiver ends.
        drop(finished);
        let ended = || anyhow!("a thread of the map ended early");
        let inferred = infer.join().map_err(|_| ended())?;
        let stitched = stitch.join().map_err(|_| ended())?;
        written?;
        tally.stitch_s = stitched?;
        let inferred = inferred?;
        Ok(Tally { read_s: inferred.read_s, infer_s: inferred.infer_s, infer_wait_s: inferred.infer_wait_s, ..tally })
    })
}

/// Where to begin, so that rows from the first unwritten one on are right.
#[derive(Debug, Clone, Copy)]
struct Start {
    batch: u64,
    tile_row: usize,
    /// First tile that is stitched; those of its batch before it are passed over.
    tile: usize,
    row_px: usize,
}

impl Start {
    fn new(tiling: &Tiling, row_px: usize, tiles: &TileArgs) -> Self {
        let tile_row = tiling.tile_row_for(row_px);
        let tile = tile_row * tiling.across();
        Self { batch: (tile / usize::from(tiles.batch)) as u64, tile_row, tile, row_px }
    }
}

/// Tiles to scores, in order.
fn infer(
    job: &Job<'_>,
    session: &mut InferenceSession,
    tiling: &Tiling,
    first_batch: u64,
    scored: SyncSender<(Batch, Scores)>,
) -> Result<Tally> {
    let mut batches = job.dataset.tiles_from(0, tiling, first_batch)?;
    let mut progress = Progress::new("predict", batches.total(), "batches");
    let mut tally = Tally::default();
    let mut asked = Instant::now();
    for batch in batches.by_ref() {
        let batch = batch?;
        tally.infer_wait_s += asked.elapsed().as_secs_f64();
        let started = Instant::now();
        let scores = scores(job, session, &batch).with_context(|| {
            format!("tiles of {} px do not suit the network; choose --tile as a multiple of 32", job.tiles.tile)
        })?;
        tally.infer_s += started.elapsed().as_secs_f64();
        asked = Instant::now();
        progress.at(batch.index + 1, String::new);
        if scored.send((batch, scores)).is_err() || interrupt::is_asked() {
            break;
        }
    }
    progress.end();
    let read = batches.progress();
    tally.read_s = read.decode_s + read.develop_s;
    Ok(tally)
}

/// Scores of a batch; the mean of the probabilities of all orientations where several are asked for.
fn scores(job: &Job<'_>, session: &mut InferenceSession, batch: &Batch) -> Result<Scores> {
    let expected = [batch.len(), job.classes.len(), job.tiles.tile, job.tiles.tile];
    let fits = |shape: &[usize]| {
        ensure!(shape == expected, "the network gave scores of shape {shape:?}, not {expected:?}");
        Ok(())
    };
    if job.tiles.augment.is_none() {
        let logits = session.run(batch.image.view())?;
        fits(logits.shape())?;
        return Ok(Scores::Logits(logits.into_dimensionality::<Ix4>()?));
    }
    let Some(Augment::D4) = job.tiles.augment else { return Err(anyhow!("no orientation")) };
    let mut sum = Array4::<f32>::zeros((expected[0], expected[1], expected[2], expected[3]));
    let mut one = Array3::zeros((expected[1], expected[2], expected[3]));
    for orientation in Orientation::all() {
        let turned = orientation.of(&batch.image);
        session.run_with(turned.view(), |logits| -> Result<()> {
            fits(logits.shape())?;
            let logits = orientation.undone(logits).into_dimensionality::<Ix4>()?;
            for (logits, mut sum) in logits.outer_iter().zip(sum.outer_iter_mut()) {
                decide::softmax(logits, one.view_mut());
                sum.scaled_add(0.125, &one);
            }
            Ok(())
        })??;
    }
    Ok(Scores::Probabilities(sum))
}

/// Scores to finished rows; the seconds that it took.
fn stitch(
    job: &Job<'_>,
    tiling: &Tiling,
    first: Start,
    scored: Receiver<(Batch, Scores)>,
    finished: SyncSender<Band>,
) -> Result<f64> {
    let (classes, width) = (job.classes.len(), tiling.extent().width_px);
    let mut stitcher = Stitcher::from_tile_row(tiling.clone(), classes, first.tile_row);
    let mut probabilities = Array3::zeros((classes, tiling.tile_px(), tiling.tile_px()));
    let mut band: Option<Band> = None;
    let (mut seconds, mut tile) = (0.0, first.batch as usize * usize::from(job.tiles.batch));
    for (batch, scores) in scored {
        let started = Instant::now();
        let (scores, is_logits) = match &scores {
            Scores::Logits(scores) => (scores, true),
            Scores::Probabilities(scores) => (scores, false),
        };
        let mut full = Vec::new();
        for (scores, target) in scores.outer_iter().zip(batch.target.outer_iter()) {
            tile += 1;
            if tile <= first.tile {
                continue;
            }
            let block = if is_logits {
                decide::softmax(scores, probabilities.view_mut());
                stitcher.add(probabilities.view())?
            } else {
                stitcher.add(scores)?
            };
            if block.row_px < first.row_px {
                continue;
            }
            let (_, rows, cols) = block.scores.dim();
            let rows_in_work = band.get_or_insert_with(|| job.products.band(block.row_px, rows, width, classes));
            rows_in_work.fill(block.col_px, block.scores.view(), target.slice(s![..rows, ..cols]), job.classes);
            if tile % tiling.across() == 0 {
                full.extend(band.take());
            }
        }
        seconds += started.elapsed().as_secs_f64();
        for band in full {
            if finished.send(band).is_err() {
                return Ok(seconds);
            }
        }
    }
    Ok(seconds)
}

/// Finished rows into the journal and the files.
fn write(
    finished: &Receiver<Band>,
    outputs: &mut Outputs,
    journal: &mut Option<&mut Journal>,
    tally: &mut Tally,
) -> Result<()> {
    let mut asked = Instant::now();
    while let Ok(band) = finished.recv() {
        tally.write_wait_s += asked.elapsed().as_secs_f64();
        let started = Instant::now();
        ensure!(band.row_px == outputs.rows(), "rows from {} on came after {} rows", band.row_px, outputs.rows());
        outputs.write(&band)?;
        if let Some(journal) = journal {
            journal.append(&band)?;
        }
        tally.write_s += started.elapsed().as_secs_f64();
        asked = Instant::now();
    }
    Ok(())
}
