//! Small rasters made for the purpose: nodata, labels on another grid, classes that nobody named, bands of two files.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use ndarray::Array3;
use support::{asset, grid, pair, raster_label, write};
use swath_catalog::Pair;
use swath_loader::{BandRef, Dataset, Error, IGNORE, Options, Part, Recipe, Sampling, Split};
use swath_raster::Samples;
use tempfile::TempDir;

const HEIGHT: usize = 48;
const WIDTH: usize = 64;

/// Two bands of uint16: 1000 * band + 10 * row + col; the first three columns are nodata (0) in both, the fourth in one.
fn image(folder: &TempDir) -> std::path::PathBuf {
    let path = folder.path().join("image.tif");
    let value = |(b, r, c): (usize, usize, usize)| match c {
        0..=2 => 0,
        3 if b == 0 => 0,
        _ => (1000 * (b + 1) + 10 * r + c) as u16,
    };
    write(&path, Samples::U16(Array3::from_shape_fn((2, HEIGHT, WIDTH), value)), grid(10.0, WIDTH, HEIGHT), Some(0.0));
    path
}

/// A label in pixels twice as large: class (row + col) % 3.
fn label(folder: &TempDir, odd: u8) -> std::path::PathBuf {
    let path = folder.path().join("label.tif");
    let value = |(_, r, c): (usize, usize, usize)| if (r, c) == (5, 7) { odd } else { ((r + c) % 3) as u8 };
    let samples = Samples::U8(Array3::from_shape_fn((1, HEIGHT / 2, WIDTH / 2), value));
    write(&path, samples, grid(20.0, WIDTH / 2, HEIGHT / 2), None);
    path
}

fn recipe() -> Recipe {
    Recipe {
        classes: ["a", "b", "c"].map(str::to_owned).into(),
        window_px: 20,
        batch: 3,
        split: Split::None,
        ..Recipe::default()
    }
}

fn pairs(folder: &TempDir, odd: u8) -> Vec<Pair> {
    vec![pair("made", asset(&image(folder), &[]), raster_label(&label(folder, odd), &["a", "b", "c"]), None)]
}

#[test]
fn labels_of_a_coarser_grid_and_nodata_land_where_they_belong() {
    let folder = TempDir::new().unwrap();
    let dataset = Dataset::open(&pairs(&folder, 1), &recipe(), &Options::default()).unwrap();
    let mut counted = 0;
    for batch in dataset.evaluate(Part::Test).unwrap().map(Result::unwrap) {
        for (n, chip) in batch.provenance.iter().enumerate() {
            for i in 0..20 {
                for j in 0..20 {
                    let (row, col) = (chip.window.row_px as usize + i, chip.window.col_px as usize + j);
                    let inside = row < HEIGHT && col < WIDTH;
                    let values = [batch.image[[n, 0, i, j]], batch.image[[n, 1, i, j]]];
                    let plain = (10 * row + col) as f32;
                    // A pixel is invalid where all bands are nodata; where one is, that one is 0.
                    let expected = match col {
                        _ if !inside => [0.0, 0.0],
                        0..=2 => [0.0, 0.0],
                        3 => [0.0, 2000.0 + plain],
                        _ => [1000.0 + plain, 2000.0 + plain],
                    };
                    assert_eq!(values, expected, "row {row}, col {col}");
                    let target = batch.target[[n, i, j]];
                    if target == IGNORE {
                        continue;
                    }
                    let class = if (row / 2, col / 2) == (5, 7) { 1 } else { (row / 2 + col / 2) % 3 };
                    assert_eq!(usize::from(target), class, "row {row}, col {col}");
                    counted += 1;
                }
            }
        }
    }
    assert_eq!(counted, HEIGHT * (WIDTH - 3));
}

#[test]
fn statistics_leave_nodata_out() {
    let folder = TempDir::new().unwrap();
    let dataset = Dataset::open(&pairs(&folder, 1), &recipe(), &Options::default()).unwrap();
    let statistics = dataset.statistics().unwrap();
    let counts: Vec<u64> = statistics.bands.iter().map(|band| band.count).collect();
    assert_eq!(counts, [(HEIGHT * (WIDTH - 4)) as u64, (HEIGHT * (WIDTH - 3)) as u64]);
    assert_eq!((statistics.bands[0].min, statistics.bands[1].min), (1004.0, 2003.0));
    assert_eq!(statistics.invalid_px, (HEIGHT * 3) as u64);
    assert_eq!(statistics.classes.iter().map(|class| class.pixels).sum::<u64>(), (HEIGHT * (WIDTH - 3)) as u64);
    let stored: swath_loader::Statistics = serde_json::from_str(&serde_json::to_string(statistics).unwrap()).unwrap();
    assert_eq!(&stored, statistics);
}

#[test]
fn a_value_without_a_meaning_is_an_error_in_its_place() {
    let folder = TempDir::new().unwrap();
    let dataset = Dataset::open(&pairs(&folder, 9), &recipe(), &Options::default()).unwrap();
    let results: Vec<_> = dataset.evaluate(Part::Test).unwrap().collect();
    // 3 x 4 windows in batches of 3; label pixel (5, 7) is image rows 10 and 11, columns 14 and 15: the first window.
    assert_eq!(results.len(), 4);
    assert!(
        matches!(&results[0], Err(Error::UnknownClass { href, class }) if href.ends_with("label.tif") && class.contains('9'))
    );
    assert!(results[1..].iter().all(Result::is_ok));
}

