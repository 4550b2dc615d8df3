//! Where an item says that its image has data: a geometry in longitude and latitude, laid over the image's pixels.
//!
//! Ground outside of it is in no part. The image is looked at in small cells, of which one counts where all its corners lie in
//! the geometry, so that no window holds ground outside. Along the image's own edge the geometry may fall short by a little:
//! edges that are straight in one coordinate system are bent in another.

use serde_json::Value;
use swath_raster::{Crs, Grid, Transformer};

use super::Parts;
use crate::error::Error;

/// Cells along the longer side of an image, and most pixels that one has: what a slanting edge costs is at most this wide.
const CELLS: usize = 64;
const MAX_CELL_PX: usize = 32;

/// Part of the image's side by which the geometry may fall short of its edge. A side of 110 km that is straight in UTM is bent
/// by 240 m in longitude and latitude at 45 degrees, a 458th of it.
const EDGE: f64 = 1.0 / 256.0;

/// Polygons, each with its outer ring first, longitudes unbroken along each ring.
#[derive(Debug, Clone, PartialEq)]
struct Footprint(Vec<Vec<Vec<(f64, f64)>>>);

impl Footprint {
    /// Out of a GeoJSON geometry; `None` for null, and for what is no area.
    fn of(geometry: &Value) -> Option<Footprint> {
        let coordinates = geometry.get("coordinates")?;
        let polygons = match geometry.get("type")?.as_str()? {
            "Polygon" => vec![polygon(coordinates)?],
            "MultiPolygon" => coordinates.as_array()?.iter().map(polygon).collect::<Option<Vec<_>>>()?,
            _ => return None,
        };
        Some(Footprint(polygons)).filter(|footprint| !footprint.0.is_empty())
    }

    /// Whether a place lies inside, by crossings; its longitude may be off by whole turns.
    fn holds(&self, longitude: f64, latitude: f64) -> bool {
        let inside = |polygon: &Vec<Vec<(f64, f64)>>, x: f64| {
            let crossings: usize = polygon.iter().map(|ring| crossings(ring, x, latitude)).sum();
            crossings % 2 == 1
        };
        self.0.iter().any(|polygon| [-360.0, 0.0, 360.0].iter().any(|turn| inside(polygon, longitude + turn)))
    }
}

fn polygon(rings: &Value) -> Option<Vec<Vec<(f64, f64)>>> {
    rings.as_array()?.iter().map(ring).collect()
}

/// A ring whose longitudes do not jump: one that crosses the antimeridian goes on beyond 180 degrees.
fn ring(points: &Value) -> Option<Vec<(f64, f64)>> {
    let mut ring: Vec<(f64, f64)> = Vec::new();
    for point in points.as_array()? {
        let (mut x, y) = (point.get(0)?.as_f64()?, point.get(1)?.as_f64()?);
        if let Some((before, _)) = ring.last() {
            x -= ((x - before) / 360.0).round() * 360.0;
        }
        ring.push((x, y));
    }
    (ring.len() >= 4).then_some(ring)
}

/// Edges of a ring that a ray from a place to the east crosses.
fn crossings(ring: &[(f64, f64)], x: f64, y: f64) -> usize {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let crossed =
        edges.filter(|((ax, ay), (bx, by))| (*ay > y) != (*by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax));
    crossed.count()
}

