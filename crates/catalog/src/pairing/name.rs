//! Joining image files and label files by the part of their names that they share.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use regex::Regex;

/// Why file names could not be joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// The expression captures nothing.
    #[error(
        "`{pattern}` captures nothing: put the part that image and label names share in parentheses, as in (\\d{{4}}-\\d{{2}}-\\d{{2}})"
    )]
    NoGroup {
        /// The expression.
        pattern: String,
    },
    /// A name does not match.
    #[error("`{pattern}` does not match the name of {what} {}: change the expression, or leave the file out", path.display())]
    NoMatch {
        /// The expression.
        pattern: String,
        /// `image` or `label`.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Two files of the same kind match alike.
    #[error("{what}s {} and {} both match as `{key}`: make `{pattern}` capture what tells them apart", first.display(), second.display())]
    Ambiguous {
        /// The expression.
        pattern: String,
        /// `image` or `label`.
        what: &'static str,
        /// What both names captured.
        key: String,
        /// The one file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A label's image is missing.
    #[error("label {} has no image: none of the {images} images matches as `{key}`", path.display())]
    NoImage {
        /// The label.
        path: PathBuf,
        /// What its name captured.
        key: String,
        /// How many images there are.
        images: usize,
    },
}

/// An image file, and its label file if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// What the expression captured in both names.
    pub key: String,
    /// The image.
    pub image: PathBuf,
    /// The label.
    pub label: Option<PathBuf>,
}

/// Joins images and labels whose names hold the same captured text; several groups are joined by `_`. Images without a
/// label are kept, labels without an image are an error. Sorted by key.
///
/// # Errors
/// A [`MatchError`] naming the file.
pub fn join(images: &[PathBuf], labels: &[PathBuf], pattern: &Regex) -> Result<Vec<Joined>, MatchError> {
    if pattern.captures_len() < 2 {
        return Err(MatchError::NoGroup { pattern: pattern.to_string() });
    }
    let mut images = keyed("image", images, pattern)?;
    let mut labels = keyed("label", labels, pattern)?;
    if let Some((key, path)) = labels.iter().find(|(key, _)| !images.contains_key(*key)) {
        return Err(MatchError::NoImage { path: path.clone(), key: key.clone(), images: images.len() });
    }
    let mut joined = Vec::with_capacity(images.len());
    while let Some((key, image)) = images.pop_first() {
        let label = labels.remove(&key);
        joined.push(Joined { key, image, label });
    }
    Ok(joined)
}

fn keyed(what: &'static str, paths: &[PathBuf], pattern: &Regex) -> Result<BTreeMap<String, PathBuf>, MatchError> {
    let mut keyed = BTreeMap::new();
    for path in paths {
        let key = capture(path, pattern).ok_or_else(|| MatchError::NoMatch {
            pattern: pattern.to_string(),
            what,
            path: path.clone(),
        })?;
        if let Some(first) = keyed.insert(key.clone(), path.clone()) {
            return Err(MatchError::Ambiguous { pattern: pattern.to_string(), what, key, first, second: path.clone() });
        }
    }
    Ok(keyed)
}

/// What the expression captures in a file's name: its groups joined by `_`; `None` when it does not match or captures
/// nothing.
#[must_use]
pub fn capture(path: &Path, pattern: &Regex) -> Option<String> {
    let captures = pattern.captures(path.file_name()?.to_str()?)?;
    let groups: Vec<&str> = captures.iter().skip(1).flatten().map(|group| group.as_str()).collect();
    let key = groups.join("_");
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    fn date() -> Regex {
        Regex::new(r"(\d{4}-\d{2}-\d{2})").unwrap()
    }

    #[test]
    fn images_without_labels_are_kept() {
        let joined =
            join(&paths(&["b/x_2020-02-02.tif", "b/x_2020-01-01.tif"]), &paths(&["l/y_2020-02-02.geojson"]), &date());
        let joined = joined.unwrap();
        assert_eq!(joined[0], Joined { key: "2020-01-01".into(), image: "b/x_2020-01-01.tif".into(), label: None });
        assert_eq!(joined[1].label.as_deref(), Some(Path::new("l/y_2020-02-02.geojson")));
    }

    #[test]
    fn what_cannot_be_joined_says_which_file() {
        let images = paths(&["a_2020-01-01.tif", "b_2020-01-01.tif"]);
        assert!(matches!(join(&images, &[], &date()), Err(MatchError::Ambiguous { .. })));
        let orphan = join(&images[..1], &paths(&["c_2020-01-02.geojson"]), &date()).unwrap_err();
        assert!(orphan.to_string().contains("c_2020-01-02.geojson"), "{orphan}");
        assert!(matches!(join(&paths(&["a.tif"]), &[], &date()), Err(MatchError::NoMatch { .. })));
        let whole = Regex::new(r"\d+").unwrap();
        assert!(matches!(join(&images[..1], &[], &whole), Err(MatchError::NoGroup { .. })));
    }

    #[test]
    fn several_groups_make_one_key() {
        let pattern = Regex::new(r"(T\d+)_.*_(\d{8})").unwrap();
        assert_eq!(capture(Path::new("T31_x_20200101.tif"), &pattern).as_deref(), Some("T31_20200101"));
    }
}
