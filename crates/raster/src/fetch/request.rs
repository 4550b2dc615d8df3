//! One request: bounded, timed, checked for length, tried again.

use super::address::Place;
use super::{FetchOptions, FetchStatistics, Location};
use crate::{Error, Result};
use bytes::Bytes;
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
}

/// Bytes received, and the size of the whole file.
pub(super) struct Received {
    pub(super) bytes: Bytes,
    pub(super) file_bytes: u64,
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
        }
    }

    pub(super) fn statistics(&self) -> FetchStatistics {
        FetchStatistics {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
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
            let error = match self.try_once(href, at, range.clone(), options).await {
                Ok(received) => return Ok(received),
                Err(error) => error,
            };
            if attempt >= options.retries || !may_pass(&error) {
                return Err(error);
            }
            tokio::time::sleep(pause(attempt, options)).await;
            attempt += 1;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn try_once(&self, href: &str, at: &Location, range: Range<u64>, options: &FetchOptions) -> Result<Received> {
        let units = u32::try_from((range.end - range.start).div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        // Both semaphores live as long as this gate and are never closed.
        let _bytes = self.in_flight.acquire_many(units).await.map_err(|_| Error::Stopped)?;
        let _request = at.requests.acquire().await.map_err(|_| Error::Stopped)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let received = tokio::time::timeout(options.timeout, once(href, at, range.clone())).await;
        let received = received.map_err(|_| Error::TimedOut {
            href: href.to_owned(),
            start: range.start,
            end: range.end,
            timeout_s: options.timeout.as_secs_f64(),
        })??;
        self.bytes.fetch_add(received.bytes.len() as u64, Ordering::Relaxed);
        Ok(received)
    }
}

/// Whether trying again may help: not where the file is missing, forbidden, or on this machine's disk.
fn may_pass(error: &Error) -> bool {
    use object_store::Error as Store;
    match error {
        Error::TimedOut { .. } | Error::ShortBody { .. } => true,
        Error::Fetch { source, .. } => match source.downcast_ref::<Store>() {
            Some(
                Store::NotFound { .. }
                | Store::InvalidPath { .. }
                | Store::PermissionDenied { .. }
                | Store::Unauthenticated { .. }
                | Store::NotSupported { .. }
                | Store::NotImplemented { .. },
            )
            | None => false,
            Some(_) => true,
        },
        _ => false,
    }
}

/// Time to wait after the `attempt`-th failure: doubled each time, plus up to half as much again, so that many readers do not
/// come back at once.
fn pause(attempt: usize, options: &FetchOptions) -> Duration {
    let doubled = options.backoff.saturating_mul(1 << attempt.min(16));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    doubled.mul_f64(1.0 + f64::from(now % 1000) / 2000.0).min(options.max_backoff)
}

async fn once(href: &str, at: &Location, range: Range<u64>) -> Result<Received> {
    let failed = |source| Error::Fetch { href: href.to_owned(), start: range.start, end: range.end, source };
    let received = match &at.place {
        Place::Local(path) => {
            let (path, range) = (path.clone(), range.clone());
            let reading = tokio::task::spawn_blocking(move || local(&path, range));
            reading.await.map_err(|_| Error::Stopped)?.map_err(|source| failed(Box::new(source)))?
        }
        Place::Remote(store, path) => {
            remote(store.as_ref(), path, range.clone()).await.map_err(|source| failed(Box::new(source)))?
        }
    };
    let wanted = range.end.min(received.file_bytes).saturating_sub(range.start);
    if received.bytes.len() as u64 != wanted {
        let (start, end, got_bytes) = (range.start, range.end, received.bytes.len() as u64);
        return Err(Error::ShortBody { href: href.to_owned(), start, end, got_bytes });
    }
    Ok(received)
}

async fn remote(store: &dyn ObjectStore, path: &Path, range: Range<u64>) -> object_store::Result<Received> {
    let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
    let result = store.get_opts(path, options).await?;
    let file_bytes = result.meta.size;
    Ok(Received { bytes: result.bytes().await?, file_bytes })
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
    Ok(Received { bytes: bytes.into(), file_bytes: metadata.len() })
}
