//! Compressed tiles waiting on disk until all are there: a COG's header and overviews come before its full resolution.

use crate::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Tiles of every level, in the order in which they came, and where each lies.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: BufWriter<File>,
    end: u64,
    /// For each level, start and length of each tile.
    pub(super) tiles: Vec<Vec<(u64, u64)>>,
}

impl Spool {
    /// A spool beside `path`, without a name of its own.
    pub(super) fn create(path: &Path, levels: usize) -> Result<Spool> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let file = tempfile::tempfile_in(folder_of(path)).map_err(|error| failed(unnamed(error, path)))?;
        Ok(Spool { path: path.to_owned(), file: BufWriter::new(file), end: 0, tiles: vec![Vec::new(); levels] })
    }

    /// Adds the next tile of a level.
    pub(super) fn add(&mut self, level: usize, tile: std::result::Result<Vec<u8>, String>) -> Result<()> {
        let tile = tile.map_err(|reason| self.wrong_input(format!("a tile does not compress: {reason}")))?;
        self.file.write_all(&tile).map_err(|source| self.failed(source))?;
        self.tiles[level].push((self.end, tile.len() as u64));
        self.end += tile.len() as u64;
        Ok(())
    }

    /// Bytes of all tiles.
    pub(super) fn len(&self) -> u64 {
        self.end
    }

    /// Writes `header`, then the tiles of all levels, the coarsest level first, under a temporary name, and renames it.
    pub(super) fn assemble(mut self, header: &[u8]) -> Result<()> {
        let path = self.path.clone();
        let failed = |source| Error::Write { path: path.clone(), source };
        self.file.flush().map_err(failed)?;
        let mut spool = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        let target = named_temporary(&path).map_err(|error| failed(unnamed(error, &path)))?;
        let mut out = BufWriter::new(target);
        out.write_all(header).map_err(failed)?;
        for tiles in self.tiles.iter().rev() {
            for (start, len) in tiles {
                spool.seek(SeekFrom::Start(*start)).map_err(failed)?;
                std::io::copy(&mut (&mut spool).take(*len), &mut out).map_err(failed)?;
            }
        }
        let target = out.into_inner().map_err(|error| failed(error.into_error()))?;
        target.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    pub(super) fn wrong_input(&self, reason: String) -> Error {
        Error::WriteInput { path: self.path.clone(), reason }
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The cause without the temporary name that `tempfile` puts into its message and that nobody gave.
fn unnamed(error: std::io::Error, path: &Path) -> std::io::Error {
    let folder = folder_of(path);
    if !folder.is_dir() {
        let reason = format!("there is no folder {}; make it first", folder.display());
        return std::io::Error::new(error.kind(), reason);
    }
    std::io::Error::from(error.kind())
}

/// A temporary file beside `path` that, once renamed, may be read by whom the umask allows.
fn named_temporary(path: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".swath-").suffix(".tif.part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(path))
}
