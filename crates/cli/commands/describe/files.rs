//! Which files a pattern means, and their checksums.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The files that the patterns of an option match, each once, in order.
pub(super) fn matching(option: &str, patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for pattern in patterns {
        let before = found.len();
        let paths = glob::glob(pattern).with_context(|| format!("{option} {pattern} is no pattern"))?;
        for path in paths {
            let path = path.with_context(|| format!("{option} {pattern}"))?;
            if path.is_file() {
                found.push(path);
            }
        }
        ensure!(
            found.len() > before,
            "{option} {pattern} matches no file: check the folder, and put the pattern in quotes so that the shell leaves it alone"
        );
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether a file is a TIFF by its name.
pub(super) fn is_tiff(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("tif") || extension.eq_ignore_ascii_case("tiff"))
}
