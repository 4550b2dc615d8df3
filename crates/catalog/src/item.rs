//! An item as the JSON document that it is, with typed views of the parts that swath reads.
//!
//! Documents are not parsed into a fixed struct: real catalogs carry `"nodata": "nan"`, dates of no standard form and
//! extensions that nobody knows, and an item must survive reading and writing with all of that in place.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use crate::{
    bands::{self, Band},
    error::{Error, Result},
    href::Href,
};

/// What names an item: its id is unique only within its collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ItemId {
    /// The collection's id, where the item says it.
    pub collection: Option<String>,
    /// The item's own id.
    pub id: String,
}

impl std::fmt::Display for ItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.collection {
            Some(collection) => write!(f, "{collection}/{}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// One STAC item: its document and where that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    document: Map<String, Value>,
    href: Href,
}

impl Item {
    /// Takes a parsed document for an item. `href` is where it was read, or where it will be written.
    ///
    /// # Errors
    /// [`Error::NotStac`] when it is no GeoJSON feature with an id, properties and assets.
    pub fn new(document: Value, href: Href) -> Result<Self> {
        let wrong = |reason: &str| Error::NotStac { href: href.clone(), expected: "item", reason: reason.to_owned() };
        let Value::Object(document) = document else { return Err(wrong("it is not a JSON object")) };
        if document.get("type").and_then(Value::as_str) != Some("Feature") {
            return Err(wrong("its `type` is not `Feature`"));
        }
        if document.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(wrong("it has no `id`"));
        }
        for field in ["properties", "assets"] {
            if !document.get(field).is_some_and(Value::is_object) {
                return Err(wrong(&format!("its `{field}` is not an object")));
            }
        }
        Ok(Self { document, href })
    }

    /// The whole document.
    #[must_use]
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The whole document, to change. An item that loses its id, properties or assets reads as empty there.
    pub fn document_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.document
    }

    /// The document, without where it was read.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.document)
    }

    /// Where the document was read.
    #[must_use]
    pub fn href(&self) -> &Href {
        &self.href
    }

    /// The item's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.document.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// The id of the collection that the item says it belongs to.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        self.document.get("collection").and_then(Value::as_str)
    }

    /// Collection and id together.
    #[must_use]
    pub fn item_id(&self) -> ItemId {
        ItemId { collection: self.collection().map(str::to_owned), id: self.id().to_owned() }
    }

    /// A field of `properties`.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties()?.get(name).filter(|value| !value.is_null())
    }

    /// All of `properties`.
    #[must_use]
    pub fn properties(&self) -> Option<&Map<String, Value>> {
        self.document.get("properties").and_then(Value::as_object)
    }

    /// `properties.datetime`, else `start_datetime`; `None` when absent or unreadable.
    #[must_use]
    pub fn datetime(&self) -> Option<DateTime<Utc>> {
        self.time("datetime").or_else(|| self.time("start_datetime"))
    }

    /// First and last moment; both are `datetime` where there is no interval.
    #[must_use]
    pub fn interval(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let start = self.time("start_datetime").or_else(|| self.time("datetime"))?;
        Some((start, self.time("end_datetime").or_else(|| self.time("datetime")).unwrap_or(start)))
    }

    fn time(&self, field: &str) -> Option<DateTime<Utc>> {
        parse_datetime(self.property(field)?.as_str()?)
    }

    /// The GeoJSON geometry, in degrees longitude and latitude; `None` when absent or null.
    #[must_use]
    pub fn geometry(&self) -> Option<&Value> {
        self.document.get("geometry").filter(|geometry| geometry.is_object())
    }

    /// West, south, east, north in degrees, from `bbox` or else from the geometry's coordinates.
    #[must_use]
    pub fn bbox(&self) -> Option<[f64; 4]> {
        let numbers = |value: &Value| value.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
        match self.document.get("bbox").and_then(numbers).as_deref() {
            Some(&[west, south, east, north] | &[west, south, _, east, north, _]) => Some([west, south, east, north]),
            _ => coordinate_bounds(self.geometry()?.get("coordinates")?),
        }
    }

    /// The extension schemas that the item names.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.document.get("stac_extensions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// The assets with their keys, in the order of the document.
    pub fn assets(&self) -> impl Iterator<Item = Asset<'_>> {
        let assets = self.document.get("assets").and_then(Value::as_object).into_iter().flatten();
        assets.filter_map(|(key, fields)| Some(Asset { item: self, key, fields: fields.as_object()? }))
    }

    /// The asset with that key.
    #[must_use]
    pub fn asset(&self, key: &str) -> Option<Asset<'_>> {
        self.assets().find(|asset| asset.key == key)
    }

    /// The links, in the order of the document.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        let links = self.document.get("links").and_then(Value::as_array).into_iter().flatten();
        links.filter_map(|fields| fields.as_object().map(|fields| Link { fields }))
    }
}

/// An asset of an item.
#[derive(Clone, Copy, Debug)]
pub struct Asset<'a> {
    item: &'a Item,
    /// The asset's key.
    pub key: &'a str,
    /// All fields of the asset.
    pub fields: &'a Map<String, Value>,
}

