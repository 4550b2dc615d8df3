//! Polygons burned onto a grid, by GDAL's rule: a pixel belongs to a polygon that its centre lies in.

use crate::{Crs, Grid, Result};
use ndarray::Array2;

/// A geometry and the value it burns.
#[derive(Clone, Debug)]
pub struct Shape<'a, T> {
    /// Polygon, MultiPolygon or GeometryCollection of these, in the CRS given to [`rasterize`].
    pub geometry: &'a geojson::Geometry,
    /// Value of the pixels inside.
    pub value: T,
}

/// Burns shapes onto `grid`, later ones over earlier ones; pixels in no shape are `background`. Result `[row, col]`.
///
/// A pixel is inside where its centre is, by the even-odd rule over all rings of one polygon, so that holes stay open;
/// equal to `rasterio.features.rasterize` with `all_touched=False`. Corners are taken from `crs` to the grid's CRS,
/// edges between them are straight in the grid's CRS.
///
/// # Errors
/// [`Error::Geometry`](crate::Error::Geometry) for points and lines, [`Error::NoCrs`](crate::Error::NoCrs) where the grid has none,
/// [`Error::Projection`](crate::Error::Projection) where a corner has no image in the grid's CRS.
pub fn rasterize<T: Copy>(shapes: &[Shape<'_, T>], crs: &Crs, grid: &Grid, background: T) -> Result<Array2<T>> {
    unimplemented!("{} {crs} {grid:?}", shapes.len(), grid = (grid, std::mem::size_of_val(&background)))
}
