//! One request: bounded, timed, checked for length, tried again.

use super::address::Place;
use super::{FetchOptions, FetchStatistics, Location};
use crate::{Error, Result};
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Bytes in flight are counted in units of 1 KiB, since a semaphore's permits are 32-bit.
const UNIT_BYTES: u64 = 1024;

/// Bounds and counts requests.
#[derive(Debug)]
pub(super) struct Gate {
    in_flight: Semaphore,
    units: u32,
    requests: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
    pub(super) disk_hits: AtomicU64,
}

/// Bytes received, and which version of the file they are of.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Bytes,
    pub(super) file_bytes: u64,
    pub(super) etag: Option<String>,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether trying again may help.
    pub(super) may_pass: bool,
    /// How long the server asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn lasting(error: Error) -> Self {
        Failure { error, may_pass: false, retry_after: None }
    }

    fn passing(error: Error) -> Self {
        Failure { error, may_pass: true, retry_after: None }
    }
}

/// An answer of a store that is no success: the cause in its error.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {text}")]
#[cfg_attr(not(feature = "remote"), allow(dead_code))]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Status and reason.
    pub(super) text: String,
    pub(super) retry_after: Option<Duration>,
}

/// Whether an answer of this status may be another one soon.
pub(super) fn may_pass(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}

impl Gate {
    pub(super) fn new(options: &FetchOptions) -> Self {
        let units = u32::try_from(options.bytes_in_flight / UNIT_BYTES).unwrap_or(u32::MAX).clamp(1, 1 << 28);
        Gate {
            in_flight: Semaphore::new(units as usize),
            units,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            disk_hits: AtomicU64::new(0),
        }
    }

    pub(super) fn statistics(&self) -> FetchStatistics {
        FetchStatistics {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            disk_hits: self.disk_hits.load(Ordering::Relaxed),
        }
    }

