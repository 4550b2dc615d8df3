//! Reading over HTTP from servers that are slow, busy, wrong or hostile: every read is right or a typed error, in bounded time.
#![cfg(feature = "remote")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;
mod server;

use server::{Answer, serve};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use swath_raster::{
    BlockCache, Error, FailurePolicy, FetchOptions, Fetcher, Pixels, Raster, ReadPlan, ReadRequest, Renew, Result,
    TokenCommand, Window,
};

const FILE: &str = "cog_u16_deflate_pred2.tif";

fn file() -> Option<Vec<u8>> {
    Some(std::fs::read(data::folder("tiff/encodings")?.join(FILE)).unwrap())
}

fn quick() -> FetchOptions {
    FetchOptions {
        backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(20),
        timeout: Duration::from_millis(400),
        merge_gap_bytes: 0,
        max_request_bytes: 1 << 20,
        header_read_bytes: 4096,
        ..FetchOptions::default()
    }
}

fn windows(count: i64) -> impl Iterator<Item = Window> {
    (0..count).map(|i| Window::new(i * 37 % 300 - 20, i * 53 % 290 - 20, 64, 64))
}

async fn read(fetcher: &Fetcher, raster: &Arc<Raster>, window: Window) -> Result<Pixels> {
    fetcher.read(ReadPlan::new(raster, ReadRequest::window(window))?, &BlockCache::new(0)).await
}

/// What a local read of each window gives.
async fn expected(windows: &[Window]) -> Vec<Pixels> {
    let path = data::folder("tiff/encodings").unwrap().join(FILE);
    let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
    let raster = fetcher.open(path.to_str().unwrap()).await.unwrap();
    let mut all = Vec::new();
    for window in windows {
        all.push(read(&fetcher, &raster, *window).await.unwrap());
    }
    all
}

async fn open_and_read(options: FetchOptions, address: &str) -> Result<Pixels> {
    let fetcher = Fetcher::new(options)?;
    let raster = fetcher.open(&format!("{address}/a.tif")).await?;
    read(&fetcher, &raster, Window::new(10, 10, 100, 100)).await
}

