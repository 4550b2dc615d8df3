//! From href to header, and from read plan to compressed blocks: merged, bounded, retried. The only async module.

mod address;
#[cfg(feature = "remote")]
mod command;
#[cfg(feature = "remote")]
mod credentials;
mod disk;
mod fetched;
#[cfg(feature = "remote")]
mod http;
mod options;
mod ranges;
#[cfg(feature = "remote")]
mod remote;
mod request;

pub(crate) use address::Location;
pub use fetched::Fetched;
pub use options::{FailedBlock, FailurePolicy, FetchOptions, FetchStatistics, Renew, TokenCommand};

use crate::cache::{BlockKey, Claim, Found};
use crate::header::{self, HeaderBytes, Level, Stop};
use crate::window::ReadPlan;
use crate::{BlockCache, Error, Pixels, Raster, Result, decode};
use address::Stores;
use bytes::Bytes;
use disk::DiskCache;
use futures::future::try_join_all;
use request::Gate;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Parsing rounds of one header; each brings at least one new range, and real files need a few dozen at most.
const MAX_HEADER_ROUNDS: usize = 4096;

/// Opens files and fetches blocks. Cheap to clone; clones share connections, headers and bounds.
#[derive(Clone, Debug)]
pub struct Fetcher {
    shared: Arc<Shared>,
    on_failure: FailurePolicy,
}

#[derive(Debug)]
struct Shared {
    options: FetchOptions,
    stores: Stores,
    gate: Gate,
    disk: Option<DiskCache>,
    headers: Mutex<HashMap<String, Arc<Raster>>>,
    record: Arc<Record>,
}

/// Blocks that could not be had, each once.
#[derive(Debug, Default)]
pub(crate) struct Record {
    failed: Mutex<HashMap<BlockKey, FailedBlock>>,
}

impl Record {
    fn add(&self, href: &str, key: BlockKey, reason: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.entry(key).or_insert_with(|| FailedBlock {
            href: href.to_owned(),
            level: key.level,
            is_mask: key.is_mask,
            block: key.block,
            reason: reason.to_owned(),
        });
    }
}

impl Fetcher {
    /// A fetcher with its own connections and bounds.
    ///
    /// # Errors
    /// [`Error::Address`] where one of the options' headers is none; [`Error::Write`] where the cache folder cannot be used.
    pub fn new(options: FetchOptions) -> Result<Self> {
        let disk = options.cache_folder.as_ref().map(|folder| {
            let opened = DiskCache::open(folder, options.cache_folder_bytes);
            opened.map_err(|source| Error::Write { path: folder.clone(), source })
        });
        let shared = Shared {
            stores: Stores::new(&options)?,
            gate: Gate::new(&options),
            disk: disk.transpose()?,
            headers: Mutex::default(),
            record: Arc::default(),
            options,
        };
        let on_failure = shared.options.on_failure;
        Ok(Fetcher { shared: Arc::new(shared), on_failure })
    }

    /// The same fetcher with another policy for blocks that cannot be had; all else is shared.
    pub fn with_policy(&self, on_failure: FailurePolicy) -> Fetcher {
        Fetcher { shared: self.shared.clone(), on_failure }
    }

    /// What becomes of blocks that cannot be had.
    pub fn policy(&self) -> FailurePolicy {
        self.on_failure
    }

    /// From now on, hrefs that begin with `prefix` are objects in `store`: for credentials of one's own, or for tests.
    pub fn register(&self, prefix: &str, store: Arc<dyn object_store::ObjectStore>) {
        self.shared.stores.register(prefix, store);
    }

