//! Pairing by a rule of the user's: what an expression captures in the ids of label and image.

use std::path::Path;

use regex::Regex;

use super::{AssetRef, images, labels, name};
use crate::{error::Result, item::Item, source::tree::Tree};

/// The image items in whose ids `pattern` captures what it captures in the label's, or why there are none.
#[allow(clippy::type_complexity)] // an answer or a reason, and errors besides
pub(super) fn same<'a>(
    tree: &'a Tree,
    label: &Item,
    pattern: &Regex,
) -> Result<std::result::Result<Vec<(&'a Item, Vec<AssetRef>)>, String>> {
    let captured = |item: &Item| name::capture(Path::new(item.id()), pattern);
    let Some(wanted) = captured(label) else {
        return Ok(Err(format!("`{pattern}` captures nothing in its id")));
    };
    let mut found = Vec::new();
    for item in tree.items.iter().filter(|item| captured(item).as_ref() == Some(&wanted)) {
        if item.href() == label.href() && item.id() == label.id() || labels::is_label_item(item) {
            continue;
        }
        let images = images::of_item(item, None)?;
        if !images.is_empty() {
            found.push((item, images));
        }
    }
    Ok(if found.is_empty() {
        Err(format!("`{pattern}` captures `{wanted}` in its id and in that of no image"))
    } else {
        Ok(found)
    })
}
