//! Where the image lies: transform, CRS and ground control points out of the GeoTIFF tags (OGC GeoTIFF 1.1).

use super::bytes::Stop;
use super::directory::{Directory, tag};
use crate::grid::GeoKeys;
use crate::{Affine, Crs};

/// Place of an image.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) crs: Option<Crs>,
    pub(crate) transform: Affine,
    pub(crate) ground_control_points: Vec<[f64; 4]>,
}

/// Reads the place; an image without one has the identity as transform.
pub(crate) fn place(directory: &Directory<'_>) -> Result<Place, Stop> {
    let keys = GeoKeys {
        directory: directory.uints(tag::GEO_KEY_DIRECTORY)?.into_iter().map(|value| value as u16).collect(),
        doubles: directory.floats(tag::GEO_DOUBLE_PARAMS)?,
        ascii: directory.text(tag::GEO_ASCII_PARAMS)?.unwrap_or_default(),
    };
    let scale = directory.floats(tag::MODEL_PIXEL_SCALE)?;
    let ties = directory.floats(tag::MODEL_TIEPOINT)?;
    let matrix = directory.floats(tag::MODEL_TRANSFORMATION)?;
    let mut transform = None;
    if let ([sx, sy, ..], [i, j, _, x, y, _, ..]) = (&scale[..], &ties[..])
        && *sx != 0.0
        && *sy != 0.0
    {
        // A negative height is a writer's mistake, and read as GDAL reads it: north up.
        let (sx, sy) = (*sx, sy.abs());
        transform = Some(Affine::new(sx, 0.0, x - i * sx, 0.0, -sy, y + j * sy));
    } else if let [a, b, _, c, d, e, _, f, ..] = matrix[..] {
        transform = Some(Affine::new(a, b, c, d, e, f));
    }
    if let Some(map) = transform
        && keys.is_pixel_point()
    {
        transform = Some(map.translated_px(-0.5, -0.5));
    }
    let half = if keys.is_pixel_point() { 0.5 } else { 0.0 };
    let ground_control_points = match transform {
        Some(_) => Vec::new(),
        None => ties.chunks_exact(6).map(|t| [t[0] + half, t[1] + half, t[3], t[4]]).collect(),
    };
    // Ground control points alone make no grid: the CRS is theirs, not the pixels'.
    let crs = if ground_control_points.is_empty() { keys.to_crs() } else { None };
    Ok(Place { crs, transform: transform.unwrap_or(Affine::IDENTITY), ground_control_points })
}
