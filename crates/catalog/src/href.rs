//! Hrefs: where a document or asset is, what a relative href means, and which may be followed from where.
//!
//! A catalog on this machine was chosen by whoever runs swath, so it may point anywhere, at files too. A catalog from
//! elsewhere may point only at addresses: a path or `file:` URL in it is refused, also where its address is mapped to a
//! local folder by [`Rewrites`], and a mapped href may not climb out of that folder.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use url::Url;

use crate::error::{Error, Result};

/// Where something is: an absolute path on this machine, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Href {
    /// An absolute path without `.` and `..`.
    File(PathBuf),
    /// An address with a scheme other than `file`.
    Remote(Box<Url>),
}

impl Href {
    /// Reads a path (made absolute from the working directory), a `file:` URL or any other URL.
    ///
    /// # Errors
    /// [`Error::BadHref`] when the text is empty or the URL is malformed.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::BadHref { href: text.to_owned() };
        if text.is_empty() || text.contains('\0') {
            return Err(bad());
        }
        if has_scheme(text) {
            let url = Url::parse(text).map_err(|_| bad())?;
            return match url.scheme() {
                "file" => url.to_file_path().map(|path| Self::File(normalize(&path))).map_err(|()| bad()),
                _ => Ok(Self::Remote(Box::new(url))),
            };
        }
        std::path::absolute(text).map(|path| Self::File(normalize(&path))).map_err(|_| bad())
    }

    /// What `reference`, written in the document at `self`, points at.
    ///
    /// # Errors
    /// [`Error::BadHref`] when the reference cannot be read, [`Error::Refused`] when a document from elsewhere names a
    /// file of this machine.
    pub fn join(&self, reference: &str) -> Result<Self> {
        let bad = || Error::BadHref { href: reference.to_owned() };
        match self {
            Self::File(_) if has_scheme(reference) => Self::parse(reference),
            Self::File(path) => {
                if reference.is_empty() || reference.contains('\0') {
                    return Err(bad());
                }
                let folder = path.parent().unwrap_or(path);
                Ok(Self::File(existing_or_decoded(folder, reference)))
            }
            Self::Remote(base) => {
                let url = base.join(reference).map_err(|_| bad())?;
                if url.scheme() == "file" {
                    return Err(Error::Refused {
                        document: self.clone(),
                        href: reference.to_owned(),
                        reason: "a catalog from elsewhere may not name files of this machine",
                    });
                }
                Ok(Self::Remote(Box::new(url)))
            }
        }
    }

    /// The path, when this is a file of this machine.
    #[must_use]
    pub fn as_file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Remote(_) => None,
        }
    }

    /// The last part of the path: a file name.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        match self {
            Self::File(path) => path.file_name()?.to_str(),
            Self::Remote(url) => url.path_segments()?.next_back().filter(|name| !name.is_empty()),
        }
    }
}

impl fmt::Display for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Remote(url) => url.fmt(f),
        }
    }
}

impl serde::Serialize for Href {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Address prefixes and the folders (or other addresses) that stand for them, as given by `--rewrite PREFIX=TARGET`.
#[derive(Clone, Debug, Default)]
pub struct Rewrites(Vec<(String, Href)>);

impl Rewrites {
    /// Reads rules of the form `PREFIX=TARGET`; where several prefixes fit, the longest is used.
    ///
    /// # Errors
    /// [`Error::BadRewrite`] when a rule has no `=` or an empty side, [`Error::BadHref`] when its target is malformed.
    pub fn parse<S: AsRef<str>>(rules: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut parsed = Vec::new();
        for rule in rules {
            let rule = rule.as_ref();
            let (prefix, target) = rule
                .split_once('=')
                .filter(|(prefix, target)| !prefix.is_empty() && !target.is_empty())
                .ok_or_else(|| Error::BadRewrite { rule: rule.to_owned() })?;
            parsed.push((prefix.trim_end_matches('/').to_owned(), Href::parse(target)?));
        }
        parsed.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self(parsed))
    }

    /// Where `href` is really to be had: itself, unless a prefix of it is mapped elsewhere.
    ///
    /// # Errors
    /// [`Error::Refused`] when the mapped href climbs out of the folder that stands for the prefix.
    pub fn apply(&self, href: &Href) -> Result<Href> {
        let text = href.to_string();
        for (prefix, target) in &self.0 {
            let Some(rest) = text.strip_prefix(prefix.as_str()) else { continue };
            if !rest.is_empty() && !rest.starts_with('/') {
                continue;
            }
            return map_below(href, target, rest.trim_start_matches('/'));
        }
        Ok(href.clone())
    }
}

fn map_below(from: &Href, target: &Href, rest: &str) -> Result<Href> {
    match target {
        Href::File(folder) => {
            let rest = rest.split(['?', '#']).next().unwrap_or(rest);
            let path = if rest.is_empty() { folder.clone() } else { existing_or_decoded(folder, rest) };
            if path.starts_with(folder) {
                return Ok(Href::File(path));
            }
            Err(Error::Refused {
                document: from.clone(),
                href: rest.to_owned(),
                reason: "it climbs out of the folder that its address is mapped to",
            })
        }
        Href::Remote(base) => {
            let joined = format!("{}/{rest}", base.as_str().trim_end_matches('/'));
            Href::parse(&joined)
        }
    }
}

