//! What a GeoJSON label file holds: which features count, their classes, and whether they lie in their image.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};
use swath_catalog::{label::Count, pairing::ClassSource, publish::LabelContent};
use swath_raster::{Crs, Grid, Transformer};

use super::Meaning;

/// A label file is read whole; the largest hand-drawn ones are a hundredth of this.
const LIMIT_BYTES: u64 = 1 << 30;

/// Reads a label file and counts its features by class.
pub(super) fn read(path: &Path, meaning: &Meaning, image: &Grid) -> Result<(LabelContent, Vec<Count>)> {
    let about = || format!("label {}", path.display());
    let class = match (&meaning.class, &meaning.class_property) {
        (Some(class), _) => ClassSource::Constant(class.clone()),
        (None, Some(property)) => ClassSource::Property(property.clone()),
        (None, None) => bail!("say what the labels mean: --class NAME for all features, or --class-property PROPERTY"),
    };
    let collection = load(path).with_context(about)?;
    let features = collection.get("features").and_then(Value::as_array);
    let features = features.with_context(|| format!("label {} is no GeoJSON feature collection", path.display()))?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut positions = Vec::new();
    let nothing = Map::new();
    for (index, feature) in features.iter().enumerate() {
        let properties = feature.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        if !meaning.filter.matches(properties) {
            continue;
        }
        let geometry = feature.get("geometry").unwrap_or(&Value::Null);
        check_polygon(geometry, index, meaning).with_context(about)?;
        collect_positions(geometry.get("coordinates").unwrap_or(&Value::Null), &mut positions);
        let name = class_of(properties, &class, index).with_context(about)?;
        ensure!(
            meaning.names.is_empty() || meaning.names.contains(&name),
            "label {}: feature {index} has class `{name}`, which --classes does not name",
            path.display()
        );
        *counts.entry(name).or_insert(0) += 1;
    }
    check_place(path, &collection, &positions, image)?;
    let classes = match &class {
        ClassSource::Constant(class) => vec![class.clone()],
        ClassSource::Property(_) if meaning.names.is_empty() => counts.keys().cloned().collect(),
        ClassSource::Property(_) => meaning.names.clone(),
    };
    let counts = classes
        .iter()
        .map(|name| Count { name: name.clone(), count: counts.get(name).copied().unwrap_or(0) })
        .collect();
    let (filter, background) = (meaning.filter.clone(), meaning.background.clone());
    Ok((LabelContent::Vector { class, classes, filter, background }, counts))
}

fn load(path: &Path) -> Result<Value> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    ensure!(bytes <= LIMIT_BYTES, "it has {bytes} bytes, over the limit of {LIMIT_BYTES} for a GeoJSON file");
    serde_json::from_reader(BufReader::new(file)).context("it is not readable JSON")
}

fn check_polygon(geometry: &Value, index: usize, meaning: &Meaning) -> Result<()> {
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or("null");
    if matches!(kind, "Polygon" | "MultiPolygon") {
        return Ok(());
    }
    let hint =
        if meaning.filter.is_empty() { "leave such features out with --where" } else { "make --where leave it out" };
    bail!("feature {index} passes as a label and is a {kind}, which covers no pixels: {hint}")
}

/// The class of a feature: a text or number, or the only element of a list of them.
fn class_of(properties: &Map<String, Value>, class: &ClassSource, index: usize) -> Result<String> {
    let property = match class {
        ClassSource::Constant(class) => return Ok(class.clone()),
        ClassSource::Property(property) => property,
    };
    let value = match properties.get(property) {
        Some(Value::Array(list)) if list.len() == 1 => list.first(),
        other => other,
    };
    match value {
        Some(Value::String(name)) => Ok(name.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(other) if !other.is_null() => {
            bail!("feature {index}: its `{property}` is {other}, which names no one class")
        }
        _ => {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            bail!("feature {index} has no `{property}`; it has {}", known.join(", "))
        }
    }
}

fn collect_positions(coordinates: &Value, positions: &mut Vec<[f64; 2]>) {
    let Some(list) = coordinates.as_array() else { return };
    match (list.first().and_then(Value::as_f64), list.get(1).and_then(Value::as_f64)) {
        (Some(x), Some(y)) => positions.push([x, y]),
        _ => list.iter().for_each(|inner| collect_positions(inner, positions)),
    }
}

/// Labels that lie nowhere near their image are in another CRS than they say, or belong to another image.
fn check_place(path: &Path, collection: &Value, positions: &[[f64; 2]], image: &Grid) -> Result<()> {
    let about = || format!("label {}", path.display());
    let Some(image_crs) = &image.crs else { return Ok(()) };
    let crs = named_crs(collection).with_context(about)?;
    let transformer = Transformer::new(&crs, image_crs).with_context(about)?;
    let inside = |[x, y]: &[f64; 2]| transformer.apply(*x, *y).is_ok_and(|point| is_within(point, &image.bounds()));
    let bounds = image.bounds();
    // A polygon that holds the whole image has no corner in it.
    let moved: Vec<(f64, f64)> = positions.iter().filter_map(|[x, y]| transformer.apply(*x, *y).ok()).collect();
    let holds = swath_raster::Bounds::of_points(moved).is_some_and(|all| all.intersection(&bounds).is_some());
    ensure!(
        positions.is_empty() || positions.iter().any(inside) || holds,
        "label {} lies outside of its image: its coordinates are read as {crs}; check the file's `crs`, and --match",
        path.display()
    );
    Ok(())
}

fn is_within((x, y): (f64, f64), bounds: &swath_raster::Bounds) -> bool {
    (bounds.min_x..=bounds.max_x).contains(&x) && (bounds.min_y..=bounds.max_y).contains(&y)
}

/// The CRS that an older GeoJSON file names; longitude and latitude where it names none.
fn named_crs(collection: &Value) -> Result<Crs> {
    let Some(name) = collection.pointer("/crs/properties/name").and_then(Value::as_str) else {
        return Ok(Crs::wgs84());
    };
    if name.to_ascii_uppercase().ends_with("CRS84") {
        return Ok(Crs::wgs84());
    }
    // `urn:ogc:def:crs:EPSG::32631` and `EPSG:32631` both end in the code.
    let code = name.rsplit(':').next().and_then(|code| code.parse().ok());
    let code = code.with_context(|| format!("its crs `{name}` is neither CRS84 nor an EPSG code"))?;
    Ok(Crs::from_epsg(code)?)
}
