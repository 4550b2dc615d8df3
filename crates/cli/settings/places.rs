//! Where a config's paths and addresses lead.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Whether a path is an address of another machine.
pub(super) fn is_address(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains("://"))
}

/// A path as seen from the config's folder, absolute; an address as it is.
pub(super) fn anchored(folder: &Path, path: &Path) -> std::io::Result<PathBuf> {
    if is_address(path) { Ok(path.to_owned()) } else { std::path::absolute(folder.join(path)) }
}

/// A rule `PREFIX=FOLDER` with its folder as seen from the config's.
pub(super) fn anchored_rule(folder: &Path, rule: &str) -> Result<String> {
    let Some((prefix, target)) = rule.split_once('=') else { return Ok(rule.to_owned()) };
    let target = anchored(folder, Path::new(target)).with_context(|| format!("rewrite: {target} is no path"))?;
    Ok(format!("{prefix}={}", target.display()))
}

/// An absolute path as seen from an absolute folder.
pub(super) fn seen_from(folder: &Path, path: &Path) -> PathBuf {
    let (from, to): (Vec<_>, Vec<_>) = (folder.components().collect(), path.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(std::path::Component::ParentDir, from.len() - shared);
    up.chain(to[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_and_paths_are_seen_from_the_config() {
        let folder = Path::new("/configs");
        let address = Path::new("https://h.org/catalog.json");
        assert_eq!(anchored(folder, address).unwrap(), address);
        assert_eq!(anchored(folder, Path::new("c/catalog.json")).unwrap(), Path::new("/configs/c/catalog.json"));
        assert_eq!(anchored_rule(folder, "https://h.org=data").unwrap(), "https://h.org=/configs/data");
        assert_eq!(anchored_rule(folder, "https://h.org=/data").unwrap(), "https://h.org=/data");
    }
}
