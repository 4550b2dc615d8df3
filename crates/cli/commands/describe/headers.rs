//! What a GeoTIFF's header says, in the words of STAC.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use swath_catalog::{
    Band, DataType,
    projection::Projection,
    publish::{ImageFile, footprint},
};
use swath_raster::{DType, Grid, Header};

/// Pieces that each edge of a projected image is cut into before it is projected. An edge of a 110 km tile bends by some
/// 400 m in longitude and latitude; in eight pieces, by a 64th of that, less than a pixel.
const PARTS_PER_EDGE: usize = 8;

/// Describes an image. `names` are its bands' names in the order of the file; when empty, the file's own are taken.
pub(crate) fn image_file(path: &Path, header: &Header, names: &[String], datetime: DateTime<Utc>) -> Result<ImageFile> {
    ensure!(
        names.is_empty() || names.len() == header.bands.len(),
        "image {} has {} bands and --bands names {}: name every band of the file, in its order",
        path.display(),
        header.bands.len(),
        names.len()
    );
    check_unique(names)?;
    let (footprint, bbox) = outline(path, &header.grid)?;
    let bands = (0..header.bands.len()).map(|index| band(header, names, index)).collect();
    Ok(ImageFile {
        path: path.to_path_buf(),
        footprint,
        bbox,
        datetime,
        projection: projection(&header.grid),
        bands,
        split: None,
        size_bytes: None,
        checksum: None,
    })
}

/// A band is found by its name, whatever its case: two of one name cannot be told apart.
fn check_unique(names: &[String]) -> Result<()> {
    let is_seen = |(at, name): &(usize, &String)| names[..*at].iter().any(|other| other.eq_ignore_ascii_case(name));
    if let Some((_, name)) = names.iter().enumerate().find(is_seen) {
        bail!("--bands names {name} twice: give every band a name of its own");
    }
    Ok(())
}

/// Where a raster lies, as its item says it.
pub(crate) struct Place {
    /// A GeoJSON geometry in degrees longitude and latitude.
    pub(crate) footprint: serde_json::Value,
    /// West, south, east, north, in degrees.
    pub(crate) bbox: [f64; 4],
    /// The grid.
    pub(crate) projection: Projection,
}

/// Where the raster of a grid lies; one without a CRS is nowhere, which is an error.
pub(crate) fn place(path: &Path, grid: &Grid) -> Result<Place> {
    let (footprint, bbox) = outline(path, grid)?;
    Ok(Place { footprint, bbox, projection: projection(grid) })
}

fn outline(path: &Path, grid: &Grid) -> Result<(serde_json::Value, [f64; 4])> {
    let crs = grid.crs.as_ref().with_context(|| {
        format!(
            "image {} has no coordinate reference system: assign one, for instance with `gdal_edit.py -a_srs EPSG:<code>`",
            path.display()
        )
    })?;
    let parts = if crs.is_geographic() { 1 } else { PARTS_PER_EDGE };
    let ring = grid.footprint_lon_lat(parts).with_context(|| format!("image {}", path.display()))?;
    Ok(footprint(&ring))
}

/// The grid as `proj:` fields.
pub(super) fn projection(grid: &Grid) -> Projection {
    Projection {
        code: grid.crs.as_ref().and_then(swath_raster::Crs::code),
        bbox: Some(grid.bounds().to_array().to_vec()),
        shape: Some([grid.height_px as u64, grid.width_px as u64]),
        transform: Some(grid.transform.to_array().to_vec()),
        ..Projection::default()
    }
}

fn band(header: &Header, names: &[String], index: usize) -> Band {
    let said = header.bands.get(index);
    let own = said.and_then(|band| band.description.clone()).filter(|name| !name.trim().is_empty());
    let name = names.get(index).cloned().or(own).unwrap_or_else(|| format!("band-{}", index + 1));
    let is_metric = header.grid.crs.as_ref().is_some_and(|crs| !crs.is_geographic());
    let (width, height) = header.grid.pixel_size();
    Band {
        data_type: Some(data_type(header.dtype)),
        nodata: header.nodata,
        scale: said.and_then(|band| band.scale),
        offset: said.and_then(|band| band.offset),
        gsd_m: (is_metric && width > 0.0 && height > 0.0).then(|| width.max(height)),
        ..Band::named(&name)
    }
}

/// The same type in the words of STAC.
pub(super) fn data_type(dtype: DType) -> DataType {
    match dtype {
        DType::U8 => DataType::UInt8,
        DType::I8 => DataType::Int8,
        DType::U16 => DataType::UInt16,
        DType::I16 => DataType::Int16,
        DType::U32 => DataType::UInt32,
        DType::I32 => DataType::Int32,
        DType::U64 => DataType::UInt64,
        DType::I64 => DataType::Int64,
        DType::F32 => DataType::Float32,
        DType::F64 => DataType::Float64,
    }
}

#[cfg(test)]
mod tests {
    use super::check_unique;

    #[test]
    fn a_name_given_twice_is_refused() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert!(check_unique(&names("B8,B8A,B11")).is_ok());
        assert!(check_unique(&names("B11,B12,b11")).unwrap_err().to_string().contains("b11 twice"));
    }
}
