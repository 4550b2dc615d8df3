//! Labels drawn as polygons: read, filtered, and burned onto the image's grid.

use geojson::{Feature, FeatureCollection, GeoJson, Geometry, GeometryValue, Position};
use swath_catalog::pairing::ClassSource;
use swath_catalog::{Filter, LabelRef};
use swath_raster::{Crs, Grid, Shape, Window, rasterize};

use super::{Runs, target_of};
use crate::error::Error;
use crate::recipe::{IGNORE, Recipe};

/// The polygons of one label, in the order in which they are burned, with their target values.
#[derive(Debug)]
pub(crate) struct Vector {
    item: String,
    crs: Crs,
    shapes: Vec<(Geometry, u8)>,
    background: u8,
}

/// Largest label file read, 512 MiB: it is held in memory as a whole.
const MAX_LABEL_BYTES: u64 = 512 << 20;

/// Rows burned at a time: 4 MiB for a Sentinel-2 tile, and a polygon is visited once in each.
const BURN_ROWS: usize = 384;

impl Vector {
    /// Reads a label and gives each feature that counts its target value.
    pub(crate) fn read(
        label: &LabelRef,
        class: &ClassSource,
        filter: &Filter,
        background: Option<&str>,
        recipe: &Recipe,
    ) -> Result<Vector, Error> {
        let href = label.href.to_string();
        let collection = parse(label, &href)?;
        let crs = crs_of(&collection, label, &href)?;
        let mut shapes = Vec::new();
        for (index, feature) in collection.features.into_iter().enumerate() {
            let properties = feature.properties.unwrap_or_default();
            let Some(geometry) = feature.geometry.filter(|_| filter.matches(&properties)) else { continue };
            let name = match class {
                ClassSource::Constant(name) => name.clone(),
                ClassSource::Property(property) => match properties.get(property) {
                    Some(serde_json::Value::String(name)) => name.clone(),
                    Some(value) if !value.is_null() => value.to_string(),
                    _ => {
                        let reason = format!(
                            "feature {index} has no property '{property}', which holds its class; name another one, or filter it out"
                        );
                        return Err(Error::Label { href, reason });
                    }
                },
            };
            shapes.push((geometry, target_of(&name, recipe, &href)?));
        }
        let background = match recipe.background.as_deref().or(background) {
            Some(name) => target_of(name, recipe, &href)?,
            None => IGNORE,
        };
        Ok(Vector { item: label.item.to_string(), crs, shapes, background })
    }

    /// Burns all polygons onto an image's grid.
    pub(crate) fn burn(&self, grid: &Grid) -> Result<Runs, Error> {
        let shapes: Vec<Shape<'_, u8>> =
            self.shapes.iter().map(|(geometry, value)| Shape { geometry, value: *value }).collect();
        let mut runs = Runs::new(grid.width_px);
        for top in (0..grid.height_px).step_by(BURN_ROWS) {
            let rows = BURN_ROWS.min(grid.height_px - top);
            let strip = grid.of_window(&Window::new(0, top as i64, grid.width_px, rows));
            let burned = rasterize(&shapes, &self.crs, &strip, self.background)
                .map_err(|source| Error::Raster { item: self.item.clone(), source })?;
            runs.push(burned.view());
        }
        Ok(runs)
    }
}

fn parse(label: &LabelRef, href: &str) -> Result<FeatureCollection, Error> {
    let Some(path) = label.href.as_file() else {
        let reason = "vector labels are read from local files; download it, or map its address to a folder".to_owned();
        return Err(Error::Label { href: href.to_owned(), reason });
    };
    let io = |source| Error::ReadLabel { href: href.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > MAX_LABEL_BYTES {
        let reason = format!("it has {bytes} bytes, more than {MAX_LABEL_BYTES}; split it by image");
        return Err(Error::Label { href: href.to_owned(), reason });
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    let parsed: GeoJson =
        text.parse().map_err(|source| Error::ParseLabel { href: href.to_owned(), source: Box::new(source) })?;
    let alone = |feature: Feature| FeatureCollection { bbox: None, features: vec![feature], foreign_members: None };
    Ok(match parsed {
        GeoJson::FeatureCollection(collection) => collection,
        GeoJson::Feature(feature) => alone(feature),
        GeoJson::Geometry(geometry) => alone(Feature::from(geometry)),
    })
}

/// The CRS that a GeoJSON of 2008 names, else longitude and latitude as RFC 7946 has it. Coordinates that can be no degrees
/// are in the CRS that the label's item gives.
fn crs_of(collection: &FeatureCollection, label: &LabelRef, href: &str) -> Result<Crs, Error> {
    let member = collection.foreign_members.as_ref().and_then(|members| members.get("crs"));
    let Some(name) = member.and_then(|crs| crs.pointer("/properties/name")).and_then(|name| name.as_str()) else {
        if in_degrees(collection) {
            return Ok(Crs::wgs84());
        }
        let reason =
            "its coordinates are no degrees and neither it nor its item names a CRS; give the asset a `proj:code`";
        let none = || Error::Label { href: href.to_owned(), reason: reason.to_owned() };
        return crate::scene::crs_of(&label.projection, href)?.ok_or_else(none);
    };
    // urn:ogc:def:crs:EPSG::32631, urn:ogc:def:crs:OGC:1.3:CRS84, or EPSG:32631.
    let code = name.rsplit(':').next().unwrap_or_default();
    let text = if code == "CRS84" { "OGC:CRS84".to_owned() } else { format!("EPSG:{code}") };
    Crs::from_text(&text).map_err(|source| Error::Raster { item: href.to_owned(), source })
}

/// Whether the first position of every geometry can be a longitude and a latitude.
fn in_degrees(collection: &FeatureCollection) -> bool {
    let firsts = collection.features.iter().filter_map(|feature| first_position(&feature.geometry.as_ref()?.value));
    firsts.into_iter().all(|(x, y)| x.abs() <= 360.0 && y.abs() <= 90.0)
}

fn first_position(geometry: &GeometryValue) -> Option<(f64, f64)> {
    let of = |position: &Position| Some((*position.as_slice().first()?, *position.as_slice().get(1)?));
    match geometry {
        GeometryValue::Point { coordinates } => of(coordinates),
        GeometryValue::MultiPoint { coordinates } | GeometryValue::LineString { coordinates } => {
            of(coordinates.first()?)
        }
        GeometryValue::MultiLineString { coordinates } | GeometryValue::Polygon { coordinates } => {
            of(coordinates.first()?.first()?)
        }
        GeometryValue::MultiPolygon { coordinates } => of(coordinates.first()?.first()?.first()?),
        GeometryValue::GeometryCollection { geometries } => first_position(&geometries.first()?.value),
    }
}