/// A cheap generator of numbers without pattern (SplitMix64).
fn scattered(number: usize) -> u64 {
    let mut z = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(7);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn thousands_of_reads_through_every_fault_are_right_or_typed_errors() {
    let Some(bytes) = file() else { return };
    const FAULTS: [Answer; 13] = [
        Answer::Cut,
        Answer::LengthTooShort,
        Answer::LengthTooLong,
        Answer::OtherRange,
        Answer::Whole,
        Answer::Html,
        Answer::Compressed,
        Answer::Status(500, ""),
        Answer::Status(429, "Retry-After: 0\r\n"),
        Answer::Status(503, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"),
        Answer::Nothing,
        Answer::EndlessError,
        Answer::Late(Duration::from_millis(2)),
    ];
    let server = serve(bytes, |request| {
        let dice = scattered(request.number);
        // The header comes unharmed: this is about reads. One request in three thereafter does not.
        if request.number < 4 || !dice.is_multiple_of(3) {
            Answer::Range
        } else {
            FAULTS[(dice >> 8) as usize % 13].clone()
        }
    });
    data::block_on(async {
        let windows: Vec<Window> = windows(200).collect();
        let expected = expected(&windows).await;
        let fetcher = Fetcher::new(FetchOptions { retries: 3, requests_per_host: 6, ..quick() }).unwrap();
        let raster = fetcher.open(&format!("{}/a.tif", server.address)).await.unwrap();
        let (mut right, mut failed) = (0, 0);
        for _ in 0..15 {
            let reads = windows.iter().map(|window| read(&fetcher, &raster, *window));
            for (result, expected) in futures::future::join_all(reads).await.into_iter().zip(&expected) {
                match result {
                    Ok(pixels) => {
                        assert_eq!(pixels.samples, expected.samples);
                        right += 1;
                    }
                    Err(
                        Error::Fetch { .. }
                        | Error::Refused { .. }
                        | Error::Answer { .. }
                        | Error::ShortBody { .. }
                        | Error::TimedOut { .. },
                    ) => failed += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
        // A request fails four times in a row with probability (1/3 * 11/13)^4 = 0.6 %; a window has one to a few requests.
        assert_eq!(right + failed, 3000);
        assert!(right > 2600, "{right} right, {failed} failed");
        assert!(fetcher.statistics().retries > 1000, "{:?}", fetcher.statistics());
        assert!(server.seen.most_under_way.load(Ordering::SeqCst) <= 6, "{:?}", server.seen.most_under_way);
    });
}

#[test]
fn lasting_faults_are_named_and_end() {
    let Some(bytes) = file() else { return };
    type Judge = fn(&Error) -> bool;
    let cases: [(Answer, Judge); 11] = [
        (Answer::Cut, |e| matches!(e, Error::Open { .. } | Error::Fetch { .. })),
        (Answer::LengthTooShort, |e| matches!(e, Error::Answer { reason, .. } if reason.contains("Content-Length"))),
        (Answer::LengthTooLong, |e| matches!(e, Error::Answer { reason, .. } if reason.contains("Content-Length"))),
        (Answer::OtherRange, |e| matches!(e, Error::Answer { reason, .. } if reason.contains("holds bytes"))),
        (Answer::Html, |e| matches!(e, Error::Answer { reason, .. } if reason.contains("page"))),
        (Answer::Compressed, |e| matches!(e, Error::Answer { reason, .. } if reason.contains("gzip"))),
        (Answer::Status(404, ""), |e| matches!(e, Error::Refused { status, .. } if status.contains("404"))),
        (Answer::Status(403, ""), |e| matches!(e, Error::Refused { status, .. } if status.contains("403"))),
        (Answer::EndlessError, |e| matches!(e, Error::Refused { status, .. } if status.contains("500"))),
        (Answer::Status(302, "Location: /again\r\n"), |e| matches!(e, Error::Open { .. })),
        (Answer::Nothing, |e| matches!(e, Error::Open { .. })),
    ];
    for (answer, is_expected) in cases {
        let always = answer.clone();
        let server = serve(bytes.clone(), move |_| always.clone());
        let error = data::block_on(open_and_read(FetchOptions { retries: 2, ..quick() }, &server.address)).unwrap_err();
        assert!(is_expected(&error), "{answer:?}: {error:?}");
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |_| Answer::Hang);
    let options = FetchOptions { retries: 2, timeout: Duration::from_millis(100), ..quick() };
    let begun = Instant::now();
    let error = data::block_on(open_and_read(options, &server.address)).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_server_without_ranges_serves_small_files() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes.clone(), |_| Answer::Whole);
    data::block_on(async {
        let expected = expected(&[Window::new(10, 10, 100, 100)]).await;
        let pixels = open_and_read(quick(), &server.address).await.unwrap();
        assert_eq!(pixels.samples, expected[0].samples);
        // Where it lies far from the front, the whole file is not read for it.
        let options = FetchOptions { max_request_bytes: 1, header_read_bytes: 1024, retries: 0, ..quick() };
        let error = open_and_read(options, &server.address).await.unwrap_err();
        assert!(matches!(&error, Error::Answer { reason, .. } if reason.contains("ignores ranges")), "{error:?}");
    });
}

#[test]
fn redirects_are_followed() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |request| match request.target.as_str() {
        "/a.tif" => Answer::Status(302, "Location: /elsewhere/b.tif\r\n"),
        _ => Answer::Range,
    });
    data::block_on(open_and_read(quick(), &server.address)).unwrap();
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let Some(bytes) = file() else { return };
    let rule = |request: &server::Request| match request.number {
        0 => Answer::Status(429, "Retry-After: 1\r\n"),
        _ => Answer::Range,
    };
    let server = serve(bytes.clone(), rule);
    data::block_on(open_and_read(FetchOptions { max_backoff: Duration::from_secs(9), ..quick() }, &server.address))
        .unwrap();
    let times = server.seen.times.lock().unwrap().clone();
    assert!(times[1] - times[0] >= Duration::from_secs(1), "{:?}", times[1] - times[0]);
    // But not for longer than the caller allows.
    let server = serve(bytes, |request| match request.number {
        0 => Answer::Status(429, "Retry-After: 86400\r\n"),
        _ => Answer::Range,
    });
    data::block_on(open_and_read(quick(), &server.address)).unwrap();
}

#[test]
fn requests_are_merged_and_bounded_per_host() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |_| Answer::Late(Duration::from_millis(3)));
    data::block_on(async {
        let fetcher = Fetcher::new(FetchOptions { requests_per_host: 3, max_request_bytes: 1, ..quick() }).unwrap();
        let raster = fetcher.open(&format!("{}/a.tif", server.address)).await.unwrap();
        let whole = raster.header.grid.window();
        let before = server.seen.requests.load(Ordering::SeqCst);
        let one_by_one = read(&fetcher, &raster, whole).await.unwrap();
        let blocks = ReadPlan::new(&raster, ReadRequest::window(whole)).unwrap().block_count();
        assert_eq!(server.seen.requests.load(Ordering::SeqCst) - before, blocks);
        assert!(blocks > 4, "{blocks}");
        assert_eq!(server.seen.most_under_way.load(Ordering::SeqCst), 3);

        let fetcher = Fetcher::new(FetchOptions { merge_gap_bytes: 64 << 10, ..quick() }).unwrap();
        let raster = fetcher.open(&format!("{}/a.tif", server.address)).await.unwrap();
        let before = server.seen.requests.load(Ordering::SeqCst);
        let merged = read(&fetcher, &raster, whole).await.unwrap();
        assert_eq!(server.seen.requests.load(Ordering::SeqCst) - before, 1);
        assert_eq!(merged, one_by_one);
    });
}

