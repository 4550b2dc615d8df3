//! Files that appear whole or not at all: written under a temporary name beside their place, then renamed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

/// A file that has no name until it is whole; dropped before, it leaves nothing.
pub(crate) struct WholeFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl WholeFile {
    /// Begins a file that may be read by whom the umask allows. What is at `path` stays until [`WholeFile::finish`].
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let context = || cannot_write(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        ensure!(folder.is_dir(), "{}: there is no folder {}; make it first", context(), folder.display());
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Temporary files are else made for their owner alone.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        // The message of `tempfile` names a file that nobody gave; its kind says enough.
        let unnamed = |error: std::io::Error| std::io::Error::from(error.kind());
        let file = builder.tempfile_in(folder).map_err(unnamed).with_context(context)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// What is to be written to, unbuffered.
    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { path, file } = self;
        file.persist(&path).map_err(|error| error.error).with_context(|| cannot_write(&path))?;
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Writes a file by `fill`.
pub(crate) fn write_whole(path: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> Result<()>) -> Result<()> {
    let whole = WholeFile::create(path)?;
    let mut writer = BufWriter::new(whole.file());
    fill(&mut writer).and_then(|()| Ok(writer.flush()?)).with_context(|| cannot_write(path))?;
    drop(writer);
    whole.finish()
}

/// Writes a text file.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |file| Ok(file.write_all(text.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_filled_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_text(&path, "old").unwrap();
        write_whole(&path, |file| {
            file.write_all(b"new")?;
            anyhow::bail!("no more")
        })
        .unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = write_text(&folder.path().join("none/a.txt"), "").unwrap_err().to_string();
        assert!(missing.contains("no folder"), "{missing}");
    }
}