#[test]
fn two_files_are_stacked_and_bands_found_by_name_and_place() {
    let folder = TempDir::new().unwrap();
    let mut pairs = pairs(&folder, 1);
    let coarse = folder.path().join("coarse.tif");
    let samples = Samples::U16(Array3::from_elem((1, HEIGHT / 2, WIDTH / 2), 777));
    write(&coarse, samples, grid(20.0, WIDTH / 2, HEIGHT / 2), None);
    pairs[0].images[0] = asset(&image(&folder), &["B04", "B08"]);
    pairs[0].images.push(asset(&coarse, &["B11"]));
    let named: Recipe = Recipe {
        bands: toml::from_str::<std::collections::HashMap<String, Vec<swath_loader::BandRef>>>(
            r#"b = ["B11", "nir", 1]"#,
        )
        .unwrap()
        .remove("b")
        .unwrap(),
        ..recipe()
    };
    let dataset = Dataset::open(&pairs, &named, &Options::default()).unwrap();
    assert_eq!(dataset.band_names(), ["B11", "nir", "B04"]);
    let batch = dataset.evaluate(Part::Test).unwrap().next().unwrap().unwrap();
    assert_eq!([0, 1, 2].map(|band| batch.image[[0, band, 7, 9]]), [777.0, 2079.0, 1079.0]);
    let missing = Recipe { bands: vec![swath_loader::BandRef::Name("B99".into())], ..recipe() };
    let error = Dataset::open(&pairs, &missing, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("B99") && error.contains("B04, B08, B11"), "{error}");
}

#[test]
fn small_images_are_padded_or_skipped() {
    let folder = TempDir::new().unwrap();
    let padded = Recipe { window_px: 100, samples: Some(2), ..recipe() };
    let dataset = Dataset::open(&pairs(&folder, 1), &padded, &Options::default()).unwrap();
    let batch = dataset.train(0).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.target.iter().filter(|&&t| t != IGNORE).count(), 2 * HEIGHT * (WIDTH - 3));
    let skipped = Recipe { on_small: swath_loader::OnSmall::Skip, ..padded };
    let dataset = Dataset::open(&pairs(&folder, 1), &skipped, &Options::default()).unwrap();
    let error = dataset.train(0).unwrap_err().to_string();
    assert!(error.contains("1 images are smaller") && error.contains("pad"), "{error}");
}

#[test]
fn classes_that_are_rare_on_the_ground_are_not_rare_in_balanced_samples() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rare.tif");
    // Class 1 is one block of 8 x 8 px in 48 x 64: 2 % of the ground.
    let value = |(_, r, c): (usize, usize, usize)| u8::from((32..40).contains(&r) && (48..56).contains(&c));
    write(&path, Samples::U8(Array3::from_shape_fn((1, HEIGHT, WIDTH), value)), grid(10.0, WIDTH, HEIGHT), None);
    let pairs = vec![pair("made", asset(&image(&folder), &[]), raster_label(&path, &["a", "b"]), None)];
    let with = |sampling: Sampling| {
        let recipe = Recipe { window_px: 8, samples: Some(300), sampling, ..recipe() };
        let dataset = Dataset::open(&pairs, &recipe, &Options::default()).unwrap();
        let batches = dataset.train(0).unwrap().map(Result::unwrap);
        let holds =
            |batch: swath_loader::Batch| batch.target.outer_iter().filter(|t| t.iter().any(|&v| v == 1)).count();
        batches.map(holds).sum::<usize>()
    };
    // Evenly: 15 x 15 of 41 x 57 positions touch the block, 29 of 300 on average. Balanced: half of the samples are drawn around
    // one of its pixels and hold it; 150 less five standard deviations of 8.7.
    let (random, balanced) = (with(Sampling::Random), with(Sampling::ClassBalanced));
    assert!(random < 75 && balanced > 106, "{random} by chance, {balanced} balanced");
}

#[test]
fn bands_that_cannot_be_found_come_with_a_remedy() {
    let folder = TempDir::new().unwrap();
    let path = image(&folder);
    let refused = |names: &[&str]| {
        let pairs = [pair("made", asset(&path, names), raster_label(&label(&folder, 1), &["a", "b", "c"]), None)];
        let recipe = Recipe { bands: vec![BandRef::Name("B8".into())], ..recipe() };
        let error = Dataset::open(&pairs, &recipe, &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Bands { .. }), "{error}");
        error.to_string()
    };
    let nameless = refused(&[]);
    assert!(nameless.contains("name the bands with --bands in the order of the file"), "{nameless}");
    let too_few = refused(&["B4"]);
    assert!(too_few.contains("1 bands are named and the file has 2") && !too_few.contains("item lists"), "{too_few}");
    let others = refused(&["B4", "B3"]);
    assert!(others.contains("there are B4, B3: ask for these"), "{others}");
}

#[test]
fn a_window_that_cannot_be_read_is_told_in_words_and_the_file_once() {
    let folder = TempDir::new().unwrap();
    let path = image(&folder);
    let pairs = pairs(&folder, 1);
    let dataset = Dataset::open(&pairs, &recipe(), &Options::default()).unwrap();
    // The file loses its pixels after it was opened.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(2000).unwrap();
    let error = dataset.evaluate(Part::Test).unwrap().find_map(Result::err).unwrap();
    let (message, source) = (error.to_string(), std::error::Error::source(&error).unwrap().to_string());
    assert!(message.contains("columns 0 to 20, rows "), "{message}");
    let told = format!("{message}: {source}");
    assert_eq!(told.matches(path.to_str().unwrap()).count(), 1, "{told}");
}
