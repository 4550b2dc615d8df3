//! How a GeoTIFF says its CRS: the GeoKey directory (OGC GeoTIFF 1.1, clause 7), read into a [`Crs`] and written from one.

use super::Crs;

/// The three GeoKey tags of a file (34735, 34736, 34737), kept so that a copy has the same CRS.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GeoKeys {
    /// Tag 34735: a header of four values, then four per key.
    pub(crate) directory: Vec<u16>,
    /// Tag 34736.
    pub(crate) doubles: Vec<f64>,
    /// Tag 34737.
    pub(crate) ascii: String,
}

/// GeoKeys, by number.
mod key {
    pub(super) const MODEL_TYPE: u16 = 1024;
    pub(super) const RASTER_TYPE: u16 = 1025;
    pub(super) const CITATION: u16 = 1026;
    pub(super) const GEODETIC_CRS: u16 = 2048;
    pub(super) const GEODETIC_CITATION: u16 = 2049;
    pub(super) const ELLIPSOID: u16 = 2056;
    pub(super) const SEMI_MAJOR: u16 = 2057;
    pub(super) const SEMI_MINOR: u16 = 2058;
    pub(super) const INVERSE_FLATTENING: u16 = 2059;
    pub(super) const PROJECTED_CRS: u16 = 3072;
    pub(super) const PROJECTED_CITATION: u16 = 3073;
    pub(super) const PROJECTION: u16 = 3074;
    pub(super) const METHOD: u16 = 3075;
    pub(super) const LINEAR_UNIT: u16 = 3076;
}

const PROJECTED: u16 = 1;
const GEOGRAPHIC: u16 = 2;
const PIXEL_IS_POINT: u16 = 2;
const USER_DEFINED: u16 = 32767;

impl GeoKeys {
    /// The four values of a key: id, where its value is, count, value or index.
    fn entry(&self, id: u16) -> Option<&[u16]> {
        self.directory.get(4..)?.chunks_exact(4).find(|entry| entry[0] == id)
    }

    fn short(&self, id: u16) -> Option<u16> {
        self.entry(id).filter(|entry| entry[1] == 0).map(|entry| entry[3])
    }

    fn double(&self, id: u16) -> Option<f64> {
        let entry = self.entry(id).filter(|entry| entry[1] == super::super::header::tag::GEO_DOUBLE_PARAMS)?;
        self.doubles.get(usize::from(entry[3])).copied()
    }

    fn text(&self, id: u16) -> Option<String> {
        let entry = self.entry(id).filter(|entry| entry[1] == super::super::header::tag::GEO_ASCII_PARAMS)?;
        let start = usize::from(entry[3]);
        let text = self.ascii.get(start..start.checked_add(usize::from(entry[2]))?.min(self.ascii.len()))?;
        Some(text.trim_end_matches(['|', '\0']).to_owned()).filter(|text| !text.is_empty())
    }

    fn code(&self, id: u16) -> Option<u32> {
        self.short(id).filter(|code| *code != 0 && *code != USER_DEFINED).map(u32::from)
    }

    /// True where the transform's positions are pixel centres.
    pub(crate) fn is_pixel_point(&self) -> bool {
        self.short(key::RASTER_TYPE) == Some(PIXEL_IS_POINT)
    }

    /// The CRS the keys describe; `None` where they describe none.
    pub(crate) fn to_crs(&self) -> Option<Crs> {
        let kind = self.short(key::MODEL_TYPE);
        let (epsg, name) = match kind {
            Some(GEOGRAPHIC) => (self.code(key::GEODETIC_CRS), self.text(key::GEODETIC_CITATION)),
            _ => (self.code(key::PROJECTED_CRS), self.text(key::PROJECTED_CITATION)),
        };
        let name = name.or_else(|| self.text(key::CITATION));
        if kind.is_none() && epsg.is_none() {
            return None;
        }
        let epsg = epsg.or_else(|| self.utm_epsg());
        let proj4 = if epsg.is_none() { self.to_proj4() } else { None };
        Some(Crs::from_keys(epsg, name, proj4, self.clone()))
    }

    /// UTM zones on WGS 84 are also given by their projection (160zz north, 161zz south) on geodetic CRS 4326.
    fn utm_epsg(&self) -> Option<u32> {
        match (self.code(key::GEODETIC_CRS)?, self.code(key::PROJECTION)?) {
            (4326, zone @ 16001..=16060) => Some(zone - 16000 + 32600),
            (4326, zone @ 16101..=16160) => Some(zone - 16100 + 32700),
            _ => None,
        }
    }

    /// Zone of a UTM projection on whatever geodetic CRS.
    fn utm_zone(&self) -> Option<String> {
        match self.code(key::PROJECTION)? {
            zone @ 16001..=16060 => Some(format!("+zone={}", zone - 16000)),
            zone @ 16101..=16160 => Some(format!("+zone={} +south", zone - 16100)),
            _ => None,
        }
    }

