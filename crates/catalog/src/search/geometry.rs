//! Where items are, and whether two places share a point.
//!
//! All arithmetic is on the plane of longitude and latitude, as GeoJSON prescribes for its edges.

use std::borrow::Cow;

use geo::{BoundingRect, Intersects};
use serde_json::Value;

use crate::item::Item;

/// A place: one or more GeoJSON geometries, in degrees.
#[derive(Clone, Debug)]
pub struct Shape {
    parts: Vec<geo::Geometry<f64>>,
    /// Per part, to decide most questions by four comparisons.
    bounds: Vec<Option<geo::Rect<f64>>>,
}

impl Shape {
    fn new(parts: Vec<geo::Geometry<f64>>) -> Self {
        let bounds = parts.iter().map(BoundingRect::bounding_rect).collect();
        Self { parts, bounds }
    }

    /// One geometry.
    pub(crate) fn of_geometry(geometry: geo::Geometry<f64>) -> Self {
        Self::new(vec![geometry])
    }

    /// All parts as one geometry.
    pub(crate) fn whole(&self) -> Cow<'_, geo::Geometry<f64>> {
        match self.parts.as_slice() {
            [one] => Cow::Borrowed(one),
            several => Cow::Owned(geo::Geometry::GeometryCollection(geo::GeometryCollection(several.to_vec()))),
        }
    }

    /// Whether the boxes of any two parts share a point.
    pub(crate) fn bounds_meet(&self, other: &Self) -> bool {
        let boxes = |shape: &'_ Self| shape.bounds.iter().flatten().copied().collect::<Vec<_>>();
        boxes(self).iter().any(|a| boxes(other).iter().any(|b| a.intersects(b)))
    }

    /// The boxes of its parts, each west, south, east, north in degrees; `None` where a part has none.
    #[must_use]
    pub fn boxes(&self) -> Option<Vec<[f64; 4]>> {
        let flat = |bounds: &Option<geo::Rect<f64>>| {
            bounds.map(|bounds| [bounds.min().x, bounds.min().y, bounds.max().x, bounds.max().y])
        };
        self.bounds.iter().map(flat).collect()
    }

    /// A box of west, south, east, north; in two parts when it crosses the antimeridian.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the numbers.
    pub fn of_bbox([west, south, east, north]: [f64; 4]) -> Result<Self, String> {
        if [west, south, east, north].iter().any(|number| !number.is_finite()) {
            return Err("it must be four finite numbers: west, south, east, north".to_owned());
        }
        if south > north {
            return Err(format!(
                "its south ({south}) is greater than its north ({north}): the order is west, south, east, north"
            ));
        }
        if south < -90.0 || north > 90.0 || west < -180.0 || east > 180.0 {
            return Err("it leaves longitude -180 to 180 or latitude -90 to 90: it is in degrees".to_owned());
        }
        let part = |west: f64, east: f64| geo::Geometry::Rect(geo::Rect::new((west, south), (east, north)));
        Ok(Self::new(if west <= east { vec![part(west, east)] } else { vec![part(west, 180.0), part(-180.0, east)] }))
    }

    /// A GeoJSON geometry, feature or feature collection.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub fn of_geojson(value: &Value) -> Result<Self, String> {
        let unreadable = |error: geojson::Error| format!("it is no GeoJSON: {error}");
        let geometries = match serde_json::from_value::<geojson::GeoJson>(value.clone())
            .map_err(|error| format!("it is no GeoJSON: {error}"))?
        {
            geojson::GeoJson::Geometry(geometry) => vec![geometry],
            geojson::GeoJson::Feature(feature) => feature.geometry.into_iter().collect(),
            geojson::GeoJson::FeatureCollection(collection) => {
                collection.features.into_iter().filter_map(|feature| feature.geometry).collect()
            }
        };
        let parts =
            geometries.into_iter().map(geo::Geometry::try_from).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        if parts.is_empty() { Err("it holds no geometry".to_owned()) } else { Ok(Self::new(parts)) }
    }

    /// Where an item is: its geometry, else its bbox; `None` when it says neither.
    #[must_use]
    pub fn of_item(item: &Item) -> Option<Self> {
        let by_geometry = item.geometry().and_then(|geometry| Self::of_geojson(geometry).ok());
        by_geometry.or_else(|| Self::of_bbox(item.bbox()?).ok())
    }

    /// Whether both share a point; a shared edge counts.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let meet = |(a, a_bounds): (&geo::Geometry<f64>, &Option<geo::Rect<f64>>)| {
            other.parts.iter().zip(&other.bounds).any(|(b, b_bounds)| match (a_bounds, b_bounds) {
                (Some(a_bounds), Some(b_bounds)) => a_bounds.intersects(b_bounds) && a.intersects(b),
                _ => false,
            })
        };
        self.parts.iter().zip(&self.bounds).any(meet)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(x: f64, y: f64) -> Shape {
        Shape::of_geojson(&json!({"type": "Point", "coordinates": [x, y]})).unwrap()
    }

    #[test]
    fn a_box_over_the_antimeridian_has_both_sides() {
        let fiji = Shape::of_bbox([177.0, -20.0, -178.0, -15.0]).unwrap();
        assert!(fiji.meets(&point(179.0, -17.0)) && fiji.meets(&point(-179.0, -17.0)));
        assert!(!fiji.meets(&point(0.0, -17.0)));
    }

    #[test]
    fn a_concave_place_does_not_meet_what_lies_in_its_bay() {
        let bay = json!({"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [3, 4], [3, 1], [1, 1], [1, 4], [0, 4], [0, 0]]]});
        let feature = json!({"type": "Feature", "properties": {}, "geometry": bay});
        let bay = Shape::of_geojson(&feature).unwrap();
        assert!(!bay.meets(&point(2.0, 3.0)) && bay.meets(&point(0.5, 3.0)) && bay.meets(&point(1.0, 1.0)));
    }

    #[test]
    fn boxes_that_make_no_sense_say_why() {
        for (bbox, reason) in [
            ([0.0, 5.0, 1.0, 1.0], "south (5)"),
            ([0.0, 0.0, f64::NAN, 1.0], "finite"),
            ([500_000.0, 0.0, 510_000.0, 1.0], "in degrees"),
        ] {
            assert!(Shape::of_bbox(bbox).unwrap_err().contains(reason), "{reason}");
        }
        assert!(Shape::of_geojson(&json!({"type": "FeatureCollection", "features": []})).is_err());
    }
}
