//! The last resort of pairing: an image item that covers the same ground on the same day.

use super::{AssetRef, images, labels};
use crate::{error::Result, item::Item, source::tree::Tree};

/// Shared area over joint area from which two boxes count as the same footprint. Footprints of one scene differ by the
/// rounding of their corners, at most a pixel in a thousand; neighbouring chips share nothing.
const SAME: f64 = 0.99;

/// The one image item with the footprint and date of `label`, or why there is none.
pub(super) fn same<'a>(tree: &'a Tree, label: &Item) -> Result<std::result::Result<(&'a Item, Vec<AssetRef>), String>> {
    let Some(bbox) = label.bbox() else {
        return Ok(Err("it has no source link, no image of its own and no footprint to find one by".to_owned()));
    };
    let mut found = Vec::new();
    let mut same_place = 0_usize;
    for item in &tree.items {
        if labels::is_label_item(item) || !item.bbox().is_some_and(|other| overlap(bbox, other) >= SAME) {
            continue;
        }
        let images = images::of_item(item, None)?;
        if images.is_empty() {
            continue;
        }
        same_place += 1;
        if item.datetime().zip(label.datetime()).is_none_or(|(image, label)| image.date_naive() == label.date_naive()) {
            found.push((item, images));
        }
    }
    Ok(match found.len() {
        1 => found.pop().ok_or_else(String::new),
        0 if same_place == 0 => Err("it has no source link, and no image item has its footprint".to_owned()),
        0 => Err(format!("it has no source link, and none of the {same_place} images of its footprint has its date")),
        several => Err(format!("it has no source link, and {several} images share its footprint and date")),
    })
}

/// Shared area over joint area of two boxes in degrees.
fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |[west, south, east, north]: [f64; 4]| (east - west).max(0.0) * (north - south).max(0.0);
    let shared = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let joint = area(a) + area(b) - shared;
    if joint > 0.0 { shared / joint } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn overlap_is_shared_over_joint_area() {
        assert_eq!(overlap([0.0, 0.0, 2.0, 1.0], [1.0, 0.0, 3.0, 1.0]), 1.0 / 3.0);
        assert_eq!(overlap([0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0]), 0.0);
        assert_eq!(overlap([0.0; 4], [0.0; 4]), 0.0);
    }
}
