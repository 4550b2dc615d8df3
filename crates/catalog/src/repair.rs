//! What was wrong in a foreign item, and what was assumed to read it all the same.
//!
//! Reading leniently never drops a fault silently: each is a [`Finding`] with its document, field, severity and what was
//! made of it. [`examine`] looks at the items of a tree by themselves; [`against_file`] compares an image asset with what
//! its file says, which a reader of pixels has to supply.

mod assets;
mod class;
mod conformance;
mod dates;
mod geometry;
mod labels;
mod links;
mod shape;

use std::collections::HashMap;

use serde::Serialize;

use crate::{href::Href, item::Item, source::tree::Tree};

pub use assets::{FileFacts, against_file};
pub use class::Class;
pub use conformance::conformance;
pub use geometry::labels_outside;

/// How much an assumption may matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Untidy, and without consequence for what is read.
    Note,
    /// Read as something that it does not say; probably right.
    Warning,
    /// Something is lost or contradictory: an item, an asset, a meaning.
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The kinds of findings: stable names for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A link leads nowhere.
    BrokenLink,
    /// A link may not be followed.
    RefusedLink,
    /// A document could not be read as what it is linked as.
    Unreadable,
    /// An asset's file is not there.
    MissingFile,
    /// A label item has no label asset.
    MissingAsset,
    /// Two items have one id.
    DuplicateId,
    /// A required field is missing or not as its extension says.
    InvalidField,
    /// Fields of an extension that the item does not name.
    UndeclaredExtension,
    /// A label field has an unusual shape.
    LabelShape,
    /// An asset lacks the role by which it would be known.
    MissingRole,
    /// The item's two lists of bands, or the item and the file, count differently.
    BandCount,
    /// The item and the file name bands differently.
    BandOrder,
    /// The item and the file differ on nodata.
    Nodata,
    /// The item and the file differ on type, size or CRS.
    FileMismatch,
    /// A date that cannot be true.
    ImpossibleDatetime,
    /// A date that something else in the catalog contradicts.
    DoubtfulDatetime,
    /// A file whose checksum is not the item's.
    Checksum,
    /// The core specification or an extension does not allow it.
    Schema,
    /// The STAC version or an extension that nothing here can check.
    NotChecked,
    /// A file that is not laid out to be read in parts from afar.
    FileLayout,
    /// Labels that lie outside of the image they belong to.
    OutsideImage,
}

/// One thing that was wrong, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// How much it may matter.
    pub severity: Severity,
    /// The item's id, where it is one.
    pub item: Option<String>,
    /// The document.
    pub document: Href,
    /// The field within the document, `assets.labels.href`.
    pub field: String,
    /// What was found, and what was assumed.
    pub message: String,
}

impl Finding {
    /// A finding about a field of an item.
    #[must_use]
    pub fn of(
        item: &Item,
        kind: FindingKind,
        severity: Severity,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            severity,
            item: Some(item.item_id().to_string()),
            document: item.href().clone(),
            field: field.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.item.clone().unwrap_or_else(|| self.document.to_string());
        let field = if self.field.is_empty() { String::new() } else { format!(" {}", self.field) };
        write!(f, "{}: {place}{field}: {}", self.severity, self.message)
    }
}

/// All that is wrong with a tree: the faults that reading found, then those of each item, in order.
#[must_use]
pub fn examine(tree: &Tree) -> Vec<Finding> {
    let mut findings = tree.findings.clone();
    let mut seen: HashMap<_, &Href> = HashMap::new();
    for item in &tree.items {
        if let Some(first) = seen.insert(item.item_id(), item.href()) {
            let message = format!("{first} has this id too; both are kept");
            findings.push(Finding::of(item, FindingKind::DuplicateId, Severity::Warning, "id", message));
        }
        shape::examine(item, &mut findings);
        dates::examine(tree, item, &mut findings);
        labels::examine(item, &mut findings);
        assets::examine(item, &mut findings);
        links::examine(tree, item, &mut findings);
    }
    findings
}
