//! The bytes of a header read so far, and what to do where more are needed.

use crate::Error;
use bytes::Bytes;
use std::ops::Range;

/// Why parsing stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// These bytes are needed first; fetch them, add them and parse again.
    Need(Range<u64>),
    /// The file cannot be read.
    Failed(Box<Error>),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(Box::new(error))
    }
}

/// Parts of a file. Parsing asks for what it needs and never reads.
#[derive(Debug)]
pub(crate) struct HeaderBytes {
    pub(crate) href: String,
    pub(crate) file_bytes: u64,
    parts: Vec<(u64, Bytes)>,
}

impl HeaderBytes {
    pub(crate) fn new(href: &str, file_bytes: u64) -> Self {
        HeaderBytes { href: href.to_owned(), file_bytes, parts: Vec::new() }
    }

    /// Adds bytes that begin at `start`.
    pub(crate) fn add(&mut self, start: u64, bytes: Bytes) {
        self.parts.push((start, bytes));
    }

    /// All bytes held.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// `len` bytes at `start`, which hold `what`.
    pub(crate) fn get(&self, what: &'static str, start: u64, len: u64) -> Result<&[u8], Stop> {
        let end = start.saturating_add(len);
        if end > self.file_bytes {
            let (href, file_bytes) = (self.href.clone(), self.file_bytes);
            return Err(Error::Truncated { href, what, start, end, file_bytes }.into());
        }
        for (part_start, bytes) in &self.parts {
            let inside = start.checked_sub(*part_start).and_then(|skip| usize::try_from(skip).ok());
            let Some((skip, len)) = inside.zip(usize::try_from(len).ok()) else { continue };
            if let Some(slice) = skip.checked_add(len).and_then(|end| bytes.get(skip..end)) {
                return Ok(slice);
            }
        }
        Err(Stop::Need(start..end))
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> Stop {
        Error::Malformed { href: self.href.clone(), reason: reason.into() }.into()
    }

    pub(crate) fn unsupported(&self, feature: impl Into<String>) -> Stop {
        Error::Unsupported { href: self.href.clone(), feature: feature.into() }.into()
    }

    pub(crate) fn over_limit(&self, what: &'static str, value: u64, limit: u64) -> Stop {
        Error::Limit { href: self.href.clone(), what, value, limit }.into()
    }
}
