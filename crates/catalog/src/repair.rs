//! What was wrong in a foreign item, and what was assumed to read it all the same.

use serde::Serialize;

use crate::href::Href;

/// How much an assumption may matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Untidy, and without consequence for what is read.
    Note,
    /// Read as something that it does not say; probably right.
    Warning,
    /// Something is lost or contradictory: an item, an asset, a meaning.
    Error,
}

/// The kinds of findings, stable names for scripts.
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
}

/// One thing that was wrong, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// How much it may matter.
    pub severity: Severity,
    /// The document.
    pub document: Href,
    /// The field within the document, `assets.labels.href`.
    pub field: String,
    /// What was found, and what was assumed.
    pub message: String,
}
