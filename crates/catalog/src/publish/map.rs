//! A map that a model made, as a STAC item: where it lies, what its values mean, and what it was made from.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::parts::{self, STAC_VERSION, link, object, timestamp};
use crate::{
    bands::Band,
    classification::{Class, Classification},
    error::Result,
    extension::{Extension, write_fields},
    href::Href,
    mlm::Mlm,
    projection::Projection,
};

/// A raster of classes (or of class probabilities) that a model made of a scene.
#[derive(Clone, Debug)]
pub struct MapDescription {
    /// The item's id.
    pub id: String,
    /// What it is, in prose.
    pub description: String,
    /// Where the item will be written: hrefs are relative to its folder.
    pub item_path: PathBuf,
    /// The GeoTIFF.
    pub map_path: PathBuf,
    /// The file's size.
    pub size_bytes: Option<u64>,
    /// The file's checksum as a hexadecimal multihash.
    pub checksum: Option<String>,
    /// When the scene was taken.
    pub datetime: DateTime<Utc>,
    /// A GeoJSON geometry in degrees longitude and latitude.
    pub footprint: Value,
    /// West, south, east, north of the footprint, in degrees.
    pub bbox: [f64; 4],
    /// The map's grid.
    pub projection: Projection,
    /// Its bands.
    pub bands: Vec<Band>,
    /// What its values mean; empty for probabilities.
    pub classes: Vec<Class>,
    /// The model's item, a path or an address, and its `mlm:name`.
    pub model: (String, String),
    /// What was mapped: items or files, paths or addresses.
    pub sources: Vec<String>,
    /// Name and version of what made it.
    pub software: Option<(String, String)>,
    /// Further properties, with their own prefixes.
    pub properties: Map<String, Value>,
}

/// The item that describes a map.
///
/// # Errors
/// [`crate::Error::BadHref`] when a source or the model is neither a path nor an address.
pub fn map_item(map: &MapDescription) -> Result<Value> {
    let folder = map.item_path.parent().map(PathBuf::from).unwrap_or_default();
    let seen_from_here = |text: &str| match Href::parse(text)? {
        Href::File(path) => parts::relative(&folder, &path),
        Href::Remote(url) => Ok(url.to_string()),
    };
    let mut extensions = vec![Projection::SCHEMA, parts::PROCESSING];
    let mut properties = Map::new();
    properties.insert("datetime".to_owned(), timestamp(map.datetime).into());
    properties.insert("description".to_owned(), map.description.as_str().into());
    write_fields(&map.projection, &map.id, &mut properties)?;
    let model_href = seen_from_here(&map.model.0)?;
    properties.insert("processing:level".to_owned(), "L4".into());
    properties.insert("processing:expression".to_owned(), json!({"format": "stac-mlm", "expression": model_href}));
    if let Some((name, version)) = &map.software {
        properties.insert("processing:software".to_owned(), json!({name: version}));
    }
    properties.extend(map.properties.clone());

    let mut asset = object(json!({
        "href": parts::relative(&folder, &map.map_path)?,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"], "bands": map.bands,
    }));
    if !map.classes.is_empty() {
        let classes = Classification { classes: map.classes.clone(), ..Classification::default() };
        write_fields(&classes, &map.id, &mut asset)?;
        extensions.push(Classification::SCHEMA);
    }
    parts::file_fields(&mut asset, map.size_bytes, map.checksum.as_deref());
    if map.size_bytes.is_some() || map.checksum.is_some() {
        extensions.push(parts::FILE);
    }
    let mut model_link = object(link("derived_from", &model_href));
    write_fields(&ModelName { name: map.model.1.clone() }, &map.id, &mut model_link)?;
    let mut links = vec![Value::Object(model_link)];
    for source in &map.sources {
        links.push(json!({"rel": "derived_from", "href": seen_from_here(source)?}));
    }
    Ok(json!({
        "type": "Feature", "stac_version": STAC_VERSION, "stac_extensions": extensions, "id": map.id,
        "geometry": map.footprint, "bbox": map.bbox, "properties": properties, "links": links,
        "assets": {"map": asset},
    }))
}

/// The one field of MLM that a link to a model carries.
#[derive(serde::Serialize, serde::Deserialize)]
struct ModelName {
    #[serde(rename = "mlm:name")]
    name: String,
}

impl Extension for ModelName {
    const SCHEMA: &'static str = Mlm::SCHEMA;
    const FAMILY: &'static str = Mlm::FAMILY;
    const PREFIX: &'static str = Mlm::PREFIX;
}