    /// The bytes of `range`; fewer only where the file ends before. Tried again, later and later, where that may help.
    pub(super) async fn get(
        &self,
        href: &str,
        at: &Location,
        range: Range<u64>,
        options: &FetchOptions,
    ) -> Result<Received> {
        let mut attempt = 0;
        loop {
            let failure = match self.try_once(href, at, range.clone(), options).await {
                Ok(received) => return Ok(received),
                Err(failure) => failure,
            };
            if attempt >= options.retries || !failure.may_pass {
                return Err(failure.error);
            }
            let asked = failure.retry_after.unwrap_or_default().min(options.max_backoff);
            tokio::time::sleep(pause(attempt, options).max(asked)).await;
            attempt += 1;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn try_once(
        &self,
        href: &str,
        at: &Location,
        range: Range<u64>,
        options: &FetchOptions,
    ) -> std::result::Result<Received, Failure> {
        let units = u32::try_from((range.end - range.start).div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        // Both semaphores live as long as this gate and are never closed. The host's comes first, so that who waits for a slow
        // host holds back none of the bytes that others could have in flight.
        let _request = at.requests.acquire().await.map_err(|_| Failure::lasting(Error::Stopped))?;
        let _bytes = self.in_flight.acquire_many(units).await.map_err(|_| Failure::lasting(Error::Stopped))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let received = tokio::time::timeout(options.timeout, once(href, at, range.clone())).await;
        let received = received.map_err(|_| {
            let (start, end, timeout_s) = (range.start, range.end, options.timeout.as_secs_f64());
            Failure::passing(Error::TimedOut { href: href.to_owned(), start, end, timeout_s })
        })??;
        self.bytes.fetch_add(received.bytes.len() as u64, Ordering::Relaxed);
        at.check(href, &received).map_err(Failure::passing)?;
        Ok(received)
    }
}

/// How long to wait, as a `Retry-After` header says it: in seconds, or until a date.
#[cfg(feature = "remote")]
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = SystemTime::from(chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?);
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

/// A store's error: whether it may pass, and when.
fn of_store(href: &str, range: &Range<u64>, source: object_store::Error) -> Failure {
    use object_store::Error as Store;
    let may_pass = !matches!(
        source,
        Store::NotFound { .. }
            | Store::InvalidPath { .. }
            | Store::PermissionDenied { .. }
            | Store::Unauthenticated { .. }
            | Store::NotSupported { .. }
            | Store::NotImplemented { .. }
    );
    let (href, start, end) = (href.to_owned(), range.start, range.end);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            let (status, retry_after) = (refusal.text.clone(), refusal.retry_after);
            let may_pass = self::may_pass(refusal.status);
            return Failure { error: Error::Refused { href, start, end, status }, may_pass, retry_after };
        }
        cause = error.source();
    }
    let error = Error::Fetch { href, start, end, source: Box::new(source) };
    Failure { error, may_pass, retry_after: None }
}

/// Time to wait after the `attempt`-th failure: doubled each time, plus up to half as much again, so that many readers do not
/// come back at once.
fn pause(attempt: usize, options: &FetchOptions) -> Duration {
    let doubled = options.backoff.saturating_mul(1 << attempt.min(16));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    doubled.mul_f64(1.0 + f64::from(now % 1000) / 2000.0).min(options.max_backoff)
}

async fn once(href: &str, at: &Location, range: Range<u64>) -> std::result::Result<Received, Failure> {
    let received = match &at.place {
        Place::Local(path) => {
            let (path, range) = (path.clone(), range.clone());
            let (start, end) = (range.start, range.end);
            let reading = tokio::task::spawn_blocking(move || local(&path, range)).await;
            let reading = reading.map_err(|_| Failure::lasting(Error::Stopped))?;
            reading.map_err(|source| {
                Failure::lasting(Error::Fetch { href: href.to_owned(), start, end, source: Box::new(source) })
            })?
        }
        Place::Remote(store, path) => {
            let got = remote(store.as_ref(), path, range.clone()).await;
            got.map_err(|source| of_store(href, &range, source))?
        }
        #[cfg(feature = "remote")]
        Place::Cloud(cloud, path) => {
            cloud.ready(href).await?;
            let got = remote(cloud.store.as_ref(), path, range.clone()).await;
            got.map_err(|source| of_store(href, &range, source))?
        }
        #[cfg(feature = "remote")]
        Place::Http(files) => files.get(href, range.clone()).await?,
    };
    let wanted = range.end.min(received.file_bytes).saturating_sub(range.start);
    if received.bytes.len() as u64 != wanted {
        let (start, end, got_bytes) = (range.start, range.end, received.bytes.len() as u64);
        return Err(Failure::passing(Error::ShortBody { href: href.to_owned(), start, end, got_bytes }));
    }
    Ok(received)
}

/// Reads no more of a body than was asked for, and one byte that shows that there is more.
async fn remote(store: &dyn ObjectStore, path: &Path, range: Range<u64>) -> object_store::Result<Received> {
    let wanted = range.end - range.start;
    let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
    let result = store.get_opts(path, options).await?;
    let (file_bytes, etag) = (result.meta.size, result.meta.e_tag.clone());
    let mut parts = Vec::new();
    let mut held = 0;
    let mut stream = result.into_stream();
    while let Some(part) = stream.next().await.transpose()? {
        held += part.len() as u64;
        parts.push(part);
        if held > wanted {
            break;
        }
    }
    let bytes = if parts.len() == 1 { parts.remove(0) } else { parts.concat().into() };
    Ok(Received { bytes, file_bytes, etag })
}

/// Opened anew for each read: a data set can have more files than a process may hold open.
fn local(path: &std::path::Path, range: Range<u64>) -> std::io::Result<Received> {
    let mut file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    let end = range.end.min(metadata.len());
    let mut bytes = Vec::with_capacity(end.saturating_sub(range.start) as usize);
    file.seek(SeekFrom::Start(range.start))?;
    file.take(end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
    Ok(Received { bytes: bytes.into(), file_bytes: metadata.len(), etag: None })
}