#[test]
fn headers_and_a_token_from_a_command_are_sent_and_the_token_renewed() {
    let Some(bytes) = file() else { return };
    let folder = tempfile::tempdir().unwrap();
    let counter = folder.path().join("runs");
    let script = format!("echo x >> '{0}'; echo token-$(wc -l < '{0}')", counter.display());
    // From the eighth request on, only the second token is good.
    let server = serve(bytes, |request| {
        let token = request.headers.get("authorization").map(String::as_str);
        let good = if request.number < 8 { "Bearer token-1" } else { "Bearer token-2" };
        let has_key = request.headers.get("x-api-key").map(String::as_str) == Some("abc");
        if token == Some(good) && has_key { Answer::Range } else { Answer::Status(401, "") }
    });
    let command = TokenCommand { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), script] };
    let options = FetchOptions {
        headers: vec![("x-api-key".to_owned(), "abc".to_owned())],
        token_command: Some(command),
        timeout: Duration::from_secs(5),
        max_request_bytes: 1,
        ..quick()
    };
    data::block_on(async {
        let fetcher = Fetcher::new(options.clone()).unwrap();
        let raster = fetcher.open(&format!("{}/a.tif", server.address)).await.unwrap();
        let reads = windows(30).map(|window| read(&fetcher, &raster, window));
        futures::future::try_join_all(reads).await.unwrap();
        assert_eq!(std::fs::read_to_string(&counter).unwrap().lines().count(), 2);
        // No token: refused, and the command is not run.
        let error =
            open_and_read(FetchOptions { anonymous: true, ..options.clone() }, &server.address).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert_eq!(std::fs::read_to_string(&counter).unwrap().lines().count(), 2);
    });
}

#[test]
fn a_command_that_fails_or_hangs_is_a_typed_error() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |_| Answer::Range);
    for script in ["exit 3", "echo", "sleep 30", "printf 'a b'"] {
        let arguments = vec!["-c".to_owned(), format!("exec {script}").replace("exec exit", "exit")];
        let token_command = Some(TokenCommand { program: "sh".to_owned(), arguments });
        let options = FetchOptions { token_command, retries: 0, ..quick() };
        let error = data::block_on(open_and_read(options, &server.address)).unwrap_err();
        assert!(matches!(error, Error::Credential { .. }), "{script}: {error:?}");
    }
    assert_eq!(server.seen.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn signed_hrefs_are_renewed_once_when_they_expire() {
    let Some(bytes) = file() else { return };
    // Each signature serves six requests, counted from when it was first used.
    let server = serve(bytes, |request| {
        let signature = request.target.split_once("?sig=").and_then(|(_, sig)| sig.parse::<usize>().ok());
        let now = request.number / 6;
        match signature {
            Some(signature) if signature >= now => Answer::Range,
            _ => Answer::Status(403, ""),
        }
    });
    let signings = Arc::new(AtomicUsize::new(0));
    let (count, address) = (signings.clone(), server.address.clone());
    let renew = Renew::new(move |href| {
        assert_eq!(href, format!("{address}/a.tif?sig=0"), "the hook gets the href as it was opened");
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(format!("{address}/a.tif?sig={}", number * 3))
    });
    let options = FetchOptions { renew: Some(renew), max_request_bytes: 1, requests_per_host: 1, ..quick() };
    data::block_on(async {
        let fetcher = Fetcher::new(options).unwrap();
        let raster = fetcher.open(&format!("{}/a.tif?sig=0", server.address)).await.unwrap();
        for window in windows(40) {
            read(&fetcher, &raster, window).await.unwrap();
        }
    });
    let (signings, requests) = (signings.load(Ordering::SeqCst), server.seen.requests.load(Ordering::SeqCst));
    assert!(signings >= 2, "{signings}");
    // Refused are the seventh request, whose signature has served six, and then every eighteenth: each brings one signing.
    assert_eq!(signings, (requests - 7) / 18 + 1, "{requests}");
}

#[test]
fn a_hook_that_cannot_help_ends_in_the_refusal_or_its_own_error() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |_| Answer::Status(403, ""));
    let useless = Renew::new(|href| Ok(href.to_owned()));
    let error =
        data::block_on(open_and_read(FetchOptions { renew: Some(useless), ..quick() }, &server.address)).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert_eq!(server.seen.requests.load(Ordering::SeqCst), 2);
    let broken = Renew::new(|_| Err("the signing service is down".into()));
    let error =
        data::block_on(open_and_read(FetchOptions { renew: Some(broken), ..quick() }, &server.address)).unwrap_err();
    assert!(matches!(error, Error::Credential { .. }), "{error:?}");
    let hanging = Renew::by_command("sh".to_owned(), vec!["-c".to_owned(), "exec sleep 30".to_owned()]);
    let error =
        data::block_on(open_and_read(FetchOptions { renew: Some(hanging), ..quick() }, &server.address)).unwrap_err();
    assert!(matches!(error, Error::Credential { .. }), "{error:?}");
}

