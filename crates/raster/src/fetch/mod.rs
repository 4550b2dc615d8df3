//! From href to header, and from read plan to compressed blocks: merged, bounded, retried. The only async module.

use crate::window::{Blocks, ReadPlan};
use crate::{BlockCache, Limits, Pixels, Raster, Result};
use std::sync::Arc;
use std::time::Duration;

/// What happens to a block that could not be had after all retries, or does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// The read fails.
    #[default]
    Fail,
    /// The read fails, and the caller is expected to leave the window out and go on; see [`Fetcher::failed_blocks`].
    Skip,
    /// The block's pixels are invalid (and nodata, or 0) and the read goes on.
    Mask,
}

/// How bytes are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Requests in flight to one host.
    pub requests_per_host: usize,
    /// Bytes in flight, over all hosts.
    pub bytes_in_flight: u64,
    /// Blocks at most this far apart are fetched in one request.
    pub merge_gap_bytes: u64,
    /// Merged requests stop growing at this size.
    pub max_request_bytes: u64,
    /// Tries after the first.
    pub retries: usize,
    /// Time for one request.
    pub timeout: Duration,
    /// What becomes of blocks that cannot be had.
    pub on_failure: FailurePolicy,
    /// Sent with every http(s) request.
    pub headers: Vec<(String, String)>,
    /// Sizes a file may not exceed.
    pub limits: Limits,
}

/// One block that could not be had, for the run's record.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedBlock {
    /// The file.
    pub href: String,
    /// 0 is full resolution.
    pub level: usize,
    /// Index into the level's blocks.
    pub block: usize,
    /// The error, with its causes.
    pub reason: String,
}

/// What has been fetched so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchStatistics {
    /// Requests made, retries included.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Requests that were made again.
    pub retries: u64,
}

/// Opens files and fetches blocks. Cheap to clone; clones share connections, headers and bounds.
#[derive(Clone, Debug)]
pub struct Fetcher {}

impl Fetcher {
    /// A fetcher with its own connections and bounds.
    ///
    /// # Errors
    /// [`Error::Address`](crate::Error::Address) where a header is none.
    pub fn new(options: FetchOptions) -> Result<Self> {
        unimplemented!("{options:?}")
    }

    /// Reads the header of a file. `href` is a path or a file, http(s), s3, gs or az URL. A header once read is kept.
    ///
    /// # Errors
    /// Where the file cannot be had, is no TIFF, is malformed, or uses what is not supported.
    pub async fn open(&self, href: &str) -> Result<Arc<Raster>> {
        unimplemented!("{href}")
    }

    /// Fetches those of the plan's blocks that the cache does not hold. A block that someone else is fetching is waited for.
    ///
    /// # Errors
    /// Where a block cannot be had and the policy is not [`FailurePolicy::Mask`].
    pub async fn fetch(&self, plan: ReadPlan, cache: &BlockCache) -> Result<Fetched> {
        unimplemented!("{plan:?} {cache:?}")
    }

    /// Fetches and decodes (on the runtime's blocking threads) in one go, for callers who read few windows.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`] and [`Fetched::decode`].
    pub async fn read(&self, plan: ReadPlan, cache: &BlockCache) -> Result<Pixels> {
        unimplemented!("{plan:?} {cache:?}")
    }

    /// Every block that could not be had so far.
    pub fn failed_blocks(&self) -> Vec<FailedBlock> {
        unimplemented!()
    }

    /// Requests and bytes so far.
    pub fn statistics(&self) -> FetchStatistics {
        unimplemented!()
    }
}

/// A plan's blocks, compressed or already decoded by the cache. Decoding needs no reader.
#[derive(Debug)]
pub struct Fetched {}

impl Fetched {
    /// Decodes what is still compressed, on the calling thread, and leaves it in the cache.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode) where a block's bytes are not what its header says and the policy is not
    /// [`FailurePolicy::Mask`].
    pub fn decode(self) -> Result<Blocks> {
        unimplemented!()
    }
}

#[derive(Debug)]
pub(crate) struct Location {}
