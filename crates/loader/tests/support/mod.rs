//! Pairs over files, for tests; a catalog would say the same.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)] // each test file uses some of it

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use swath_catalog::pairing::{ClassSource, LabelKind, Reason};
use swath_catalog::projection::Projection;
use swath_catalog::{AssetRef, Band, Filter, Href, ItemId, LabelRef, Pair, Split};
use swath_loader::{Batch, Dataset, Recipe};
use swath_raster::{Affine, Crs, Grid, Pixels, Resampling, Samples, WriteOptions, write_cog};

/// Development data: `SWATH_TEST_DATA`, else the folder beside the repository; `None`, with the reason printed, where
/// neither is there.
pub fn data(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("SWATH_TEST_DATA").map_or_else(beside, PathBuf::from);
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

pub fn asset(path: &Path, bands: &[&str]) -> AssetRef {
    AssetRef {
        item: ItemId { collection: None, id: "image".into() },
        key: "image".into(),
        href: Href::parse(path.to_str().unwrap()).unwrap(),
        bands: bands.iter().map(|name| Band::named(name)).collect(),
        projection: Projection::default(),
        reference_grid: false,
        resampling: None,
        checksum: None,
    }
}

pub fn vector_label(path: &Path, class: &str, filter: &str) -> LabelRef {
    let class_source = ClassSource::Constant(class.into());
    label(
        path,
        LabelKind::Vector { class: class_source, filter: Filter::parse(filter).unwrap(), background: None },
        &[class],
    )
}

pub fn raster_label(path: &Path, classes: &[&str]) -> LabelRef {
    label(path, LabelKind::Raster { values: Vec::new(), nodata: None }, classes)
}

fn label(path: &Path, kind: LabelKind, classes: &[&str]) -> LabelRef {
    LabelRef {
        item: ItemId { collection: None, id: "label".into() },
        key: "label".into(),
        href: Href::parse(path.to_str().unwrap()).unwrap(),
        kind,
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        counts: Vec::new(),
        projection: Projection::default(),
        checksum: None,
    }
}

pub fn pair(id: &str, image: AssetRef, label: LabelRef, split: Option<Split>) -> Pair {
    Pair {
        id: id.into(),
        images: vec![image],
        label,
        split,
        datetime: None,
        footprint: serde_json::Value::Null,
        bbox: None,
        reason: Reason::SameItem,
    }
}

/// Sentinel-2 bands of the Boadella files, in their order.
pub const BOADELLA_BANDS: [&str; 12] =
    ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"];

/// The four labelled dates of the Boadella reservoir.
pub fn boadella() -> Option<Vec<Pair>> {
    let root = data("boadella")?;
    let dates = ["2019-06-07", "2020-02-02", "2020-06-21", "2020-09-14"];
    let pairs = dates.map(|date| {
        let image = asset(&root.join(format!("images/Boadella_{date}.tif")), &BOADELLA_BANDS);
        let label = root.join(format!("labels/Boadella_{date}_labels.geojson"));
        pair(date, image, vector_label(&label, "water", "tasks contains segmentation"), None)
    });
    Some(pairs.into())
}

pub fn boadella_recipe() -> Recipe {
    toml::from_str(
        r#"
        bands = ["B04", "B03", "B02", "B08"]
        classes = ["background", "water"]
        background = "background"
        window_px = 128
        batch = 8
        samples = 40
        split = { method = "halves", axis = "west-east" }
        normalise = { method = "mean-std" }
        augment = [
            { name = "RandomCrop", height = 96, width = 96 },
            { name = "HorizontalFlip" },
            { name = "VerticalFlip", p = 0.5 },
            { name = "RandomRotate90" },
        ]
        "#,
    )
    .unwrap()
}

pub fn batches(dataset: &Dataset, epoch: u64) -> Vec<Batch> {
    dataset.train(epoch).unwrap().map(Result::unwrap).collect()
}

/// A grid in UTM zone 31 north.
pub fn grid(resolution: f64, width_px: usize, height_px: usize) -> Grid {
    let crs = Some(Crs::from_epsg(32631).unwrap());
    Grid { crs, transform: Affine::north_up(500_000.0, 4_700_000.0, resolution, resolution), width_px, height_px }
}

/// Writes a COG of small blocks, without overviews.
pub fn write(path: &Path, samples: Samples, grid: Grid, nodata: Option<f64>) {
    let options = WriteOptions { tile_px: 16, nodata, ..WriteOptions::default() };
    write_cog(path, &Pixels { samples, valid: None, grid }, options).unwrap();
}

/// Writes a COG of small blocks with overviews.
pub fn write_with_overviews(path: &Path, samples: Samples, grid: Grid, nodata: Option<f64>) {
    let overviews = Some(Resampling::Average);
    let options = WriteOptions { tile_px: 16, nodata, overviews, ..WriteOptions::default() };
    write_cog(path, &Pixels { samples, valid: None, grid }, options).unwrap();
}

/// SHA-256 of batches: images as float32 and targets, in order.
pub fn digest(batches: impl Iterator<Item = Batch>) -> String {
    let mut hash = Sha256::new();
    for batch in batches {
        batch.image.iter().for_each(|value| hash.update(value.to_le_bytes()));
        batch.target.iter().for_each(|value| hash.update([*value]));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
