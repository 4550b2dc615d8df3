//! Assets: whether their files are there, and whether item and file tell the same story.

use serde_json::Value;

use super::{Finding, FindingKind, Severity};
use crate::{
    bands::DataType,
    extension,
    href::Href,
    item::{Asset, Item},
    projection::Projection,
};

/// What an image file says about itself, supplied by a reader of pixels.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    /// The name of each band in the order of the file; `None` where the file names it not.
    pub band_names: Vec<Option<String>>,
    /// The type of its pixels.
    pub data_type: Option<DataType>,
    /// Its nodata value.
    pub nodata: Option<f64>,
    /// Rows, columns.
    pub shape: [u64; 2],
    /// Authority and code of its CRS.
    pub code: Option<String>,
}

pub(super) fn examine(item: &Item, findings: &mut Vec<Finding>) {
    for asset in item.assets() {
        let field = format!("assets.{}", asset.key);
        match asset.href().filter(|href| !href.is_empty()) {
            None => {
                let message = "it has no href; the asset was left out";
                findings.push(Finding::of(item, FindingKind::InvalidField, Severity::Error, field, message));
                continue;
            }
            Some(href) => {
                let file = Href::parse(href).ok();
                if file.as_ref().and_then(Href::as_file).is_some_and(|path| !path.exists()) {
                    let message = format!("there is no file {href}; the asset cannot be read");
                    findings.push(Finding::of(
                        item,
                        FindingKind::MissingFile,
                        Severity::Error,
                        format!("{field}.href"),
                        message,
                    ));
                }
            }
        }
        if asset.is_raster() {
            band_lists(asset, findings);
        }
    }
}

/// `eo:bands` names what `raster:bands` types; the two lists must be of one length.
fn band_lists(asset: Asset<'_>, findings: &mut Vec<Finding>) {
    let item = asset.item();
    let count = |field: &str| {
        let of = |fields: &serde_json::Map<String, Value>| fields.get(field).and_then(Value::as_array).map(Vec::len);
        of(asset.fields).or_else(|| item.properties().and_then(of))
    };
    if let (Some(named), Some(typed)) = (count("eo:bands"), count("raster:bands"))
        && named != typed
    {
        let field = format!("assets.{}", asset.key);
        let message = format!(
            "{named} bands are named (eo:bands) and {typed} are typed (raster:bands); the names were laid over the first {named}, and are doubtful"
        );
        findings.push(Finding::of(item, FindingKind::BandCount, Severity::Error, field, message));
    }
}

/// Where an image asset and its file contradict each other. The file is always right about its pixels; what is assumed of
/// the meaning of its bands is said.
#[must_use]
pub fn against_file(asset: Asset<'_>, file: &FileFacts) -> Vec<Finding> {
    let item = asset.item();
    let mut findings = Vec::new();
    let mut differ = |kind, severity, field: &str, message: String| {
        findings.push(Finding::of(item, kind, severity, format!("assets.{}{field}", asset.key), message));
    };
    let bands = asset.bands();
    if !bands.is_empty() && bands.len() != file.band_names.len() {
        let message = format!(
            "the item describes {} bands and the file has {}; the file's were read",
            bands.len(),
            file.band_names.len()
        );
        differ(FindingKind::BandCount, Severity::Error, "", message);
    }
    for (index, (band, named)) in bands.iter().zip(&file.band_names).enumerate() {
        if let (Some(own), Some(in_file)) = (&band.name, named)
            && !band.answers_to(in_file)
        {
            let message = format!(
                "band {} is `{own}` in the item and `{in_file}` in the file; the file's name was taken",
                index + 1
            );
            differ(FindingKind::BandOrder, Severity::Error, "", message);
        }
    }
    if let Some(own) = bands.first().map(|band| band.nodata)
        && !same_number(own, file.nodata)
    {
        let say = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
        let message = format!(
            "nodata is {} in the item and {} in the file; a value that only one of them gives was taken",
            say(own),
            say(file.nodata)
        );
        differ(FindingKind::Nodata, Severity::Warning, "", message);
    }
    let typed = bands.first().and_then(|band| band.data_type);
    if let (Some(own), Some(in_file)) = (typed, file.data_type)
        && own != in_file
    {
        let message = format!("pixels are {own:?} in the item and {in_file:?} in the file; the file was believed");
        differ(FindingKind::FileMismatch, Severity::Warning, "", message);
    }
    let own = extension::read_fields::<Projection>(item.id(), asset.fields).ok().flatten();
    let projection = own.or_else(|| extension::read::<Projection>(item).ok().flatten()).unwrap_or_default();
    if let Some(shape) = projection.shape.filter(|shape| *shape != file.shape) {
        let message =
            format!("the item says {shape:?} rows and columns and the file {:?}; the file was believed", file.shape);
        differ(FindingKind::FileMismatch, Severity::Warning, ".proj:shape", message);
    }
    if let (Some(own), Some(in_file)) = (projection.authority_code(), &file.code)
        && own != *in_file
    {
        let message = format!("the CRS is {own} in the item and {in_file} in the file; the file was believed");
        differ(FindingKind::FileMismatch, Severity::Error, ".proj:code", message);
    }
    findings
}

fn same_number(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()),
        (a, b) => a.is_none() && b.is_none(),
    }
}
