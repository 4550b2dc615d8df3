//! Systems given by their definition have PROJ's points, and images across the antimeridian GDAL's pixels, as recorded by the
//! scripts beside the fixtures.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use ndarray::Array3;
use serde_json::Value;
use swath_raster::{
    Affine, BlockCache, Crs, FetchOptions, Fetcher, Grid, OntoPlan, Pixels, Resampling, Samples, Transformer,
    WriteOptions, write_cog,
};

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Where the recorded points lie otherwise, in metres or degrees: proj4rs and PROJ have series of their own for some projections,
/// which agree to well below a millimetre.
fn worst(crs: &Crs, points: &Value) -> swath_raster::Result<f64> {
    let to = Transformer::new(&Crs::wgs84(), crs)?;
    let mut worst = 0.0_f64;
    for point in points.as_array().unwrap() {
        let [lon, lat, x, y] = floats(point)[..] else { panic!("{point}") };
        let (ours_x, ours_y) = to.apply(lon, lat)?;
        worst = worst.max((ours_x - x).abs()).max((ours_y - y).abs());
    }
    Ok(worst)
}

#[test]
fn definitions_have_projs_points_in_each_form() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/definitions.json")).unwrap();
    let mut problems = Vec::new();
    for system in fixture["systems"].as_array().unwrap() {
        let name = system["name"].as_str().unwrap();
        let limit = if name == "EPSG:4326" || name.starts_with("Degrees") { 1e-9 } else { 1e-3 };
        let mut check = |form: &str, crs: swath_raster::Result<Crs>| {
            let worst = crs.and_then(|crs| worst(&crs, &system["points"]));
            match worst {
                Ok(worst) if worst <= limit => {}
                Ok(worst) => problems.push(format!("{name}, {form}: {worst} off")),
                Err(error) => problems.push(format!("{name}, {form}: {error}")),
            }
        };
        let wkts = ["wkt2", "wkt1"].into_iter().filter_map(|form| Some((form, system[form].as_str()?)));
        for (form, text) in wkts {
            let crs = Crs::from_wkt(text);
            let epsg = crs.as_ref().ok().and_then(Crs::epsg).map(u64::from);
            assert!(crs.is_err() || epsg == system["epsg"].as_u64(), "{name}, {form}: {epsg:?}");
            check(form, crs);
            // Without the code of the whole, so that all has to be computed.
            let code = system["epsg"].as_u64().map(|code| format!(",ID[\"EPSG\",{code}]]"));
            if let Some(nameless) = code.and_then(|code| Some(format!("{}]", text.strip_suffix(&code)?))) {
                let crs = Crs::from_wkt(&nameless);
                assert!(crs.as_ref().is_ok_and(|crs| crs.epsg().is_none()), "{name}");
                check("wkt2 without its code", crs);
            }
        }
        let mut document = system["projjson"].clone();
        check("projjson", Crs::from_projjson(&document));
        document.as_object_mut().unwrap().remove("id");
        check("projjson without its code", Crs::from_projjson(&document));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_no_definition_is_refused_by_name() {
    let text = r#"PROJCRS["Mars, oblique",BASEGEOGCRS["a",DATUM["b",ELLIPSOID["c",3396190,169.9]]],CONVERSION["d",METHOD["Space Oblique Mercator"]]]"#;
    let error = Crs::from_wkt(text).unwrap_err().to_string();
    assert!(error.contains("Space Oblique Mercator") && error.contains("Mars"), "{error}");
    let error = Crs::from_projjson(&serde_json::json!({"type": "VerticalCRS", "name": "heights"})).unwrap_err();
    assert!(error.to_string().contains("VerticalCRS"), "{error}");
    assert!(Crs::from_projjson(&serde_json::json!([1, 2])).is_err());
}

fn grid(place: &Value, width_px: usize, height_px: usize) -> Grid {
    let [a, b, c, d, e, f] = floats(&place["transform"])[..] else { panic!("{place}") };
    let crs = Crs::from_epsg(u32::try_from(place["epsg"].as_u64().unwrap()).unwrap()).unwrap();
    Grid { crs: Some(crs), transform: Affine::new(a, b, c, d, e, f), width_px, height_px }
}

#[test]
fn images_across_the_antimeridian_have_gdals_pixels_on_other_grids() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/antimeridian.json")).unwrap();
    let value = |(_, row, col): (usize, usize, usize)| (10 * row + 7 * col + (row * col) % 13) as i16;
    let folder = tempfile::tempdir().unwrap();
    let mut problems = Vec::new();
    for (number, warp) in fixture["warps"].as_array().unwrap().iter().enumerate() {
        let samples = Samples::I16(Array3::from_shape_fn((1, 60, 80), value));
        let source = Pixels { samples, valid: None, grid: grid(&warp["source"], 80, 60) };
        let path = folder.path().join(format!("{number}.tif"));
        write_cog(&path, &source, WriteOptions { nodata: Some(-1.0), ..WriteOptions::default() }).unwrap();
        let rows = warp["rows"].as_array().unwrap();
        let target = grid(&warp["target"], rows[0].as_array().unwrap().len(), rows.len());
        let method = if warp["method"] == "nearest" { Resampling::Nearest } else { Resampling::Bilinear };
        let ours = data::block_on(async {
            let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
            let raster = fetcher.open(path.to_str().unwrap()).await.unwrap();
            let plan = OntoPlan::new(&raster, None, &target, method, None).unwrap();
            let read = match plan.read() {
                Some(read) => Some(fetcher.read(read.clone(), &BlockCache::new(0)).await.unwrap()),
                None => None,
            };
            plan.apply(read).unwrap()
        });
        let ours = ours.samples.to_f32();
        let theirs: Vec<f64> = rows.iter().flat_map(floats).collect();
        let differences = ours.iter().zip(&theirs).map(|(ours, theirs)| (f64::from(*ours) - theirs).abs());
        let far = differences.filter(|difference| *difference > 1.0).count();
        // A centre on the border of two pixels may fall to either: the lattice is good to 1/64 pixel, 2 x 2 / 64 of all centres.
        let allowed = if method == Resampling::Nearest { theirs.len() / 16 } else { 0 };
        if far > allowed {
            problems.push(format!("{} onto {}, {}: {far} pixels", warp["source"], warp["target"], warp["method"]));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
