//! Where training windows come from: weights, grids, pre-cut chips, geometries, and what is refused before it is read.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ndarray::Array3;
use serde_json::json;
use support::{asset, grid, pair, raster_label, vector_label, write, write_with_overviews};
use swath_catalog::Pair;
use swath_catalog::label::Count;
use swath_loader::{ChipId, Dataset, Error, OnSmall, Options, Part, Recipe, Sampling, Split};
use swath_raster::{Samples, Window};
use tempfile::TempDir;

/// An image of `width` x `height` px in which the columns below `empty` are nodata, and a label: class 1 in the first
/// `ones` rows, else 0.
fn scene(folder: &TempDir, id: &str, (height, width): (usize, usize), empty: usize, ones: usize) -> Pair {
    let image = folder.path().join(format!("{id}.tif"));
    let value = |(_, r, c): (usize, usize, usize)| if c < empty { 0 } else { (1 + r + c) as u16 };
    write(&image, Samples::U16(Array3::from_shape_fn((1, height, width), value)), grid(10.0, width, height), Some(0.0));
    let label = folder.path().join(format!("{id}-label.tif"));
    let value = |(_, r, _): (usize, usize, usize)| u8::from(r < ones);
    write(&label, Samples::U8(Array3::from_shape_fn((1, height, width), value)), grid(10.0, width, height), None);
    pair(id, asset(&image, &[]), raster_label(&label, &["a", "b"]), None)
}

fn recipe(sampling: Sampling) -> Recipe {
    Recipe {
        classes: ["a", "b"].map(str::to_owned).into(),
        window_px: 32,
        batch: 4,
        split: Split::None,
        sampling,
        ..Recipe::default()
    }
}

fn open(pairs: &[Pair], recipe: &Recipe) -> Dataset {
    Dataset::open(pairs, recipe, &Options::default()).unwrap()
}

fn chips(dataset: &Dataset, epoch: u64) -> Vec<ChipId> {
    dataset.train(epoch).unwrap().flat_map(|batch| batch.unwrap().provenance.clone()).collect()
}

#[test]
fn a_grid_covers_the_ground_with_the_overlap_asked_for() {
    let folder = TempDir::new().unwrap();
    let pairs = [scene(&folder, "one", (100, 80), 0, 50)];
    let dataset = open(&pairs, &recipe(Sampling::Grid { overlap_px: 8 }));
    let windows: BTreeSet<(i64, i64)> =
        chips(&dataset, 0).iter().map(|chip| (chip.window.row_px, chip.window.col_px)).collect();
    let expected = [0, 24, 48, 68].into_iter().flat_map(|row| [0, 24, 48].map(|col| (row, col)));
    assert_eq!(windows, expected.collect());
    let all = |epoch| chips(&dataset, epoch).iter().map(|chip| chip.window).collect::<Vec<Window>>();
    assert_ne!(all(0), all(1), "shuffled anew");
}

#[test]
fn each_chip_is_a_sample_once_an_epoch() {
    let folder = TempDir::new().unwrap();
    let mut pairs: Vec<Pair> = (0..5).map(|i| scene(&folder, &format!("{i}"), (32, 32), 0, 16)).collect();
    pairs.push(scene(&folder, "small", (20, 32), 0, 16));
    let dataset = open(&pairs, &recipe(Sampling::Chips));
    let seen = chips(&dataset, 0);
    assert_eq!(seen.iter().map(|chip| &*chip.item).collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|chip| chip.window == Window::new(0, 0, 32, 32)));
    let skipping = Recipe { on_small: OnSmall::Skip, ..recipe(Sampling::Chips) };
    let dataset = open(&pairs, &skipping);
    assert_eq!(chips(&dataset, 0).len(), 5);
    let windows = dataset.plan().unwrap().windows();
    assert_eq!((windows.samples, windows.images, windows.skipped_images), (5, 5, 1));
    pairs.push(scene(&folder, "large", (40, 32), 0, 16));
    let error = Dataset::open(&pairs, &recipe(Sampling::Chips), &Options::default()).unwrap().train(0).unwrap_err();
    assert!(error.to_string().contains("40 x 32 px"), "{error}");
}

#[test]
fn items_and_classes_are_drawn_by_their_weights() {
    let folder = TempDir::new().unwrap();
    let pairs = ["one", "two", "three"].map(|id| scene(&folder, id, (64, 64), 0, 8));
    let items = BTreeMap::from([("one".to_owned(), 3.0), ("three".to_owned(), 0.0)]);
    let weighted = Sampling::Weighted { items: items.clone(), classes: BTreeMap::new() };
    let many = Recipe { samples: Some(2000), batch: 50, ..recipe(weighted) };
    let mut counts: HashMap<String, usize> = HashMap::new();
    chips(&open(&pairs, &many), 0).iter().for_each(|chip| *counts.entry(chip.item.to_string()).or_default() += 1);
    // Binomial with n = 2000, p = 3/4: sd = sqrt(375) = 19.4; five of them.
    assert!(counts["one"].abs_diff(1500) < 97 && !counts.contains_key("three"), "{counts:?}");
    // Windows around class b only lie where it is: a window that holds one of the first 8 rows starts above row 8.
    let classes = BTreeMap::from([("a".to_owned(), 0.0)]);
    let of_b = Recipe { samples: Some(200), ..recipe(Sampling::Weighted { items, classes }) };
    assert!(chips(&open(&pairs, &of_b), 0).iter().all(|chip| chip.window.row_px < 8 && &*chip.item != "three"));
    let unknown = Sampling::Weighted { items: BTreeMap::from([("four".to_owned(), 1.0)]), classes: BTreeMap::new() };
    let error = Dataset::open(&pairs, &recipe(unknown), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("'four'") && error.contains("one, two, three"), "{error}");
}

