//! Whether labels lie where their image is.

use serde_json::Value;

use super::{Finding, FindingKind, Severity};
use crate::{
    document,
    item::coordinate_bounds,
    pairing::{LabelKind, Pair, Pairing},
    source::tree::Tree,
};

/// How far a box may reach beyond another before it counts: a thousandth of the other's size, which is less than a pixel of most
/// images and more than the rounding of coordinates.
const SLACK: f64 = 1e-3;

/// Labels that lie wholly or partly outside of the footprint of their image: by their items' footprints, and by the coordinates
/// of GeoJSON files on this machine that are in degrees.
#[must_use]
pub fn labels_outside(tree: &Tree, pairing: &Pairing) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pair in &pairing.pairs {
        let Some(item) = tree.items.iter().find(|item| item.item_id() == pair.label.item) else { continue };
        let Some(image) = pair.bbox else { continue };
        let by_item = item.bbox().and_then(|bbox| place(bbox, image, 1.0));
        if let Some((severity, how)) = by_item {
            let message = format!("its footprint lies {how} of its image {}", of(pair));
            findings.push(Finding::of(item, FindingKind::OutsideImage, severity, "geometry", message));
        }
        if let Some((severity, how)) = bounds_of_file(pair).and_then(|bbox| place(bbox, image, 0.0)) {
            let message = format!("its features lie {how} of its image {}", of(pair));
            let field = format!("assets.{}.href", pair.label.key);
            findings.push(Finding::of(item, FindingKind::OutsideImage, severity, field, message));
        }
    }
    findings
}

fn of(pair: &Pair) -> String {
    pair.images.first().map(|image| image.item.to_string()).unwrap_or_default()
}

/// How a box lies to its image: `None` when within. An item's footprint may be `larger` times the image, as a label of many
/// images is; features drawn at an edge reach over it a little.
fn place(label: [f64; 4], image: [f64; 4], larger: f64) -> Option<(Severity, &'static str)> {
    let [west, south, east, north] = image;
    if label[0] > east || label[2] < west || label[1] > north || label[3] < south {
        return Some((Severity::Error, "wholly outside"));
    }
    let slack = |size: f64| size * (SLACK + larger);
    let (wide, high) = (slack(east - west), slack(north - south));
    let within =
        label[0] >= west - wide && label[2] <= east + wide && label[1] >= south - high && label[3] <= north + high;
    (!within).then_some((Severity::Warning, "partly outside"))
}

/// The bounds of a GeoJSON file in degrees; `None` for rasters, addresses, other CRSs and files that cannot be read.
fn bounds_of_file(pair: &Pair) -> Option<[f64; 4]> {
    if !matches!(pair.label.kind, LabelKind::Vector { .. }) {
        return None;
    }
    let file = document::read_file(pair.label.href.as_file()?).ok()?;
    let named = file.pointer("/crs/properties/name").and_then(Value::as_str);
    if named.is_some_and(|name| !name.ends_with("CRS84") && !name.ends_with(":4326")) {
        return None;
    }
    let features = file.get("features").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![file]);
    let coordinates: Vec<Value> = features
        .iter()
        .filter_map(|feature| feature.get("geometry").unwrap_or(feature).get("coordinates").cloned())
        .collect();
    coordinate_bounds(&Value::Array(coordinates)).filter(|[west, south, east, north]| {
        // Coordinates beyond these are no degrees.
        *west >= -180.0 && *east <= 180.0 && *south >= -90.0 && *north <= 90.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_within_partly_or_wholly_outside() {
        let image = [0.0, 0.0, 10.0, 10.0];
        assert_eq!(place([0.0, -0.005, 10.0, 10.0], image, 0.0), None);
        assert_eq!(place([5.0, 5.0, 11.0, 6.0], image, 0.0), Some((Severity::Warning, "partly outside")));
        assert_eq!(place([5.0, 5.0, 11.0, 6.0], image, 1.0), None);
        assert_eq!(place([11.0, 5.0, 12.0, 6.0], image, 1.0), Some((Severity::Error, "wholly outside")));
    }
}
