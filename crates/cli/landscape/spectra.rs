//! Reflectance of pure surfaces in the bands of a Sentinel-2 L2A product, and the bands and classes themselves.
//!
//! The numbers are rounded typical values after the curves that the USGS Spectral Library (Kokaly et al. 2017,
//! <https://doi.org/10.3133/ds1035>: lawn grass, golden dry grass, aspen leaf, lodgepole pine, red brick, asphalt,
//! concrete, galvanised sheet metal) and the ECOSTRESS library (Meerdink et al. 2019,
//! <https://doi.org/10.1016/j.rse.2019.05.015>: inceptisol and alfisol soils, limestone, tap water, conifer, deciduous)
//! show at the centres of the bands, with canopies darkened by the shade within them. They were set by hand to two
//! digits, not computed by convolution with the sensor's response, and serve a landscape that is made up.

/// One spectral band of the made-up scenes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    /// Name in a Sentinel-2 L2A product, as in `B8A`.
    pub(crate) name: &'static str,
    /// Whether the sensor measures it at 20 m, so that every 2 x 2 block of pixels is alike.
    pub(super) coarse: bool,
}

/// One land-cover class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Class {
    /// Short lower-case name.
    pub(crate) name: &'static str,
    /// sRGB, chosen to be told apart with any colour vision (lightness differs as well as hue).
    pub(crate) colour: [u8; 3],
}

/// How many bands a scene has.
pub(crate) const BAND_COUNT: usize = 10;

/// The bands of a scene, in the order of its first axis: those that Sentinel-2 measures at 10 m and 20 m.
pub(crate) const BANDS: [Band; BAND_COUNT] = [
    band("B02", false),
    band("B03", false),
    band("B04", false),
    band("B05", true),
    band("B06", true),
    band("B07", true),
    band("B08", false),
    band("B8A", true),
    band("B11", true),
    band("B12", true),
];

/// The classes of a label, by value.
pub(crate) const CLASSES: [Class; 6] = [
    class("water", [0x2b, 0x6c, 0xb0]),
    class("bare", [0xc9, 0xa2, 0x6b]),
    class("cropland", [0xf2, 0xdf, 0x6e]),
    class("grassland", [0x9a, 0xcb, 0x7c]),
    class("forest", [0x1f, 0x5f, 0x3f]),
    class("built-up", [0xb5, 0x3c, 0x52]),
];

/// The label of a pixel whose ground cannot be seen.
pub(crate) const IGNORE: u8 = 255;

const fn band(name: &'static str, coarse: bool) -> Band {
    Band { name, coarse }
}

const fn class(name: &'static str, colour: [u8; 3]) -> Class {
    Class { name, colour }
}

/// Reflectance (0 to 1) per band, in the order of [`BANDS`].
pub(super) type Spectrum = [f64; BAND_COUNT];

pub(super) const CLEAR_WATER: Spectrum = [0.030, 0.028, 0.016, 0.012, 0.009, 0.008, 0.007, 0.006, 0.003, 0.002];
pub(super) const TURBID_WATER: Spectrum = [0.062, 0.088, 0.078, 0.070, 0.046, 0.044, 0.034, 0.030, 0.011, 0.007];
pub(super) const DARK_LOAM: Spectrum = [0.048, 0.068, 0.090, 0.104, 0.118, 0.131, 0.146, 0.154, 0.215, 0.180];
pub(super) const BRIGHT_LOAM: Spectrum = [0.092, 0.130, 0.176, 0.196, 0.214, 0.230, 0.248, 0.258, 0.345, 0.300];
pub(super) const RED_SOIL: Spectrum = [0.052, 0.082, 0.158, 0.184, 0.205, 0.220, 0.234, 0.244, 0.322, 0.268];
pub(super) const LIMESTONE: Spectrum = [0.178, 0.216, 0.252, 0.263, 0.273, 0.283, 0.294, 0.300, 0.352, 0.312];
pub(super) const GRAVEL: Spectrum = [0.128, 0.152, 0.176, 0.184, 0.192, 0.199, 0.206, 0.211, 0.248, 0.226];
pub(super) const GREEN_CROP: Spectrum = [0.026, 0.058, 0.028, 0.098, 0.330, 0.432, 0.462, 0.475, 0.196, 0.092];
pub(super) const STRAW: Spectrum = [0.086, 0.124, 0.166, 0.194, 0.222, 0.246, 0.272, 0.284, 0.352, 0.252];
pub(super) const LUSH_GRASS: Spectrum = [0.034, 0.072, 0.044, 0.116, 0.296, 0.368, 0.400, 0.414, 0.236, 0.128];
pub(super) const DRY_GRASS: Spectrum = [0.066, 0.096, 0.128, 0.158, 0.192, 0.214, 0.238, 0.250, 0.320, 0.226];
pub(super) const BROADLEAF: Spectrum = [0.020, 0.043, 0.022, 0.072, 0.256, 0.334, 0.362, 0.376, 0.160, 0.068];
pub(super) const BARE_BRANCHES: Spectrum = [0.040, 0.052, 0.062, 0.080, 0.112, 0.128, 0.144, 0.154, 0.172, 0.112];
pub(super) const CONIFER: Spectrum = [0.017, 0.030, 0.018, 0.046, 0.148, 0.186, 0.204, 0.214, 0.092, 0.040];
pub(super) const ROOF_TILE: Spectrum = [0.078, 0.104, 0.178, 0.198, 0.211, 0.220, 0.230, 0.238, 0.286, 0.270];
pub(super) const CONCRETE: Spectrum = [0.160, 0.186, 0.208, 0.217, 0.225, 0.231, 0.238, 0.242, 0.262, 0.252];
pub(super) const ASPHALT: Spectrum = [0.068, 0.078, 0.088, 0.092, 0.097, 0.101, 0.105, 0.108, 0.126, 0.124];
pub(super) const SHEET_METAL: Spectrum = [0.300, 0.316, 0.330, 0.332, 0.334, 0.336, 0.340, 0.342, 0.346, 0.316];
pub(super) const CLOUD: Spectrum = [0.600, 0.590, 0.595, 0.605, 0.620, 0.630, 0.640, 0.642, 0.470, 0.350];
/// What haze adds to the light from the ground: strongest in the blue.
pub(super) const HAZE: Spectrum = [0.060, 0.044, 0.032, 0.028, 0.024, 0.021, 0.018, 0.017, 0.006, 0.003];

/// `share` of `b` in `a`, band by band.
pub(super) fn blend(a: &Spectrum, b: &Spectrum, share: f64) -> Spectrum {
    std::array::from_fn(|band| a[band] + (b[band] - a[band]) * share)
}

/// Every band of `a` times `factor`.
pub(super) fn scale(a: &Spectrum, factor: f64) -> Spectrum {
    a.map(|value| value * factor)
}
