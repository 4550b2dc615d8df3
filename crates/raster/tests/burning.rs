//! Label polygons burn to the same pixels as with rasterio.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use serde_json::Value;
use sha2::{Digest, Sha256};
use swath_raster::{Affine, Crs, Grid, Shape, rasterize};

fn grid_of(burn: &Value) -> Grid {
    let t: Vec<f64> = burn["transform"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    Grid {
        crs: Some(Crs::from_epsg(burn["crs"].as_u64().unwrap() as u32).unwrap()),
        transform: Affine::new(t[0], t[1], t[2], t[3], t[4], t[5]),
        width_px: burn["width"].as_u64().unwrap() as usize,
        height_px: burn["height"].as_u64().unwrap() as usize,
    }
}

#[test]
fn labels_burn_as_rasterio_burns_them() {
    let Some(folder) = data::folder("boadella/labels") else { return };
    let fixture: Value = serde_json::from_str(include_str!("fixtures/burns.json")).unwrap();
    let burns = fixture["burns"].as_array().unwrap();
    assert_eq!(burns.len(), 8);
    for burn in burns {
        let text = std::fs::read_to_string(folder.join(burn["labels"].as_str().unwrap())).unwrap();
        let labels: geojson::FeatureCollection = text.parse().unwrap();
        let is_mask = |feature: &&geojson::Feature| {
            let tasks = feature.property("tasks").and_then(Value::as_array);
            tasks.is_some_and(|tasks| tasks.iter().any(|task| task == "segmentation"))
        };
        let geometries = labels.features.iter().filter(is_mask).filter_map(|feature| feature.geometry.as_ref());
        let shapes: Vec<_> =
            geometries.enumerate().map(|(i, geometry)| Shape { geometry, value: i as u8 + 1 }).collect();
        let mask = rasterize(&shapes, &Crs::wgs84(), &grid_of(burn), 0).unwrap();
        let burned = mask.iter().filter(|value| **value > 0).count() as u64;
        assert_eq!(Some(burned), burn["burned"].as_u64(), "{burn}");
        let hash: String = Sha256::digest(mask.as_slice().unwrap()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hash, burn["sha256"].as_str().unwrap(), "{burn}");
    }
}
