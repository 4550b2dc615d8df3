//! An item as a row: its properties beside its other members, its geometries as WKB, its bbox as four or six numbers;
//! and the item back from that.

use serde_json::{Map, Value, json};

use super::wkb;
use crate::{
    error::Result,
    href::Href,
    item::{Item, parse_datetime},
};

/// The members of an item that are columns of their own; all other columns are properties.
const MEMBERS: [&str; 9] =
    ["type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "links", "assets", "collection"];
/// The properties that are moments in time.
pub(super) const MOMENTS: [&str; 8] =
    ["datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires", "unlocked"];
/// The columns that hold WKB.
pub(super) const GEOMETRIES: [&str; 2] = ["geometry", "proj:geometry"];
/// A column of swath's own: JSON text of what a row has no other place for.
pub(super) const REST: &str = "swath:rest";

/// An item's cells by column. Geometries are `None` where there is none.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Every column but geometries and bbox.
    pub(super) cells: Map<String, Value>,
    /// WKB, as [`GEOMETRIES`] are listed.
    pub(super) geometries: [Option<Vec<u8>>; 2],
    /// West, south, (lowest,) east, north (, highest).
    pub(super) bbox: Option<Vec<f64>>,
}

impl Row {
    /// Lays an item out. What the form has no place for (foreign members, properties named like a member, geometries that
    /// are no WKB) goes into [`REST`].
    pub(super) fn of(item: &Item) -> Self {
        let mut row = Self::default();
        let (mut members, mut properties) = (Map::new(), Map::new());
        for (name, value) in item.document() {
            match name.as_str() {
                "properties" => {}
                "geometry" => match wkb::from_geojson(value) {
                    Some(bytes) => row.geometries[0] = Some(bytes),
                    None if value.is_null() => {}
                    None => drop(members.insert(name.clone(), value.clone())),
                },
                "bbox" => match bbox(value) {
                    Some(numbers) => row.bbox = Some(numbers),
                    None if value.is_null() => {}
                    None => drop(members.insert(name.clone(), value.clone())),
                },
                known if MEMBERS.contains(&known) => drop(row.cells.insert(name.clone(), value.clone())),
                _ => drop(members.insert(name.clone(), value.clone())),
            }
        }
        for (name, value) in item.properties().into_iter().flatten() {
            match name.as_str() {
                "proj:geometry" => match wkb::from_geojson(value) {
                    Some(bytes) => row.geometries[1] = Some(bytes),
                    None if value.is_null() => {}
                    None => drop(properties.insert(name.clone(), value.clone())),
                },
                known if MEMBERS.contains(&known) || known == REST => {
                    properties.insert(name.clone(), value.clone());
                }
                _ => drop(row.cells.insert(name.clone(), value.clone())),
            }
        }
        if !(members.is_empty() && properties.is_empty()) {
            row.cells.insert(REST.to_owned(), json!({"members": members, "properties": properties}));
        }
        row
    }
}

/// The item that a row's cells make; nulls were left out of `cells` before.
pub(super) fn item(mut cells: Map<String, Value>, href: Href) -> Result<Item> {
    let mut document = Map::new();
    document.insert("type".to_owned(), json!("Feature"));
    let mut rest = cells.remove(REST).unwrap_or_default();
    let take = |cells: &mut Map<String, Value>, name: &str| cells.remove(name).map(|value| (name.to_owned(), value));
    document.extend(take(&mut cells, "stac_version"));
    document.extend(take(&mut cells, "stac_extensions"));
    document.extend(take(&mut cells, "id"));
    let geometry = take(&mut cells, "geometry");
    document.extend(geometry.or_else(|| Some(("geometry".to_owned(), Value::Null))));
    document.extend(take(&mut cells, "bbox"));
    let [links, assets, collection] = ["links", "assets", "collection"].map(|name| take(&mut cells, name));
    cells.remove("type");
    // A null datetime is the specification's mark of an interval.
    if cells.contains_key("start_datetime") && !cells.contains_key("datetime") {
        cells.insert("datetime".to_owned(), Value::Null);
    }
    if let Some(Value::Object(properties)) = rest.get_mut("properties").map(Value::take) {
        cells.extend(properties);
    }
    document.insert("properties".to_owned(), Value::Object(cells));
    document.extend(links.or_else(|| Some(("links".to_owned(), json!([])))));
    document.extend(assets.or_else(|| Some(("assets".to_owned(), json!({})))));
    document.extend(collection);
    if let Some(Value::Object(members)) = rest.get_mut("members").map(Value::take) {
        document.extend(members);
    }
    Item::new(Value::Object(document), href)
}

fn bbox(value: &Value) -> Option<Vec<f64>> {
    let numbers: Vec<f64> = value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    matches!(numbers.len(), 4 | 6).then_some(numbers)
}

/// A moment as microseconds since 1970; `None` when the text is none.
pub(super) fn moment_us(value: &Value) -> Option<i64> {
    Some(parse_datetime(value.as_str()?)?.timestamp_micros())
}