/// `scheme:` of two letters or more at the start; one letter would be a Windows drive.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Hrefs are percent-encoded by the letter of the specification and raw in many catalogs, and catalogs written on Windows have
/// `\\` for `/`: the raw reading is taken where such a file exists, else the one with slashes where that exists, else the
/// decoded one.
fn existing_or_decoded(folder: &Path, reference: &str) -> PathBuf {
    let raw = normalize(&folder.join(reference));
    if !reference.contains(['%', '\\']) || raw.exists() {
        return raw;
    }
    let decoded = percent_decoded(reference).map(|decoded| normalize(&folder.join(decoded)));
    if reference.contains('\\') {
        let slashed = percent_decoded(&reference.replace('\\', "/")).map(|slashed| normalize(&folder.join(slashed)));
        if let Some(slashed) = slashed.filter(|slashed| slashed.exists()) {
            return slashed;
        }
    }
    decoded.unwrap_or(raw)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().filter(|decoded| !decoded.contains('\0'))
}

/// Takes `.` and `..` out of an absolute path, by its letters alone.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// `target` as a relative reference from the folder `base`, percent-encoded where a URL needs it.
#[must_use]
pub(crate) fn relative(base: &Path, target: &Path) -> String {
    let (base, target) = (normalize(base), normalize(target));
    let shared = base.components().zip(target.components()).take_while(|(a, b)| a == b).count();
    let climbs = base.components().count() - shared;
    let mut parts = vec!["..".to_owned(); climbs];
    parts.extend(target.components().skip(shared).map(|part| percent_encoded(&part.as_os_str().to_string_lossy())));
    if climbs == 0 { format!("./{}", parts.join("/")) } else { parts.join("/") }
}

/// One part of a path as it stands in a URL.
pub(crate) fn percent_encoded(part: &str) -> String {
    let mut encoded = String::with_capacity(part.len());
    for c in part.chars() {
        match c {
            ' ' | '%' | '#' | '?' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                encoded.push_str(&format!("%{:02X}", u32::from(c)));
            }
            _ => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Href {
        Href::File(PathBuf::from(path))
    }

    #[test]
    fn relative_references_resolve_against_the_document() {
        assert_eq!(file("/a/b/item.json").join("../c/x.tif").unwrap(), file("/a/c/x.tif"));
        assert_eq!(file("/a/item.json").join("/etc/x").unwrap(), file("/etc/x"));
        let remote = Href::parse("https://h.org/a/item.json").unwrap();
        assert_eq!(remote.join("./x.tif").unwrap().to_string(), "https://h.org/a/x.tif");
        // An address cannot climb above its host: URLs say so.
        assert_eq!(remote.join("../../../x").unwrap().to_string(), "https://h.org/x");
    }

    #[test]
    fn a_catalog_from_elsewhere_may_not_name_local_files() {
        let remote = Href::parse("https://h.org/a/item.json").unwrap();
        assert!(matches!(remote.join("file:///etc/passwd"), Err(Error::Refused { .. })));
        assert_eq!(remote.join("/etc/passwd").unwrap().to_string(), "https://h.org/etc/passwd");
    }

    #[test]
    fn rewrites_take_the_longest_prefix_and_stay_in_their_folder() {
        let rewrites = Rewrites::parse(["https://h.org/=/data", "https://h.org/deep=/deep"]).unwrap();
        let map = |text: &str| rewrites.apply(&Href::parse(text).unwrap());
        assert_eq!(map("https://h.org/a.json").unwrap(), file("/data/a.json"));
        assert_eq!(map("https://h.org/deep/a.json").unwrap(), file("/deep/a.json"));
        assert_eq!(map("https://h.org/deeper/a.json").unwrap(), file("/data/deeper/a.json"));
        assert_eq!(map("https://other.org/a").unwrap().to_string(), "https://other.org/a");
        // %2e%2e is resolved by the URL parser, %2f is not: once decoded it must not leave the folder.
        assert!(matches!(map("https://h.org/deep/..%2f..%2fetc/passwd"), Err(Error::Refused { .. })));
    }

    #[test]
    fn rules_without_two_sides_are_refused() {
        for rule in ["https://h.org", "=x", "x="] {
            assert!(matches!(Rewrites::parse([rule]), Err(Error::BadRewrite { .. })), "{rule}");
        }
    }

    #[test]
    fn written_references_read_back() {
        let target = PathBuf::from("/data/my images/50% #1.tif");
        let reference = relative(Path::new("/data/stac/items"), &target);
        assert_eq!(reference, "../../my%20images/50%25%20%231.tif");
        assert_eq!(file("/data/stac/items/a.json").join(&reference).unwrap(), Href::File(target));
        assert_eq!(relative(Path::new("/a"), Path::new("/a/b/c.json")), "./b/c.json");
    }
}
