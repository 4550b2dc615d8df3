//! The parts that every item has: geometry, bbox, collection, and the extensions it names.

use serde_json::Value;

use super::{Finding, FindingKind, Severity};
use crate::{
    classification::Classification, eo::Eo, extension, extension::Extension, file::FileInfo, item::Item, label::Label,
    ml_aoi::MlAoi, mlm::Mlm, projection::Projection, raster::Raster,
};

pub(super) fn examine(item: &Item, findings: &mut Vec<Finding>) {
    let mut wrong = |field: &str, message: &str| {
        findings.push(Finding::of(item, FindingKind::InvalidField, Severity::Error, field, message));
    };
    let document = item.document();
    if document.get("stac_version").and_then(Value::as_str).is_none() {
        wrong("stac_version", "it is missing; the item was read all the same");
    }
    match (item.geometry(), document.get("bbox")) {
        (Some(_), None) => wrong("bbox", "it is missing; it was computed from the geometry"),
        (None, Some(bbox)) if !bbox.is_null() => {
            wrong("geometry", "it is missing; the bbox is all that is known of its place")
        }
        _ => {}
    }
    for (at, link) in item.links().enumerate() {
        if link.rel().is_empty() || link.href().is_none() {
            wrong(&format!("links.{at}"), "it has no `rel` or no `href`; it was ignored");
        }
        if link.rel() == "collection" && item.collection().is_none() {
            wrong(
                "collection",
                "there is a link to a collection and no `collection`; the item is taken to belong to none",
            );
        }
    }
    declared::<Label>(item, findings);
    declared::<MlAoi>(item, findings);
    declared::<Mlm>(item, findings);
    declared::<Projection>(item, findings);
    declared::<Classification>(item, findings);
    declared::<Eo>(item, findings);
    declared::<Raster>(item, findings);
    declared::<FileInfo>(item, findings);
    readable::<Eo>(item, findings);
    readable::<Raster>(item, findings);
    readable::<FileInfo>(item, findings);
    readable::<MlAoi>(item, findings);
    readable::<Mlm>(item, findings);
    readable::<Projection>(item, findings);
}

/// Whether an extension whose fields occur is named.
fn declared<E: Extension>(item: &Item, findings: &mut Vec<Finding>) {
    let uses = |fields: &serde_json::Map<String, Value>| fields.keys().any(|key| key.starts_with(E::PREFIX));
    let used = item.properties().is_some_and(uses) || item.assets().any(|asset| uses(asset.fields));
    if used && !extension::is_named::<E>(item) {
        let message =
            format!("`{}` fields occur and the extension is not named; they were read as {}", E::PREFIX, E::SCHEMA);
        findings.push(Finding::of(item, FindingKind::UndeclaredExtension, Severity::Note, "stac_extensions", message));
    }
}

/// Whether `eo:bands` lists positions in the item's bands.
fn positions(fields: &serde_json::Map<String, Value>) -> bool {
    let bands = fields.get("eo:bands").and_then(Value::as_array);
    bands.is_some_and(|bands| !bands.is_empty() && bands.iter().all(Value::is_u64))
}

/// Whether an extension's fields have the shapes that they must have.
fn readable<E: Extension>(item: &Item, findings: &mut Vec<Finding>) {
    let mut check = |place: String, fields: &serde_json::Map<String, Value>| {
        if E::PREFIX == Eo::PREFIX && positions(fields) {
            let message =
                "it lists positions, as versions before 1.0 do; the item's bands at these positions were read";
            let field = format!("{place}.eo:bands");
            findings.push(Finding::of(item, FindingKind::InvalidField, Severity::Warning, field, message));
            return;
        }
        if let Err(error) = extension::read_fields::<E>(item.id(), fields) {
            let reason = match error {
                crate::Error::Field { reason, .. } => reason,
                other => other.to_string(),
            };
            // Bands and checksums are read field by field, the others as a whole or not at all.
            let field_by_field = [Eo::PREFIX, Raster::PREFIX, FileInfo::PREFIX].contains(&E::PREFIX);
            let (severity, outcome) = if field_by_field {
                (Severity::Warning, "its valid fields were read")
            } else {
                (Severity::Error, "the fields were ignored")
            };
            let message = format!("not valid ({reason}); {outcome}");
            findings.push(Finding::of(
                item,
                FindingKind::InvalidField,
                severity,
                format!("{place}.{}*", E::PREFIX),
                message,
            ));
        }
    };
    if let Some(properties) = item.properties() {
        check("properties".to_owned(), properties);
    }
    for asset in item.assets() {
        check(format!("assets.{}", asset.key), asset.fields);
    }
}
