//! Blocks that cannot be had: the sample is replaced or left out, its pixels are invalid, or the batch fails; and a bound for memory
//! changes no batch.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use ndarray::Array3;
use support::{asset, batches, pair, raster_label};
use swath_catalog::{Band, Pair};
use swath_loader::{Dataset, Error, IGNORE, Normalise, Options, Part, Recipe, Split};
use swath_raster::{
    Affine, Crs, FailurePolicy, FetchOptions, Grid, MemoryBudget, Pixels, Samples, WriteOptions, write_cog,
};
use tempfile::TempDir;

const SIDE: usize = 128;

fn write(path: &Path, samples: Samples, nodata: Option<f64>) {
    let transform = Affine::north_up(500_000.0, 4_700_000.0, 10.0, 10.0);
    let grid = Grid { crs: Some(Crs::from_epsg(32631).unwrap()), transform, width_px: SIDE, height_px: SIDE };
    let options = WriteOptions { tile_px: 16, nodata, ..WriteOptions::default() };
    write_cog(path, &Pixels { samples, valid: None, grid }, options).unwrap();
}

/// An image of which the last tile of full resolution, at the end of the file, is not what its header says.
fn damaged(folder: &TempDir) -> Vec<Pair> {
    let (image, label) = (folder.path().join("image.tif"), folder.path().join("label.tif"));
    let value = |(_, r, c): (usize, usize, usize)| (1 + (r * 7919 + c * 104_729) % 60_000) as u16;
    write(&image, Samples::U16(Array3::from_shape_fn((1, SIDE, SIDE), value)), None);
    write(&label, Samples::U8(Array3::from_shape_fn((1, SIDE, SIDE), |(_, r, c)| ((r + c) % 2) as u8)), None);
    let mut bytes = std::fs::read(&image).unwrap();
    let end = bytes.len();
    bytes[end - 40..].fill(0xAA);
    std::fs::write(&image, bytes).unwrap();
    vec![pair("damaged", asset(&image, &[]), raster_label(&label, &["a", "b"]), None)]
}

fn recipe() -> Recipe {
    Recipe {
        classes: ["a", "b"].map(str::to_owned).into(),
        window_px: 32,
        batch: 4,
        samples: Some(256),
        split: Split::None,
        normalise: Normalise::Fixed { scale: vec![1.0], offset: vec![0.0] },
        ..Recipe::default()
    }
}

fn open(pairs: &[Pair], on_failure: FailurePolicy) -> Dataset {
    let fetch = FetchOptions { on_failure, ..FetchOptions::default() };
    Dataset::open(pairs, &recipe(), &Options { fetch, ..Options::default() }).unwrap()
}

#[test]
fn a_block_that_does_not_decode_spoils_its_batches_unless_told_otherwise() {
    let folder = TempDir::new().unwrap();
    let dataset = open(&damaged(&folder), FailurePolicy::Fail);
    let results: Vec<_> = dataset.train(0).unwrap().collect();
    assert!(results.iter().any(|batch| matches!(batch, Err(Error::Window { .. }))));
    assert!(results.iter().any(Result::is_ok));
}

#[test]
fn skipped_samples_are_replaced_in_training_and_left_out_in_evaluation() {
    let folder = TempDir::new().unwrap();
    let pairs = damaged(&folder);
    let dataset = open(&pairs, FailurePolicy::Skip);
    let mut stream = dataset.train(0).unwrap();
    let trained: Vec<_> = stream.by_ref().map(Result::unwrap).collect();
    assert_eq!(trained.iter().map(|batch| batch.len()).sum::<usize>(), 256);
    assert!(stream.progress().skipped > 0);
    let reaches = |batch: &swath_loader::Batch| {
        batch.provenance.iter().any(|chip| chip.window.row_px + 32 > 112 && chip.window.col_px + 32 > 112)
    };
    assert!(!trained.iter().any(reaches), "no sample has the lost block in it");
    assert_eq!(batches(&open(&pairs, FailurePolicy::Skip), 0), trained, "the same are replaced by the same");
    let mut stream = dataset.evaluate(Part::Test).unwrap();
    let judged: usize = stream.by_ref().map(|batch| batch.unwrap().len()).sum();
    let skipped = stream.progress().skipped as usize;
    assert!(skipped > 0);
    let sound: usize =
        open(&pairs, FailurePolicy::Mask).evaluate(Part::Test).unwrap().map(|batch| batch.unwrap().len()).sum();
    assert_eq!(judged + skipped, sound);
    let failed = dataset.failed_blocks();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].href.ends_with("image.tif"), "{failed:?}");
}

