//! Coordinate reference systems: an EPSG code where there is one, else a definition.

use crate::{Error, Result};
use std::sync::Arc;

/// A coordinate reference system. Cheap to clone.
///
/// Two are equal where their EPSG codes are, or, where one has no code, where their definitions are.
/// Coordinates are always (x, y), and for geographic systems (longitude, latitude), whatever the authority's axis order.
#[derive(Clone)]
pub struct Crs(Arc<Definition>);

struct Definition {
    epsg: Option<u32>,
    name: Option<String>,
    proj4: Option<String>,
    geo_keys: Option<super::geokeys::GeoKeys>,
}

impl Crs {
    /// Longitude and latitude on WGS 84, EPSG:4326.
    pub fn wgs84() -> Crs {
        Crs::of_epsg(4326)
    }

    /// The system of an EPSG code.
    ///
    /// # Errors
    /// [`Error::UnknownCrs`] where no definition of that code is known here.
    pub fn from_epsg(code: u32) -> Result<Crs> {
        let crs = Crs::of_epsg(code);
        if crs.proj4().is_none() {
            let reason = "there is no definition for this code".to_owned();
            return Err(Error::UnknownCrs { crs: format!("EPSG:{code}"), reason });
        }
        Ok(crs)
    }

    /// The system of a text such as `EPSG:32631`, `OGC:CRS84`, a proj string (`+proj=laea …`), or of well-known text
    /// ([`Crs::from_wkt`]).
    ///
    /// # Errors
    /// [`Error::UnknownCrs`] where the text is none of these or no definition is known.
    pub fn from_text(text: &str) -> Result<Crs> {
        let text = text.trim();
        if text.starts_with("+proj=") {
            return Ok(Crs::from_proj4(text));
        }
        if text.contains('[') {
            return Crs::from_wkt(text);
        }
        if text.eq_ignore_ascii_case("OGC:CRS84") {
            return Ok(Crs::wgs84());
        }
        let code =
            text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("epsg:")).and_then(|_| text[5..].parse().ok());
        match code {
            Some(code) => Crs::from_epsg(code),
            None => {
                let reason = "write it as EPSG:<code>, OGC:CRS84, a proj string or WKT".to_owned();
                Err(Error::UnknownCrs { crs: text.to_owned(), reason })
            }
        }
    }

    /// The system of a proj string; whether it can be computed shows when points are transformed.
    pub fn from_proj4(definition: &str) -> Crs {
        Crs(Arc::new(Definition { epsg: None, name: None, proj4: Some(definition.to_owned()), geo_keys: None }))
    }

    /// The system of well-known text, as in STAC's `proj:wkt2`; WKT 1 is understood as well.
    ///
    /// It is that of the EPSG code that the text gives, else computed from projection, parameters and ellipsoid; of a compound
    /// system its horizontal part, of a bound one without the shift to another datum.
    ///
    /// # Errors
    /// [`Error::UnknownCrs`] where the text is malformed or describes what is not supported.
    pub fn from_wkt(text: &str) -> Result<Crs> {
        super::definition::from_wkt(text).map_err(|reason| unknown("the WKT", text, reason))
    }

    /// The system of a PROJJSON document, as in STAC's `proj:projjson`; as [`Crs::from_wkt`].
    ///
    /// # Errors
    /// [`Error::UnknownCrs`] where the document describes no system, or one that is not supported.
    pub fn from_projjson(document: &serde_json::Value) -> Result<Crs> {
        let name = document["name"].as_str().unwrap_or_default();
        super::definition::from_projjson(document).map_err(|reason| unknown("the PROJJSON", name, reason))
    }

    /// By its proj string; `epsg` is a code of which no definition is known here.
    pub(super) fn defined(epsg: Option<u32>, name: Option<String>, proj4: String) -> Crs {
        Crs(Arc::new(Definition { epsg, name, proj4: Some(proj4), geo_keys: None }))
    }

    /// As a file's keys describe it: kept even where the code has no definition here, so that a copy keeps its CRS.
    pub(crate) fn from_keys(
        epsg: Option<u32>,
        name: Option<String>,
        proj4: Option<String>,
        geo_keys: super::geokeys::GeoKeys,
    ) -> Crs {
        let proj4 = epsg.and_then(definition_of).map(str::to_owned).or(proj4);
        Crs(Arc::new(Definition { epsg, name, proj4, geo_keys: Some(geo_keys) }))
    }

    fn of_epsg(code: u32) -> Crs {
        let proj4 = definition_of(code).map(str::to_owned);
        Crs(Arc::new(Definition { epsg: Some(code), name: None, proj4, geo_keys: None }))
    }

    /// The EPSG code, if it has one.
    pub fn epsg(&self) -> Option<u32> {
        self.0.epsg
    }

    /// `EPSG:<code>`, the form of STAC's `proj:code`, if it has one.
    pub fn code(&self) -> Option<String> {
        self.0.epsg.map(|code| format!("EPSG:{code}"))
    }

    /// The proj string it is computed with; `None` where none is known.
    pub fn proj4(&self) -> Option<&str> {
        self.0.proj4.as_deref()
    }

    /// The name that the file gave it.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// True for longitude and latitude in degrees.
    pub fn is_geographic(&self) -> bool {
        self.proj4().is_some_and(|p| p.contains("+proj=longlat") || p.contains("+proj=latlong"))
    }

    pub(crate) fn geo_keys(&self) -> Option<&super::geokeys::GeoKeys> {
        self.0.geo_keys.as_ref()
    }
}

/// An error that names a definition by the front of its text.
fn unknown(kind: &str, text: &str, reason: String) -> Error {
    const SHOWN: usize = 60;
    let front: String = text.chars().take(SHOWN).collect();
    let dots = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    Error::UnknownCrs { crs: format!("{kind} `{front}{dots}`"), reason }
}

fn definition_of(code: u32) -> Option<&'static str> {
    crs_definitions::from_code(u16::try_from(code).ok()?).map(|definition| definition.proj4)
}

impl PartialEq for Crs {
    fn eq(&self, other: &Crs) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        match (self.0.epsg, other.0.epsg) {
            (Some(a), Some(b)) => a == b,
            _ => match (self.proj4(), other.proj4()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => self.0.geo_keys == other.0.geo_keys && self.0.name == other.0.name,
                _ => false,
            },
        }
    }
}

impl std::fmt::Display for Crs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.epsg, &self.0.name, &self.0.proj4) {
            (Some(code), _, _) => write!(f, "EPSG:{code}"),
            (None, Some(name), _) => f.write_str(name),
            (None, None, Some(definition)) => f.write_str(definition),
            (None, None, None) => f.write_str("an unnamed system"),
        }
    }
}

impl std::fmt::Debug for Crs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crs({self})")
    }
}
