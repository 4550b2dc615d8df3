//! A coordinate reference system by its definition, as PROJJSON or WKT: by its EPSG code where it has one, else by its projection,
//! parameters and ellipsoid as a proj string.

mod projjson;
mod wkt;

pub(super) use projjson::read as from_projjson;
pub(super) use wkt::read as from_wkt;

use super::Crs;
use std::collections::BTreeMap;

/// Why a definition is not understood, in words.
type Reason = String;

/// What a definition says, in degrees and metres.
#[derive(Debug, Default)]
struct System {
    name: Option<String>,
    epsg: Option<u32>,
    base: Base,
    /// `None` for longitude and latitude.
    conversion: Option<Conversion>,
    /// Metres per unit of its axes.
    unit_m: f64,
}

/// The ellipsoid and its place.
#[derive(Debug, Default)]
struct Base {
    epsg: Option<u32>,
    semi_major_m: f64,
    /// 0 for a sphere.
    inverse_flattening: f64,
    prime_meridian_deg: f64,
}

/// A projection. Parameters are by the names that proj has for them: angles in degrees, lengths in metres.
#[derive(Debug, Default)]
struct Conversion {
    method: Named,
    parameters: BTreeMap<&'static str, f64>,
}

/// A method or parameter: by its number in the EPSG registry, where it is given, and its name.
#[derive(Debug, Default)]
struct Named {
    epsg: Option<u32>,
    name: String,
}

impl Named {
    /// The name in lower case without anything but letters and digits: authorities differ in the rest.
    fn plain(&self) -> String {
        self.name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
    }

    fn is(&self, codes: &[u32], names: &[&str]) -> bool {
        self.epsg.is_some_and(|code| codes.contains(&code)) || names.contains(&self.plain().as_str())
    }

    /// What proj calls this parameter.
    fn parameter(&self) -> Option<&'static str> {
        PARAMETERS.iter().find(|(_, codes, names)| self.is(codes, names)).map(|(key, ..)| *key)
    }
}

/// Whether a parameter of proj is an angle, else a length or a factor.
fn is_angle(key: &str) -> bool {
    key.starts_with('l')
}

fn is_length(key: &str) -> bool {
    key == "x_0" || key == "y_0"
}

type Parameter = (&'static str, &'static [u32], &'static [&'static str]);

/// proj's name, numbers in the EPSG registry, names there and in WKT 1.
const PARAMETERS: [Parameter; 8] = [
    (
        "lat_0",
        &[8801, 8811, 8821],
        &[
            "latitudeofnaturalorigin",
            "latitudeofprojectioncentre",
            "latitudeoffalseorigin",
            "latitudeoforigin",
            "latitudeofcenter",
        ],
    ),
    (
        "lon_0",
        &[8802, 8812, 8822, 8833],
        &[
            "longitudeofnaturalorigin",
            "longitudeofprojectioncentre",
            "longitudeoffalseorigin",
            "longitudeoforigin",
            "longitudeofcenter",
            "centralmeridian",
        ],
    ),
    ("k", &[8805, 8815], &["scalefactoratnaturalorigin", "scalefactor"]),
    ("x_0", &[8806, 8816, 8826], &["falseeasting", "eastingatfalseorigin", "eastingatprojectioncentre"]),
    ("y_0", &[8807, 8817, 8827], &["falsenorthing", "northingatfalseorigin", "northingatprojectioncentre"]),
    ("lat_1", &[8823], &["latitudeof1ststandardparallel", "standardparallel1"]),
    ("lat_2", &[8824], &["latitudeof2ndstandardparallel", "standardparallel2"]),
    ("lat_ts", &[8832], &["latitudeofstandardparallel"]),
];

impl Conversion {
    fn get(&self, key: &str) -> f64 {
        self.parameters.get(key).copied().unwrap_or(if key == "k" { 1.0 } else { 0.0 })
    }

