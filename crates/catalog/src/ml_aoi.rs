//! The ml-aoi extension: which part of a dataset an item is in, and what an asset or link is to a model.
//!
//! <https://github.com/stac-extensions/ml-aoi>. Written as v0.2.0; v0.1.0 reads the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::Extension;

/// The part of a dataset that an item is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose settings by.
    Validate,
    /// To judge by, unseen.
    Test,
}

impl Split {
    /// Reads `train`, `validate` or `test`, and also `training`, `val`, `validation` and `testing`; letter case aside.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "validate" | "val" | "valid" | "validation" => Some(Self::Validate),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validate => "validate",
            Self::Test => "test",
        })
    }
}

/// What an asset or a linked item is to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What the model is to say.
    Label,
    /// What the model is to look at.
    Feature,
}

/// How pixels are brought onto the reference grid; the names of GDAL's resampling, spelled as the schema spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all there is
pub enum Resampling {
    Near,
    Bilinear,
    Cubic,
    /// A cubic spline; the schema's only legal spelling lacks an `i`.
    #[serde(rename = "cubcspline", alias = "cubicspline")]
    CubicSpline,
    Lanczos,
    Average,
    Rms,
    Mode,
    Max,
    Min,
    Med,
    Q1,
    Q3,
    Sum,
}

/// The `ml-aoi:` fields of an item's properties, an asset or a link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MlAoi {
    /// The part of the dataset; on items.
    #[serde(default, rename = "ml-aoi:split", skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// What it is to a model; on assets and links.
    #[serde(default, rename = "ml-aoi:role", skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether all other assets are to be brought onto this one's grid.
    #[serde(default, rename = "ml-aoi:reference-grid", skip_serializing_if = "Option::is_none")]
    pub reference_grid: Option<bool>,
    /// How to bring this asset onto the reference grid.
    #[serde(default, rename = "ml-aoi:resampling-method", skip_serializing_if = "Option::is_none")]
    pub resampling: Option<Resampling>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for MlAoi {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/ml-aoi/v0.2.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/ml-aoi/";
    const PREFIX: &'static str = "ml-aoi:";
}