    /// Reads the header of a file. `href` is a path or a file, http(s), s3, gs or az URL. A header once read is kept.
    ///
    /// # Errors
    /// Where the file cannot be had, is no TIFF, is malformed, or uses what is not supported.
    pub async fn open(&self, href: &str) -> Result<Arc<Raster>> {
        if let Some(raster) = self.headers().get(href) {
            return Ok(raster.clone());
        }
        let raster = Arc::new(self.read_header(href).await?);
        let mut headers = self.headers();
        let raster = headers.entry(href.to_owned()).or_insert(raster).clone();
        let held: u64 = headers.values().map(|raster| raster.header.size_bytes()).sum();
        if held > self.shared.options.header_cache_bytes {
            headers.retain(|_, raster| Arc::strong_count(raster) > 1);
        }
        Ok(raster)
    }

    fn headers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Raster>>> {
        self.shared.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_header(&self, href: &str) -> Result<Raster> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let options = &self.shared.options;
        let limits = options.limits;
        let location = self.shared.stores.locate(href)?;
        let first = self.shared.gate.get(href, &location, 0..options.header_read_bytes.max(16), options).await;
        let first = first.map_err(|error| match error {
            Error::Fetch { href, source, .. } => Error::Open { href, source },
            other => other,
        })?;
        let mut bytes = HeaderBytes::new(href, first.file_bytes);
        bytes.add(0, first.bytes);
        for _ in 0..MAX_HEADER_ROUNDS {
            let need = match header::parse(&bytes, &limits) {
                Ok(header) => {
                    let (id, location) = (NEXT_ID.fetch_add(1, Ordering::Relaxed), Arc::new(location));
                    let file_bytes = bytes.file_bytes;
                    return Ok(Raster { href: href.to_owned(), header, file_bytes, id, limits, location });
                }
                Err(Stop::Failed(error)) => return Err(*error),
                Err(Stop::Need(need)) => need,
            };
            // What follows is often needed next, so a short need is read with its surroundings.
            let end = need.end.max(need.start.saturating_add(options.header_read_bytes)).min(bytes.file_bytes);
            if bytes.held_bytes().saturating_add(end - need.start) > limits.header_bytes {
                let (what, limit) = ("the size of its header in bytes", limits.header_bytes);
                let value = bytes.held_bytes().saturating_add(end - need.start);
                return Err(Error::Limit { href: href.to_owned(), what, value, limit });
            }
            bytes.add(need.start, self.part(href, &location, need.start..end).await?);
        }
        Err(Error::Malformed {
            href: href.to_owned(),
            reason: "its header is scattered over thousands of places".to_owned(),
        })
    }

    /// A part of a header behind its first bytes, from disk where it is there.
    async fn part(&self, href: &str, location: &Location, range: Range<u64>) -> Result<Bytes> {
        let disk = self.shared.disk.as_ref().zip(location.version(href));
        if let Some((disk, version)) = &disk
            && let Some(bytes) = disk.get(version, std::slice::from_ref(&range)).await.pop().flatten()
        {
            self.shared.gate.disk_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(bytes);
        }
        let part = self.shared.gate.get(href, location, range.clone(), &self.shared.options).await?;
        if let Some((disk, version)) = disk.filter(|_| part.bytes.len() as u64 == range.end - range.start) {
            disk.put(&version, &range, part.bytes.clone());
        }
        Ok(part.bytes)
    }

    /// Fetches those of the plan's blocks that the cache does not hold. A block that someone else is fetching is waited for.
    ///
    /// # Errors
    /// Where a block cannot be had and the policy is not [`FailurePolicy::Mask`].
    pub async fn fetch(&self, plan: ReadPlan, cache: &BlockCache) -> Result<Fetched> {
        let found = cache.find(&plan.keys());
        let slots =
            || found.iter().filter_map(|found| if let Found::UnderWay(slot) = found { Some(slot) } else { None });
        // Own claims are met before others are waited for, so that two plans never wait for each other.
        self.fulfil(&plan, slots().filter_map(|slot| slot.claim()).collect()).await?;
        for slot in slots() {
            if let Some(claim) = slot.wait_or_claim().await {
                self.fulfil(&plan, vec![claim]).await?;
            }
        }
        let (policy, record) = (self.on_failure, self.shared.record.clone());
        Ok(Fetched { plan, found, cache: cache.clone(), policy, record })
    }

