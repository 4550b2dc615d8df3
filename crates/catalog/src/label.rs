//! The label extension: what an item labels, by which classes, and how often.
//!
//! <https://github.com/stac-extensions/label>, v1.0.1.

mod lenient;

pub use lenient::{Assumption, read as read_leniently};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::Extension;

/// The role of an asset that holds labels.
pub const ROLE: &str = "labels";
/// The relation of a link from a label item to the item that was labelled.
pub const SOURCE_REL: &str = "source";
/// The field of such a link that names the labelled assets.
pub const LINK_ASSETS: &str = "label:assets";

/// Whether labels are geometries or pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelType {
    /// Geometries.
    Vector,
    /// Pixels.
    Raster,
}

/// A class by name or by number: labels use either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassName {
    /// A name.
    Name(String),
    /// A number, as in a raster or a numeric property.
    Number(serde_json::Number),
}

impl std::fmt::Display for ClassName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The classes of one property; `name` is null for rasters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// The property that holds the class.
    pub name: Option<String>,
    /// The classes that may occur.
    pub classes: Vec<ClassName>,
}

/// How often a class occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// The class.
    pub name: String,
    /// Features for vector labels, pixels for raster labels.
    pub count: u64,
}

/// A number about a property that is no class: `mean`, `max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// What the number is.
    pub name: String,
    /// The number.
    pub value: f64,
}

/// Counts and statistics of one property.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// The property counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property_key: Option<String>,
    /// How often each class occurs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Count>,
    /// Numbers about a property that is no class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<Statistic>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The `label:` fields of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The properties of each feature that hold a class; null for rasters.
    #[serde(default, rename = "label:properties")]
    pub properties: Option<Vec<String>>,
    /// The classes of each property.
    #[serde(default, rename = "label:classes", skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Classes>,
    /// What the labels are, in prose.
    #[serde(default, rename = "label:description")]
    pub description: String,
    /// Geometries or pixels.
    #[serde(rename = "label:type")]
    pub label_type: LabelType,
    /// What the labels are for: `segmentation`, `classification`, …
    #[serde(default, rename = "label:tasks", skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// How they were made: `manual`, `automated`, …
    #[serde(default, rename = "label:methods", skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// How often each class occurs.
    #[serde(default, rename = "label:overviews", skip_serializing_if = "Vec::is_empty")]
    pub overviews: Vec<Overview>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Label {
    /// The names of all classes, in the order given, each once.
    #[must_use]
    pub fn class_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for class in self.classes.iter().flat_map(|entry| &entry.classes) {
            let name = class.to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl Extension for Label {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/label/v1.0.1/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/label/";
    const PREFIX: &'static str = "label:";

    fn check(&self) -> Result<(), String> {
        if self.description.is_empty() {
            return Err("label:description is empty".to_owned());
        }
        if self.properties.as_ref().is_some_and(Vec::is_empty) {
            return Err("label:properties is an empty list; null is what rasters have".to_owned());
        }
        for entry in &self.classes {
            let named = entry.name.as_ref().is_some_and(|name| !name.is_empty());
            if named != (self.label_type == LabelType::Vector) {
                return Err("label:classes names a property for vector labels, and null for raster labels".to_owned());
            }
            let numbers = entry.classes.iter().filter(|class| matches!(class, ClassName::Number(_))).count();
            if entry.classes.is_empty() || (numbers > 0 && numbers < entry.classes.len()) {
                return Err("label:classes must hold names or numbers, and not both".to_owned());
            }
        }
        Ok(())
    }
}
