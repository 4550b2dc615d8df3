//! Where a file's bytes come from: ranges of a file of this machine, or of one elsewhere.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use crate::{
    error::{Error, Result},
    href::Href,
};

/// A file that can be read in ranges.
pub trait Ranges: Send + Sync {
    /// Where it is.
    fn href(&self) -> &Href;
    /// How long it is.
    fn len_bytes(&self) -> u64;
    /// The bytes of each range. Ranges lie within the file.
    ///
    /// # Errors
    /// [`Error::Read`] and what else reading may end in.
    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>>;
}

/// A file of this machine.
#[derive(Debug)]
pub struct LocalFile {
    href: Href,
    len_bytes: u64,
    file: Mutex<File>,
}

impl LocalFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn open(path: &Path) -> Result<Self> {
        let href = Href::File(path.to_path_buf());
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (len_bytes, file) = opened.map_err(|source| Error::Read { href: href.clone(), source })?;
        Ok(Self { href, len_bytes, file: Mutex::new(file) })
    }
}

impl Ranges for LocalFile {
    fn href(&self) -> &Href {
        &self.href
    }

    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = |range: &Range<u64>| {
            let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(std::io::Error::other)?;
            let mut bytes = vec![0; length];
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut bytes)?;
            Ok(Bytes::from(bytes))
        };
        let all: std::io::Result<Vec<Bytes>> = ranges.iter().map(&mut read).collect();
        all.map_err(|source| Error::Read { href: self.href.clone(), source })
    }
}
