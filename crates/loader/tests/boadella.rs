//! A real dataset end to end: four dates of one reservoir, int16 strips, polygons as labels.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use ndarray::Axis;
use support::{batches, boadella, boadella_recipe};
use swath_loader::{Dataset, IGNORE, Normalise, Options, Part, Recipe};

fn open(recipe: &Recipe, options: &Options) -> Option<Dataset> {
    Some(Dataset::open(&boadella()?, recipe, options).unwrap())
}

#[test]
fn halves_are_cut_where_the_reference_recipe_cuts_and_never_mix() {
    let Some(dataset) = open(&boadella_recipe(), &Options::default()) else { return };
    for (scene, parts) in dataset.scenes().iter().zip(dataset.parts()) {
        // 380 columns: 380 // 2 = 190 go to the west, as in the reference fine-tune.
        let west = parts.rectangles(Part::Train);
        assert_eq!((west.len(), west[0].width_px, west[0].height_px), (1, 190, 377), "{}", scene.id());
        assert_eq!(parts.rectangles(Part::Test)[0].col_px, 190);
    }
    for batch in batches(&dataset, 0) {
        assert_eq!(batch.image.dim(), (8, 4, 96, 96));
        assert!(batch.provenance.iter().all(|chip| chip.window.end_col_px() <= 190 && chip.window.col_px >= 0));
        assert!(batch.image.iter().all(|value| value.is_finite()) && batch.target.iter().all(|&t| t <= 1));
    }
}

#[test]
fn evaluation_counts_each_held_out_pixel_once() {
    let Some(dataset) = open(&boadella_recipe(), &Options::default()) else { return };
    let (mut counted, mut water) = (0u64, 0u64);
    for batch in dataset.evaluate(Part::Test).unwrap().map(Result::unwrap) {
        counted += batch.target.iter().filter(|&&t| t != IGNORE).count() as u64;
        water += batch.target.iter().filter(|&&t| t == 1).count() as u64;
    }
    assert_eq!(counted, 4 * 377 * (380 - 190));
    // The reservoir covers about a fifth of the scene.
    let share = water as f64 / counted as f64;
    assert!((0.1..0.35).contains(&share), "{share}");
}

#[test]
fn normalised_training_pixels_have_mean_0_and_deviation_1() {
    let Some(dataset) = open(&boadella_recipe(), &Options::default()) else { return };
    let statistics = dataset.statistics().unwrap().clone();
    assert_eq!(statistics.bands[0].count, 4 * 377 * 190);
    assert_eq!(
        statistics.bands.iter().map(|band| band.name.as_str()).collect::<Vec<_>>(),
        ["B04", "B03", "B02", "B08"]
    );
    assert_eq!(statistics.classes.iter().map(|class| class.pixels).sum::<u64>(), 4 * 377 * 190);
    let (mut sum, mut squares, mut count) = ([0.0f64; 4], [0.0f64; 4], 0.0);
    for batch in dataset.evaluate(Part::Train).unwrap().map(Result::unwrap) {
        for (sample, target) in batch.image.outer_iter().zip(batch.target.outer_iter()) {
            count += target.iter().filter(|&&t| t != IGNORE).count() as f64;
            for (band, plane) in sample.axis_iter(Axis(0)).enumerate() {
                for (&value, _) in plane.iter().zip(&target).filter(|(_, t)| **t != IGNORE) {
                    sum[band] += f64::from(value);
                    squares[band] += f64::from(value).powi(2);
                }
            }
        }
    }
    // Values are rounded to f32: each is off by at most 2^-24 of some tens, a millionth; so are the means.
    for band in 0..4 {
        let (mean, square) = (sum[band] / count, squares[band] / count);
        assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-5, "band {band}: mean {mean}, square {square}");
    }
}

#[test]
fn batches_do_not_depend_on_workers_cache_or_prefetch() {
    let reference = {
        let Some(dataset) = open(&boadella_recipe(), &Options { workers: 1, ..Options::default() }) else { return };
        batches(&dataset, 3)
    };
    for (workers, cache_bytes, prefetch) in [(2, 1 << 30, 1), (8, 0, 9), (3, 1 << 20, 2)] {
        let options = Options { workers, cache_bytes, prefetch, ..Options::default() };
        let dataset = open(&boadella_recipe(), &options).unwrap();
        assert_eq!(batches(&dataset, 3), reference, "{workers} workers, cache {cache_bytes}, prefetch {prefetch}");
        let resumed: Vec<_> = dataset.train_from(3, 2).unwrap().map(Result::unwrap).collect();
        assert_eq!(resumed, reference[2..]);
        assert_ne!(batches(&dataset, 4), reference);
    }
}

#[test]
fn shards_are_the_epoch() {
    let recipe = Recipe { batch: 1, ..boadella_recipe() };
    let Some(whole) = open(&recipe, &Options::default()) else { return };
    let mut windows: Vec<_> = batches(&whole, 0).into_iter().map(|batch| batch.provenance[0].clone()).collect();
    let mut shared = Vec::new();
    for rank in 0..3 {
        let shard = open(&recipe, &Options { rank, world: 3, ..Options::default() }).unwrap();
        shared.extend(batches(&shard, 0).into_iter().map(|batch| batch.provenance[0].clone()));
    }
    let key = |chip: &swath_loader::ChipId| (chip.scene, chip.window.row_px, chip.window.col_px);
    windows.sort_by_key(key);
    shared.sort_by_key(key);
    assert_eq!(windows, shared);
}

#[test]
fn dropping_in_the_middle_of_an_epoch_stops_at_once() {
    let recipe = Recipe { samples: Some(100_000), normalise: Normalise::None, ..boadella_recipe() };
    let Some(dataset) = open(&recipe, &Options::default()) else { return };
    let mut batches = dataset.train(0).unwrap();
    batches.next().unwrap().unwrap();
    let started = std::time::Instant::now();
    drop(batches);
    // All 100,000 samples take minutes; the batches under way take milliseconds.
    assert!(started.elapsed().as_secs_f64() < 2.0);
}

#[test]
fn whole_images_come_as_tiles_in_order() {
    let Some(pairs) = boadella() else { return };
    let image = swath_loader::Image { id: "scene".into(), assets: pairs[0].images.clone() };
    let recipe = Recipe { normalise: Normalise::None, ..boadella_recipe() };
    let dataset = Dataset::open_images(&[image], &recipe, &Options::default()).unwrap();
    let (tiling, batches) = dataset.tiles(0, 16).unwrap();
    let mut stitcher = swath_loader::Stitcher::new(tiling.clone(), 4);
    let mut pixels = 0;
    for batch in batches.map(Result::unwrap) {
        for sample in batch.image.axis_iter(Axis(0)) {
            pixels += stitcher.add(sample).unwrap().scores.index_axis(Axis(0), 0).len();
        }
    }
    let extent = tiling.extent();
    assert_eq!((pixels, extent.height_px, tiling.len()), (377 * extent.width_px, 377, 16));
}
