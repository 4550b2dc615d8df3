//! Which assets of an item are labels, and how each is to be read.

use serde_json::Value;

use super::{BACKGROUND, CLASS, ClassSource, LabelKind, LabelRef, Rules, WHERE, images};
use crate::{
    classification::Classification,
    error::{Error, Result},
    extension,
    filter::Filter,
    href::Href,
    item::{Asset, Item},
    label::{self, Count, Label, LabelType},
    ml_aoi::Role,
};

/// Whether an item labels something: it says so by the label extension's fields, or by an asset's role.
pub(super) fn is_label_item(item: &Item) -> bool {
    let by_field = item.properties().is_some_and(|properties| properties.contains_key("label:type"));
    by_field || item.assets().any(|asset| is_label_asset(&asset))
}

/// The label assets of an item, of the type that `label:type` gives where there are several.
pub(super) fn of_item(item: &Item, rules: &Rules) -> Result<Vec<LabelRef>> {
    let fields = label::read_leniently(item).map(|(fields, _)| fields);
    let mut assets: Vec<_> = item.assets().filter(is_label_asset).collect();
    if assets.is_empty() {
        // A label item without roles: its GeoJSON files can be nothing else.
        assets = item.assets().filter(Asset::is_geojson).collect();
    }
    if let Some(wanted) = fields.as_ref().map(|fields| fields.label_type) {
        let fits = |asset: &&Asset<'_>| (wanted == LabelType::Raster) == asset.is_raster();
        if assets.iter().any(|asset| fits(&asset)) {
            assets.retain(|asset| fits(&asset));
        }
    }
    assets.into_iter().map(|asset| label_ref(asset, fields.as_ref(), rules)).collect()
}

fn is_label_asset(asset: &Asset<'_>) -> bool {
    let by_role = asset.roles().any(|role| role == label::ROLE || role.starts_with("labels-"))
        || images::role(asset) == Some(Role::Label);
    by_role && (asset.is_geojson() || asset.is_raster())
}

fn label_ref(asset: Asset<'_>, fields: Option<&Label>, rules: &Rules) -> Result<LabelRef> {
    let item = asset.item();
    let own = |field: &str| asset.fields.get(field).and_then(Value::as_str).map(str::to_owned);
    let mut classes = fields.map(Label::class_names).unwrap_or_default();
    let kind = if asset.is_raster() {
        let values = raster_values(asset);
        if classes.is_empty() {
            classes = values.iter().filter(|class| !class.nodata).map(|class| class.full_name().to_owned()).collect();
        }
        LabelKind::Raster { values, nodata: asset.bands().first().and_then(|band| band.nodata) }
    } else {
        let filter = match (&rules.filter, own(WHERE)) {
            (Some(filter), _) => filter.clone(),
            (None, Some(text)) => Filter::parse(&text)?,
            (None, None) => Filter::default(),
        };
        let class = class_source(&asset, fields, rules)?;
        if let (ClassSource::Constant(class), true) = (&class, classes.is_empty() || rules.class.is_some()) {
            classes = vec![class.clone()];
        }
        LabelKind::Vector { class, filter, background: rules.background.clone().or_else(|| own(BACKGROUND)) }
    };
    Ok(LabelRef {
        item: item.item_id(),
        key: asset.key.to_owned(),
        href: Href::parse(asset.href().unwrap_or_default())?,
        kind,
        classes,
        counts: fields.map(counts).unwrap_or_default(),
        projection: images::projection(asset),
        checksum: own("file:checksum"),
    })
}

/// The counts of the first property that has any.
fn counts(fields: &Label) -> Vec<Count> {
    fields
        .overviews
        .iter()
        .map(|overview| &overview.counts)
        .find(|counts| !counts.is_empty())
        .cloned()
        .unwrap_or_default()
}

/// Rules first, then what swath stored, then `label:properties`, then the only class that there is.
fn class_source(asset: &Asset<'_>, fields: Option<&Label>, rules: &Rules) -> Result<ClassSource> {
    if let Some(property) = &rules.class_property {
        return Ok(ClassSource::Property(property.clone()));
    }
    let stored = || asset.fields.get(CLASS).and_then(Value::as_str).map(str::to_owned);
    if let Some(class) = rules.class.clone().or_else(stored) {
        return Ok(ClassSource::Constant(class));
    }
    let declared = fields.and_then(|fields| fields.properties.as_ref()?.first().cloned());
    let named = || fields.and_then(|fields| fields.classes.iter().find_map(|entry| entry.name.clone()));
    if let Some(property) = declared.or_else(named) {
        return Ok(ClassSource::Property(property));
    }
    match fields.map(Label::class_names).as_deref() {
        Some([only]) => Ok(ClassSource::Constant(only.clone())),
        _ => Err(Error::Field {
            item: asset.item().id().to_owned(),
            field: "label:properties".to_owned(),
            reason: "it does not say which property of a feature holds its class; set `class` or `class_property`"
                .to_owned(),
        }),
    }
}

/// `classification:classes` of the asset or of its first band.
fn raster_values(asset: Asset<'_>) -> Vec<crate::classification::Class> {
    let of = |fields: &serde_json::Map<String, Value>| {
        let found = extension::read_fields::<Classification>(asset.item().id(), fields).ok().flatten();
        found.map(|found| found.classes).filter(|classes| !classes.is_empty())
    };
    let first_band = |field: &str| asset.fields.get(field).and_then(|bands| bands.get(0)?.as_object());
    of(asset.fields)
        .or_else(|| first_band("bands").and_then(of))
        .or_else(|| first_band("raster:bands").and_then(of))
        .unwrap_or_default()
}
