//! What is wrong with a catalog's links and documents, and how it may be mended.

use std::path::Path;

use super::Strictness;
use crate::{
    error::{Error, Result},
    href::{Href, Rewrites},
    repair::{Finding, FindingKind, Severity},
};

/// A fault is the end when strict, a finding when lenient. What says that a server cannot be had is the end always: an
/// answer with some of the items missing would look like one with all of them.
pub(super) fn judge(error: Error, root: &Href, strictness: Strictness) -> Result<Finding> {
    let is_end = matches!(
        error,
        Error::TooManyDocuments { .. }
            | Error::Deadline { .. }
            | Error::Request { .. }
            | Error::Status { .. }
            | Error::Stopped
    );
    if strictness == Strictness::Strict || is_end {
        return Err(error);
    }
    let (kind, document) = match &error {
        Error::BrokenLink { document, .. } => (FindingKind::BrokenLink, document.clone()),
        Error::Refused { document, .. } => (FindingKind::RefusedLink, document.clone()),
        Error::NotStac { href, .. }
        | Error::Json { href, .. }
        | Error::Read { href, .. }
        | Error::TooLarge { href, .. }
        | Error::Answer { href, .. } => (FindingKind::Unreadable, href.clone()),
        _ => (FindingKind::Unreadable, root.clone()),
    };
    let (field, message) = match &error {
        Error::BrokenLink { what, href, remedy, .. } => (what.clone(), format!("`{href}` leads nowhere; {remedy}")),
        Error::Refused { href, reason, .. } => (String::new(), format!("`{href}` is refused: {reason}")),
        other => (String::new(), other.to_string()),
    };
    Ok(Finding { kind, severity: Severity::Error, item: None, document, field, message })
}

/// Links to root, parent and collection are never followed; dead ones are worth a note.
pub(super) fn upward(
    document: &Href,
    rel: &str,
    target: &str,
    rewrites: &Rewrites,
    strictness: Strictness,
) -> Option<Finding> {
    if strictness == Strictness::Strict || !matches!(rel, "root" | "parent" | "collection") {
        return None;
    }
    let really = document.join(target).and_then(|href| rewrites.apply(&href));
    really.is_ok_and(|href| href.as_file().is_some_and(|path| !path.exists())).then(|| Finding {
        kind: FindingKind::BrokenLink,
        severity: Severity::Note,
        item: None,
        document: document.clone(),
        field: format!("links[rel={rel}]"),
        message: format!("leads nowhere ({target}); not needed, so ignored"),
    })
}

/// How a link that leads nowhere may be mended: by mapping its prefix to where the rest of it is found. `root_folder` is
/// the folder of the catalog's root, where that is one of this machine.
pub(super) fn remedy(really: &Href, target: &str, root_folder: Option<&Path>) -> String {
    let text = really.to_string();
    if let Some(folder) = root_folder {
        for (at, _) in text.match_indices('/').skip(1) {
            let (prefix, rest) = text.split_at(at);
            let rest = rest.trim_start_matches('/');
            if !rest.is_empty() && !prefix.ends_with('/') && folder.join(rest).is_file() {
                return format!("the catalog seems to have moved: pass --rewrite {prefix}={}", folder.display());
            }
        }
    }
    if matches!(really, Href::Remote(_)) {
        return format!("map its prefix to a folder of this machine with --rewrite PREFIX=FOLDER (it is {text})");
    }
    if target.starts_with('/') || target.contains("://") {
        return "map its prefix to where the files are with --rewrite PREFIX=FOLDER".to_owned();
    }
    format!("there is no file {text}: complete the catalog or take the link out")
}

/// Says in which field of which document a bad href stands.
pub(super) fn named(error: Error, document: &Href, field: &str) -> Error {
    match error {
        Error::BadHref { href } => Error::BrokenLink {
            document: document.clone(),
            what: field.to_owned(),
            href,
            remedy: "write a path or an address".to_owned(),
        },
        other => other,
    }
}
