//! The same bytes: whatever the number of workers, the cache, the source and its faults, and wherever an epoch is resumed.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../raster/tests/server/mod.rs"]
mod server;
mod support;

use std::time::Duration;

use ndarray::Array3;
use server::{Answer, serve};
use support::{asset, batches, digest, grid, pair, raster_label, write};
use swath_catalog::{Href, Pair};
use swath_loader::{Dataset, Mix, Normalise, Options, Recipe, Sampling, Split, Step};
use swath_raster::{FetchOptions, Samples};
use tempfile::TempDir;

const SIDE: usize = 96;

fn scene(folder: &TempDir, id: &str, shift: usize) -> Pair {
    let image = folder.path().join(format!("{id}.tif"));
    let value = |(b, r, c): (usize, usize, usize)| ((r * 31 + c * 17 + b * 400 + shift) % 3000) as u16;
    write(&image, Samples::U16(Array3::from_shape_fn((2, SIDE, SIDE), value)), grid(10.0, SIDE, SIDE), Some(0.0));
    let label = folder.path().join(format!("{id}-label.tif"));
    let value = |(_, r, c): (usize, usize, usize)| ((r / 16 + c / 24 + shift) % 3) as u8;
    write(&label, Samples::U8(Array3::from_shape_fn((1, SIDE, SIDE), value)), grid(10.0, SIDE, SIDE), None);
    pair(id, asset(&image, &[]), raster_label(&label, &["a", "b", "c"]), None)
}

fn scenes(folder: &TempDir) -> Vec<Pair> {
    [("one", 0), ("two", 7), ("three", 100)].map(|(id, shift)| scene(folder, id, shift)).into()
}

/// Everything that draws: classes, crops, values, other scenes, mixing, windows that are drawn again.
fn recipe(sampling: Sampling) -> Recipe {
    Recipe {
        classes: ["a", "b", "c"].map(str::to_owned).into(),
        window_px: 32,
        batch: 5,
        samples: Some(33),
        horizon: 10,
        split: Split::None,
        sampling,
        normalise: Normalise::MeanStd,
        max_nodata: 0.02,
        augment: vec![
            Step::new("RandomCrop").with("height", 24).with("width", 24),
            Step::new("D4"),
            Step::new("Affine").with("rotate", vec![-20, 20]).with("border_mode", 2),
            Step::new("GaussNoise").with("std_range", vec![0.001, 0.01]),
            Step::new("HistogramMatching"),
            Step::new("FDA"),
        ],
        mix: vec![Mix::CutMix { p: 0.5, alpha: 1.0 }],
        ..Recipe::default()
    }
}

fn of_epoch(pairs: &[Pair], recipe: &Recipe, options: &Options) -> String {
    digest(batches(&Dataset::open(pairs, recipe, options).unwrap(), 3).into_iter())
}

#[test]
fn workers_cache_and_prefetch_change_no_byte() {
    let folder = TempDir::new().unwrap();
    let pairs = scenes(&folder);
    for sampling in [Sampling::Random, Sampling::ClassBalanced, Sampling::Grid { overlap_px: 8 }] {
        let recipe = recipe(sampling);
        let reference = of_epoch(&pairs, &recipe, &Options { workers: 1, ..Options::default() });
        for (workers, cache_bytes, prefetch) in [(2, 1 << 30, 1), (8, 0, 9), (8, 1 << 12, 3), (1, 1 << 14, 1)] {
            let options = Options { workers, cache_bytes, prefetch, ..Options::default() };
            let got = of_epoch(&pairs, &recipe, &options);
            assert_eq!(got, reference, "{workers} workers, cache {cache_bytes}, prefetch {prefetch}");
        }
    }
}

#[test]
fn an_epoch_resumed_at_any_batch_goes_on_with_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let dataset = Dataset::open(&scenes(&folder), &recipe(Sampling::Random), &Options::default()).unwrap();
    let whole = batches(&dataset, 2);
    assert_eq!(whole.len(), 7);
    for first in 0..=7 {
        let rest: Vec<_> = dataset.train_from(2, first as u64).unwrap().map(Result::unwrap).collect();
        assert_eq!(rest, whole[first..], "from batch {first}");
    }
    assert_ne!(digest(whole.into_iter()), digest(batches(&dataset, 3).into_iter()));
}

/// Which answer the server gives to a request, by its number.
type Rule = fn(usize) -> Answer;

#[test]
fn a_source_that_is_far_slow_or_faulty_changes_no_byte() {
    let folder = TempDir::new().unwrap();
    let local = scenes(&folder);
    let recipe = recipe(Sampling::Random);
    let reference = of_epoch(&local, &recipe, &Options::default());
    let rules: [(&str, Rule); 3] = [
        ("remote", |_| Answer::Range),
        ("delayed", |number| Answer::Late(Duration::from_millis((number % 7) as u64 * 3))),
        ("faulty", |number| match number % 5 {
            0 => Answer::Status(500, ""),
            1 => Answer::Cut,
            3 => Answer::Status(429, "Retry-After: 0\r\n"),
            _ => Answer::Range,
        }),
    ];
    for (name, rule) in rules {
        // A server has one file.
        let mut servers = Vec::new();
        let mut remote = local.clone();
        for pair in &mut remote {
            for href in [&mut pair.images[0].href, &mut pair.label.href] {
                let file = std::fs::read(href.as_file().unwrap()).unwrap();
                let server = serve(file, move |request| rule(request.number));
                *href = Href::parse(&format!("{}/file.tif", server.address)).unwrap();
                servers.push(server);
            }
        }
        let fetch = FetchOptions { retries: 20, backoff: Duration::from_millis(1), ..FetchOptions::default() };
        for cache_bytes in [1 << 30, 1 << 14] {
            let options = Options { fetch: fetch.clone(), cache_bytes, workers: 2, ..Options::default() };
            let dataset = Dataset::open(&remote, &recipe, &options).unwrap();
            let got = digest(batches(&dataset, 3).into_iter());
            assert_eq!(got, reference, "{name}, cache {cache_bytes}");
            assert!(name != "faulty" || dataset.fetched().retries > 0);
            assert!(dataset.failed_blocks().is_empty());
        }
    }
}
