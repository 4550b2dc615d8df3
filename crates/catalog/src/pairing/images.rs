//! Which assets of an item are its image, and which items a label's `source` links lead to.

use serde_json::Value;

use super::{AssetRef, Index, LabelRef};
use crate::{
    error::Result,
    extension,
    href::Href,
    item::{Asset, Item},
    label,
    ml_aoi::{MlAoi, Role},
    projection::Projection,
};

/// Roles of rasters that are made for looking at or describe other pixels.
const NOT_DATA: [&str; 8] =
    ["thumbnail", "overview", "visual", "metadata", "labels", "labels-raster", "labels-vector", "data-mask"];

/// What a label item's `source` links lead to.
pub(super) enum Sources<'a> {
    /// Image items with their assets, one entry per item.
    Found(Vec<(&'a Item, Vec<AssetRef>)>),
    /// There are links, and none leads to an image; why.
    Broken(String),
    /// There are no such links.
    None,
}

/// The image assets of an item: those named, else those with `ml-aoi:role` feature, else all rasters that hold data.
pub(super) fn of_item(item: &Item, named: Option<&[&str]>) -> Result<Vec<AssetRef>> {
    if let Some(named) = named {
        let chosen: Vec<_> = item.assets().filter(|asset| named.contains(&asset.key) && asset.is_raster()).collect();
        if !chosen.is_empty() {
            return chosen.into_iter().map(asset_ref).collect();
        }
    }
    let rasters: Vec<_> = item.assets().filter(|asset| asset.is_raster() && !is_other(asset)).collect();
    let features: Vec<_> = rasters.iter().copied().filter(|asset| role(asset) == Some(Role::Feature)).collect();
    let data: Vec<_> = rasters.iter().copied().filter(|asset| asset.has_role("data")).collect();
    let chosen = [features, data, rasters].into_iter().find(|assets| !assets.is_empty()).unwrap_or_default();
    chosen.into_iter().map(asset_ref).collect()
}

/// Follows the `source` links of a label item.
pub(super) fn by_source<'a>(index: &Index<'a>, item: &'a Item) -> Result<Sources<'a>> {
    let mut found: Vec<(&Item, Vec<AssetRef>)> = Vec::new();
    let mut broken = None;
    for (link, target) in index.linked(item, label::SOURCE_REL) {
        let named: Option<Vec<&str>> = link
            .fields
            .get(label::LINK_ASSETS)
            .and_then(Value::as_array)
            .map(|keys| keys.iter().filter_map(Value::as_str).collect());
        let href = link.href().unwrap_or_default();
        let (target, images) = match (target, index.assets.get(href)) {
            (Some(target), _) => (target, of_item(target, named.as_deref())?),
            // Some catalogs link to the image file itself, not to the item that describes it.
            (None, Some((owner, key))) => (*owner, of_item(owner, Some(&[key]))?),
            (None, None) => {
                broken
                    .get_or_insert_with(|| format!("its source link leads to {href}, which is no item of the catalog"));
                continue;
            }
        };
        if images.is_empty() {
            broken.get_or_insert_with(|| format!("its source {} has no GeoTIFF asset", target.item_id()));
        } else if !found.iter().any(|(known, _)| known.href() == target.href()) {
            found.push((target, images));
        }
    }
    Ok(match (found.is_empty(), broken) {
        (false, _) => Sources::Found(found),
        (true, Some(reason)) => Sources::Broken(reason),
        (true, None) => Sources::None,
    })
}

/// The image assets that stand beside the labels in their own item.
pub(super) fn beside_labels(item: &Item, labels: &[LabelRef]) -> Result<Option<Vec<AssetRef>>> {
    let mut images = of_item(item, None)?;
    images.retain(|image| labels.iter().all(|label| label.key != image.key));
    Ok((!images.is_empty()).then_some(images))
}

/// Describes one asset for a reader of pixels.
pub(super) fn asset_ref(asset: Asset<'_>) -> Result<AssetRef> {
    let item = asset.item();
    let fields = extension::read_fields::<MlAoi>(item.id(), asset.fields).ok().flatten().unwrap_or_default();
    Ok(AssetRef {
        item: item.item_id(),
        key: asset.key.to_owned(),
        href: Href::parse(asset.href().unwrap_or_default())?,
        bands: asset.bands(),
        projection: projection(asset),
        reference_grid: fields.reference_grid.unwrap_or(false),
        resampling: fields.resampling,
        checksum: asset.fields.get("file:checksum").and_then(Value::as_str).map(str::to_owned),
    })
}

/// The `proj:` fields of an asset, else of its item. A malformed field counts as absent: the file decides.
pub(super) fn projection(asset: Asset<'_>) -> Projection {
    let item = asset.item();
    let own = extension::read_fields::<Projection>(item.id(), asset.fields).ok().flatten();
    own.or_else(|| extension::read::<Projection>(item).ok().flatten()).unwrap_or_default()
}

pub(super) fn role(asset: &Asset<'_>) -> Option<Role> {
    extension::read_fields::<MlAoi>(asset.item().id(), asset.fields).ok().flatten()?.role
}

fn is_other(asset: &Asset<'_>) -> bool {
    role(asset) == Some(Role::Label) || asset.roles().any(|role| NOT_DATA.contains(&role) || role.starts_with("mlm:"))
}
