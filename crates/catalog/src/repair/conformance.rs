//! What the core specification and the extensions say of the documents of a tree.

use std::path::Path;

use serde_json::{Map, Value};
use url::Url;

use super::{Finding, FindingKind, Severity};
use crate::{href::Href, item::Item, schema, source::tree::Tree};

/// The faults of every item, collection and catalog by the schemas that are compiled in, and a note for each version or
/// extension that none of them covers. Hrefs were made absolute when the tree was read, so that only their presence is checked.
#[must_use]
pub fn conformance(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut collections: Vec<_> = tree.collections.iter().collect();
    collections.sort_by_key(|(id, _)| *id);
    for (id, document) in collections {
        check(None, &tree.root, &format!("{id}: "), document, &mut findings);
    }
    for item in &tree.items {
        check(Some(item), item.href(), "", &with_addresses(item.document()), &mut findings);
    }
    findings
}

fn check(item: Option<&Item>, href: &Href, whose: &str, document: &Map<String, Value>, findings: &mut Vec<Finding>) {
    let document = Value::Object(document.clone());
    let mut found = |kind, severity, field: String, message| {
        let item = item.map(|item| item.item_id().to_string());
        findings.push(Finding { kind, severity, item, document: href.clone(), field, message });
    };
    for fault in schema::faults(&document) {
        let message = format!("{} ({})", fault.message, fault.schema);
        found(FindingKind::Schema, Severity::Error, format!("{whose}{}", fault.field), message);
    }
    for what in schema::unchecked(&document) {
        let message = format!("{what} has no schema here; what it says was not checked");
        found(FindingKind::NotChecked, Severity::Note, format!("{whose}stac_extensions"), message);
    }
}

/// The document with absolute paths as `file:` addresses: as references they would be judged by their letters.
fn with_addresses(document: &Map<String, Value>) -> Map<String, Value> {
    let mut document = document.clone();
    let address = |object: &mut Value| {
        let Some(Value::String(href)) = object.get_mut("href") else { return };
        if Path::new(href.as_str()).is_absolute()
            && let Ok(url) = Url::from_file_path(href.as_str())
        {
            *href = url.into();
        }
    };
    if let Some(Value::Object(assets)) = document.get_mut("assets") {
        assets.values_mut().for_each(address);
    }
    if let Some(Value::Array(links)) = document.get_mut("links") {
        links.iter_mut().for_each(address);
    }
    document
}
