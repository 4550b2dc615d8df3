//! The pieces that all published documents share: links, extents, timestamps, media types.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::{
    error::{Error, Result},
    href,
};

/// The version of STAC that is written.
pub(super) const STAC_VERSION: &str = "1.1.0";
pub(super) const GEOTIFF: &str = "image/tiff; application=geotiff";
pub(super) const GEOJSON: &str = "application/geo+json";
const JSON: &str = "application/json";
pub(super) const EO: &str = "https://stac-extensions.github.io/eo/v2.0.0/schema.json";
pub(super) const RASTER: &str = "https://stac-extensions.github.io/raster/v2.0.0/schema.json";
pub(super) const FILE: &str = "https://stac-extensions.github.io/file/v2.1.0/schema.json";
pub(super) const PROCESSING: &str = "https://stac-extensions.github.io/processing/v1.1.0/schema.json";

/// A link to a JSON document.
pub(super) fn link(rel: &str, href: &str) -> Value {
    json!({"rel": rel, "href": href, "type": JSON})
}

/// A link to an item.
pub(super) fn item_link(rel: &str, href: &str) -> Value {
    json!({"rel": rel, "href": href, "type": GEOJSON})
}

/// A moment as RFC 3339 in UTC, without needless decimals.
pub(super) fn timestamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// `target` as seen from a document in `folder`.
pub(super) fn relative(folder: &Path, target: &Path) -> Result<String> {
    let failed = |path: &Path, source| Error::Write { path: path.to_path_buf(), source };
    let folder = real(folder).map_err(|source| failed(folder, source))?;
    let name = target.file_name();
    let place = target.parent().filter(|place| !place.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = real(place).map_err(|source| failed(target, source))?;
    Ok(href::relative(&folder, &name.map_or(place.clone(), |name| place.join(name))))
}

/// A folder without symbolic links as far as it exists: `..` out of a linked folder leads elsewhere than its path says.
fn real(folder: &Path) -> std::io::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let existing = folder.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    Ok(match existing {
        Some((ancestor, real)) => real.join(folder.strip_prefix(ancestor).unwrap_or(Path::new(""))),
        None => folder,
    })
}

/// The spatial and temporal extent of a collection; `None` for a collection of nothing.
pub(super) fn extent(bboxes: &[[f64; 4]], moments: &[DateTime<Utc>]) -> Option<Value> {
    let whole = bboxes.iter().copied().reduce(|a, b| {
        let [west, south, east, north] = b;
        [a[0].min(west), a[1].min(south), a[2].max(east), a[3].max(north)]
    })?;
    let (first, last) = (moments.iter().min(), moments.iter().max());
    let interval = [first.map(|moment| timestamp(*moment)), last.map(|moment| timestamp(*moment))];
    Some(json!({"spatial": {"bbox": [whole]}, "temporal": {"interval": [interval]}}))
}

/// Size and checksum of a file, as far as they are known.
pub(super) fn file_fields(asset: &mut Map<String, Value>, size_bytes: Option<u64>, checksum: Option<&str>) {
    if let Some(size_bytes) = size_bytes {
        asset.insert("file:size".to_owned(), size_bytes.into());
    }
    if let Some(checksum) = checksum {
        asset.insert("file:checksum".to_owned(), checksum.into());
    }
}

/// A JSON object from `json!`; anything else is empty.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
