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

    /// Whether the class is one that the extension allows.
    fn check(&self) -> Result<(), String> {
        let is_short = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(is_short) {
            return Err(format!(
                "the name `{}` of class {} is not made of letters, digits, - and _",
                self.name, self.value
            ));
        }
        match &self.color_hint {
            Some(hint) if hint.len() != 6 || !hint.chars().all(|c| c.is_ascii_hexdigit()) => {
                Err(format!("the color_hint `{hint}` of class {} is not six hexadecimal digits", self.value))
            }
            _ => Ok(()),
        }
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

/// Bits of a pixel that hold a class of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BitField {
    /// The lowest bit, counted from 0.
    pub offset: u32,
    /// How many bits.
    pub length: u32,
    /// What the bits' values mean.
    pub classes: Vec<Class>,
    /// A name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The `classification:` fields of an asset or band.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The classes.
    #[serde(default, rename = "classification:classes", skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Bits with classes of their own.
    #[serde(default, rename = "classification:bitfields", skip_serializing_if = "Vec::is_empty")]
    pub bitfields: Vec<BitField>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for Classification {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/classification/v1.1.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/classification/";
    const PREFIX: &'static str = "classification:";

    fn check(&self) -> Result<(), String> {
        self.bitfields
            .iter()
            .map(|field| &field.classes)
            .chain([&self.classes])
            .flatten()
            .try_for_each(Class::check)?;
        match self.bitfields.iter().find(|field| field.length == 0 || field.classes.is_empty()) {
            Some(field) => Err(format!("the bit field at {} has no bits or no classes", field.offset)),
            None => Ok(()),
        }
    }
}
