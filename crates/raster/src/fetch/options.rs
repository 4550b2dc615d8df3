//! How bytes are fetched, what becomes of blocks that cannot be had, and the record of both.

use crate::{BoxError, Limits, MemoryBudget};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What happens to a block that could not be had after all retries, or does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// The read fails.
    #[default]
    Fail,
    /// The read fails, the block is recorded, and the caller is expected to leave the window out and go on; see
    /// [`Fetcher::failed_blocks`](crate::Fetcher::failed_blocks).
    Skip,
    /// The block is recorded, its pixels are invalid (and nodata, or 0), and the read goes on.
    Mask,
}

/// A command that prints a bearer token. It is run once, and again when a server no longer takes the token; each time it may
/// take half of [`FetchOptions::timeout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCommand {
    /// The program, looked for as a shell would.
    pub program: String,
    /// Its arguments, as they are: no shell takes part.
    pub arguments: Vec<String>,
}

/// A hook that signs an href again.
///
/// It gets the href as it was opened and returns a URL to read it by. It is called, on a thread that may block, when a server
/// answers 401 or 403, once for all requests that wait; the URL then serves until it is refused itself.
#[derive(Clone)]
pub struct Renew(Hook);

#[derive(Clone)]
enum Hook {
    Call(Arc<RenewFn>),
    Command(TokenCommand),
}

type RenewFn = dyn Fn(&str) -> Result<String, BoxError> + Send + Sync;

impl Renew {
    /// A hook that calls `sign`, which sees to it itself that it ends.
    pub fn new(sign: impl Fn(&str) -> Result<String, BoxError> + Send + Sync + 'static) -> Self {
        Renew(Hook::Call(Arc::new(sign)))
    }

    /// A hook that runs a command, with the href as its last argument, which prints the URL. It may take half of
    /// [`FetchOptions::timeout`].
    pub fn by_command(program: String, arguments: Vec<String>) -> Self {
        Renew(Hook::Command(TokenCommand { program, arguments }))
    }

    #[cfg(feature = "remote")]
    pub(super) fn renew(&self, href: &str, timeout: Duration) -> Result<String, BoxError> {
        match &self.0 {
            Hook::Call(sign) => sign(href),
            Hook::Command(command) => super::command::printed(command, Some(href), "address", timeout),
        }
    }
}

impl fmt::Debug for Renew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renew")
    }
}

/// How bytes are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Requests in flight to one host.
    pub requests_per_host: usize,
    /// Bytes in flight, over all hosts; a single request larger than this is still made, alone.
    pub bytes_in_flight: u64,
    /// Blocks at most this far apart are fetched in one request.
    pub merge_gap_bytes: u64,
    /// Merged requests stop growing at this size.
    pub max_request_bytes: u64,
    /// Tries after the first.
    pub retries: usize,
    /// Wait before the first retry; doubled for each further one, plus a random part.
    pub backoff: Duration,
    /// Longest wait between two tries, whatever the server asks for.
    pub max_backoff: Duration,
    /// Time for one request, from asking to the last byte.
    pub timeout: Duration,
    /// What becomes of blocks that cannot be had.
    pub on_failure: FailurePolicy,
    /// Names and values sent with every request to an http(s) URL, to whatever host; a host that it redirects to gets them too,
    /// but for `authorization` and `cookie`.
    pub headers: Vec<(String, String)>,
    /// Where the bearer token comes from that is sent with requests to http(s) URLs, unless these are signed.
    pub token_command: Option<TokenCommand>,
    /// Signs http(s) hrefs again when they have expired.
    pub renew: Option<Renew>,
    /// No credentials: cloud stores are asked without signature, and no token is sent.
    pub anonymous: bool,
    /// Settings of the S3, Google and Azure stores, by the names of the environment variables in lower case (`aws_region`,
    /// `aws_endpoint`, …), which they override.
    pub store_settings: Vec<(String, String)>,
    /// Bytes of headers kept for files opened before.
    pub header_cache_bytes: u64,
    /// Folder in which bytes of remote files are kept between runs; `None` keeps none. Only files to which the server gives a
    /// strong ETag are kept, by address, ETag and size. Several processes may use one folder.
    pub cache_folder: Option<PathBuf>,
    /// Bytes that the cache folder may grow to; what was not used for longest is removed.
    pub cache_folder_bytes: u64,
    /// Bytes read when a file is opened; a COG of 10980 by 10980 px has its whole header in less than 32 KiB.
    pub header_read_bytes: u64,
    /// Sizes a file may not exceed.
    pub limits: Limits,
}

impl FetchOptions {
    /// As they are, but within `budget`: an eighth of it is taken for bytes in flight and a sixteenth for headers, and no single
    /// block or window may be larger than a quarter.
    pub fn within(mut self, budget: &MemoryBudget) -> Self {
        self.bytes_in_flight = self.bytes_in_flight.min(budget.take(1.0 / 8.0));
        self.header_cache_bytes = self.header_cache_bytes.min(budget.take(1.0 / 16.0));
        self.max_request_bytes = self.max_request_bytes.min(self.bytes_in_flight / 4);
        let most = budget.bytes() / 4;
        self.limits.block_bytes = self.limits.block_bytes.min(most);
        self.limits.compressed_block_bytes = self.limits.compressed_block_bytes.min(self.bytes_in_flight);
        self.limits.window_bytes = self.limits.window_bytes.min(most);
        self
    }
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            requests_per_host: 32,
            bytes_in_flight: 256 << 20,
            merge_gap_bytes: 64 << 10,
            max_request_bytes: 16 << 20,
            retries: 5,
            backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            on_failure: FailurePolicy::Fail,
            headers: Vec::new(),
            token_command: None,
            renew: None,
            anonymous: false,
            store_settings: Vec::new(),
            header_cache_bytes: 256 << 20,
            cache_folder: None,
            cache_folder_bytes: 10 << 30,
            header_read_bytes: 32 << 10,
            limits: Limits::default(),
        }
    }
}

/// One block that could not be had, for the run's record.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedBlock {
    /// The file.
    pub href: String,
    /// 0 is full resolution.
    pub level: usize,
    /// True for a block of the level's internal mask.
    pub is_mask: bool,
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
    /// Blocks and parts of headers that the cache folder held.
    pub disk_hits: u64,
}
