//! Every file of the collections is read whole, at every level, and none is without recorded pixels.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use swath_raster::{BlockCache, FetchOptions, Fetcher, ReadPlan, ReadRequest, Window};

/// Most rows of one window, so that images of any size are read in parts.
const ROWS: usize = 512;

/// Reads all levels in strips; the number of values read.
fn read(path: &Path) -> swath_raster::Result<usize> {
    data::block_on(async {
        let fetcher = Fetcher::new(FetchOptions::default())?;
        let raster = fetcher.open(path.to_str().unwrap()).await?;
        let mut values = 0;
        for level in 0..raster.header.levels.len() {
            let grid = raster.header.level_grid(level).unwrap_or_else(|| raster.header.grid.clone());
            for row in (0..grid.height_px).step_by(ROWS) {
                let window = Window::new(0, row as i64, grid.width_px, ROWS.min(grid.height_px - row));
                let request = ReadRequest { level, with_validity: true, ..ReadRequest::window(window) };
                let pixels = fetcher.read(ReadPlan::new(&raster, request)?, &BlockCache::new(0)).await?;
                let shape = (raster.header.bands.len(), window.height_px, window.width_px);
                assert_eq!(pixels.samples.shape(), shape, "{}", path.display());
                values += shape.0 * shape.1 * shape.2;
            }
        }
        Ok(values)
    })
}

/// All TIFF files below the folder, as `folder/name`.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for file in std::fs::read_dir(&path).into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "tif" || extension == "tiff") {
                let name = file.file_name().unwrap().to_str().unwrap();
                files.insert(format!("{}/{name}", path.file_name().unwrap().to_str().unwrap()));
            }
        }
    }
    files
}

#[test]
fn every_file_is_read() {
    let Some(folder) = data::folder("tiff") else { return };
    let files = files(&folder);
    assert!(files.len() > 100, "{} files", files.len());
    let problems: Vec<String> = files
        .iter()
        .filter_map(|name| match read(&folder.join(name)) {
            Ok(0) => Some(format!("{name}: no values")),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        })
        .collect();
    assert!(problems.is_empty(), "{} of {} files:\n{}", problems.len(), files.len(), problems.join("\n"));
}

/// What GDAL reads of a file is recorded, in the collection's manifest or beside these tests.
#[test]
fn every_file_has_recorded_pixels() {
    let Some(folder) = data::folder("tiff") else { return };
    let reads: Value = serde_json::from_str(include_str!("fixtures/reads.json")).unwrap();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("encodings/manifest.json")).unwrap()).unwrap();
    let names = |value: &Value, prefix: &str| -> Vec<String> {
        let files = value["files"].as_array().unwrap().iter();
        files.map(|file| format!("{prefix}{}", file["file"].as_str().unwrap())).collect()
    };
    let known: BTreeSet<String> = names(&reads, "").into_iter().chain(names(&manifest, "encodings/")).collect();
    let unknown: Vec<_> = files(&folder).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "nothing is recorded of {unknown:?}");
}
