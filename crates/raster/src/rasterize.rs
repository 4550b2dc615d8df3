//! Polygons burned onto a grid, by GDAL's rule: a pixel belongs to a polygon that its centre lies in.

use crate::{Affine, Crs, Error, Grid, Result, Transformer};
use geojson::{Geometry, GeometryValue, Position};
use ndarray::Array2;

/// A geometry and the value it burns.
#[derive(Clone, Debug)]
pub struct Shape<'a, T> {
    /// Polygon, MultiPolygon or GeometryCollection of these, in the CRS given to [`rasterize`].
    pub geometry: &'a Geometry,
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
/// [`Error::Geometry`] for points and lines, [`Error::NoCrs`] where the grid has none, [`Error::Projection`] where a corner has
/// no image in the grid's CRS.
pub fn rasterize<T: Copy>(shapes: &[Shape<'_, T>], crs: &Crs, grid: &Grid, background: T) -> Result<Array2<T>> {
    let grid_crs =
        grid.crs.as_ref().ok_or_else(|| Error::NoCrs { what: "the grid to burn polygons onto".to_owned() })?;
    let to_px = ToPx { project: Transformer::new(crs, grid_crs)?, affine: grid.crs_to_px()? };
    let mut image = Array2::from_elem((grid.height_px, grid.width_px), background);
    for (index, shape) in shapes.iter().enumerate() {
        let mut polygons = Vec::new();
        collect(shape.geometry, index, &to_px, &mut polygons)?;
        for rings in polygons {
            burn(&rings, &mut image, shape.value);
        }
    }
    Ok(image)
}

/// From the shapes' CRS to pixel positions.
struct ToPx {
    project: Transformer,
    affine: Affine,
}

/// The closed rings of one polygon, in pixel positions.
type Rings = Vec<Vec<(f64, f64)>>;

fn collect(geometry: &Geometry, index: usize, to_px: &ToPx, polygons: &mut Vec<Rings>) -> Result<()> {
    let mut polygon = |rings: &[Vec<Position>]| -> Result<()> {
        polygons.push(rings.iter().map(|ring| pixel_ring(ring, index, to_px)).collect::<Result<_>>()?);
        Ok(())
    };
    match &geometry.value {
        GeometryValue::Polygon { coordinates } => polygon(coordinates),
        GeometryValue::MultiPolygon { coordinates } => coordinates.iter().try_for_each(|rings| polygon(rings)),
        GeometryValue::GeometryCollection { geometries } => {
            geometries.iter().try_for_each(|part| collect(part, index, to_px, polygons))
        }
        other => {
            let reason = format!("it is a {}, and only polygons have an inside", other.type_name());
            Err(Error::Geometry { index, reason })
        }
    }
}

fn pixel_ring(ring: &[Position], index: usize, to_px: &ToPx) -> Result<Vec<(f64, f64)>> {
    let point = |position: &Position| {
        let (x, y) = match position.as_slice() {
            [x, y, ..] if x.is_finite() && y.is_finite() => (*x, *y),
            _ => return Err(Error::Geometry { index, reason: "a corner is no pair of finite numbers".to_owned() }),
        };
        to_px.project.apply(x, y)
    };
    let mut ring = ring.iter().map(point).collect::<Result<Vec<_>>>()?;
    // Clockwise in the grid's CRS, as GDAL turns all rings: which edges along centre lines count depends on it.
    // Measured from the first corner, since products of whole coordinates would leave few digits.
    let (x, y) = ring.first().copied().unwrap_or_default();
    let turn = |p: &[(f64, f64)]| (p[0].0 - x) * (p[1].1 - y) - (p[1].0 - x) * (p[0].1 - y);
    let doubled_area: f64 = ring.windows(2).map(turn).sum();
    if doubled_area > 0.0 {
        ring.reverse();
    }
    Ok(ring.into_iter().map(|(x, y)| to_px.affine.apply(x, y)).collect())
}

/// Fills one polygon, row by row between where its edges cross the row's centre line.
fn burn<T: Copy>(rings: &Rings, image: &mut Array2<T>, value: T) {
    let (rows, cols) = image.dim();
    let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); rows];
    let mut spans: Vec<(usize, f64, f64)> = Vec::new();
    for ring in rings {
        let Some(last) = ring.last() else { continue };
        let mut from = *last;
        for to in ring {
            edge(from, *to, &mut crossings, &mut spans);
            from = *to;
        }
    }
    for (row, xs) in crossings.iter_mut().enumerate() {
        xs.sort_by(f64::total_cmp);
        spans.extend(xs.chunks_exact(2).map(|pair| (row, pair[0], pair[1])));
    }
    for (row, left, right) in spans {
        // A centre exactly on the left edge is outside, on the right edge inside.
        let clamp = |x: f64| (x + 0.5).floor().clamp(0.0, cols as f64) as usize;
        let (left, right) = (clamp(left), clamp(right));
        if left < right {
            image.slice_mut(ndarray::s![row, left..right]).fill(value);
        }
    }
}

