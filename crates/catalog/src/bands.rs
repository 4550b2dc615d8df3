//! Bands, from whichever of STAC's three ways of describing them an item uses.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// The type of a pixel's value, in the words of STAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all there is
pub enum DataType {
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float16,
    Float32,
    Float64,
    CInt16,
    CInt32,
    CFloat32,
    CFloat64,
    #[serde(other)]
    Other,
}

impl DataType {
    /// The type of that name; `None` for names that STAC does not have.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let known: Option<Self> = serde_json::from_value(Value::from(name)).ok();
        known.filter(|known| *known != Self::Other || name == "other")
    }
}

/// One band of a raster asset, as its item describes it. Nothing here was checked against the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The data provider's name, `B04`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name common to all sensors, `red`.
    #[serde(default, rename = "eo:common_name", skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Wavelength at the centre, in micrometres.
    #[serde(default, rename = "eo:center_wavelength", skip_serializing_if = "Option::is_none")]
    pub center_wavelength_um: Option<f64>,
    /// The type of its pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<DataType>,
    /// The value that means "nothing here"; NaN and the infinities are written as text, as STAC says.
    #[serde(default, with = "nodata", skip_serializing_if = "Option::is_none")]
    pub nodata: Option<f64>,
    /// What pixels are multiplied by to give a physical value.
    #[serde(default, rename = "raster:scale", skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// What is added to the scaled pixels to give a physical value.
    #[serde(default, rename = "raster:offset", skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// Percentage of its pixels that are valid, out of the item's statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_percent: Option<f64>,
    /// Ground sample distance, in metres.
    #[serde(default, rename = "gsd", skip_serializing_if = "Option::is_none")]
    pub gsd_m: Option<f64>,
}

impl Band {
    /// A band of which only the name is known; the common name and wavelength are filled in for Sentinel-2's names.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let (common_name, center_wavelength_um) = match sentinel_2(name) {
            Some((common_name, micrometres)) => (Some(common_name.to_owned()), Some(micrometres)),
            None => (None, None),
        };
        Self { name: Some(name.to_owned()), common_name, center_wavelength_um, ..Self::default() }
    }

    /// Whether `name` is this band's own or common name, letter case and the zeros of `B02` or `B08A` aside.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        let same =
            |own: &String| own.eq_ignore_ascii_case(name) || short(own).is_some_and(|own| short(name) == Some(own));
        [&self.name, &self.common_name].into_iter().flatten().any(same)
    }
}

/// The number of a band named like `B02`, in capitals and without zeros before it.
fn short(name: &str) -> Option<String> {
    let number = name.strip_prefix(['b', 'B'])?.trim_start_matches('0');
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_ascii_uppercase())
}

/// Common name and central wavelength in micrometres of Sentinel-2A's bands, from the mission's spectral response
/// functions; names as products give them (`B02`) or short (`B2`).
fn sentinel_2(name: &str) -> Option<(&'static str, f64)> {
    Some(match short(name)?.as_str() {
        "1" => ("coastal", 0.4427),
        "2" => ("blue", 0.4927),
        "3" => ("green", 0.5598),
        "4" => ("red", 0.6646),
        "5" => ("rededge071", 0.7041),
        "6" => ("rededge075", 0.7405),
        "7" => ("rededge078", 0.7828),
        "8" => ("nir", 0.8328),
        "8A" => ("nir08", 0.8647),
        "9" => ("nir09", 0.9451),
        "10" => ("cirrus", 1.3735),
        "11" => ("swir16", 1.6137),
        "12" => ("swir22", 2.2024),
        _ => return None,
    })
}

/// The bands of an asset: its own `bands`, else its `eo:bands` and `raster:bands` laid over each other; where the asset
/// says neither, those of the item's properties.
pub(crate) fn of_asset(asset: &Map<String, Value>, properties: Option<&Map<String, Value>>) -> Vec<Band> {
    let listed = |fields: &Map<String, Value>, field: &str| {
        fields.get(field).and_then(Value::as_array).filter(|bands| !bands.is_empty()).cloned()
    };
    let from_properties = |field: &str| properties.and_then(|fields| listed(fields, field));
    let bands = listed(asset, "bands").or_else(|| {
        if asset.contains_key("eo:bands") || asset.contains_key("raster:bands") {
            None
        } else {
            from_properties("bands")
        }
    });
    if let Some(bands) = bands {
        return bands.iter().map(|band| band_of(band, asset)).collect();
    }
    let spectral = listed(asset, "eo:bands").map(|own| positions_resolved(own, properties));
    let spectral = spectral.or_else(|| from_properties("eo:bands")).unwrap_or_default();
    let stored = listed(asset, "raster:bands").or_else(|| from_properties("raster:bands")).unwrap_or_default();
    (0..spectral.len().max(stored.len()))
        .map(|index| {
            let mut fields = Map::new();
            for band in [stored.get(index), spectral.get(index)].into_iter().flatten().filter_map(Value::as_object) {
                fields.extend(band.clone());
            }
            band_of(&Value::Object(fields), asset)
        })
        .collect()
}

/// Versions before 1.0 list positions in the item's `eo:bands` where later ones list bands.
fn positions_resolved(own: Vec<Value>, properties: Option<&Map<String, Value>>) -> Vec<Value> {
    let Some(all) = properties.and_then(|fields| fields.get("eo:bands")).and_then(Value::as_array) else { return own };
    let band_at = |value: Value| match value.as_u64().and_then(|at| all.get(usize::try_from(at).ok()?)) {
        Some(band) => band.clone(),
        None => value,
    };
    own.into_iter().map(band_at).collect()
}