impl<'a> Asset<'a> {
    /// The item that it belongs to.
    #[must_use]
    pub fn item(&self) -> &'a Item {
        self.item
    }

    /// The href as written; items that come out of a source carry absolute ones.
    #[must_use]
    pub fn href(&self) -> Option<&'a str> {
        self.fields.get("href")?.as_str()
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        self.fields.get("type")?.as_str()
    }

    /// The roles.
    pub fn roles(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.fields.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether one of the roles is `role`.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|own| own == role)
    }

    /// The bands in the order that the item gives them: `bands` of STAC 1.1, else `eo:bands` and `raster:bands` laid
    /// over each other, of the asset or else of the item. Empty when nothing is said.
    #[must_use]
    pub fn bands(&self) -> Vec<Band> {
        bands::of_asset(self.fields, self.item.properties())
    }

    /// Whether this is a raster by its media type, or by its file's extension where no type is given.
    #[must_use]
    pub fn is_raster(&self) -> bool {
        match self.media_type() {
            Some(media_type) => {
                media_type.starts_with("image/tiff") || media_type.starts_with("image/vnd.stac.geotiff")
            }
            None => self.has_extension(&["tif", "tiff"]),
        }
    }

    /// Whether this is a GeoJSON file by its media type, or by its file's extension where no type is given.
    #[must_use]
    pub fn is_geojson(&self) -> bool {
        match self.media_type() {
            Some(media_type) => media_type.starts_with("application/geo+json") || self.has_extension(&["geojson"]),
            None => self.has_extension(&["geojson", "json"]),
        }
    }

    fn has_extension(&self, extensions: &[&str]) -> bool {
        let href = self.href().unwrap_or_default();
        let path = href.split(['?', '#']).next().unwrap_or(href);
        path.rsplit_once('.').is_some_and(|(_, own)| extensions.iter().any(|known| own.eq_ignore_ascii_case(known)))
    }
}

/// A link of an item, collection or catalog.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// All fields of the link.
    pub fields: &'a Map<String, Value>,
}

impl<'a> Link<'a> {
    /// The relation; empty when absent.
    #[must_use]
    pub fn rel(&self) -> &'a str {
        self.text("rel").unwrap_or_default()
    }

    /// The href as written; documents that come out of a source carry absolute ones.
    #[must_use]
    pub fn href(&self) -> Option<&'a str> {
        self.text("href")
    }

    /// A field that is text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field)?.as_str()
    }
}

/// Reads RFC 3339, and also what is met in real items: no zone (taken as UTC), a space for the `T`, a date alone.
#[must_use]
pub fn parse_datetime(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, format) {
            return Some(moment.and_utc());
        }
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|midnight| midnight.and_utc())
}

/// Smallest and largest first and second number of all positions in a `coordinates` member.
pub(crate) fn coordinate_bounds(coordinates: &Value) -> Option<[f64; 4]> {
    fn visit(value: &Value, bounds: &mut Option<[f64; 4]>) {
        let Some(list) = value.as_array() else { return };
        if let (Some(x), Some(y)) = (list.first().and_then(Value::as_f64), list.get(1).and_then(Value::as_f64)) {
            let [west, south, east, north] = bounds.unwrap_or([x, y, x, y]);
            *bounds = Some([west.min(x), south.min(y), east.max(x), north.max(y)]);
            return;
        }
        list.iter().for_each(|inner| visit(inner, bounds));
    }
    let mut bounds = None;
    visit(coordinates, &mut bounds);
    bounds
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(document: Value) -> Result<Item> {
        Item::new(document, Href::parse("/catalog/item.json").unwrap())
    }

    #[test]
    fn bbox_comes_from_the_geometry_where_it_is_missing() {
        let geometry = json!({"type": "Polygon", "coordinates": [[[2, 40], [3, 40], [3, 42.5], [2, 40]]]});
        let document = json!({"type": "Feature", "id": "a", "geometry": geometry, "properties": {}, "assets": {}});
        assert_eq!(item(document.clone()).unwrap().bbox(), Some([2.0, 40.0, 3.0, 42.5]));
        let mut with_height = document;
        with_height["bbox"] = json!([0, 1, -5, 2, 3, 5]);
        assert_eq!(item(with_height).unwrap().bbox(), Some([0.0, 1.0, 2.0, 3.0]));
    }

    #[test]
    fn documents_that_are_no_items_say_why() {
        for (document, reason) in [
            (json!([]), "not a JSON object"),
            (json!({"type": "Catalog"}), "`type`"),
            (json!({"type": "Feature", "id": ""}), "`id`"),
            (json!({"type": "Feature", "id": "a", "properties": {}}), "`assets`"),
        ] {
            let error = item(document).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn datetimes_are_read_in_the_forms_met_in_the_wild() {
        let noon = "2020-02-02T12:00:00Z";
        for text in
            ["2020-02-02T12:00:00+00:00", "2020-02-02T12:00:00", "2020-02-02 12:00:00", "2020-02-02T13:00:00+01:00"]
        {
            assert_eq!(parse_datetime(text), parse_datetime(noon), "{text}");
        }
        assert_eq!(parse_datetime("2020-02-02"), parse_datetime("2020-02-02T00:00:00Z"));
        assert_eq!(parse_datetime("yesterday"), None);
    }

    #[test]
    fn assets_are_known_by_type_and_else_by_name() {
        let document = json!({"type": "Feature", "id": "a", "properties": {}, "assets": {
            "typed": {"href": "x", "type": "image/tiff; application=geotiff"},
            "named": {"href": "https://h/x.TIF?sig=1"},
            "labels": {"href": "x.geojson", "type": "application/json"},
        }});
        let item = item(document).unwrap();
        assert!(item.asset("typed").unwrap().is_raster());
        assert!(item.asset("named").unwrap().is_raster());
        assert!(item.asset("labels").unwrap().is_geojson());
        assert!(!item.asset("labels").unwrap().is_raster());
    }
}