    /// A proj string of a system that has no code.
    fn to_proj4(&self) -> Option<String> {
        let ellipsoid = self.ellipsoid();
        if self.short(key::MODEL_TYPE) == Some(GEOGRAPHIC) {
            return Some(format!("+proj=longlat {ellipsoid} +no_defs"));
        }
        let unit = match self.short(key::LINEAR_UNIT) {
            None | Some(9001) => "+units=m",
            Some(9002) => "+units=ft",
            Some(9003) => "+units=us-ft",
            Some(_) => return None,
        };
        let first = |ids: &[u16]| ids.iter().find_map(|id| self.double(*id)).unwrap_or(0.0);
        let (lat_1, lat_2) = (first(&[3078]), first(&[3079]));
        // Natural origin, false origin, projection centre and straight vertical pole are one thing to proj.
        let lon_0 = first(&[3080, 3084, 3088, 3095]);
        let lat_0 = first(&[3081, 3085, 3089]);
        let (x_0, y_0) = (first(&[3082, 3086, 3090]), first(&[3083, 3087, 3091]));
        let k = [3092, 3093].iter().find_map(|id| self.double(*id)).unwrap_or(1.0);
        let projection = match self.short(key::METHOD).unwrap_or(0) {
            0 => return self.utm_zone().map(|zone| format!("+proj=utm {zone} {ellipsoid} {unit} +no_defs")),
            1 => format!("+proj=tmerc +lat_0={lat_0} +lon_0={lon_0} +k={k}"),
            7 if lat_1 != 0.0 => format!("+proj=merc +lat_ts={lat_1} +lon_0={lon_0}"),
            7 => format!("+proj=merc +lon_0={lon_0} +k={k}"),
            8 => format!("+proj=lcc +lat_1={lat_1} +lat_2={lat_2} +lat_0={lat_0} +lon_0={lon_0}"),
            9 => format!("+proj=lcc +lat_1={lat_0} +lat_0={lat_0} +lon_0={lon_0} +k_0={k}"),
            10 => format!("+proj=laea +lat_0={lat_0} +lon_0={lon_0}"),
            11 => format!("+proj=aea +lat_1={lat_1} +lat_2={lat_2} +lat_0={lat_0} +lon_0={lon_0}"),
            15 => {
                let pole = if lat_0 < 0.0 { -90 } else { 90 };
                format!("+proj=stere +lat_0={pole} +lat_ts={lat_0} +lon_0={lon_0} +k={k}")
            }
            16 => format!("+proj=sterea +lat_0={lat_0} +lon_0={lon_0} +k={k}"),
            17 => format!("+proj=eqc +lat_ts={lat_1} +lat_0={lat_0} +lon_0={lon_0}"),
            24 => format!("+proj=sinu +lon_0={lon_0}"),
            _ => return None,
        };
        Some(format!("{projection} +x_0={x_0} +y_0={y_0} {ellipsoid} {unit} +no_defs"))
    }

    fn ellipsoid(&self) -> String {
        if let Some(datum) = self.code(key::GEODETIC_CRS).and_then(datum_of) {
            return datum;
        }
        match (self.double(key::SEMI_MAJOR), self.double(key::SEMI_MINOR), self.double(key::INVERSE_FLATTENING)) {
            (Some(a), _, Some(rf)) if rf != 0.0 => format!("+a={a} +rf={rf}"),
            (Some(a), Some(b), _) => format!("+a={a} +b={b}"),
            (Some(a), None, _) => format!("+a={a} +b={a}"),
            _ => match self.code(key::ELLIPSOID) {
                Some(7019) => "+ellps=GRS80".to_owned(),
                Some(7004) => "+ellps=bessel".to_owned(),
                Some(7022) => "+ellps=intl".to_owned(),
                _ => "+datum=WGS84".to_owned(),
            },
        }
    }

    /// Keys of a system known by its code.
    pub(crate) fn of_epsg(code: u16, is_geographic: bool) -> GeoKeys {
        let (kind, id) = if is_geographic { (GEOGRAPHIC, key::GEODETIC_CRS) } else { (PROJECTED, key::PROJECTED_CRS) };
        let directory = vec![1, 1, 0, 3, key::MODEL_TYPE, 0, 1, kind, key::RASTER_TYPE, 0, 1, 1, id, 0, 1, code];
        GeoKeys { directory, doubles: Vec::new(), ascii: String::new() }
    }

    /// The same keys, saying that positions are pixel corners: how this crate writes transforms.
    pub(crate) fn with_pixel_is_area(mut self) -> GeoKeys {
        if let Some(entry) = self
            .directory
            .get_mut(4..)
            .into_iter()
            .flat_map(|d| d.chunks_exact_mut(4))
            .find(|e| e[0] == key::RASTER_TYPE)
        {
            entry[3] = 1;
        }
        self
    }
}

/// Ellipsoid, datum and prime meridian of a geographic system, as proj has them.
pub(super) fn datum_of(epsg: u32) -> Option<String> {
    let known = Crs::from_epsg(epsg).ok()?;
    let keep = ["+datum=", "+ellps=", "+a=", "+b=", "+rf=", "+towgs84=", "+pm="];
    let parts = known.proj4()?.split_whitespace().filter(|part| keep.iter().any(|k| part.starts_with(k)));
    Some(parts.collect::<Vec<_>>().join(" "))
}
