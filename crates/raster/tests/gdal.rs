//! Pixels, masks and places equal GDAL's, as recorded by the scripts beside the fixtures.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use serde_json::Value;
use sha2::{Digest, Sha256};
use swath_raster::{
    Affine, BlockCache, Crs, FetchOptions, Fetcher, Grid, OntoPlan, Raster, ReadPlan, ReadRequest, Resampling,
    Transformer, Window,
};

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a header says otherwise than GDAL.
fn header_problems(raster: &Raster, file: &Value) -> Vec<String> {
    let header = &raster.header;
    let mut problems = Vec::new();
    let mut expect = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            problems.push(format!("{what} is {ours}, GDAL says {theirs}"));
        }
    };
    expect("the type", header.dtype.name().to_owned(), file["dtype"].as_str().unwrap().to_owned());
    expect("the number of bands", header.bands.len().to_string(), file["bands"].to_string());
    let size = [header.grid.width_px, header.grid.height_px];
    expect(
        "the size",
        format!("{size:?}"),
        format!("{:?}", floats(&file["size"]).iter().map(|v| *v as usize).collect::<Vec<_>>()),
    );
    let nodata = file["nodata"].as_str().map(|text| text.parse::<f64>().unwrap());
    expect("nodata", format!("{:?}", header.nodata), format!("{nodata:?}"));
    expect(
        "the transform",
        format!("{:?}", header.grid.transform.to_array()),
        format!("{:?}", &floats(&file["transform"])[..]),
    );
    let epsg = header.grid.crs.as_ref().and_then(Crs::epsg).map(u64::from);
    if file["epsg"].is_u64() {
        expect("the EPSG code", format!("{epsg:?}"), format!("{:?}", file["epsg"].as_u64()));
    }
    let names: Vec<_> = header.bands.iter().map(|band| band.description.clone()).collect();
    let theirs: Vec<_> =
        file["descriptions"].as_array().unwrap().iter().map(|v| v.as_str().map(str::to_owned)).collect();
    expect("the band names", format!("{names:?}"), format!("{theirs:?}"));
    let scales: Vec<f64> = header.bands.iter().map(|band| band.scale.unwrap_or(1.0)).collect();
    expect("the scales", format!("{scales:?}"), format!("{:?}", floats(&file["scales"])));
    let offsets: Vec<f64> = header.bands.iter().map(|band| band.offset.unwrap_or(0.0)).collect();
    expect("the offsets", format!("{offsets:?}"), format!("{:?}", floats(&file["offsets"])));
    if file["centre"].is_array() {
        problems.extend(centre_problem(&header.grid, &floats(&file["centre"])));
    }
    problems
}

/// The image's centre in longitude and latitude: to a millionth of a degree, a tenth of a metre.
fn centre_problem(grid: &Grid, theirs: &[f64]) -> Option<String> {
    let crs = grid.crs.as_ref()?;
    let to_lon_lat = match Transformer::new(crs, &Crs::wgs84()) {
        Ok(to_lon_lat) => to_lon_lat,
        Err(error) => return Some(error.to_string()),
    };
    let (x, y) = grid.transform.apply(grid.width_px as f64 / 2.0, grid.height_px as f64 / 2.0);
    let (lon, lat) = to_lon_lat.apply(x, y).unwrap();
    let is_near = (lon - theirs[0]).abs() < 1e-6 && (lat - theirs[1]).abs() < 1e-6;
    (!is_near).then(|| format!("the centre is at {lon}, {lat}, GDAL says {theirs:?} ({:?})", crs.proj4()))
}

async fn level_problem(
    fetcher: &Fetcher,
    raster: &std::sync::Arc<Raster>,
    level: usize,
    recorded: &Value,
) -> Option<String> {
    let w: Vec<i64> = floats(&recorded["window"]).iter().map(|v| *v as i64).collect();
    let window = Window::new(w[0], w[1], w[2] as usize, w[3] as usize);
    let request = ReadRequest { level, with_validity: true, ..ReadRequest::window(window) };
    let plan = match ReadPlan::new(raster, request) {
        Ok(plan) => plan,
        Err(error) => return Some(error.to_string()),
    };
    let pixels = match fetcher.read(plan, &BlockCache::new(0)).await {
        Ok(pixels) => pixels,
        Err(error) => return Some(error.to_string()),
    };
    if sha256(&pixels.samples.to_le_bytes()) != recorded["pixels"].as_str().unwrap() {
        return Some(format!("the pixels of level {level} differ"));
    }
    let mut valid = pixels.valid.unwrap();
    // GDAL calls the opacity band itself valid everywhere; here it is as valid as the pixel that it belongs to.
    if let Some(alpha) = raster.header.alpha_band {
        valid.index_axis_mut(ndarray::Axis(0), alpha).fill(true);
    }
    let masks: Vec<u8> = valid.iter().map(|valid| u8::from(*valid)).collect();
    (sha256(&masks) != recorded["masks"].as_str().unwrap()).then(|| format!("the masks of level {level} differ"))
}