    /// Fetches and decodes (on the runtime's blocking threads) in one go, for callers who read few windows.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`] and [`Fetched::decode`].
    pub async fn read(&self, plan: ReadPlan, cache: &BlockCache) -> Result<Pixels> {
        let fetched = self.fetch(plan, cache).await?;
        let decoding = tokio::task::spawn_blocking(move || fetched.decode()?.to_pixels());
        decoding.await.map_err(|_| Error::Stopped)?
    }

    /// Every block that could not be had so far, in the order of file, level and block.
    pub fn failed_blocks(&self) -> Vec<FailedBlock> {
        let failed = self.shared.record.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<FailedBlock> = failed.values().cloned().collect();
        all.sort_by(|a, b| (&a.href, a.level, a.is_mask, a.block).cmp(&(&b.href, b.level, b.is_mask, b.block)));
        all
    }

    /// Requests and bytes so far.
    pub fn statistics(&self) -> FetchStatistics {
        self.shared.gate.statistics()
    }

    /// Brings the bytes of all claimed blocks, near ones with one request.
    async fn fulfil(&self, plan: &ReadPlan, claims: Vec<Claim>) -> Result<()> {
        let mut wanted: Vec<(Claim, Range<u64>)> = Vec::with_capacity(claims.len());
        for claim in claims {
            match self.range_of(plan, claim.key()) {
                Ok(Some(range)) => wanted.push((claim, range)),
                Ok(None) => {
                    let raster = plan.raster();
                    let (nodata, key) = (raster.header.nodata.unwrap_or(0.0), claim.key());
                    let Some(level) = plan.level_of(key) else { continue };
                    let (value, dtype) =
                        if key.is_mask { (0.0, crate::DType::U8) } else { (nodata, raster.header.dtype) };
                    claim.fulfil_with(Arc::new(decode::constant(level, dtype, key.block, value)));
                }
                Err(error) => self.lose(plan, claim, error)?,
            }
        }
        let wanted = self.meet_from_disk(plan, wanted).await;
        let ranges: Vec<Range<u64>> = wanted.iter().map(|(_, range)| range.clone()).collect();
        let options = &self.shared.options;
        let requests = ranges::merge(&ranges, options.merge_gap_bytes, options.max_request_bytes);
        let mut claims: Vec<Option<Claim>> = wanted.into_iter().map(|(claim, _)| Some(claim)).collect();
        let groups = requests.into_iter().map(|request| {
            let members: Vec<_> =
                request.members.iter().filter_map(|i| Some((claims[*i].take()?, ranges[*i].clone()))).collect();
            self.bring(plan, request.range, members)
        });
        try_join_all(groups).await.map(|_| ())
    }

    /// Meets the claims whose bytes the cache folder holds, and gives back the others.
    async fn meet_from_disk(&self, plan: &ReadPlan, wanted: Vec<(Claim, Range<u64>)>) -> Vec<(Claim, Range<u64>)> {
        let raster = plan.raster();
        let Some((disk, version)) = self.shared.disk.as_ref().zip(raster.location.version(&raster.href)) else {
            return wanted;
        };
        let ranges: Vec<Range<u64>> = wanted.iter().map(|(_, range)| range.clone()).collect();
        let found = disk.get(&version, &ranges).await;
        let mut absent = Vec::new();
        for ((claim, range), found) in wanted.into_iter().zip(found) {
            match found {
                Some(bytes) => {
                    self.shared.gate.disk_hits.fetch_add(1, Ordering::Relaxed);
                    claim.fulfil(Ok(bytes));
                }
                None => absent.push((claim, range)),
            }
        }
        absent
    }

