//! What scripts need of an error: a stable name, where it happened, and what to do.

use super::Error;

impl Error {
    /// A stable name for what went wrong.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::Write { .. } => "unwritable",
            Self::Json { .. } => "invalid-json",
            Self::TooLarge { .. } | Self::TooManyDocuments { .. } => "too-large",
            Self::NotStac { .. } => "not-stac",
            Self::Field { .. } => "invalid-field",
            Self::BrokenLink { .. } => "broken-link",
            Self::Refused { .. } => "refused",
            Self::BadHref { .. } => "invalid-href",
            Self::BadRewrite { .. } | Self::BadFilter { .. } | Self::Query { .. } | Self::Match(_) => {
                "invalid-argument"
            }
            Self::NoPairs { .. } => "no-pairs",
            Self::Exists { .. } => "exists",
            Self::Checksum { .. } => "checksum",
            Self::Describe { .. } => "cannot-describe",
            #[allow(unreachable_patterns)] // a variant without a name of its own
            _ => "catalog",
        }
    }

    /// The document, file, item or address that it is about.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Read { href, .. }
            | Self::Json { href, .. }
            | Self::TooLarge { href, .. }
            | Self::NotStac { href, .. } => Some(href.to_string()),
            Self::BrokenLink { document, .. } | Self::Refused { document, .. } => Some(document.to_string()),
            Self::TooManyDocuments { root, .. } | Self::NoPairs { root, .. } => Some(root.to_string()),
            Self::Write { path, .. } | Self::Exists { path } | Self::Checksum { path, .. } => {
                Some(path.display().to_string())
            }
            Self::Field { item, field, .. } => Some(format!("{item} {field}")),
            Self::BadHref { href } => Some(href.clone()),
            _ => None,
        }
    }
}
