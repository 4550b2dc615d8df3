//! How a GeoTIFF says its CRS: the GeoKey directory, read into a [`Crs`] and written from one.

/// The three GeoKey tags of a file (34735, 34736, 34737), kept so that a copy has the same CRS.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GeoKeys {
    /// Tag 34735: header of four values, then four per key.
    pub(crate) directory: Vec<u16>,
    /// Tag 34736.
    pub(crate) doubles: Vec<f64>,
    /// Tag 34737.
    pub(crate) ascii: String,
}