impl Parts {
    /// The same division of the ground inside an item's geometry; all of it where there is none.
    ///
    /// # Errors
    /// [`Error::Footprint`] where the geometry does not meet the image; [`Error::Raster`] where its CRS cannot be told in
    /// longitude and latitude.
    pub(crate) fn inside(self, geometry: &Value, grid: &Grid, item: &str) -> Result<Parts, Error> {
        let (Some(footprint), Some(crs)) = (Footprint::of(geometry), &grid.crs) else { return Ok(self) };
        let raster = |source| Error::Raster { item: item.to_owned(), source };
        let transformer = Transformer::new(crs, &Crs::wgs84()).map_err(raster)?;
        let (width, height) = (grid.width_px, grid.height_px);
        let cell = (width.max(height) / CELLS).clamp(1, MAX_CELL_PX);
        let lines =
            |length: usize| -> Vec<i64> { (0..length).step_by(cell).chain([length]).map(|px| px as i64).collect() };
        let (cols, rows) = (lines(width), lines(height));
        let within = |px: i64, length: usize| {
            let slack = (1.0 + length as f64 * EDGE).min(length as f64 / 2.0);
            (px as f64).clamp(slack, length as f64 - slack)
        };
        let mut corners = Vec::with_capacity(cols.len() * rows.len());
        for &row in &rows {
            for &col in &cols {
                let (x, y) = grid.transform.apply(within(col, width), within(row, height));
                let (longitude, latitude) = transformer.apply(x, y).map_err(raster)?;
                corners.push(footprint.holds(longitude, latitude));
            }
        }
        if corners.iter().all(|inside| *inside) {
            return Ok(self);
        }
        let across = cols.len();
        let whole = |at: usize| [at, at + 1, at + across, at + across + 1].iter().all(|&corner| corners[corner]);
        let cells: Vec<bool> =
            (0..(rows.len() - 1) * (across - 1)).map(|i| whole(i / (across - 1) * across + i % (across - 1))).collect();
        match cells.contains(&true) {
            true => Ok(self.restrict(cols, rows, &cells)),
            false => Err(Error::Footprint { item: item.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use swath_raster::{Affine, Window};

    use super::*;
    use crate::split::Part;

    fn square(west: f64, south: f64, east: f64, north: f64) -> Value {
        json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]])
    }

    fn grid(west: f64) -> Grid {
        // 100 x 80 px of a hundredth of a degree.
        let transform = Affine::north_up(west, 10.0, 0.01, 0.01);
        Grid { crs: Some(Crs::wgs84()), transform, width_px: 100, height_px: 80 }
    }

    fn trained(geometry: &Value, west: f64) -> Result<Vec<Window>, Error> {
        let grid = grid(west);
        Ok(Parts::everything(&grid).inside(geometry, &grid, "item")?.rectangles(Part::Train))
    }

    #[test]
    fn a_smaller_geometry_leaves_the_rest_in_no_part() {
        let geometry = json!({"type": "Polygon", "coordinates": square(5.25, 9.0, 6.0, 10.0)});
        let grid = grid(5.0);
        let parts = Parts::everything(&grid).inside(&geometry, &grid, "item").unwrap();
        assert_eq!(parts.rectangles(Part::Train), [Window::new(25, 0, 75, 80)]);
        assert_eq!(parts.rectangles(Part::Test), [Window::new(25, 0, 75, 80)]);
        assert!(parts.holds(Part::Train, &Window::new(25, 10, 20, 20)));
        assert!(!parts.holds(Part::Train, &Window::new(24, 10, 20, 20)));
    }

    #[test]
    fn two_polygons_and_holes_are_told_apart() {
        let both = json!({"type": "MultiPolygon", "coordinates": [square(5.0, 9.0, 5.201, 10.0), square(5.699, 9.0, 6.0, 10.0)]});
        assert_eq!(trained(&both, 5.0).unwrap(), [Window::new(0, 0, 20, 80), Window::new(70, 0, 30, 80)]);
        let hole = [square(5.0, 9.0, 6.0, 10.0)[0].clone(), square(5.401, 9.0, 5.599, 10.5)[0].clone()];
        let left = trained(&json!({"type": "Polygon", "coordinates": hole}), 5.0).unwrap();
        assert_eq!(left, [Window::new(0, 0, 40, 80), Window::new(60, 0, 40, 80)]);
    }

    #[test]
    fn the_antimeridian_is_no_edge() {
        // 179.5 to -179.5, written as one ring that jumps, as one that goes on, and as two polygons.
        for geometry in [
            json!({"type": "Polygon", "coordinates": [[[179.75, 9.0], [-179.5, 9.0], [-179.5, 10.0], [179.75, 10.0], [179.75, 9.0]]]}),
            json!({"type": "Polygon", "coordinates": square(179.75, 9.0, 180.5, 10.0)}),
            json!({"type": "Polygon", "coordinates": square(-180.25, 9.0, -179.5, 10.0)}),
            json!({"type": "MultiPolygon", "coordinates": [square(179.75, 9.0, 180.001, 10.0), square(-180.001, 9.0, -179.5, 10.0)]}),
        ] {
            assert_eq!(trained(&geometry, 179.5).unwrap(), [Window::new(25, 0, 75, 80)], "{geometry}");
        }
    }

    #[test]
    fn what_covers_the_image_but_for_its_edge_changes_nothing() {
        let grid = grid(5.0);
        let geometry = json!({"type": "Polygon", "coordinates": square(5.005, 9.205, 5.995, 9.995)});
        let whole = Parts::everything(&grid);
        assert_eq!(whole.clone().inside(&geometry, &grid, "item").unwrap(), whole);
        for nothing in [Value::Null, json!({"type": "Point", "coordinates": [5.0, 9.0]})] {
            assert_eq!(whole.clone().inside(&nothing, &grid, "item").unwrap(), whole);
        }
    }

    #[test]
    fn a_geometry_elsewhere_is_an_error() {
        let geometry = json!({"type": "Polygon", "coordinates": square(50.0, 9.0, 51.0, 10.0)});
        assert!(matches!(trained(&geometry, 5.0), Err(Error::Footprint { item }) if item == "item"));
    }
}
