//! Questions about the images of an item: which bands they have, how fine they are, whether a model can read them.

use serde_json::Value;

use crate::{
    bands::Band,
    error::{Error, Result},
    extension,
    item::Item,
    mlm::Mlm,
};

/// Common names of the eo extension, each with the range of its wavelengths in micrometres.
const COMMON_UM: [(&str, f64, f64); 20] = [
    ("pan", 0.40, 1.00),
    ("coastal", 0.40, 0.45),
    ("blue", 0.45, 0.53),
    ("green", 0.51, 0.60),
    ("green05", 0.51, 0.55),
    ("yellow", 0.58, 0.62),
    ("red", 0.62, 0.69),
    ("rededge", 0.69, 0.79),
    ("rededge071", 0.69, 0.73),
    ("rededge075", 0.73, 0.76),
    ("rededge078", 0.76, 0.79),
    ("nir", 0.76, 1.00),
    ("nir08", 0.80, 0.90),
    ("nir09", 0.90, 1.00),
    ("cirrus", 1.35, 1.40),
    ("swir16", 1.55, 1.75),
    ("swir22", 2.08, 2.35),
    ("lwir", 10.4, 12.5),
    ("lwir11", 10.5, 11.5),
    ("lwir12", 11.5, 12.5),
];
/// How far centres of one band may lie apart between sensors of a family, in micrometres: Sentinel-2A and 2B differ by up
/// to 0.017 (band 12).
const SAME_CENTRE_UM: f64 = 0.02;

/// The bands that a model takes.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelBands(Vec<Band>);

impl ModelBands {
    /// What a model's item says of its inputs: names in `mlm:input`, described where the item or its assets describe them.
    ///
    /// # Errors
    /// [`Error::Field`] when the item is no model, or names no bands.
    pub fn of(model: &Item) -> Result<Self> {
        let wrong = |reason: &str| Error::Field {
            item: model.item_id().to_string(),
            field: "mlm:input".to_owned(),
            reason: reason.to_owned(),
        };
        let mlm = extension::read::<Mlm>(model)?.ok_or_else(|| wrong("the item describes no model"))?;
        let own = model.property("bands").or_else(|| model.property("eo:bands"));
        let own = own.and_then(Value::as_array).into_iter().flatten();
        let own = own.filter_map(|band| serde_json::from_value::<Band>(band.clone()).ok());
        let described: Vec<Band> = model.assets().flat_map(|asset| asset.bands()).chain(own).collect();
        let names = mlm.input.iter().flat_map(|input| &input.bands).map(crate::mlm::ModelBand::name);
        let band = |name: &str| {
            let known = described.iter().find(|band| band.name.as_deref() == Some(name));
            known.cloned().unwrap_or_else(|| Band::named(name))
        };
        let bands: Vec<Band> = names.map(band).collect();
        if bands.is_empty() { Err(wrong("it names no bands")) } else { Ok(Self(bands)) }
    }

    /// The bands, in the model's order.
    #[must_use]
    pub fn bands(&self) -> &[Band] {
        &self.0
    }

    /// Whether the images of an item have all of them.
    #[must_use]
    pub fn can_read(&self, item: &Item) -> bool {
        let own = image_bands(item);
        self.0.iter().all(|wanted| own.iter().any(|band| is_same(wanted, band)))
    }
}

/// Whether an item's band is what a model means: by common name, else by wavelength, else by its own name.
fn is_same(wanted: &Band, own: &Band) -> bool {
    let common = |band: &Band| {
        let name = band.common_name.as_ref().or(band.name.as_ref())?.to_ascii_lowercase();
        COMMON_UM.into_iter().find(|(known, ..)| *known == name)
    };
    match (common(wanted), common(own)) {
        (Some((wanted, ..)), Some((own, ..))) => return wanted == own,
        (Some((_, from, to)), None) | (None, Some((_, from, to))) => {
            let centre = if common(wanted).is_some() { own.center_wavelength_um } else { wanted.center_wavelength_um };
            if let Some(centre) = centre {
                return (from..=to).contains(&centre);
            }
        }
        (None, None) => {
            if let (Some(a), Some(b)) = (wanted.center_wavelength_um, own.center_wavelength_um) {
                return (a - b).abs() <= SAME_CENTRE_UM;
            }
        }
    }
    wanted.name.as_deref().is_some_and(|name| own.answers_to(name))
}

/// The bands of an item's images, all together: many collections keep one band a file.
fn image_bands(item: &Item) -> Vec<Band> {
    let images =
        item.assets().filter(|asset| asset.is_raster() && !asset.roles().any(|role| role.starts_with("labels")));
    images.flat_map(|asset| asset.bands()).collect()
}

pub(super) fn has_bands(item: &Item, wanted: &[String]) -> bool {
    wanted.is_empty() || {
        let own = image_bands(item);
        wanted.iter().all(|name| own.iter().any(|band| band.answers_to(name)))
    }
}

/// The finest ground sample distance that the item gives for itself or for a band.
pub(super) fn gsd_m(item: &Item) -> Option<f64> {
    let own = item.property("gsd").and_then(Value::as_f64);
    let of_bands = item.assets().flat_map(|asset| asset.bands()).filter_map(|band| band.gsd_m);
    own.or_else(|| of_bands.min_by(f64::total_cmp))
}