#[test]
fn windows_stay_inside_the_geometry_of_the_item() {
    let folder = TempDir::new().unwrap();
    let mut pairs = [scene(&folder, "one", (256, 256), 0, 128)];
    let outline = grid(10.0, 256, 256).footprint_lon_lat(4).unwrap();
    let (west, east) =
        (outline.iter().map(|p| p[0]).fold(180.0, f64::min), outline.iter().map(|p| p[0]).fold(-180.0, f64::max));
    let middle = (west + east) / 2.0;
    // The western half, drawn generously to north, west and south.
    pairs[0].footprint = json!({"type": "Polygon", "coordinates": [[
        [west - 0.1, 42.0], [middle, 42.0], [middle, 43.0], [west - 0.1, 43.0], [west - 0.1, 42.0]]]});
    let many = Recipe { samples: Some(300), ..recipe(Sampling::Random) };
    let seen = chips(&open(&pairs, &many), 0);
    // The meridian in the middle of the image meets its columns at 128, give or take a pixel.
    let rightmost = seen.iter().map(|chip| chip.window.end_col_px()).max().unwrap();
    assert!((120..=129).contains(&rightmost), "{rightmost}");
    let counted: usize = open(&pairs, &many)
        .evaluate(Part::Test)
        .unwrap()
        .map(|batch| batch.unwrap().target.iter().filter(|&&target| target != swath_loader::IGNORE).count())
        .sum();
    assert!((256 * 120..=256 * 129).contains(&counted), "{counted}");
    let ignoring = Recipe { footprints: false, ..many };
    assert!(chips(&open(&pairs, &ignoring), 0).iter().any(|chip| chip.window.col_px > 128));
}

#[test]
fn an_overview_tells_where_there_is_nothing_to_read() {
    let folder = TempDir::new().unwrap();
    // Three quarters of the image are nodata.
    let pairs = [scene(&folder, "one", (512, 512), 384, 256)];
    let value = |(_, _, c): (usize, usize, usize)| if c < 384 { 0 } else { 7 };
    let samples = Samples::U16(Array3::from_shape_fn((1, 512, 512), value));
    write_with_overviews(&folder.path().join("one.tif"), samples, grid(10.0, 512, 512), Some(0.0));
    let asking = Recipe { samples: Some(200), max_nodata: 0.25, ..recipe(Sampling::Random) };
    let dataset = open(&pairs, &asking);
    let mut batches = dataset.train(0).unwrap();
    let windows: Vec<Window> =
        batches.by_ref().flat_map(|batch| batch.unwrap().provenance.clone()).map(|chip| chip.window).collect();
    assert!(windows.iter().all(|window| window.col_px >= 376), "three quarters of each lie at column 384 or beyond");
    let progress = batches.progress();
    // 105 of 481 columns pass, so that four in five are refused; none is read in vain.
    assert!(progress.refused > 400 && progress.redrawn == 0, "{progress:?}");
    let in_a_grid = Recipe { sampling: Sampling::Grid { overlap_px: 0 }, ..asking };
    let windows = open(&pairs, &in_a_grid).plan().unwrap().windows();
    assert_eq!((windows.samples, windows.rejected), (16 * 4, 16 * 12));
}

#[test]
fn what_no_overview_tells_is_judged_after_reading() {
    let folder = TempDir::new().unwrap();
    let pairs = [scene(&folder, "one", (64, 128), 64, 32)];
    let asking = Recipe { samples: Some(60), max_nodata: 0.0, ..recipe(Sampling::Random) };
    let dataset = open(&pairs, &asking);
    let seen = chips(&dataset, 0);
    assert!(seen.iter().all(|chip| chip.window.col_px >= 64), "{seen:?}");
    assert!(dataset.redrawn() > 20, "{}", dataset.redrawn());
}

