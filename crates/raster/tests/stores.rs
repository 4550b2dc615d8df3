//! Files in S3, Azure and Google stores, read from emulators: windows as from the local file, and refusals in one sentence.
#![cfg(feature = "remote")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use ndarray::Array3;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use swath_raster::{
    Affine, BlockCache, Crs, Error, FetchOptions, Fetcher, Grid, Pixels, ReadPlan, ReadRequest, Result, Samples,
    Window, WriteOptions, write_cog,
};

/// An emulator under way; it ends with its standard input.
struct Store {
    process: Child,
    answer: serde_json::Value,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Store {
    fn text(&self, name: &str) -> &str {
        self.answer[name].as_str().unwrap()
    }
}

/// The status with which the script says that an emulator cannot be installed here.
const CANNOT_INSTALL: i32 = 3;

/// Starts an emulator with a generated file in it; `None`, with a printed reason, where it cannot be installed. In CI it must be.
fn store(kind: &str) -> Option<Store> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tif");
    write(&file);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/stores.sh");
    let mut process = Command::new("bash")
        .args([script.as_os_str(), kind.as_ref(), file.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.is_empty() {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let is_absent = process.wait().unwrap().code() == Some(CANNOT_INSTALL);
        assert!(is_absent && std::env::var("CI").is_err(), "the emulator of {kind} did not start:\n{log}");
        println!(
            "skipped: the emulator of {kind} cannot be installed; Python with pip, Node with npm and a registry give it"
        );
        return None;
    }
    let answer = serde_json::from_str(&line).unwrap();
    Some(Store { process, answer, file, _folder: folder })
}

/// Two bands of 300 by 200 pixels without a pattern, so that they fill blocks.
fn write(path: &Path) {
    let samples = Array3::from_shape_fn((2, 200, 300), |(band, row, col)| {
        ((row * 300 + col + band * 7).wrapping_mul(2_654_435_761) >> 7) as u16
    });
    let transform = Affine::north_up(500_000.0, 5_000_000.0, 10.0, 10.0);
    let grid = Grid { crs: Some(Crs::from_epsg(32631).unwrap()), transform, width_px: 300, height_px: 200 };
    let pixels = Pixels { samples: Samples::U16(samples), valid: None, grid };
    write_cog(path, &pixels, WriteOptions { tile_px: 64, ..WriteOptions::default() }).unwrap();
}

/// Some windows of a file, one that reaches outside.
async fn windows(options: &FetchOptions, href: &str) -> Result<Vec<Pixels>> {
    let fetcher = Fetcher::new(options.clone())?;
    let raster = fetcher.open(href).await?;
    let mut all = Vec::new();
    for window in [Window::new(0, 0, 300, 200), Window::new(130, 50, 64, 64), Window::new(-10, 180, 70, 40)] {
        let plan = ReadPlan::new(&raster, ReadRequest::window(window))?;
        all.push(fetcher.read(plan, &BlockCache::new(0)).await?);
    }
    Ok(all)
}

fn options(settings: &[(&str, &str)], anonymous: bool) -> FetchOptions {
    let store_settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // Tried once again only: what is judged here lasts.
    FetchOptions { store_settings, anonymous, retries: 1, header_read_bytes: 512, ..FetchOptions::default() }
}

/// The file read by `href` equals the local one.
fn reads(store: &Store, options: &FetchOptions, href: &str) {
    data::block_on(async {
        let local = windows(&FetchOptions::default(), store.file.to_str().unwrap()).await.unwrap();
        let got = windows(options, href).await.unwrap_or_else(|error| panic!("{href}: {error:?}"));
        let samples = |all: &[Pixels]| all.iter().map(|pixels| pixels.samples.clone()).collect::<Vec<_>>();
        assert_eq!(samples(&got), samples(&local), "{href}");
    });
}

/// The answer to who may not read `href`, or to whom it is not there.
fn refuses(options: &FetchOptions, href: &str, words: &[&str]) {
    let error = data::block_on(windows(options, href)).unwrap_err();
    assert!(matches!(&error, Error::Refused { .. }), "{href}: {error:?}");
    let told = error.to_string();
    assert!(words.iter().all(|word| told.contains(word)) && told.contains(href), "{told}");
}

#[test]
fn s3_is_read_with_keys_and_anonymously() {
    let Some(store) = store("s3") else { return };
    let place = [("aws_endpoint_url", store.text("endpoint")), ("aws_region", "eu-west-3")];
    let keys = [("aws_access_key_id", store.text("key")), ("aws_secret_access_key", store.text("secret"))];
    let (signed, anonymous) = (options(&[place, keys].concat(), false), options(&place, true));
    reads(&store, &signed, "s3://private/dir/a.tif");
    reads(&store, &anonymous, "s3://public/dir/a.tif");
    refuses(&anonymous, "s3://private/dir/a.tif", &["403"]);
    refuses(&signed, "s3://private/dir/b.tif", &["404", "NoSuchKey"]);
    refuses(&signed, "s3://nowhere/dir/a.tif", &["404", "NoSuchBucket"]);
}

#[test]
fn azure_is_read_with_keys_and_anonymously() {
    let Some(store) = store("azure") else { return };
    let place = [("azure_storage_endpoint", store.text("endpoint")), ("azure_storage_account_name", store.text("key"))];
    let key = |key| [place[0], place[1], ("azure_storage_account_key", key)];
    let (signed, anonymous) = (options(&key(store.text("secret")), false), options(&place, true));
    reads(&store, &signed, "az://private/dir/a.tif");
    reads(&store, &signed, "abfs://private/dir/a.tif");
    reads(&store, &anonymous, "az://public/dir/a.tif");
    refuses(&options(&key("d3Jvbmc="), false), "az://private/dir/a.tif", &["403", "AuthorizationFailure"]);
    refuses(&anonymous, "az://private/dir/a.tif", &["40"]);
    refuses(&signed, "az://private/dir/b.tif", &["404", "BlobNotFound"]);
    refuses(&signed, "az://nowhere/dir/a.tif", &["404", "ContainerNotFound"]);
}

#[test]
fn google_is_read_anonymously() {
    let Some(store) = store("gcs") else { return };
    let anonymous = options(&[("google_base_url", store.text("endpoint"))], true);
    reads(&store, &anonymous, "gs://public/dir/a.tif");
    refuses(&anonymous, "gs://public/dir/b.tif", &["404"]);
    refuses(&anonymous, "gs://nowhere/dir/a.tif", &["404"]);
}

#[test]
fn a_lack_of_keys_is_told_at_once() {
    // Where an instance's own keys would come from, nobody listens.
    let nobody = [("aws_metadata_endpoint", "http://127.0.0.1:9"), ("aws_endpoint_url", "http://127.0.0.1:9")];
    let begun = Instant::now();
    let options = FetchOptions { retries: 5, ..options(&nobody, false) };
    let error = data::block_on(windows(&options, "s3://bucket/a.tif")).unwrap_err();
    assert!(matches!(&error, Error::NoKeys { .. }), "{error:?}");
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID") && begun.elapsed() < Duration::from_secs(5), "{error}");
}
