//! A file at an address, read in ranges: those that lie close together are asked for as one, and several at a time.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;
use url::Url;

use crate::{
    error::{Error, Result},
    geoparquet::Ranges,
    href::Href,
    source::http::{Http, Request},
};

/// Bytes between two ranges that are read and thrown away rather than asked for apart: what comes in during the time of
/// one request at some MiB/s.
const GAP_BYTES: u64 = 256 << 10;
/// The most bytes of one request.
const MOST_BYTES: u64 = 32 << 20;
/// Requests at a time.
const MOST_AT_ONCE: usize = 8;

/// A file at an address.
#[derive(Debug)]
pub(super) struct RemoteFile {
    url: Url,
    href: Href,
    len_bytes: u64,
    http: Arc<Http>,
    runtime: Handle,
}

impl RemoteFile {
    /// Asks how long the file is.
    ///
    /// # Errors
    /// What asking ends in; [`Error::Answer`] when the server does not say the length, or ignores ranges.
    pub(super) async fn open(url: Url, http: Arc<Http>) -> Result<Self> {
        let first = Request { range: Some(0..8), ..Request::get(url.clone(), None) };
        let answer = http.ask(&first).await?;
        let href = Href::Remote(Box::new(url.clone()));
        let len_bytes = answer.whole_bytes.ok_or_else(|| {
            let reason = "it does not say how long the file is: download it, and search the file".to_owned();
            Error::Answer { href: href.clone(), reason }
        })?;
        Ok(Self { url, href, len_bytes, http, runtime: Handle::current() })
    }

    async fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end - range.start;
        let request = Request { range: Some(range.clone()), ..Request::get(self.url.clone(), None) };
        let answer = self.http.ask(&request).await?;
        if answer.body.len() as u64 == wanted {
            return Ok(answer.body);
        }
        let reason = format!("bytes {} to {} were asked for and {} came", range.start, range.end, answer.body.len());
        Err(Error::Answer { href: self.href.clone(), reason })
    }
}

impl Ranges for RemoteFile {
    fn href(&self) -> &Href {
        &self.href
    }

    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let merged = merged(ranges);
        let all = stream::iter(merged.iter().cloned().map(|range| self.fetch(range))).buffered(MOST_AT_ONCE);
        let all: Vec<Bytes> = self.runtime.block_on(all.try_collect())?;
        let cut = |range: &Range<u64>| {
            let (whole, bytes) =
                merged.iter().zip(&all).find(|(whole, _)| whole.start <= range.start && range.end <= whole.end)?;
            let from = usize::try_from(range.start - whole.start).ok()?;
            let length = usize::try_from(range.end - range.start).ok()?;
            Some(bytes.slice(from..from.checked_add(length)?))
        };
        ranges.iter().map(|range| cut(range).ok_or(Error::Stopped)).collect()
    }
}

/// Ranges that cover the given ones, in order.
fn merged(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.end <= last.end => {}
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES) && range.end - last.start <= MOST_BYTES => {
                last.end = range.end;
            }
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_one_request_and_far_ones_are_not() {
        let far = 10 << 20;
        let ranges = [far..far + 10, 0..10, 5..8, 100..200, far + 10..far + MOST_BYTES];
        assert_eq!(merged(&ranges), [0..200, far..far + MOST_BYTES]);
        assert_eq!(merged(&[0..MOST_BYTES, MOST_BYTES..MOST_BYTES + 1]).len(), 2);
    }
}