#[test]
fn masked_pixels_of_a_lost_block_have_no_truth() {
    let folder = TempDir::new().unwrap();
    let dataset = open(&damaged(&folder), FailurePolicy::Mask);
    let mut lost = 0;
    for batch in dataset.evaluate(Part::Test).unwrap().map(Result::unwrap) {
        lost += batch.target.iter().filter(|target| **target == IGNORE).count();
    }
    assert!(lost >= 16 * 16, "{lost}");
    assert_eq!(dataset.failed_blocks().len(), 1);
}

#[test]
fn statistics_leave_a_lost_block_out() {
    let folder = TempDir::new().unwrap();
    let pairs = damaged(&folder);
    assert!(open(&pairs, FailurePolicy::Fail).statistics().is_err());
    assert!(open(&pairs, FailurePolicy::Skip).statistics().is_ok());
}

fn sound(folder: &TempDir, nodata: Option<f64>) -> PathBuf {
    let path = folder.path().join("sound.tif");
    let value = |(_, r, c): (usize, usize, usize)| ((r * 7919 + c * 104_729) % 60_000) as u16;
    write(&path, Samples::U16(Array3::from_shape_fn((1, SIDE, SIDE), value)), nodata);
    path
}

#[test]
fn a_bound_for_memory_changes_no_batch_and_two_streams_do_not_wait_for_each_other() {
    let folder = TempDir::new().unwrap();
    let path = sound(&folder, None);
    let label = folder.path().join("label.tif");
    write(&label, Samples::U8(Array3::from_shape_fn((1, SIDE, SIDE), |(_, r, c)| ((r + c) % 2) as u8)), None);
    let pairs = vec![pair("sound", asset(&path, &[]), raster_label(&label, &["a", "b"]), None)];
    let recipe = recipe();
    let open = |memory: Option<MemoryBudget>| {
        Dataset::open(&pairs, &recipe, &Options { memory, workers: 2, ..Options::default() })
    };
    let expected: Vec<_> = open(None).unwrap().train(0).unwrap().map(Result::unwrap).collect();
    // A quarter of this is all that batches may reserve: one or two of 17 KiB and their blocks.
    let tight = open(Some(MemoryBudget::new(256 << 10))).unwrap();
    let mut first = tight.train(0).unwrap();
    let mut second = tight.train(0).unwrap();
    for batch in &expected {
        assert_eq!(&first.next().unwrap().unwrap(), batch);
        assert_eq!(&second.next().unwrap().unwrap(), batch);
    }
}

#[test]
fn what_an_item_says_otherwise_than_its_file_is_taken_and_told() {
    let folder = TempDir::new().unwrap();
    let path = sound(&folder, Some(5.0));
    let mut image = asset(&path, &["B04"]);
    image.bands = vec![Band { nodata: Some(0.0), scale: Some(2.0), ..Band::named("B04") }];
    let dataset = Dataset::open_images(
        &[swath_loader::Image { id: "sound".into(), assets: vec![image] }],
        &Recipe { normalise: Normalise::None, ..recipe() },
        &Options::default(),
    )
    .unwrap();
    let told = dataset.contradictions();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("nodata 0 and the file 5"), "{told:?}");
    assert_eq!(dataset.scenes()[0].nodata(), Some(0.0));
}
