//! Putting documents on disk so that no reader ever sees half of one.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::error::{Error, Result};

/// Writes a value as indented JSON through a temporary file beside `path`, renamed into place when complete.
///
/// # Errors
/// [`Error::Write`] when the folder is missing or full; [`Error::Describe`] when the value holds what JSON cannot say.
pub fn write_json_atomically<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_path_buf(), source };
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::Describe { what: path.display().to_string(), reason: error.to_string() })?;
    bytes.push(b'\n');
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    readable(file.path()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Temporary files are made for their owner alone; what is published is for everyone.
fn readable(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// A folder that is being written beside where it will stand; dropped before [`Staged::publish`], it leaves nothing.
#[derive(Debug)]
pub struct Staged {
    folder: tempfile::TempDir,
    target: PathBuf,
    overwrite: bool,
}

impl Staged {
    /// Makes a temporary folder beside `target`.
    ///
    /// # Errors
    /// [`Error::Exists`] when `target` is there and `overwrite` is false, [`Error::Write`] when its parent is not
    /// writable.
    pub fn new(target: &Path, overwrite: bool) -> Result<Self> {
        let failed = |source| Error::Write { path: target.to_path_buf(), source };
        let target = std::path::absolute(target).map_err(failed)?;
        let is_empty = fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
        if target.exists() && !is_empty && !overwrite {
            return Err(Error::Exists { path: target });
        }
        let parent = target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(failed)?;
        let folder = tempfile::Builder::new().prefix(".swath-").tempdir_in(parent).map_err(failed)?;
        readable(folder.path()).map_err(failed)?;
        Ok(Self { folder, target, overwrite })
    }

    /// The temporary folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the folder will stand.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the folder in its place. An old one is moved aside first and removed only when the new one stands.
    ///
    /// # Errors
    /// [`Error::Write`] when it cannot be moved; the old folder is then back in its place.
    pub fn publish(self) -> Result<PathBuf> {
        let Self { folder, target, overwrite } = self;
        let failed = |source| Error::Write { path: target.clone(), source };
        let parent = target.parent().unwrap_or(Path::new("/"));
        let aside = tempfile::Builder::new().prefix(".swath-old-").tempdir_in(parent).map_err(failed)?;
        let old = aside.path().join("old");
        let replaces = target.exists();
        if replaces && !overwrite {
            // Only an empty folder passed `new`; this refuses one that was filled meanwhile.
            fs::remove_dir(&target).map_err(failed)?;
        } else if replaces {
            fs::rename(&target, &old).map_err(failed)?;
        }
        if let Err(source) = fs::rename(folder.path(), &target) {
            if old.exists() {
                fs::rename(&old, &target).map_err(failed)?;
            }
            return Err(failed(source));
        }
        // Renamed away: there is nothing left for the guard to remove.
        let _ = folder.keep();
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_replaced_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("catalog");
        for (content, overwrite) in [("one", false), ("two", true)] {
            let staged = Staged::new(&target, overwrite).unwrap();
            write_json_atomically(&staged.path().join("catalog.json"), &content).unwrap();
            staged.publish().unwrap();
            assert_eq!(fs::read_to_string(target.join("catalog.json")).unwrap(), format!("\"{content}\"\n"));
        }
        assert!(matches!(Staged::new(&target, false), Err(Error::Exists { .. })));
        drop(Staged::new(&target, true).unwrap());
        let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["catalog"]);
    }
}