#[test]
fn polygons_tell_where_there_are_no_labels() {
    let folder = TempDir::new().unwrap();
    let mut pairs = [scene(&folder, "one", (128, 128), 0, 0)];
    let path = folder.path().join("label.geojson");
    // The upper left quarter, in the image's own CRS.
    let (w, e, n, s) = (500_000.0, 500_640.0, 4_700_000.0, 4_699_360.0);
    let square = json!({"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:32631"}}, "features": [
        {"type": "Feature", "properties": {}, "geometry":
            {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}}]});
    std::fs::write(&path, square.to_string()).unwrap();
    pairs[0].label = vector_label(&path, "b", "");
    let asking = Recipe { samples: Some(100), min_valid: 1.0, ..recipe(Sampling::Random) };
    let within = |pairs: &[Pair]| {
        let dataset = open(pairs, &asking);
        let seen = chips(&dataset, 0);
        assert!(seen.iter().all(|chip| chip.window.end_col_px() <= 64 && chip.window.end_row_px() <= 64));
        assert_eq!(dataset.redrawn(), 0);
    };
    within(&pairs);
    // The file names no CRS and its item does; without either, metres are not taken for degrees.
    let unnamed = square.as_object().unwrap().iter().filter(|(key, _)| *key != "crs");
    std::fs::write(
        &path,
        serde_json::Value::Object(unnamed.map(|(k, v)| (k.clone(), v.clone())).collect()).to_string(),
    )
    .unwrap();
    let error =
        Dataset::open(&pairs, &asking, &Options::default()).and_then(|dataset| dataset.train(0).map(drop)).unwrap_err();
    assert!(error.to_string().contains("names a CRS"), "{error}");
    pairs[0].label.projection.code = Some("EPSG:32631".to_owned());
    within(&pairs);
}

#[test]
fn items_that_cannot_have_enough_are_left_out_by_their_own_figures() {
    let folder = TempDir::new().unwrap();
    let mut pairs = ["full", "cloudy", "unlabelled"].map(|id| scene(&folder, id, (64, 64), 0, 32));
    pairs[1].images[0].bands =
        vec![swath_catalog::Band { valid_percent: Some(5.0), ..swath_catalog::Band::named("B04") }];
    pairs[2].label.counts = vec![Count { name: "b".into(), count: 100 }];
    let asking = Recipe { max_nodata: 0.5, min_valid: 0.5, samples: Some(20), ..recipe(Sampling::Random) };
    let dataset = open(&pairs, &asking);
    // 5 % of 64 x 64 px are 205, and 100 are labelled, where a window of 32 x 32 px needs 512.
    assert!(chips(&dataset, 0).iter().all(|chip| &*chip.item == "full"));
    assert_eq!(dataset.plan().unwrap().windows().excluded_images, 2);
    let error = Dataset::open(&pairs[1..], &asking, &Options::default()).unwrap().train(0).unwrap_err();
    assert!(matches!(&error, Error::EmptyPart { reason, .. } if reason.contains("max_nodata")), "{error}");
}

#[test]
fn shards_are_disjoint_and_make_up_the_epoch() {
    let folder = TempDir::new().unwrap();
    let pairs = [scene(&folder, "one", (128, 96), 0, 50), scene(&folder, "two", (64, 64), 0, 50)];
    for sampling in [Sampling::Random, Sampling::ClassBalanced, Sampling::Grid { overlap_px: 8 }] {
        let whole = Recipe { batch: 1, horizon: 5, ..recipe(sampling) };
        let key = |chip: &ChipId| (chip.scene, chip.window.row_px, chip.window.col_px);
        for world in [1, 2, 3, 7, 50] {
            let mut expected: Vec<_> = chips(&open(&pairs, &whole), 2).iter().map(key).collect();
            let shard = |rank| Dataset::open(&pairs, &whole, &Options { rank, world, ..Options::default() }).unwrap();
            let shards: Vec<Vec<_>> = (0..world).map(|rank| chips(&shard(rank), 2).iter().map(key).collect()).collect();
            let (least, most) =
                (shards.iter().map(Vec::len).min().unwrap(), shards.iter().map(Vec::len).max().unwrap());
            assert!(most - least <= 1, "{world}: {least} to {most}");
            let mut united = shards.concat();
            expected.sort_unstable();
            united.sort_unstable();
            assert_eq!(united, expected, "{world}");
        }
    }
}

#[test]
fn a_horizon_keeps_to_what_the_cache_holds() {
    let folder = TempDir::new().unwrap();
    // 16 neighbourhoods of 1024 px would be slow to write here; blocks of many scenes do as well.
    let pairs: Vec<Pair> = (0..12).map(|i| scene(&folder, &format!("{i:02}"), (256, 256), 0, 128)).collect();
    // Decoded, an image has 128 KiB and its label 64: the cache holds two and a half scenes of twelve.
    let options = Options { cache_bytes: 480 << 10, workers: 1, prefetch: 1, ..Options::default() };
    let misses = |horizon: usize| {
        let many = Recipe { samples: Some(1200), horizon, batch: 10, ..recipe(Sampling::Random) };
        let dataset = Dataset::open(&pairs, &many, &options).unwrap();
        assert_eq!(chips(&dataset, 0).len(), 1200);
        dataset.cache().statistics().misses
    };
    // Every block has to be read once: 256 of an image and as many of its label.
    let blocks = 12 * 512;
    let (near, far) = (misses(100), misses(1200));
    // A scene on the border of two runs is read twice at most where it has been dropped in between. Mixed over all scenes, four
    // look-ups in five come too late.
    assert!(near >= blocks && near < blocks + blocks / 10, "{near} of {blocks}");
    assert!(far > 2 * blocks, "{far} of {blocks}");
}
