//! Files of rare kinds, made by the script beside the fixtures, have GDAL's pixels and masks, and its values on other grids.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use swath_raster::{
    Affine, BlockCache, Crs, Error, FetchOptions, Fetcher, Grid, OntoPlan, Pixels, Raster, ReadPlan, ReadRequest,
    Resampling,
};

fn path(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/made");
    folder.join(format!("{name}.tif")).to_str().unwrap().to_owned()
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/made.json")).unwrap()
}

/// The whole image with its validity, and which band is opacity.
fn read(name: &str) -> swath_raster::Result<(Pixels, Option<usize>)> {
    data::block_on(async {
        let fetcher = Fetcher::new(FetchOptions::default())?;
        let raster = fetcher.open(&path(name)).await?;
        let request = ReadRequest { with_validity: true, ..ReadRequest::window(raster.header.grid.window()) };
        let pixels = fetcher.read(ReadPlan::new(&raster, request)?, &BlockCache::new(0)).await?;
        Ok((pixels, raster.header.alpha_band))
    })
}

fn problems_with(name: &str, recorded: &Value) -> Vec<String> {
    let (pixels, alpha) = match read(name) {
        Ok(read) => read,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    let hash: String = Sha256::digest(pixels.samples.to_le_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    if hash != recorded["pixels"].as_str().unwrap() {
        problems.push(format!("{name}: its pixels differ"));
    }
    let valid = pixels.valid.unwrap();
    let masks = recorded["masks"].as_array().unwrap();
    assert_eq!(masks.len(), valid.dim().0, "{name}");
    for (band, mask) in masks.iter().enumerate() {
        // GDAL has masks of the opacity band itself that say nothing of the pixels that it belongs to.
        if Some(band) == alpha {
            continue;
        }
        let ours: String =
            valid.index_axis(ndarray::Axis(0), band).iter().map(|valid| if *valid { '1' } else { '0' }).collect();
        let theirs = mask.as_str().map_or_else(|| "1".repeat(ours.len()), str::to_owned);
        if ours != theirs {
            problems.push(format!("{name}: the mask of band {band} is\n{ours}, GDAL's is\n{theirs}"));
        }
    }
    problems
}

/// All files whose name begins so are as GDAL reads them.
fn assert_equal(beginning: &str, count: usize) {
    let fixture = fixture();
    let files: Vec<_> =
        fixture["files"].as_object().unwrap().iter().filter(|(name, _)| name.starts_with(beginning)).collect();
    assert_eq!(files.len(), count, "files named {beginning}…");
    let problems: Vec<String> = files.into_iter().flat_map(|(name, recorded)| problems_with(name, recorded)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn lerc_of_bands_invalid_at_different_pixels() {
    assert_equal("lerc_2", 1);
    assert_equal("lerc_3", 2);
}

#[test]
fn lerc_in_big_endian_files() {
    assert_equal("lerc_big_endian", 2);
}

#[test]
fn bytes_of_reversed_bit_order() {
    assert_equal("reversed_", 7);
}

#[test]
fn a_mask_goes_before_nodata_and_nodata_before_opacity() {
    assert_equal("mask_", 3);
    assert_equal("nodata_alpha", 1);
    assert_equal("alpha", 1);
}

#[test]
fn floats_near_nodata_are_nodata() {
    assert_equal("nodata_f", 4);
}

#[test]
fn what_is_not_read_is_named() {
    for (name, words) in [("refused_complex", "complex"), ("refused_ccitt", "CCITT")] {
        let error = read(name).map(|_| name).expect_err("not read");
        assert!(matches!(error, Error::Unsupported { .. } | Error::Decode { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// A made file on a grid of square pixels in its own CRS.
fn on_grid(name: &str, transform: &[f64], size_px: usize, method: Resampling) -> (Pixels, Arc<Raster>) {
    let t = transform;
    let target = Grid {
        crs: Some(Crs::from_epsg(32631).unwrap()),
        transform: Affine::new(t[0], t[1], t[2], t[3], t[4], t[5]),
        width_px: size_px,
        height_px: size_px,
    };
    data::block_on(async {
        let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
        let raster = fetcher.open(&path(name)).await.unwrap();
        let plan = OntoPlan::new(&raster, None, &target, method, None).unwrap();
        let read = fetcher.read(plan.read().unwrap().clone(), &BlockCache::new(0)).await.unwrap();
        (plan.apply(Some(read)).unwrap(), raster)
    })
}

#[test]
fn masked_pixels_stay_masked_where_an_overview_has_no_mask() {
    for method in [Resampling::Bilinear, Resampling::Cubic, Resampling::Average] {
        let (pixels, raster) =
            on_grid("overview_without_mask", &[40.0, 0.0, 480_000.0, 0.0, -40.0, 4_700_000.0], 16, method);
        let masks: Vec<bool> = raster.header.masks.iter().map(Option::is_some).collect();
        assert_eq!(masks, [true, false], "the file has one overview, without a mask");
        for ((_, _, col), valid) in pixels.valid.unwrap().indexed_iter() {
            assert_eq!(*valid, col >= 8, "{method:?}: column {col}, of which the first 8 are masked");
        }
    }
}

#[test]
fn holes_stay_holes_on_other_grids() {
    // GDAL's values are recorded to four decimals (half of one is lost), those of either side are float32 below 256
    // (half a unit in the last place is 8e-6, lost by either).
    const TOLERANCE: f64 = 5e-5 + 2.0 * 8e-6;
    for warp in fixture()["warps"].as_array().unwrap() {
        let name = format!("{} onto {} pixels", warp["method"], warp["size"]);
        let method = if warp["method"] == "cubic" { Resampling::Cubic } else { Resampling::Bilinear };
        let transform: Vec<f64> = warp["transform"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let (pixels, _) = on_grid("holes", &transform, warp["size"].as_u64().unwrap() as usize, method);
        let theirs: Vec<Option<f64>> = warp["values"].as_array().unwrap().iter().map(Value::as_f64).collect();
        let samples = pixels.samples.to_f32();
        let pairs = samples.iter().zip(pixels.valid.as_ref().unwrap());
        let ours: Vec<Option<f64>> = pairs.map(|(value, valid)| valid.then_some(f64::from(*value))).collect();
        let holes = |values: &[Option<f64>]| values.iter().map(Option::is_none).collect::<Vec<_>>();
        assert!(theirs.contains(&None), "{name} has no hole");
        assert_eq!(holes(&ours), holes(&theirs), "{name}: holes");
        let known = ours.iter().flatten().zip(theirs.iter().flatten());
        let largest = known.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);
        assert!(largest <= TOLERANCE, "{name}: values differ by up to {largest}");
    }
}
