//! A survey against sums over the pixels that went in.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use ndarray::Array3;
use support::{asset, grid, pair, raster_label, write, write_with_overviews};
use swath_catalog::{Pair, Split};
use swath_loader::{Dataset, Options, Part, Recipe, SurveyOptions};
use swath_raster::{Grid, Samples};
use tempfile::TempDir;

const SIDE: usize = 48;

/// Two bands of uint16, the second falling where the first rises; the first three columns are nodata (0) in both.
fn value(scene: usize, band: usize, row: usize, col: usize) -> u16 {
    let rising = (1000 + 500 * scene + 10 * row + col) as u16;
    match (col, band) {
        (0..=2, _) => 0,
        (_, 0) => rising,
        _ => 9000 - 2 * rising,
    }
}

fn class(row: usize, col: usize) -> u8 {
    match (row, col) {
        (40.., _) => 255,
        (r, c) => u8::from((r + c) % 4 == 0),
    }
}

fn place(scene: usize) -> Grid {
    let own = grid(10.0, SIDE, SIDE);
    Grid { transform: own.transform.translated_px(1000.0 * scene as f64, 0.0), ..own }
}

fn pairs(folder: &TempDir) -> Vec<Pair> {
    let make = |(scene, split): (usize, Split)| {
        let (image, label) =
            (folder.path().join(format!("{scene}.tif")), folder.path().join(format!("{scene}_label.tif")));
        let samples = Array3::from_shape_fn((2, SIDE, SIDE), |(b, r, c)| value(scene, b, r, c));
        write_with_overviews(&image, Samples::U16(samples), place(scene), Some(0.0));
        let classes = Array3::from_shape_fn((1, SIDE, SIDE), |(_, r, c)| class(r, c));
        write(&label, Samples::U8(classes), place(scene), None);
        pair(&format!("scene {scene}"), asset(&image, &["red", "nir"]), raster_label(&label, &["a", "b"]), Some(split))
    };
    [(0, Split::Train), (1, Split::Train), (2, Split::Test)].map(make).into()
}

fn dataset(folder: &TempDir, workers: usize) -> Dataset {
    let recipe = Recipe {
        classes: ["a", "b"].map(str::to_owned).into(),
        window_px: 16,
        split: swath_loader::Split::MlAoi,
        ..Recipe::default()
    };
    let labelled: Vec<Pair> = pairs(folder);
    Dataset::open(&labelled, &recipe, &Options { workers, ..Options::default() }).unwrap()
}

#[test]
fn every_sum_is_that_of_the_pixels() {
    let folder = TempDir::new().unwrap();
    let survey = dataset(&folder, 2).survey(&SurveyOptions::default()).unwrap();
    assert_eq!((survey.bands.as_slice(), survey.scenes.len()), (["red", "nir"].map(str::to_owned).as_slice(), 3));
    let parts: Vec<(Part, usize)> = survey.parts.iter().map(|part| (part.part, part.scenes)).collect();
    assert_eq!(parts, [(Part::Train, 2), (Part::Test, 1)]);

    let places = || (0..SIDE).flat_map(|row| (3..SIDE).map(move |col| (row, col)));
    for (scene, found) in survey.scenes.iter().enumerate() {
        assert_eq!((found.pixels, found.invalid_px), ((SIDE * SIDE) as u64, 3 * SIDE as u64));
        let of_class = |wanted: u8| places().filter(|(row, col)| class(*row, *col) == wanted).count() as u64;
        assert_eq!(
            (found.class_pixels.as_slice(), found.unlabelled_px),
            ([of_class(0), of_class(1)].as_slice(), of_class(255))
        );
        for (band, of_band) in found.bands.iter().enumerate() {
            let values: Vec<f64> = places().map(|(row, col)| f64::from(value(scene, band, row, col))).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let std = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64).sqrt();
            assert_eq!(of_band.count, values.len() as u64);
            // Both sums are of whole numbers below 2^53.
            assert!((of_band.mean - mean).abs() < 1e-9 && (of_band.std - std).abs() < 1e-9, "{of_band:?} {mean} {std}");
            assert_eq!((of_band.twentieths[0], of_band.twentieths[20]), (of_band.min, of_band.max));
        }
    }
    // The second band is a falling straight line of the first.
    assert!((survey.correlation[0][1].unwrap() + 1.0).abs() < 1e-9, "{:?}", survey.correlation);
    for point in &survey.points {
        assert_eq!(point.values[1], 9000.0 - 2.0 * point.values[0]);
    }
    assert_eq!(survey.points.iter().filter(|point| point.class == 1).count(), 400);

    // Scenes are 500 apart and alike otherwise: the middle one lies between the others, the outer ones 750 from the rest's mean.
    let shifts = survey.shifts();
    let shift = |scene: usize| shifts[scene][0].unwrap();
    assert!(
        shift(1).abs() < 1e-9 && shift(0) < -1.0 && (shift(0) + shift(2)).abs() < 1e-9,
        "{} {}",
        shift(0),
        shift(2)
    );
}

#[test]
fn workers_change_nothing() {
    let folder = TempDir::new().unwrap();
    let of =
        |workers| dataset(&folder, workers).survey(&SurveyOptions { points_per_class: 9, ..SurveyOptions::default() });
    assert_eq!(of(1).unwrap(), of(3).unwrap());
}

#[test]
fn an_overview_is_close_to_the_whole() {
    let folder = TempDir::new().unwrap();
    let (whole, quick) = (
        dataset(&folder, 2).survey(&SurveyOptions::default()).unwrap(),
        dataset(&folder, 2).survey(&SurveyOptions { overview_px: Some(SIDE / 2), ..SurveyOptions::default() }).unwrap(),
    );
    for (whole, quick) in whole.scenes.iter().zip(&quick.scenes) {
        assert_eq!(quick.pixels, whole.pixels / 4);
        for (whole, quick) in whole.bands.iter().zip(&quick.bands) {
            // A plane averaged over 2 x 2 pixels keeps its mean; of the column beside nodata only half is averaged.
            assert!((whole.mean - quick.mean).abs() < 2.0, "{whole:?} {quick:?}");
        }
        let share = |pixels: &[u64]| pixels[1] as f64 / pixels.iter().sum::<u64>() as f64;
        assert!(quick.class_pixels[0] + quick.class_pixels[1] > 0 && share(&quick.class_pixels) <= 1.0);
    }
}
