//! Label items: their fields' shapes, and whether their assets are known as labels.

use super::{Finding, FindingKind, Severity};
use crate::{
    item::Item,
    label::{self, LabelType},
    ml_aoi::{MlAoi, Role},
};

pub(super) fn examine(item: &Item, findings: &mut Vec<Finding>) {
    let Some((fields, assumptions)) = label::read_leniently(item) else { return };
    for assumption in assumptions {
        let field = format!("properties.{}", assumption.field);
        findings.push(Finding::of(item, FindingKind::LabelShape, Severity::Warning, field, assumption.message));
    }
    if fields.description.is_empty() {
        let message = "it is missing or empty; labels need no description to be read";
        findings.push(Finding::of(
            item,
            FindingKind::InvalidField,
            Severity::Note,
            "properties.label:description",
            message,
        ));
    }
    if fields.label_type == LabelType::Vector && fields.properties.is_none() && fields.class_names().len() > 1 {
        let message = "it is missing, so that no feature's class is known; set `class_property`";
        findings.push(Finding::of(
            item,
            FindingKind::InvalidField,
            Severity::Error,
            "properties.label:properties",
            message,
        ));
    }
    let mut assets = item.assets().filter(|asset| asset.is_geojson() || asset.is_raster()).peekable();
    if assets.peek().is_none() {
        let message = "a label item without a GeoJSON or GeoTIFF asset labels nothing; it was left out";
        findings.push(Finding::of(item, FindingKind::MissingAsset, Severity::Error, "assets", message));
        return;
    }
    let has_role =
        |asset: &crate::item::Asset<'_>| asset.roles().any(|role| role == label::ROLE || role.starts_with("labels-"));
    if assets.any(|asset| has_role(&asset)) {
        return;
    }
    let by_ml_aoi = item.assets().find(|asset| {
        let fields = crate::extension::read_fields::<MlAoi>(item.id(), asset.fields).ok().flatten();
        fields.is_some_and(|fields| fields.role == Some(Role::Label))
    });
    let known_by = match by_ml_aoi {
        Some(asset) => format!("`{}` was taken for it by its ml-aoi:role", asset.key),
        None => "its GeoJSON assets were taken for it".to_owned(),
    };
    let message = format!("no asset has the role `labels`; {known_by}");
    findings.push(Finding::of(item, FindingKind::MissingRole, Severity::Warning, "assets", message));
}