#[test]
fn every_readable_file_has_gdals_pixels_masks_and_place() {
    let Some(folder) = data::folder("tiff") else { return };
    let fixture: Value = serde_json::from_str(include_str!("fixtures/reads.json")).unwrap();
    let mut problems = Vec::new();
    for file in fixture["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        data::block_on(async {
            let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
            let raster = match fetcher.open(folder.join(name).to_str().unwrap()).await {
                Ok(raster) => raster,
                Err(error) => return problems.push(error.to_string()),
            };
            problems.extend(header_problems(&raster, file).into_iter().map(|problem| format!("{name}: {problem}")));
            let levels = file["levels"].as_array().unwrap();
            if raster.header.levels.len() != levels.len() {
                problems.push(format!("{name}: {} levels, GDAL says {}", raster.header.levels.len(), levels.len()));
            }
            for (level, recorded) in levels.iter().enumerate() {
                let problem = level_problem(&fetcher, &raster, level, recorded).await;
                problems.extend(problem.map(|problem| format!("{name}: {problem}")));
            }
        });
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Largest difference, and how many pixels differ.
fn compare(ours: &[f32], theirs: &[f64]) -> (f64, usize) {
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| (f64::from(*a) - b).abs()).collect();
    (differences.iter().copied().fold(0.0, f64::max), differences.iter().filter(|d| **d > 0.0).count())
}

#[test]
fn other_grids_get_gdals_values() {
    let Some(folder) = data::folder("boadella") else { return };
    let fixture: Value = serde_json::from_str(include_str!("fixtures/warps.json")).unwrap();
    let path = folder.parent().unwrap().join(fixture["file"].as_str().unwrap());
    let band = fixture["band"].as_u64().unwrap() as usize;
    let mut problems = Vec::new();
    for warp in fixture["warps"].as_array().unwrap() {
        let t = floats(&warp["transform"]);
        let target = Grid {
            crs: Some(Crs::from_epsg(warp["epsg"].as_u64().unwrap() as u32).unwrap()),
            transform: Affine::new(t[0], t[1], t[2], t[3], t[4], t[5]),
            width_px: 48,
            height_px: 40,
        };
        // Copied values must be equal; mixtures may be rounded to either side of a half.
        let (method, tolerance) = match warp["method"].as_str().unwrap() {
            "nearest" => (Resampling::Nearest, 0.0),
            "bilinear" => (Resampling::Bilinear, 1.0),
            "cubic" => (Resampling::Cubic, 1.0),
            "average" => (Resampling::Average, 1.0),
            _ => (Resampling::Mode, 0.0),
        };
        let pixels = data::block_on(async {
            let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
            let raster = fetcher.open(path.to_str().unwrap()).await.unwrap();
            let plan = OntoPlan::new(&raster, Some(vec![band]), &target, method, Some(-1.0)).unwrap();
            let read = fetcher.read(plan.read().unwrap().clone(), &BlockCache::new(0)).await.unwrap();
            plan.apply(Some(read)).unwrap()
        });
        let theirs: Vec<f64> = warp["rows"].as_array().unwrap().iter().flat_map(floats).collect();
        let (largest, count) = compare(pixels.samples.to_f32().as_slice().unwrap(), &theirs);
        // Projected positions agree to about a thousandth of a pixel, so that of 1920 positions some two lie so close to a
        // pixel's edge that they may fall on either side.
        let may_differ = if target.crs == Some(Crs::wgs84()) { 0 } else { 2 };
        if largest > tolerance && (method != Resampling::Nearest || count > may_differ) {
            let (grid, method) = (&warp["grid"], &warp["method"]);
            problems.push(format!("{grid}, {method}: {count} of {} pixels differ, by up to {largest}", theirs.len()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
