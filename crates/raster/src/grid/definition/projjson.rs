//! PROJJSON (<https://proj.org/specifications/projjson.html>) to what it says of a system.

use super::{Base, Conversion, Named, Reason, System, is_angle, is_length};
use crate::grid::Crs;
use serde_json::Value;

/// Systems nested in each other that are followed: bound and compound ones hold others.
const MAX_DEPTH: usize = 4;

/// The CRS of a PROJJSON document; of a compound one its first, which is horizontal.
pub(in crate::grid) fn read(document: &Value) -> Result<Crs, Reason> {
    system(document, MAX_DEPTH)?.to_crs()
}

fn system(document: &Value, depth: usize) -> Result<System, Reason> {
    let inner = |inner: &Value| match depth {
        0 => Err("it holds too many systems inside each other".to_owned()),
        _ => system(inner, depth - 1),
    };
    let kind = document["type"].as_str().unwrap_or_default();
    match kind {
        "BoundCRS" => inner(&document["source_crs"]),
        "CompoundCRS" => inner(&document["components"][0]),
        "GeographicCRS" | "GeodeticCRS" => Ok(System {
            name: text(&document["name"]),
            epsg: epsg(document),
            base: Base { epsg: epsg(document), ..base(document)? },
            conversion: None,
            unit_m: 1.0,
        }),
        "ProjectedCRS" => Ok(System {
            name: text(&document["name"]),
            epsg: epsg(document),
            base: base(&document["base_crs"])?,
            conversion: Some(conversion(&document["conversion"])?),
            unit_m: factor(&document["coordinate_system"]["axis"][0]["unit"], 1.0)?,
        }),
        "" => Err("it names no type of system".to_owned()),
        other => Err(format!("a {other} is not supported")),
    }
}

fn base(document: &Value) -> Result<Base, Reason> {
    let datum = ["datum", "datum_ensemble"].iter().map(|key| &document[*key]).find(|datum| datum.is_object());
    let Some(datum) = datum else { return Ok(Base { epsg: epsg(document), ..Base::default() }) };
    let ellipsoid = &datum["ellipsoid"];
    let semi_major_m = match length(&ellipsoid["radius"])? {
        Some(radius) => radius,
        None => length(&ellipsoid["semi_major_axis"])?.unwrap_or(0.0),
    };
    let inverse_flattening = match (ellipsoid["inverse_flattening"].as_f64(), length(&ellipsoid["semi_minor_axis"])?) {
        (Some(inverse), _) => inverse,
        (None, Some(minor)) if minor != semi_major_m => semi_major_m / (semi_major_m - minor),
        _ => 0.0,
    };
    let meridian = &datum["prime_meridian"]["longitude"];
    let prime_meridian_deg = match meridian.as_f64() {
        Some(degrees) => degrees,
        None => meridian["value"].as_f64().unwrap_or(0.0) * factor(&meridian["unit"], DEGREE)?.to_degrees(),
    };
    Ok(Base { epsg: epsg(document), semi_major_m, inverse_flattening, prime_meridian_deg })
}

fn conversion(document: &Value) -> Result<Conversion, Reason> {
    let mut conversion = Conversion { method: named(&document["method"]), ..Conversion::default() };
    for parameter in document["parameters"].as_array().into_iter().flatten() {
        let (Some(key), Some(value)) = (named(parameter).parameter(), parameter["value"].as_f64()) else { continue };
        let value = match key {
            _ if is_angle(key) => degrees(value, factor(&parameter["unit"], DEGREE)?),
            _ if is_length(key) => value * factor(&parameter["unit"], 1.0)?,
            _ => value,
        };
        conversion.parameters.insert(key, value);
    }
    Ok(conversion)
}

const DEGREE: f64 = 0.017_453_292_519_943_295;

/// An angle of so many radians a unit in degrees; as it is where these are degrees but for the rounding of their text.
pub(super) fn degrees(value: f64, radians: f64) -> f64 {
    if (radians - DEGREE).abs() < 1e-14 { value } else { (value * radians).to_degrees() }
}

fn named(document: &Value) -> Named {
    Named { epsg: epsg(document), name: text(&document["name"]).unwrap_or_default() }
}

/// A length in metres, as a number or as one with its unit; `None` where there is none.
fn length(value: &Value) -> Result<Option<f64>, Reason> {
    match (value.as_f64(), value["value"].as_f64()) {
        (Some(metres), _) => Ok(Some(metres)),
        (None, Some(number)) => Ok(Some(number * factor(&value["unit"], 1.0)?)),
        _ => Ok(None),
    }
}

/// Metres or radians a unit; `usual` where none is given.
fn factor(unit: &Value, usual: f64) -> Result<f64, Reason> {
    let given = unit["conversion_factor"].as_f64();
    match (unit.as_str(), given) {
        (None, None) if unit.is_null() => Ok(usual),
        (Some("metre" | "unity"), _) => Ok(1.0),
        (Some("degree"), _) => Ok(DEGREE),
        (None, Some(factor)) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err(format!("its unit {unit} is not understood")),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Its number in the EPSG registry, which some write as text, and some with others.
fn epsg(document: &Value) -> Option<u32> {
    let ids = document["ids"].as_array().into_iter().flatten().chain([&document["id"]]);
    let mut ours = ids.filter(|id| id["authority"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("EPSG")));
    let code = &ours.next()?["code"];
    code.as_u64().and_then(|code| u32::try_from(code).ok()).or_else(|| code.as_str()?.parse().ok())
}
