//! Links by which labels and models name other items: whether anything is there.

use super::{Finding, FindingKind, Severity};
use crate::{href::Href, item::Item, label, source::tree::Tree};

/// A `source` or `derived_from` link that leads to no item of the tree and to no file of this machine. Addresses are not asked.
pub(super) fn examine(tree: &Tree, item: &Item, findings: &mut Vec<Finding>) {
    for (at, link) in item.links().enumerate() {
        if !matches!(link.rel(), label::SOURCE_REL | "derived_from") {
            continue;
        }
        let Some(target) = link.href().filter(|href| !href.is_empty() && !tree.holds(href)) else { continue };
        let lost = Href::parse(target).is_ok_and(|href| href.as_file().is_some_and(|path| !path.exists()));
        if lost {
            let message = format!("the {} {target} is not there; what it names was left out", link.rel());
            findings.push(Finding::of(
                item,
                FindingKind::BrokenLink,
                Severity::Warning,
                format!("links.{at}.href"),
                message,
            ));
        }
    }
}
