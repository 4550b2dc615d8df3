//! The raster extension: how the pixels of a band are stored.
//!
//! <https://github.com/stac-extensions/raster>. Version 1 lists bands in `raster:bands`; version 2 puts `raster:` fields on the bands
//! of STAC 1.1, which has taken over type, nodata, unit and statistics.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{bands::DataType, extension::Extension};

/// The `raster:` fields of an item's properties, an asset, or a band of STAC 1.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Raster {
    /// Whether a pixel stands for an area or a point; of version 2.
    #[serde(default, rename = "raster:sampling", skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// Bits that a pixel really uses; of version 2.
    #[serde(default, rename = "raster:bits_per_sample", skip_serializing_if = "Option::is_none")]
    pub bits_per_sample: Option<u32>,
    /// Mean distance of pixels, in metres; of version 2.
    #[serde(default, rename = "raster:spatial_resolution", skip_serializing_if = "Option::is_none")]
    pub spatial_resolution_m: Option<f64>,
    /// What pixels are multiplied by to give a physical value; of version 2.
    #[serde(default, rename = "raster:scale", skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// What is added to the scaled pixels; of version 2.
    #[serde(default, rename = "raster:offset", skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// How often values occur; of version 2.
    #[serde(default, rename = "raster:histogram", skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// The bands in the order of the file; of version 1.
    #[serde(default, rename = "raster:bands", skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<RasterBand>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What a pixel stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// An area.
    Area,
    /// A point.
    Point,
}

/// How often values occur.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The number of buckets.
    pub count: f64,
    /// The lower end of the first bucket.
    pub min: f64,
    /// The upper end of the last bucket.
    pub max: f64,
    /// Pixels in each bucket.
    pub buckets: Vec<u64>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An entry of `raster:bands` of version 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RasterBand {
    /// The type of its pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<DataType>,
    /// A number, `nan`, `inf` or `-inf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodata: Option<Value>,
    /// Whether a pixel stands for an area or a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// Bits that a pixel really uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_sample: Option<u32>,
    /// Mean distance of pixels, in metres.
    #[serde(default, rename = "spatial_resolution", skip_serializing_if = "Option::is_none")]
    pub spatial_resolution_m: Option<f64>,
    /// What pixels are multiplied by to give a physical value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// What is added to the scaled pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// The unit of the physical value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How often values occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// Fields that this struct does not know, `statistics` among them.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for Raster {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/raster/v2.0.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/raster/";
    const PREFIX: &'static str = "raster:";

    fn check(&self) -> Result<(), String> {
        if !self.bands.is_empty() {
            return Err("raster:bands is of version 1; version 2 writes `bands`".to_owned());
        }
        match &self.histogram {
            Some(histogram) if histogram.buckets.len() < 3 => {
                Err("raster:histogram has fewer than 3 buckets".to_owned())
            }
            _ => Ok(()),
        }
    }
}