/// Reads one band leniently: a field of the wrong type counts as absent. What the asset says of all bands fills gaps.
fn band_of(band: &Value, asset: &Map<String, Value>) -> Band {
    let field = |names: &[&str]| {
        let of = |fields: &Map<String, Value>| names.iter().find_map(|name| fields.get(*name)).cloned();
        band.as_object().and_then(of).or_else(|| of(asset))
    };
    let text = |names: &[&str]| band.as_object().and_then(|own| names.iter().find_map(|name| own.get(*name)?.as_str()));
    let number = |names: &[&str]| field(names).as_ref().and_then(nodata::number);
    let statistics = ["statistics", "raster:statistics"].iter().find_map(|name| band.get(*name));
    Band {
        valid_percent: statistics.and_then(|fields| fields.get("valid_percent")).and_then(Value::as_f64),
        name: text(&["name"]).map(str::to_owned),
        common_name: text(&["eo:common_name", "common_name"]).map(str::to_owned),
        center_wavelength_um: number(&["eo:center_wavelength", "center_wavelength"]),
        data_type: field(&["data_type", "raster:data_type"]).and_then(|value| serde_json::from_value(value).ok()),
        nodata: number(&["nodata"]),
        scale: number(&["raster:scale", "scale"]),
        offset: number(&["raster:offset", "offset"]),
        gsd_m: number(&["gsd", "raster:spatial_resolution", "spatial_resolution"]),
    }
}

/// `nodata` is a number or one of the texts `nan`, `inf`, `-inf`.
mod nodata {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Number, Value};

    pub(super) fn number(value: &Value) -> Option<f64> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if text == "nan" => Some(f64::NAN),
            Value::String(text) if text == "inf" => Some(f64::INFINITY),
            Value::String(text) if text == "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)] // serde's `with` prescribes the signature
    pub(super) fn serialize<S: Serializer>(nodata: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        let value = nodata.map(|value| match value {
            _ if value.is_nan() => Value::from("nan"),
            _ if value.is_infinite() => Value::from(if value > 0.0 { "inf" } else { "-inf" }),
            // Whole numbers are written without a decimal point, as in every published item.
            _ if value.fract() == 0.0 && value.abs() < 9.0e15 => Value::from(value as i64),
            _ => Number::from_f64(value).map_or(Value::Null, Value::Number),
        });
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Value>::deserialize(deserializer)?.as_ref().and_then(number))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bands(asset: Value, properties: Value) -> Vec<Band> {
        of_asset(asset.as_object().unwrap(), properties.as_object())
    }

    #[test]
    fn eo_names_and_raster_values_are_laid_over_each_other() {
        let asset = json!({"raster:bands": [{"nodata": 0, "data_type": "uint16", "spatial_resolution": 10}, {"nodata": "nan"}]});
        let properties = json!({"eo:bands": [{"name": "B02", "common_name": "blue"}, {"name": "B03"}]});
        let [blue, green] = <[Band; 2]>::try_from(bands(asset, properties)).unwrap();
        assert_eq!((blue.name.as_deref(), blue.nodata, blue.gsd_m), (Some("B02"), Some(0.0), Some(10.0)));
        assert_eq!(blue.data_type, Some(DataType::UInt16));
        assert!(blue.answers_to("BLUE") && blue.answers_to("b02"));
        assert!(green.nodata.unwrap().is_nan());
    }

    #[test]
    fn positions_of_older_versions_name_the_items_bands() {
        let properties = json!({"eo:bands": [{"name": "B1"}, {"name": "B2"}, {"name": "B3"}]});
        let found = bands(json!({"eo:bands": [2, 0]}), properties);
        let names: Vec<_> = found.iter().filter_map(|band| band.name.as_deref()).collect();
        assert_eq!(names, ["B3", "B1"]);
    }

    #[test]
    fn stac_1_1_bands_inherit_from_their_asset() {
        let asset = json!({"data_type": "int16", "nodata": -1, "bands": [{"name": "a"}, {"name": "b", "nodata": 3}]});
        let found = bands(asset, json!({}));
        assert_eq!(found[0].data_type, Some(DataType::Int16));
        assert_eq!((found[0].nodata, found[1].nodata), (Some(-1.0), Some(3.0)));
    }

    #[test]
    fn bands_are_written_as_stac_1_1_says() {
        let band = Band { nodata: Some(f64::NAN), data_type: Some(DataType::UInt8), ..Band::named("B8A") };
        let expected = json!({"name": "B8A", "eo:common_name": "nir08", "eo:center_wavelength": 0.8647, "data_type": "uint8", "nodata": "nan"});
        assert_eq!(serde_json::to_value(band).unwrap(), expected);
        let whole = Band { nodata: Some(-9999.0), ..Band::default() };
        assert_eq!(serde_json::to_string(&whole).unwrap(), r#"{"nodata":-9999}"#);
    }

    #[test]
    fn only_sentinel_2_names_get_common_names() {
        assert!(Band::named("B08A").answers_to("b8a") && !Band::named("B8").answers_to("B8A"));
        assert!(!Band::named("blue").answers_to("lue") && !Band::named("B").answers_to("B0"));
        assert_eq!(Band::named("B2").common_name.as_deref(), Some("blue"));
        assert_eq!(Band::named("4").common_name, None);
        assert_eq!(Band::named("VV").common_name, None);
    }
}
