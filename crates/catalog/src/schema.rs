//! What a document must be by the core specification and by every extension it names, checked without a network.
//!
//! The schemas under `schemas/` are compiled in. They say in words of their own what the published ones demand: STAC 1.0.0 and
//! 1.1.0, label 1, ml-aoi 0.1 and 0.2, mlm 1.5, classification, eo, raster and projection 1 and 2, file 2. A version without
//! a schema here is not checked, and [`unchecked`] says so.

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
};

use jsonschema::{Retrieve, Uri, Validator};
use serde::Serialize;
use serde_json::Value;

/// Where the compiled-in schemas refer to each other; nothing is ever asked for there.
const BASE: &str = "https://swath.invalid/schemas/";

/// The schemas by name.
static TEXTS: [(&str, &str); 20] = [
    ("geometry", include_str!("../schemas/geometry.json")),
    ("common", include_str!("../schemas/common.json")),
    ("item-1.0", include_str!("../schemas/item-1.0.json")),
    ("item-1.1", include_str!("../schemas/item-1.1.json")),
    ("collection-1.0", include_str!("../schemas/collection-1.0.json")),
    ("collection-1.1", include_str!("../schemas/collection-1.1.json")),
    ("catalog-1.0", include_str!("../schemas/catalog-1.0.json")),
    ("catalog-1.1", include_str!("../schemas/catalog-1.1.json")),
    ("label", include_str!("../schemas/label.json")),
    ("ml-aoi", include_str!("../schemas/ml-aoi.json")),
    ("mlm", include_str!("../schemas/mlm.json")),
    ("classification-1", include_str!("../schemas/classification-1.json")),
    ("classification-2", include_str!("../schemas/classification-2.json")),
    ("eo-1", include_str!("../schemas/eo-1.json")),
    ("eo-2", include_str!("../schemas/eo-2.json")),
    ("raster-1", include_str!("../schemas/raster-1.json")),
    ("raster-2", include_str!("../schemas/raster-2.json")),
    ("projection-1", include_str!("../schemas/projection-1.json")),
    ("projection-2", include_str!("../schemas/projection-2.json")),
    ("file", include_str!("../schemas/file.json")),
];

/// Extensions by how their schema's address begins after the common prefix, and the schema that stands for it.
const EXTENSIONS: [(&str, &str); 14] = [
    ("label/v1.", "label"),
    ("ml-aoi/v0.1.", "ml-aoi"),
    ("ml-aoi/v0.2.", "ml-aoi"),
    ("mlm/v1.5.", "mlm"),
    ("classification/v1.1.", "classification-1"),
    ("classification/v2.", "classification-2"),
    ("eo/v1.", "eo-1"),
    ("eo/v2.", "eo-2"),
    ("raster/v1.", "raster-1"),
    ("raster/v2.", "raster-2"),
    ("projection/v1.", "projection-1"),
    ("projection/v2.", "projection-2"),
    ("file/v2.0.", "file"),
    ("file/v2.1.", "file"),
];

/// One thing that a schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The schema: `item-1.1`, `label`.
    pub schema: &'static str,
    /// The field, as in `properties.mlm:input.0.name`; empty for the document itself.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// All that is wrong with an item, collection or catalog.
#[must_use]
pub fn faults(document: &Value) -> Vec<Fault> {
    let names = core(document).into_iter().chain(extensions(document).filter_map(|(_, name)| name));
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for name in names {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let Some(validator) = validator(name) else { continue };
        for error in validator.iter_errors(document) {
            let field = dotted(&error.instance_path().to_string());
            found.push(Fault { schema: name, field, message: error.masked().to_string() });
        }
    }
    found
}

/// What the document names and no schema here covers: its STAC version, extensions by address.
#[must_use]
pub fn unchecked(document: &Value) -> Vec<String> {
    let version = || document.get("stac_version").and_then(Value::as_str).unwrap_or("none");
    let core = core(document).is_none().then(|| format!("STAC version {}", version()));
    let extensions = extensions(document).filter(|(_, name)| name.is_none()).map(|(address, _)| address.to_owned());
    core.into_iter().chain(extensions).collect()
}

/// The core schema of a document's kind and version.
fn core(document: &Value) -> Option<&'static str> {
    let kind = document.get("type").and_then(Value::as_str)?;
    match (kind, document.get("stac_version").and_then(Value::as_str)?) {
        ("Feature", "1.0.0") => Some("item-1.0"),
        ("Feature", "1.1.0") => Some("item-1.1"),
        ("Collection", "1.0.0") => Some("collection-1.0"),
        ("Collection", "1.1.0") => Some("collection-1.1"),
        ("Catalog", "1.0.0") => Some("catalog-1.0"),
        ("Catalog", "1.1.0") => Some("catalog-1.1"),
        _ => None,
    }
}

/// The addresses of the extensions that a document names, each with the schema that stands for it.
fn extensions(document: &Value) -> impl Iterator<Item = (&str, Option<&'static str>)> {
    let named = document.get("stac_extensions").and_then(Value::as_array).into_iter().flatten();
    named.filter_map(Value::as_str).map(|address| {
        let rest = address.strip_prefix("https://stac-extensions.github.io/").unwrap_or_default();
        let known = EXTENSIONS.iter().find(|(begin, _)| rest.starts_with(begin));
        (address, known.map(|(_, name)| *name))
    })
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
}

/// The schema's validator, made when first asked for.
fn validator(name: &'static str) -> Option<&'static Validator> {
    type Slots = HashMap<&'static str, (Value, OnceLock<Option<Validator>>)>;
    static SLOTS: LazyLock<Slots> = LazyLock::new(|| {
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or_default();
        TEXTS.iter().map(|(name, text)| (*name, (parsed(text), OnceLock::new()))).collect()
    });
    let (schema, slot) = SLOTS.get(name)?;
    slot.get_or_init(|| jsonschema::options().with_retriever(CompiledIn).build(schema).ok()).as_ref()
}

/// Answers references between the schemas; whatever else is asked for does not exist.
struct CompiledIn;

impl Retrieve for CompiledIn {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix(BASE).and_then(|rest| rest.split(".json").next()).unwrap_or_default();
        let (_, text) = TEXTS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("{} is not compiled in", uri.as_str()))?;
        Ok(serde_json::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_schema_is_one() {
        for (name, text) in TEXTS {
            let schema: Value = serde_json::from_str(text).unwrap();
            assert_eq!(schema["$id"], format!("{BASE}{name}.json"));
            assert!(validator(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_not_checked_is_said() {
        let file = "https://stac-extensions.github.io/file/v1.0.0/schema.json";
        let label = "https://stac-extensions.github.io/label/v1.0.1/schema.json";
        let document = json!({"type": "Feature", "stac_version": "0.9.0", "stac_extensions": [file, label]});
        assert_eq!(unchecked(&document), ["STAC version 0.9.0", file]);
    }

    #[test]
    fn a_fault_names_schema_and_field() {
        let document = json!({"type": "Catalog", "stac_version": "1.1.0", "id": "", "description": "d", "links": []});
        let found = faults(&document);
        assert_eq!(
            found.iter().map(|fault| (fault.schema, fault.field.as_str())).collect::<Vec<_>>(),
            [("catalog-1.1", "id")]
        );
    }
}
