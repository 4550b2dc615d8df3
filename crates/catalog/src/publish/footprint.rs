//! An outline in longitude and latitude as GeoJSON, cut in two where it crosses the antimeridian, as RFC 7946 asks.

use serde_json::{Value, json};

/// The GeoJSON geometry and the bounding box (west, south, east, north) of a closed ring of `[longitude, latitude]` in
/// degrees. Longitudes may run on beyond 180 in either direction, so that the ring is in one piece; where they do, the
/// geometry is a multipolygon of its parts and west is greater than east.
#[must_use]
pub fn footprint(ring: &[[f64; 2]]) -> (Value, [f64; 4]) {
    let bounds = ring.iter().fold([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], |b, [x, y]| {
        [b[0].min(*x), b[1].min(*y), b[2].max(*x), b[3].max(*y)]
    });
    let [west, south, east, north] = bounds;
    if west >= -180.0 && east <= 180.0 {
        return (json!({"type": "Polygon", "coordinates": [ring]}), bounds);
    }
    let mut polygons = Vec::new();
    // The ring lies in at most two of these worlds, for no image is wider than one.
    for world in -1..=1 {
        let shift = 360.0 * f64::from(world);
        let below = cut(ring, |x| 180.0 + shift - x, 180.0 + shift);
        let part = cut(&below, |x| x - (shift - 180.0), shift - 180.0);
        if part.len() >= 3 {
            let mut part: Vec<[f64; 2]> = part.into_iter().map(|[x, y]| [x - shift, y]).collect();
            part.extend(part.first().copied());
            polygons.push(json!([part]));
        }
    }
    let wrapped = |x: f64| x - 360.0 * ((x + 180.0) / 360.0).floor();
    (json!({"type": "MultiPolygon", "coordinates": polygons}), [wrapped(west), south, wrapped(east), north])
}

/// The part of a ring where `inside(longitude)` is positive, cut at the meridian where it is zero; not closed.
fn cut(ring: &[[f64; 2]], inside: impl Fn(f64) -> f64, meridian: f64) -> Vec<[f64; 2]> {
    let mut kept = Vec::with_capacity(ring.len() + 2);
    for (p, q) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let (at_p, at_q) = (inside(p[0]), inside(q[0]));
        if at_p >= 0.0 {
            kept.push(*p);
        }
        if (at_p > 0.0 && at_q < 0.0) || (at_p < 0.0 && at_q > 0.0) {
            kept.push([meridian, p[1] + (q[1] - p[1]) * at_p / (at_p - at_q)]);
        }
    }
    kept.dedup();
    if kept.first() == kept.last() {
        kept.pop();
    }
    // What only touches the meridian has no area.
    if kept.iter().all(|[x, _]| *x == meridian) { Vec::new() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_outline_is_a_polygon() {
        let ring = [[2.0, 42.0], [3.0, 42.0], [3.0, 43.0], [2.0, 43.0], [2.0, 42.0]];
        let (geometry, bbox) = footprint(&ring);
        assert_eq!(geometry, json!({"type": "Polygon", "coordinates": [ring]}));
        assert_eq!(bbox, [2.0, 42.0, 3.0, 43.0]);
    }

    #[test]
    fn an_outline_over_the_antimeridian_is_cut_in_two() {
        let ring = [[179.0, 0.0], [181.0, 0.0], [181.0, 1.0], [179.0, 1.0], [179.0, 0.0]];
        let (geometry, bbox) = footprint(&ring);
        let west = [[[-180.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [-180.0, 1.0], [-180.0, 0.0]]];
        let east = [[[179.0, 0.0], [180.0, 0.0], [180.0, 1.0], [179.0, 1.0], [179.0, 0.0]]];
        assert_eq!(geometry, json!({"type": "MultiPolygon", "coordinates": [east, west]}));
        assert_eq!(bbox, [179.0, 0.0, -179.0, 1.0]);
        let shifted = ring.map(|[x, y]| [x - 360.0, y]);
        assert_eq!(footprint(&shifted).1, [179.0, 0.0, -179.0, 1.0]);
    }
}
