//! The published JSON schemas as an oracle, read from where the test data is.
#![allow(dead_code)] // each test binary uses its own part

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::{Value, json};

/// The folder of test data: `SWATH_TEST_DATA`, else `shared/data` beside the workspace.
pub(crate) fn test_data() -> Option<PathBuf> {
    let folder = std::env::var_os("SWATH_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: there is no {}; set SWATH_TEST_DATA to the folder of test data", folder.display());
    None
}

/// Validators by schema address.
pub(crate) struct Schemas {
    known: HashMap<String, Value>,
    compiled: HashMap<String, Validator>,
}

#[derive(Clone)]
struct Offline(HashMap<String, Value>);

impl Retrieve for Offline {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let address = uri.as_str().trim_end_matches('#');
        self.0.get(address).cloned().ok_or_else(|| format!("no schema at hand for {address}").into())
    }
}

impl Schemas {
    pub(crate) fn load(data: &Path) -> Self {
        let mut known = HashMap::new();
        let core = data.join("stac/rustac/crates/validate/src/schemas");
        for folder in [data.join("schemas"), core.join("v1.1.0"), core.join("v1.0.0"), core.join("geojson")] {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let id = schema["$id"].as_str().unwrap().trim_end_matches('#').to_owned();
                // The published `common.json` calls itself `commonjson`: a schema is also known by its file's name.
                let by_name =
                    id.rsplit_once('/').unwrap().0.to_owned() + "/" + path.file_name().unwrap().to_str().unwrap();
                known.insert(by_name, schema.clone());
                known.insert(id, schema);
            }
        }
        // Referred to by MLM and projection, and not among the test data: what these places of them allow.
        let types =
            ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"];
        let data_type = json!({"definitions": {"bands": {"items": {"properties": {"data_type": {"enum": types}}}}}});
        known.insert("https://stac-extensions.github.io/raster/v1.1.0/schema.json".to_owned(), data_type);
        let expression = json!({"type": "object", "required": ["format", "expression"]});
        let processing = json!({"definitions": {"fields": {"properties": {"processing:expression": expression}}}});
        known.insert("https://stac-extensions.github.io/processing/v1.1.0/schema.json".to_owned(), processing);
        known.insert("https://proj.org/schemas/v0.7/projjson.schema.json".to_owned(), json!({"type": "object"}));
        Self { known, compiled: HashMap::new() }
    }

    /// All that is wrong with a document by the core schema of its kind and by every extension it names.
    pub(crate) fn faults(&mut self, document: &Value) -> Vec<String> {
        let core = match document["type"].as_str().unwrap() {
            "Feature" => "item",
            "Collection" => "collection",
            _ => "catalog",
        };
        let version = document["stac_version"].as_str().unwrap();
        let mut addresses =
            vec![format!("https://schemas.stacspec.org/v{version}/{core}-spec/json-schema/{core}.json")];
        let extensions = document["stac_extensions"].as_array().cloned().unwrap_or_default();
        addresses.extend(extensions.iter().map(|address| address.as_str().unwrap().to_owned()));
        addresses.iter().flat_map(|address| self.faults_by(address, document)).collect()
    }

    fn faults_by(&mut self, address: &str, document: &Value) -> Vec<String> {
        // The file extension has no schema among the test data, nor has processing.
        if address.contains("/file/") || address.contains("/processing/") {
            return Vec::new();
        }
        if !self.compiled.contains_key(address) {
            let schema = self.known.get(address).unwrap_or_else(|| panic!("no schema at hand for {address}"));
            let validator = jsonschema::options().with_retriever(Offline(self.known.clone())).build(schema).unwrap();
            self.compiled.insert(address.to_owned(), validator);
        }
        let errors = self.compiled[address].iter_errors(document);
        errors.map(|error| format!("{address}: {} at {}", error, error.instance_path())).collect()
    }
}