    /// The projection and its own parameters, as proj has them.
    fn to_proj4(&self) -> Result<String, Reason> {
        let [lat_0, lon_0, k, lat_1, lat_2, lat_ts] =
            ["lat_0", "lon_0", "k", "lat_1", "lat_2", "lat_ts"].map(|key| self.get(key));
        let is = |codes: &[u32], names: &[&str]| self.method.is(codes, names);
        Ok(if is(&[9807], &["transversemercator", "gausskruger"]) {
            format!("+proj=tmerc +lat_0={lat_0} +lon_0={lon_0} +k={k}")
        } else if is(&[9802], &["lambertconicconformal2sp", "lambertconformalconic2sp"]) {
            format!("+proj=lcc +lat_1={lat_1} +lat_2={lat_2} +lat_0={lat_0} +lon_0={lon_0}")
        } else if is(&[9801], &["lambertconicconformal1sp", "lambertconformalconic1sp"]) {
            format!("+proj=lcc +lat_1={lat_0} +lat_0={lat_0} +lon_0={lon_0} +k_0={k}")
        } else if is(&[9820, 1027], &["lambertazimuthalequalarea"]) {
            format!("+proj=laea +lat_0={lat_0} +lon_0={lon_0}")
        } else if is(&[9822], &["albersequalarea", "albersconicequalarea", "albers"]) {
            format!("+proj=aea +lat_1={lat_1} +lat_2={lat_2} +lat_0={lat_0} +lon_0={lon_0}")
        } else if is(&[9804], &["mercatorvarianta", "mercator1sp"]) {
            format!("+proj=merc +lon_0={lon_0} +k={k}")
        } else if is(&[9805], &["mercatorvariantb", "mercator2sp"]) {
            format!("+proj=merc +lat_ts={lat_1} +lon_0={lon_0}")
        } else if is(&[1024], &["popularvisualisationpseudomercator"]) {
            format!("+proj=merc +lon_0={lon_0} +k=1")
        } else if is(&[9810, 9829], &["polarstereographicvarianta", "polarstereographicvariantb", "polarstereographic"])
        {
            // Given by the latitude of true scale, or by a factor at the pole.
            let lat = if self.parameters.contains_key("lat_ts") { lat_ts } else { lat_0 };
            let pole = if lat < 0.0 { -90 } else { 90 };
            let scale = if lat.abs() < 90.0 { format!("+lat_ts={lat}") } else { format!("+k={k}") };
            format!("+proj=stere +lat_0={pole} {scale} +lon_0={lon_0}")
        } else if is(&[9809], &["obliquestereographic"]) {
            format!("+proj=sterea +lat_0={lat_0} +lon_0={lon_0} +k={k}")
        } else if is(&[1028, 1029, 9823, 9842], &["equidistantcylindrical", "equirectangular"]) {
            format!("+proj=eqc +lat_ts={lat_1} +lon_0={lon_0}")
        } else if is(&[9834, 9835], &["lambertcylindricalequalarea", "cylindricalequalarea"]) {
            format!("+proj=cea +lat_ts={lat_1} +lon_0={lon_0}")
        } else if is(&[1125, 9832], &["azimuthalequidistant", "modifiedazimuthalequidistant"]) {
            format!("+proj=aeqd +lat_0={lat_0} +lon_0={lon_0}")
        } else if is(&[9818], &["americanpolyconic", "polyconic"]) {
            format!("+proj=poly +lat_0={lat_0} +lon_0={lon_0}")
        } else if is(&[1078], &["equalearth"]) {
            format!("+proj=eqearth +lon_0={lon_0}")
        } else if let Some(name) =
            ["sinusoidal", "mollweide", "robinson"].iter().find(|name| self.method.plain() == **name)
        {
            format!("+proj={} +lon_0={lon_0}", if *name == "robinson" { "robin" } else { &name[..4] })
        } else {
            return Err(format!("its projection `{}` is not supported", self.method.name));
        })
    }

    /// Whether the ellipsoid's larger radius is taken for a sphere's.
    fn is_on_sphere(&self) -> bool {
        self.method.is(&[1024], &["popularvisualisationpseudomercator"])
    }
}

impl System {
    fn to_crs(&self) -> Result<Crs, Reason> {
        if let Some(crs) = self.epsg.and_then(|code| Crs::from_epsg(code).ok()) {
            return Ok(crs);
        }
        let ellipsoid = self.base.to_proj4(self.conversion.as_ref().is_some_and(Conversion::is_on_sphere))?;
        let proj4 = match &self.conversion {
            None => format!("+proj=longlat {ellipsoid} +no_defs"),
            Some(conversion) => {
                let projection = conversion.to_proj4()?;
                let (x_0, y_0) = (conversion.get("x_0"), conversion.get("y_0"));
                let unit =
                    if self.unit_m == 1.0 { "+units=m".to_owned() } else { format!("+to_meter={}", self.unit_m) };
                format!("{projection} +x_0={x_0} +y_0={y_0} {ellipsoid} {unit} +no_defs")
            }
        };
        Ok(Crs::defined(self.epsg, self.name.clone(), proj4))
    }
}

impl Base {
    fn to_proj4(&self, as_sphere: bool) -> Result<String, Reason> {
        let radius = self.semi_major_m;
        if as_sphere && radius > 0.0 {
            return Ok(format!("+a={radius} +b={radius} +nadgrids=@null"));
        }
        if let Some(datum) = self.epsg.and_then(super::geokeys::datum_of) {
            return Ok(datum);
        }
        if !(radius > 0.0 && radius.is_finite() && self.inverse_flattening >= 0.0) {
            return Err("it gives no ellipsoid".to_owned());
        }
        let shape = match self.inverse_flattening {
            0.0 => format!("+a={radius} +b={radius}"),
            inverse => format!("+a={radius} +rf={inverse}"),
        };
        let meridian = self.prime_meridian_deg;
        Ok(if meridian == 0.0 { shape } else { format!("{shape} +pm={meridian}") })
    }
}
