//! A geometry in a condition: GeoJSON in CQL2 JSON, well-known text in CQL2 text.

use serde_json::{Value, json};

use crate::search::Shape;

/// A geometry in degrees. Heights are left out: relations are decided on the plane.
#[derive(Clone, Debug)]
pub struct Place {
    geometry: geo::Geometry<f64>,
    shape: Shape,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.geometry == other.geometry
    }
}

impl Place {
    /// A geometry whose coordinates are finite.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn new(geometry: geo::Geometry<f64>) -> Result<Self, String> {
        use geo::CoordsIter;
        if geometry.coords_iter().any(|at| !(at.x.is_finite() && at.y.is_finite())) {
            return Err("a geometry has a coordinate that is no finite number".to_owned());
        }
        if geometry.coords_iter().next().is_none() {
            return Err("a geometry is empty".to_owned());
        }
        let shape = Shape::of_geometry(geometry.clone());
        Ok(Self { geometry, shape })
    }

    /// A box of west, south, east, north; in two parts when it crosses the antimeridian.
    pub(super) fn of_bbox(bbox: [f64; 4]) -> Result<Self, String> {
        Shape::of_bbox(bbox)?;
        let [west, south, east, north] = bbox;
        let part = |west: f64, east: f64| geo::Rect::new((west, south), (east, north)).to_polygon();
        if west > east {
            return Self::new(geo::MultiPolygon::new(vec![part(west, 180.0), part(-180.0, east)]).into());
        }
        Self::new(match (west < east, south < north) {
            (true, true) => part(west, east).into(),
            (false, false) => geo::Point::new(west, south).into(),
            _ => geo::LineString::from(vec![(west, south), (east, north)]).into(),
        })
    }

    /// A GeoJSON geometry.
    pub(super) fn of_geojson(value: &Value) -> Result<Self, String> {
        let unreadable = |error: &dyn std::fmt::Display| format!("it has a geometry that is no GeoJSON: {error}");
        let geometry: geojson::Geometry = serde_json::from_value(value.clone()).map_err(|error| unreadable(&error))?;
        Self::new(geo::Geometry::try_from(geometry).map_err(|error| unreadable(&error))?)
    }

    /// The geometry.
    #[must_use]
    pub fn geometry(&self) -> &geo::Geometry<f64> {
        &self.geometry
    }

    /// The geometry, prepared for quick decisions.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// As GeoJSON.
    #[must_use]
    pub fn to_geojson(&self) -> Value {
        geojson(&self.geometry)
    }
}

fn geojson(geometry: &geo::Geometry<f64>) -> Value {
    use geo::Geometry as G;
    let position = |at: &geo::Coord<f64>| json!([at.x, at.y]);
    let line = |line: &geo::LineString<f64>| line.0.iter().map(position).collect::<Value>();
    let polygon = |polygon: &geo::Polygon<f64>| {
        std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(line).collect::<Value>()
    };
    let of = |kind: &str, coordinates: Value| json!({"type": kind, "coordinates": coordinates});
    match geometry {
        G::Point(point) => of("Point", position(&point.0)),
        G::Line(line) => of("LineString", json!([position(&line.start), position(&line.end)])),
        G::LineString(own) => of("LineString", line(own)),
        G::Polygon(own) => of("Polygon", polygon(own)),
        G::MultiPoint(points) => of("MultiPoint", points.iter().map(|point| position(&point.0)).collect()),
        G::MultiLineString(lines) => of("MultiLineString", lines.iter().map(line).collect()),
        G::MultiPolygon(polygons) => of("MultiPolygon", polygons.iter().map(polygon).collect()),
        G::GeometryCollection(parts) => {
            json!({"type": "GeometryCollection", "geometries": parts.iter().map(geojson).collect::<Value>()})
        }
        G::Rect(rect) => of("Polygon", polygon(&rect.to_polygon())),
        G::Triangle(triangle) => of("Polygon", polygon(&triangle.to_polygon())),
    }
}
