//! The projection extension: the grid that an asset's pixels lie on.
//!
//! <https://github.com/stac-extensions/projection>. Written as v2.0.0; the `proj:epsg` of v1 is read into `code`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::Extension;

/// The `proj:` fields of an item's properties or of an asset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Authority and code, `EPSG:32631`; null where the CRS has none.
    #[serde(default, rename = "proj:code", skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The EPSG number that version 1 writes.
    #[serde(default, rename = "proj:epsg", skip_serializing_if = "Option::is_none")]
    pub epsg: Option<u32>,
    /// The CRS as WKT 2.
    #[serde(default, rename = "proj:wkt2", skip_serializing_if = "Option::is_none")]
    pub wkt2: Option<String>,
    /// The CRS as PROJJSON.
    #[serde(default, rename = "proj:projjson", skip_serializing_if = "Option::is_none")]
    pub projjson: Option<Value>,
    /// The footprint as a GeoJSON geometry in units of the CRS.
    #[serde(default, rename = "proj:geometry", skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Value>,
    /// The middle of the footprint: `lat` and `lon` in degrees.
    #[serde(default, rename = "proj:centroid", skip_serializing_if = "Option::is_none")]
    pub centroid: Option<Value>,
    /// West, south, east, north in units of the CRS.
    #[serde(default, rename = "proj:bbox", skip_serializing_if = "Option::is_none")]
    pub bbox: Option<Vec<f64>>,
    /// Rows, columns.
    #[serde(default, rename = "proj:shape", skip_serializing_if = "Option::is_none")]
    pub shape: Option<[u64; 2]>,
    /// x = a·column + b·row + c, y = d·column + e·row + f, as `[a, b, c, d, e, f]`; sometimes with the row `0, 0, 1`.
    #[serde(default, rename = "proj:transform", skip_serializing_if = "Option::is_none")]
    pub transform: Option<Vec<f64>>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Projection {
    /// Authority and code, from either version's field.
    #[must_use]
    pub fn authority_code(&self) -> Option<String> {
        self.code.clone().or_else(|| self.epsg.map(|epsg| format!("EPSG:{epsg}")))
    }

    /// The six numbers of the affine transform, when they are given and finite.
    #[must_use]
    pub fn affine(&self) -> Option<[f64; 6]> {
        let affine: [f64; 6] = self.transform.as_deref()?.get(..6)?.try_into().ok()?;
        affine.iter().all(|number| number.is_finite()).then_some(affine)
    }
}

impl Extension for Projection {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/projection/v2.0.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/projection/";
    const PREFIX: &'static str = "proj:";

    fn check(&self) -> Result<(), String> {
        if self.epsg.is_some() {
            return Err("proj:epsg is of version 1; version 2 writes proj:code".to_owned());
        }
        if self.bbox.as_ref().is_some_and(|bbox| !matches!(bbox.len(), 4 | 6)) {
            return Err("proj:bbox must have 4 or 6 numbers".to_owned());
        }
        match &self.transform {
            Some(transform) if !matches!(transform.len(), 6 | 9) => {
                Err("proj:transform must have 6 or 9 numbers".to_owned())
            }
            _ => Ok(()),
        }
    }
}
