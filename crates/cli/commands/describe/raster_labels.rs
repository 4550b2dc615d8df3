//! What a GeoTIFF label file holds: its values, each of which must be a class or nodata.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Result, ensure};
use swath_catalog::{Band, classification::Class, label::Count, publish::LabelContent};
use swath_raster::{BlockCache, Fetcher, Raster, ReadPlan, ReadRequest, Window};

use super::headers;

/// Rows that are read at a time.
const ROWS_PX: usize = 1024;
/// Blocks kept from one reading to the next, where rows of blocks and rows read do not end together.
const CACHE_BYTES: u64 = 256 << 20;

/// Reads a label raster whole and counts its pixels by class. `values` are the classes that --classes names.
pub(super) async fn read(
    path: &Path,
    fetcher: &Fetcher,
    values: &[(String, i64)],
) -> Result<(LabelContent, Vec<Count>)> {
    ensure!(!values.is_empty(), "say what the values of raster labels mean: --classes NAME=VALUE,NAME=VALUE,…");
    let raster = fetcher.open(&path.to_string_lossy()).await?;
    let header = &raster.header;
    ensure!(
        header.bands.len() == 1,
        "label {} has {} bands: labels are one band of class values",
        path.display(),
        header.bands.len()
    );
    ensure!(header.grid.crs.is_some(), "label {} has no coordinate reference system: assign one", path.display());
    let found = count_values(fetcher, &raster).await?;
    let nodata = header.nodata;
    for (value, pixels) in &found {
        let is_known = values.iter().any(|(_, known)| known == value) || nodata == Some(*value as f64);
        ensure!(
            is_known,
            "label {}: {pixels} pixels have the value {value}, which --classes does not name and which is not the file's nodata",
            path.display()
        );
    }
    let count = |value: &i64| found.get(value).copied().unwrap_or(0);
    let counts = values.iter().map(|(name, value)| Count { name: name.clone(), count: count(value) }).collect();
    let band = Band { data_type: Some(headers::data_type(header.dtype)), nodata, ..Band::default() };
    let values = values.iter().map(|(name, value)| Class::new(*value, name)).collect();
    let projection = Box::new(headers::projection(&header.grid));
    Ok((LabelContent::Raster { values, band, projection }, counts))
}

/// Pixels by value.
async fn count_values(fetcher: &Fetcher, raster: &Arc<Raster>) -> Result<BTreeMap<i64, u64>> {
    let cache = BlockCache::new(CACHE_BYTES);
    let (width, height) = (raster.header.grid.width_px, raster.header.grid.height_px);
    let mut counts = BTreeMap::new();
    for row in (0..height).step_by(ROWS_PX) {
        let window = Window::new(0, row as i64, width, ROWS_PX.min(height - row));
        let plan = ReadPlan::new(raster, ReadRequest::window(window))?;
        let pixels = fetcher.read(plan, &cache).await?;
        // Class values are small whole numbers, which f32 holds exactly up to 2^24.
        for value in &pixels.samples.to_f32() {
            ensure!(
                value.fract() == 0.0,
                "label {}: it holds {value}, and class values are whole numbers",
                raster.href
            );
            *counts.entry(*value as i64).or_insert(0) += 1;
        }
    }
    Ok(counts)
}
