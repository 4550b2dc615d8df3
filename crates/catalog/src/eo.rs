//! The eo extension: clouds, snow, and what light a band sees.
//!
//! <https://github.com/stac-extensions/eo>. Version 1 lists bands in `eo:bands`; version 2 puts `eo:` fields on the bands of STAC 1.1.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::Extension;

/// The `eo:` fields of an item's properties, an asset, or a band of STAC 1.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Eo {
    /// Clouds, in percent.
    #[serde(default, rename = "eo:cloud_cover", skip_serializing_if = "Option::is_none")]
    pub cloud_cover_percent: Option<f64>,
    /// Snow and ice, in percent.
    #[serde(default, rename = "eo:snow_cover", skip_serializing_if = "Option::is_none")]
    pub snow_cover_percent: Option<f64>,
    /// The name common to all sensors, `red`; of version 2.
    #[serde(default, rename = "eo:common_name", skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Wavelength at the centre, in micrometres; of version 2.
    #[serde(default, rename = "eo:center_wavelength", skip_serializing_if = "Option::is_none")]
    pub center_wavelength_um: Option<f64>,
    /// Width at half of the greatest response, in micrometres; of version 2.
    #[serde(default, rename = "eo:full_width_half_max", skip_serializing_if = "Option::is_none")]
    pub full_width_half_max_um: Option<f64>,
    /// The sun's light in this band, in W/m²/µm; of version 2.
    #[serde(default, rename = "eo:solar_illumination", skip_serializing_if = "Option::is_none")]
    pub solar_illumination: Option<f64>,
    /// The bands in the order of the file; of version 1.
    #[serde(default, rename = "eo:bands", skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<EoBand>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An entry of `eo:bands` of version 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EoBand {
    /// The data provider's name, `B04`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name common to all sensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// What it is, in prose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Wavelength at the centre, in micrometres.
    #[serde(default, rename = "center_wavelength", skip_serializing_if = "Option::is_none")]
    pub center_wavelength_um: Option<f64>,
    /// Width at half of the greatest response, in micrometres.
    #[serde(default, rename = "full_width_half_max", skip_serializing_if = "Option::is_none")]
    pub full_width_half_max_um: Option<f64>,
    /// The sun's light in this band, in W/m²/µm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solar_illumination: Option<f64>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for Eo {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/eo/v2.0.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/eo/";
    const PREFIX: &'static str = "eo:";

    fn check(&self) -> Result<(), String> {
        if !self.bands.is_empty() {
            return Err("eo:bands is of version 1; version 2 writes `bands`".to_owned());
        }
        for (field, percent) in [("cloud", self.cloud_cover_percent), ("snow", self.snow_cover_percent)] {
            if percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
                return Err(format!("eo:{field}_cover is no percentage"));
            }
        }
        Ok(())
    }
}
