//! A store that fails at random: every read is right or a typed error, and what was lost is on record.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use swath_raster::{BlockCache, Error, FailurePolicy, FetchOptions, Fetcher, ReadPlan, ReadRequest, Window};

/// What a request gets instead of its bytes.
#[derive(Clone, Copy, Debug)]
enum Fault {
    ServerError,
    ShortBody,
    Hang,
    Missing,
}

/// Hands every `every`-th request a fault, in turn.
#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    faults: Vec<Fault>,
    every: u64,
    requests: AtomicU64,
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a faulty store")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let is_faulty = self.every > 0 && request.is_multiple_of(self.every) && !self.faults.is_empty();
        if !is_faulty {
            return self.inner.get_opts(location, options).await;
        }
        match self.faults[(request / self.every) as usize % self.faults.len()] {
            Fault::ServerError => Err(object_store::Error::Generic { store: "test", source: "500".into() }),
            Fault::Missing => Err(object_store::Error::NotFound { path: location.to_string(), source: "404".into() }),
            Fault::Hang => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                self.inner.get_opts(location, options).await
            }
            Fault::ShortBody => {
                let mut result = self.inner.get_opts(location, options).await?;
                let stream =
                    std::mem::replace(&mut result.payload, GetResultPayload::Stream(futures::stream::empty().boxed()));
                // Files are payloads only where object_store is built with its feature `fs`.
                #[allow(irrefutable_let_patterns)]
                let GetResultPayload::Stream(stream) = stream else { return Ok(result) };
                let halved = stream.map(|part| part.map(|bytes| bytes.slice(..bytes.len() / 2)));
                result.payload = GetResultPayload::Stream(halved.boxed());
                Ok(result)
            }
        }
    }

    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

const FILE: &str = "cog_u16_deflate_pred2.tif";

fn fetcher(bytes: &[u8], faults: &[Fault], every: u64, options: FetchOptions) -> Fetcher {
    let inner = InMemory::new();
    let put = inner.put(&Path::from(FILE), PutPayload::from(bytes.to_vec())).now_or_never();
    put.expect("memory answers at once").unwrap();
    let fetcher = Fetcher::new(options).unwrap();
    let store = Faulty { inner, faults: faults.to_vec(), every, requests: AtomicU64::new(0) };
    fetcher.register("https://tiles.test/", Arc::new(store));
    fetcher
}

fn quick() -> FetchOptions {
    FetchOptions {
        backoff: Duration::from_millis(1),
        timeout: Duration::from_millis(50),
        merge_gap_bytes: 0,
        max_request_bytes: 1,
        header_read_bytes: 4096,
        ..FetchOptions::default()
    }
}

fn windows() -> impl Iterator<Item = Window> {
    (0..200).map(|i: i64| Window::new(i * 37 % 300 - 20, i * 53 % 290 - 20, 64, 64))
}

#[test]
fn every_read_through_faults_that_pass_is_right() {
    let Some(folder) = data::folder("tiff/encodings") else { return };
    let bytes = std::fs::read(folder.join(FILE)).unwrap();
    let faulty = fetcher(&bytes, &[Fault::ServerError, Fault::ShortBody, Fault::Hang], 3, quick());
    let sound = fetcher(&bytes, &[], 0, quick());
    data::block_on(async {
        let href = format!("https://tiles.test/{FILE}");
        let (a, b) = (faulty.open(&href).await.unwrap(), sound.open(&href).await.unwrap());
        for window in windows() {
            let plan = |raster| ReadPlan::new(raster, ReadRequest::window(window)).unwrap();
            let through_faults = faulty.read(plan(&a), &BlockCache::new(0)).await.unwrap();
            let expected = sound.read(plan(&b), &BlockCache::new(0)).await.unwrap();
            assert_eq!(through_faults, expected, "{window:?}");
        }
    });
    assert!(faulty.statistics().retries > 100);
    assert_eq!(faulty.failed_blocks(), []);
}

#[test]
fn what_is_lost_is_an_error_or_masked_and_on_record() {
    let Some(folder) = data::folder("tiff/encodings") else { return };
    let bytes = std::fs::read(folder.join(FILE)).unwrap();
    for policy in [FailurePolicy::Fail, FailurePolicy::Skip, FailurePolicy::Mask] {
        let options = FetchOptions { on_failure: policy, ..quick() };
        // A missing object is not asked for again, so the first block read after the header is lost.
        let fetcher = fetcher(&bytes, &[Fault::Missing], 2, options);
        data::block_on(async {
            let raster = fetcher.open(&format!("https://tiles.test/{FILE}")).await.unwrap();
            let request = ReadRequest { with_validity: true, ..ReadRequest::window(Window::new(0, 0, 64, 64)) };
            let read = fetcher.read(ReadPlan::new(&raster, request).unwrap(), &BlockCache::new(0)).await;
            match (policy, read) {
                (FailurePolicy::Mask, Ok(pixels)) => assert!(!pixels.valid.unwrap().iter().any(|valid| *valid)),
                (FailurePolicy::Fail | FailurePolicy::Skip, Err(Error::Fetch { href, .. })) => {
                    assert!(href.ends_with(FILE))
                }
                (policy, read) => panic!("{policy:?} gave {read:?}"),
            }
        });
        let failed = fetcher.failed_blocks();
        assert_eq!(failed.len(), 1, "{policy:?}: {failed:?}");
        assert!(failed[0].reason.contains("404"), "{failed:?}");
    }
}

#[test]
fn readers_of_one_block_share_one_request() {
    let Some(folder) = data::folder("tiff/encodings") else { return };
    let bytes = std::fs::read(folder.join(FILE)).unwrap();
    let fetcher = fetcher(&bytes, &[], 0, quick());
    let cache = BlockCache::new(64 << 20);
    data::block_on(async {
        let raster = fetcher.open(&format!("https://tiles.test/{FILE}")).await.unwrap();
        let before = fetcher.statistics().requests;
        let reads = (0..32).map(|_| {
            let plan = ReadPlan::new(&raster, ReadRequest::window(Window::new(10, 10, 100, 100))).unwrap();
            fetcher.read(plan, &cache)
        });
        let all = futures::future::try_join_all(reads).await.unwrap();
        assert!(all.iter().all(|pixels| *pixels == all[0]));
        assert_eq!(fetcher.statistics().requests - before, 1);
    });
}

#[test]
fn a_reader_that_gives_up_leaves_its_block_to_the_next() {
    let Some(folder) = data::folder("tiff/encodings") else { return };
    let bytes = std::fs::read(folder.join(FILE)).unwrap();
    // The second request, the first for pixels, never answers.
    let options = FetchOptions { timeout: Duration::from_secs(3600), header_read_bytes: 1 << 20, ..quick() };
    let fetcher = fetcher(&bytes, &[Fault::Hang], 2, options);
    let cache = BlockCache::new(64 << 20);
    data::block_on(async {
        let raster = fetcher.open(&format!("https://tiles.test/{FILE}")).await.unwrap();
        let plan = || ReadPlan::new(&raster, ReadRequest::window(Window::new(10, 10, 100, 100))).unwrap();
        let given_up = tokio::time::timeout(Duration::from_millis(50), fetcher.read(plan(), &cache)).await;
        assert!(given_up.is_err());
        fetcher.read(plan(), &cache).await.unwrap();
    });
}