/// Adds where one edge crosses the rows' centre lines.
fn edge(from: (f64, f64), to: (f64, f64), crossings: &mut [Vec<f64>], spans: &mut Vec<(usize, f64, f64)>) {
    let rows = crossings.len();
    let (upper, lower) = if from.1 <= to.1 { (from, to) } else { (to, from) };
    // One row more on either side than needed, so that rounding decides nothing; the test below is exact.
    let first = (upper.1 - 1.5).clamp(0.0, rows as f64) as usize;
    let end = (lower.1 + 1.5).clamp(0.0, rows as f64) as usize;
    for (row, crossings) in crossings.iter_mut().enumerate().take(end).skip(first) {
        let y = row as f64 + 0.5;
        if upper.1 == lower.1 {
            // An upper edge along a centre line is filled by the crossings beside it; a lower one, which runs leftward in a
            // clockwise ring, is filled here.
            if y == upper.1 && from.0 > to.0 {
                spans.push((row, to.0, from.0));
            }
        } else if y >= upper.1 && y < lower.1 {
            crossings.push((y - upper.1) * (lower.0 - upper.0) / (lower.1 - upper.1) + upper.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit_grid(width_px: usize, height_px: usize) -> Grid {
        let transform = Affine::north_up(0.0, height_px as f64, 1.0, 1.0);
        Grid { crs: Some(Crs::wgs84()), transform, width_px, height_px }
    }

    fn geometry(json: &str) -> Geometry {
        json.parse().unwrap()
    }

    fn burned(json: &str, grid: &Grid) -> Vec<u8> {
        let geometry = geometry(json);
        let shapes = [Shape { geometry: &geometry, value: 1u8 }];
        rasterize(&shapes, &Crs::wgs84(), grid, 0).unwrap().into_raw_vec_and_offset().0
    }

    #[test]
    fn only_pixels_whose_centre_is_inside() {
        // Centre 0.5 lies on the left edge and is out, 1.5 is inside, 2.5 lies on the right edge and is in, as with GDAL.
        let square = r#"{"type":"Polygon","coordinates":[[[0.5,0],[2.5,0],[2.5,1],[0.5,1],[0.5,0]]]}"#;
        assert_eq!(burned(square, &unit_grid(4, 1)), [0, 1, 1, 0]);
    }

    #[test]
    fn holes_stay_open() {
        let ring =
            r#"{"type":"Polygon","coordinates":[[[0,0],[3,0],[3,3],[0,3],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]]]}"#;
        assert_eq!(burned(ring, &unit_grid(3, 3)), [1, 1, 1, 1, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn parts_that_overlap_do_not_cancel_out() {
        let parts = r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[2,0],[2,1],[0,1],[0,0]]],[[[1,0],[3,0],[3,1],[1,1],[1,0]]]]}"#;
        assert_eq!(burned(parts, &unit_grid(3, 1)), [1, 1, 1]);
    }

    #[test]
    fn later_shapes_lie_over_earlier_ones() {
        let all = geometry(r#"{"type":"Polygon","coordinates":[[[0,0],[2,0],[2,1],[0,1],[0,0]]]}"#);
        let left = geometry(r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}"#);
        let shapes = [Shape { geometry: &all, value: 7u8 }, Shape { geometry: &left, value: 9 }];
        let image = rasterize(&shapes, &Crs::wgs84(), &unit_grid(2, 1), 0).unwrap();
        assert_eq!(image.into_raw_vec_and_offset().0, [9, 7]);
    }

    #[test]
    fn edges_along_centre_lines_are_inside_whatever_the_direction() {
        // Rows' centres are at y = 2.5, 1.5, 0.5: the polygon's upper and lower edges lie on the first and the last.
        let ccw = r#"{"type":"Polygon","coordinates":[[[0.5,0.5],[2.5,0.5],[2.5,2.5],[0.5,2.5],[0.5,0.5]]]}"#;
        let cw = r#"{"type":"Polygon","coordinates":[[[0.5,0.5],[0.5,2.5],[2.5,2.5],[2.5,0.5],[0.5,0.5]]]}"#;
        assert_eq!(burned(ccw, &unit_grid(3, 3)), [0, 1, 1, 0, 1, 1, 0, 1, 1]);
        assert_eq!(burned(cw, &unit_grid(3, 3)), [0, 1, 1, 0, 1, 1, 0, 1, 1]);
    }

    #[test]
    fn lines_have_no_inside() {
        let line = geometry(r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#);
        let error =
            rasterize(&[Shape { geometry: &line, value: 1u8 }], &Crs::wgs84(), &unit_grid(2, 2), 0).unwrap_err();
        assert!(error.to_string().contains("LineString"), "{error}");
    }
}
