//! What the bands of a file mean.

/// What the file says about one band.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// Name or description, such as `B04`.
    pub description: Option<String>,
    /// Measured value = stored value * scale + offset; 1 where the file says nothing.
    pub scale: Option<f64>,
    /// 0 where the file says nothing.
    pub offset: Option<f64>,
    /// Unit of the measured value.
    pub unit: Option<String>,
    /// The band's own metadata items, by name.
    pub metadata: std::collections::BTreeMap<String, String>,
}

/// What the bands mean as colours; TIFF's PhotometricInterpretation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Photometric {
    /// 0 is white. GDAL and this crate give the values as stored.
    MinIsWhite,
    /// 0 is black, or simply numbers.
    MinIsBlack,
    /// Red, green, blue.
    Rgb,
    /// Indices into a colour table.
    Palette,
    /// Luminance and chrominance; decoded to red, green, blue where the codec is JPEG.
    YCbCr,
    /// Any other number.
    Other(u16),
}

/// Colours of a palette image: red, green, blue of each value, 16 bits each as TIFF stores them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorTable(pub Vec<[u16; 3]>);
