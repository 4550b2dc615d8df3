//! Whether all blocks that a header lists lie within the file: a download cut short keeps its header.

use super::{Level, Raster};
use crate::{Error, Result};

impl Raster {
    /// Checks that no block of any level reaches beyond the end of the file. Reads no pixels.
    ///
    /// # Errors
    /// [`Error::Truncated`] with the first block that does.
    pub fn check_complete(&self) -> Result<()> {
        let levels = self.header.levels.iter().chain(self.header.masks.iter().flatten());
        levels.flat_map(Level::ranges).try_for_each(|(start, bytes)| {
            let end = start.saturating_add(bytes);
            if end <= self.file_bytes {
                return Ok(());
            }
            let (href, file_bytes) = (self.href.clone(), self.file_bytes);
            Err(Error::Truncated { href, what: "a block of pixels", start, end, file_bytes })
        })
    }
}

impl Level {
    /// First byte and length of each block that the file holds.
    fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = self.offsets.iter().copied().zip(self.byte_counts.iter().copied());
        all.filter(|(start, bytes)| *start != 0 && *bytes != 0)
    }
}
