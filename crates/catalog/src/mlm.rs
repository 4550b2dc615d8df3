//! The machine-learning-model extension: what a model takes, what it gives, and how it was made.
//!
//! <https://github.com/stac-extensions/mlm>, written as v1.5.2. What a model was trained with (bands and their order,
//! scaling, classes) stands here, to be checked when the model is applied.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod older;

use crate::{bands::DataType, classification::Class, extension::Extension};

/// The role of the asset that is the model.
pub const MODEL_ROLE: &str = "mlm:model";
/// The field of that asset which names its format.
pub const ARTIFACT_TYPE: &str = "mlm:artifact_type";
/// What [`ARTIFACT_TYPE`] says for an ONNX file; the extension recommends no value for ONNX.
pub const ONNX: &str = "onnx";
/// The task of a model that gives each pixel a class.
pub const SEMANTIC_SEGMENTATION: &str = "semantic-segmentation";

/// The `mlm:` fields of an item's properties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mlm {
    /// Letters, digits, `_`, `.`, `-` and spaces; begins with a letter.
    #[serde(rename = "mlm:name")]
    pub name: String,
    /// As the literature calls it: `UNet`.
    #[serde(default, rename = "mlm:architecture")]
    pub architecture: String,
    /// What it does: `semantic-segmentation`.
    #[serde(default, rename = "mlm:tasks")]
    pub tasks: Vec<String>,
    /// `ONNX`, `PyTorch`, …
    #[serde(default, rename = "mlm:framework", skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// The framework's version.
    #[serde(default, rename = "mlm:framework_version", skip_serializing_if = "Option::is_none")]
    pub framework_version: Option<String>,
    /// Bytes of memory to load it.
    #[serde(default, rename = "mlm:memory_size", skip_serializing_if = "Option::is_none")]
    pub memory_size_bytes: Option<u64>,
    /// The number of its weights.
    #[serde(default, rename = "mlm:total_parameters", skip_serializing_if = "Option::is_none")]
    pub total_parameters: Option<u64>,
    /// Whether training began from weights trained before.
    #[serde(default, rename = "mlm:pretrained", skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<bool>,
    /// The dataset of those weights; written as null when there were none.
    #[serde(
        default,
        rename = "mlm:pretrained_source",
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub pretrained_source: Option<Option<String>>,
    /// A sensible batch size.
    #[serde(default, rename = "mlm:batch_size_suggestion", skip_serializing_if = "Option::is_none")]
    pub batch_size_suggestion: Option<u32>,
    /// `amd64`, `cuda`, …
    #[serde(default, rename = "mlm:accelerator", skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
    /// Whether it runs on nothing else.
    #[serde(default, rename = "mlm:accelerator_constrained", skip_serializing_if = "Option::is_none")]
    pub accelerator_constrained: Option<bool>,
    /// The device in words.
    #[serde(default, rename = "mlm:accelerator_summary", skip_serializing_if = "Option::is_none")]
    pub accelerator_summary: Option<String>,
    /// What it takes.
    #[serde(default, rename = "mlm:input")]
    pub input: Vec<ModelInput>,
    /// What it gives.
    #[serde(default, rename = "mlm:output")]
    pub output: Vec<ModelOutput>,
    /// What it was trained by.
    #[serde(default, rename = "mlm:hyperparameters", skip_serializing_if = "Map::is_empty")]
    pub hyperparameters: Map<String, Value>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for Mlm {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/mlm/v1.5.2/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/mlm/";
    const PREFIX: &'static str = "mlm:";

    fn check(&self) -> Result<(), String> {
        let inner = self.name.chars().all(|c| c.is_ascii_alphanumeric() || c.is_whitespace() || "_.-".contains(c));
        let ends = self.name.starts_with(|c: char| c.is_ascii_alphabetic())
            && self.name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if self.name.len() < 3 || !inner || !ends {
            return Err(format!(
                "mlm:name `{}` must begin with a letter, end in a letter or digit, and have letters, digits, spaces, _ . - between",
                self.name
            ));
        }
        let structures = self.input.iter().map(|input| &input.input).chain(self.output.iter().map(|out| &out.result));
        match structures.into_iter().find(|structure| structure.shape.len() != structure.dim_order.len()) {
            Some(structure) => {
                Err(format!("{} sizes and {} dimensions", structure.shape.len(), structure.dim_order.len()))
            }
            None => Ok(()),
        }
    }
}

impl ModelInput {
    /// What is done to pixel values: `value_scaling`, else what versions before 1.3 said by `norm_type` and `statistics`.
    #[must_use]
    pub fn scaling(&self) -> Option<Vec<ValueScaling>> {
        self.value_scaling.clone().or_else(|| older::scaling(&self.other))
    }
}

/// One input of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInput {
    /// The graph input's name.
    pub name: String,
    /// The bands in the order of the `bands` dimension.
    #[serde(default)]
    pub bands: Vec<ModelBand>,
    /// Shape and type.
    pub input: Structure,
    /// What is done to pixel values, one entry per band or one for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_scaling: Option<Vec<ValueScaling>>,
    /// How images are brought to the input's size: `crop`, `pad`, `interpolation-linear`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_type: Option<String>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A band by name, or by name with the expression that gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ModelBand {
    /// A band of the image.
    Name(String),
    /// A band with more to it: `format` and `expression`.
    Described {
        /// The band's name.
        name: String,
        /// The other fields.
        #[serde(flatten)]
        other: Map<String, Value>,
    },
}

impl ModelBand {
    /// The band's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Described { name, .. } => name,
        }
    }
}

/// Shape and type of a tensor. A size of -1 is free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// The sizes, in the order of `dim_order`.
    pub shape: Vec<i64>,
    /// The dimensions' names: `batch`, `bands`, `height`, `width`.
    pub dim_order: Vec<String>,
    /// The type of its values.
    pub data_type: DataType,
}

/// One thing that is done to a pixel's value `x`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ValueScaling {
    /// (x - minimum) / (maximum - minimum)
    MinMax {
        /// What becomes 0.
        minimum: f64,
        /// What becomes 1.
        maximum: f64,
    },
    /// (x - mean) / stddev
    ZScore {
        /// What becomes 0.
        mean: f64,
        /// What becomes 1, above the mean.
        stddev: f64,
    },
    /// x held between two values.
    Clip {
        /// The lowest that is left.
        minimum: f64,
        /// The highest that is left.
        maximum: f64,
    },
    /// x held from below.
    ClipMin {
        /// The lowest that is left.
        minimum: f64,
    },
    /// x held from above.
    ClipMax {
        /// The highest that is left.
        maximum: f64,
    },
    /// x - value
    Offset {
        /// What is taken off.
        value: f64,
    },
    /// x / value
    Scale {
        /// What is divided by.
        value: f64,
    },
    /// An expression of the processing extension.
    Processing {
        /// Its language.
        format: String,
        /// The expression.
        expression: Value,
    },
}

/// One output of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelOutput {
    /// The graph output's name.
    pub name: String,
    /// What it answers.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Shape and type.
    pub result: Structure,
    /// The classes, by the index in the `class` dimension.
    #[serde(default, rename = "classification:classes", skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Tells a field that is null from one that is absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}