    async fn bring(&self, plan: &ReadPlan, range: Range<u64>, members: Vec<(Claim, Range<u64>)>) -> Result<()> {
        let raster = plan.raster();
        let got = self.shared.gate.get(&raster.href, &raster.location, range.clone(), &self.shared.options).await;
        let bytes = match got {
            Ok(received) if received.bytes.len() as u64 == range.end - range.start => received.bytes,
            Ok(received) => {
                let (start, end, got_bytes) = (range.start, range.end, received.bytes.len() as u64);
                let short = || Error::ShortBody { href: raster.href.clone(), start, end, got_bytes };
                return members.into_iter().try_for_each(|(claim, _)| self.lose(plan, claim, short()));
            }
            Err(error) => {
                let reason = reason_of(&error);
                if matches!(error, Error::Changed { .. }) {
                    // Whoever opens it next reads the header that it has now.
                    self.headers().remove(&raster.href);
                }
                for (claim, _) in members {
                    self.shared.record.add(&raster.href, claim.key(), &reason);
                    if self.on_failure == FailurePolicy::Mask {
                        claim.fulfil(Err(reason.as_str().into()));
                    }
                }
                return if self.on_failure == FailurePolicy::Mask { Ok(()) } else { Err(error) };
            }
        };
        let disk = self.shared.disk.as_ref().zip(raster.location.version(&raster.href));
        for (claim, member) in members {
            let (start, end) = ((member.start - range.start) as usize, (member.end - range.start) as usize);
            if let Some((disk, version)) = &disk {
                disk.put(version, &member, bytes.slice(start..end));
            }
            claim.fulfil(Ok(bytes.slice(start..end)));
        }
        Ok(())
    }

    /// Where a block's bytes are; `None` where the file leaves the block out.
    fn range_of(&self, plan: &ReadPlan, key: BlockKey) -> Result<Option<Range<u64>>> {
        let raster = plan.raster();
        let level = plan.level_of(key);
        let table = level
            .and_then(|level| level.offsets.get(key.block).copied().zip(level.byte_counts.get(key.block).copied()));
        let Some((start, bytes)) = table else {
            return Err(Error::Malformed {
                href: raster.href.clone(),
                reason: format!("block {} is not listed", key.block),
            });
        };
        if bytes == 0 || start == 0 {
            return Ok(None);
        }
        let limit = raster.limits.compressed_block_bytes;
        if bytes > limit {
            return Err(Error::Limit {
                href: raster.href.clone(),
                what: "the size of a compressed block in bytes",
                value: bytes,
                limit,
            });
        }
        let end = start.saturating_add(bytes);
        if end > raster.file_bytes {
            let (href, file_bytes) = (raster.href.clone(), raster.file_bytes);
            return Err(Error::Truncated { href, what: "a block of pixels", start, end, file_bytes });
        }
        Ok(Some(start..end))
    }

    /// A block that cannot be had: recorded, and by policy an error or invalid pixels.
    fn lose(&self, plan: &ReadPlan, claim: Claim, error: Error) -> Result<()> {
        let reason = reason_of(&error);
        self.shared.record.add(&plan.raster().href, claim.key(), &reason);
        if self.on_failure != FailurePolicy::Mask {
            return Err(error);
        }
        claim.fulfil(Err(reason.as_str().into()));
        Ok(())
    }
}

fn reason_of(error: &Error) -> String {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason.push_str(": ");
        reason.push_str(&cause.to_string());
        source = cause.source();
    }
    reason
}

impl ReadPlan {
    /// All blocks of the plan: pixels, then masks, then opacity.
    pub(crate) fn keys(&self) -> Vec<BlockKey> {
        let of =
            |is_mask: bool, blocks: &[usize]| blocks.iter().map(|block| self.key(is_mask, *block)).collect::<Vec<_>>();
        [of(false, &self.blocks), of(true, &self.mask_blocks), of(false, &self.alpha_blocks)].concat()
    }

    pub(crate) fn level_of(&self, key: BlockKey) -> Option<&Level> {
        let header = &self.raster().header;
        if key.is_mask { header.masks.get(key.level)?.as_ref() } else { header.levels.get(key.level) }
    }
}
