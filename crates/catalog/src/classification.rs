//! The classification extension: what the values of a raster mean.
//!
//! <https://github.com/stac-extensions/classification>. Written as v1.1.0, the version that MLM refers to for the classes of a
//! model; v2.0.0 reads the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::Extension;

/// One value of a raster and its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// The pixel value.
    pub value: i64,
    /// A short name: letters, digits, `-` and `_`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the class is, in prose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Six hexadecimal digits, RGB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color_hint: Option<String>,
    /// Whether pixels of this value hold nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nodata: bool,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Class {
    /// A class for `value` named `name`; a name that the schema would refuse becomes the title, with a short name made
    /// from it.
    #[must_use]
    pub fn new(value: i64, name: &str) -> Self {
        let short: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).collect();
        let title = (short != name).then(|| name.to_owned());
        Self { value, name: short, title, description: None, color_hint: None, nodata: false, other: Map::new() }
    }

    /// The name as it was given: the title where the short name had to be altered.
    #[must_use]
    pub fn full_name(&self) -> &str {
        match &self.title {
            Some(title) if self.name.is_empty() || Self::new(self.value, title).name == self.name => title,
            _ => &self.name,
        }
    }
}

/// The `classification:` fields of an asset or band.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The classes.
    #[serde(default, rename = "classification:classes", skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Fields that this struct does not know, bitfields among them.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for Classification {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/classification/v1.1.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/classification/";
    const PREFIX: &'static str = "classification:";
}