#[test]
fn a_command_signs_the_href_that_it_is_given() {
    let Some(bytes) = file() else { return };
    let server =
        serve(bytes, |request| if request.target == "/a.tif?sig=1" { Answer::Range } else { Answer::Status(403, "") });
    let arguments = vec!["-c".to_owned(), "echo \"$1?sig=1\"".to_owned(), "sign".to_owned()];
    let renew = Some(Renew::by_command("sh".to_owned(), arguments));
    let options = FetchOptions { renew, timeout: Duration::from_secs(20), ..quick() };
    data::block_on(open_and_read(options, &server.address)).unwrap();
}

#[test]
fn what_is_lost_is_masked_and_on_record() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |request| if request.number < 4 { Answer::Range } else { Answer::Status(500, "") });
    let options = FetchOptions { on_failure: FailurePolicy::Mask, retries: 1, header_read_bytes: 1 << 12, ..quick() };
    data::block_on(async {
        let fetcher = Fetcher::new(options).unwrap();
        let raster = fetcher.open(&format!("{}/a.tif", server.address)).await.unwrap();
        for window in windows(8) {
            let request = ReadRequest { with_validity: true, ..ReadRequest::window(window) };
            fetcher.read(ReadPlan::new(&raster, request).unwrap(), &BlockCache::new(0)).await.unwrap();
        }
        let failed = fetcher.failed_blocks();
        assert!(!failed.is_empty());
        assert!(failed.iter().all(|failed| failed.reason.contains("500")), "{failed:?}");
    });
}

#[test]
fn an_s3_store_is_read_anonymously() {
    let Some(bytes) = file() else { return };
    let server = serve(bytes, |request| {
        let is_plain = !request.headers.contains_key("authorization") && request.target == "/bucket/a.tif";
        if request.number == 1 {
            Answer::Status(503, "Retry-After: 0\r\n")
        } else if is_plain {
            Answer::Range
        } else {
            Answer::Status(403, "")
        }
    });
    let settings = [("aws_endpoint", server.address.as_str()), ("aws_region", "nowhere")];
    let store_settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    data::block_on(async {
        let fetcher = Fetcher::new(FetchOptions { anonymous: true, store_settings, ..quick() }).unwrap();
        let raster = fetcher.open("s3://bucket/a.tif").await.unwrap();
        let window = Window::new(10, 10, 100, 100);
        let expected = expected(&[window]).await;
        assert_eq!(read(&fetcher, &raster, window).await.unwrap().samples, expected[0].samples);
    });
}

#[test]
fn the_next_run_finds_blocks_in_the_cache_folder_until_the_file_changes() {
    let Some(bytes) = file() else { return };
    let folder = tempfile::tempdir().unwrap();
    let etag = Arc::new(std::sync::Mutex::new("\"first\""));
    let sent = etag.clone();
    let server = serve(bytes, move |_| Answer::Tagged(*sent.lock().unwrap()));
    let windows: Vec<Window> = windows(8).collect();
    data::block_on(async {
        let expected = expected(&windows).await;
        let run = async || {
            let options = FetchOptions { cache_folder: Some(folder.path().to_owned()), ..quick() };
            let fetcher = Fetcher::new(options).unwrap();
            let raster = fetcher.open(&format!("{}/a.tif?X-Amz-Signature=once", server.address)).await.unwrap();
            for (window, expected) in windows.iter().zip(&expected) {
                assert_eq!(read(&fetcher, &raster, *window).await.unwrap().samples, expected.samples);
            }
            fetcher.statistics()
        };
        let first = run().await;
        assert!(first.requests > 4, "{first:?}");
        // Entries are written in the background; they are there when their number no longer grows.
        let count = || walk(folder.path());
        let mut seen = 0;
        while count() != seen || seen == 0 {
            seen = count();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let second = run().await;
        // One request asks for the front of the file, and for the version that it has now.
        assert_eq!(second.requests, 1, "{second:?}");
        assert!(second.disk_hits > 8, "{second:?}");
        *etag.lock().unwrap() = "\"second\"";
        let third = run().await;
        assert!(third.requests > 4, "another version has other bytes: {third:?}");
    });
}

/// Files below a folder.
fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}
