//! Ten thousand reads from a server that delays, cuts, lies, and answers with pages and errors at random, within a bound for
//! memory: every read is right or a typed error. Prints one line of JSON; ends with 1 where a read was wrong.
//!
//!     cargo run --release -p swath-raster --example soak [READS] [SHARE OF FAULTS] [MEMORY in MiB]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)] // a harness may stop at the first surprise

#[path = "../tests/server/mod.rs"]
mod server;

use futures::StreamExt;
use ndarray::{Array3, s};
use server::{Answer, serve};
use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swath_raster::{
    Affine, BlockCache, Crs, Error, FetchOptions, Fetcher, Grid, MemoryBudget, Pixels, Raster, ReadPlan, ReadRequest,
    Samples, Window, WriteOptions, write_cog,
};

/// Side of the image in pixels, its bands, and readers at a time: far more than the bound holds at once.
const SIDE: usize = 5120;
const BANDS: usize = 3;
const READERS: usize = 96;

fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(7);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn value((band, row, col): (usize, usize, usize)) -> u16 {
    (scattered(((band * SIDE + row) * SIDE + col) as u64) >> 52) as u16
}

fn image() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let transform = Affine::north_up(500_000.0, 4_700_000.0, 10.0, 10.0);
    let grid = Grid { crs: Some(Crs::from_epsg(32631).unwrap()), transform, width_px: SIDE, height_px: SIDE };
    let samples = Samples::U16(Array3::from_shape_fn((BANDS, SIDE, SIDE), value));
    let path = folder.path().join("image.tif");
    let options = WriteOptions { tile_px: 256, ..WriteOptions::default() };
    write_cog(&path, &Pixels { samples, valid: None, grid }, options).unwrap();
    std::fs::read(&path).unwrap()
}

fn answer(number: usize, share: f64) -> Answer {
    let dice = scattered(number as u64);
    if number < 8 || (dice % 10_000) as f64 >= share * 10_000.0 {
        return Answer::Range;
    }
    match (dice >> 20) % 14 {
        0 => Answer::Late(Duration::from_millis(30)),
        1 => Answer::Cut,
        2 => Answer::LengthTooShort,
        3 => Answer::LengthTooLong,
        4 => Answer::OtherRange,
        5 => Answer::Whole,
        6 => Answer::Html,
        7 => Answer::Compressed,
        8 => Answer::Status(500, ""),
        9 => Answer::Status(429, "Retry-After: 0\r\n"),
        10 => Answer::Status(503, ""),
        11 => Answer::Nothing,
        12 => Answer::EndlessError,
        _ => Answer::Hang,
    }
}

/// Resident memory in MiB, as Linux counts it: now, and the most so far.
fn memory_mib() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
    };
    (of("VmRSS:"), of("VmHWM:"))
}

struct Reader {
    fetcher: Fetcher,
    cache: BlockCache,
    budget: MemoryBudget,
    raster: Arc<Raster>,
}

impl Reader {
    /// `None` where the read was wrong.
    async fn read(&self, number: u64) -> Option<Result<(), Error>> {
        let dice = scattered(number ^ 0xABCD);
        let side = 64 + (dice % 449) as usize;
        let (col, row) = ((dice >> 16) as usize % (SIDE - side), (dice >> 40) as usize % (SIDE - side));
        let window = Window::new(col as i64, row as i64, side, side);
        let plan = match ReadPlan::new(&self.raster, ReadRequest::window(window)) {
            Ok(plan) => plan,
            Err(error) => return Some(Err(error)),
        };
        let bytes = self.cache.missing_bytes([&plan]) + (side * side * BANDS * 2) as u64;
        let _held = self.budget.reserve(bytes, self.budget.bytes() / 4).await;
        match self.fetcher.read(plan, &self.cache).await {
            Err(error) => Some(Err(error)),
            Ok(pixels) => {
                let Samples::U16(array) = &pixels.samples else { return None };
                let is_right = array
                    .slice(s![.., .., ..])
                    .indexed_iter()
                    .all(|((b, r, c), found)| *found == value((b, row + r, col + c)));
                is_right.then_some(Ok(()))
            }
        }
    }
}

/// Serves until its standard input ends: in a process of its own, so that what it holds is not counted.
fn serve_alone(share: f64) {
    let server = serve(image(), move |request| answer(request.number, share));
    println!("{}", server.address);
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(0);
}

fn start_server(share: f64) -> (std::process::Child, String) {
    let mut process = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["serve", &share.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    std::io::BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
    (process, address.trim().to_owned())
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "serve") {
        return serve_alone(arguments[1].parse().unwrap());
    }
    let mut arguments = arguments.drain(..);
    let mut number = |default: f64| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (reads, share, memory) = (number(10_000.0) as u64, number(0.3), number(64.0));
    let (mut process, address) = start_server(share);
    let budget = MemoryBudget::new((memory * 1048576.0) as u64);
    let options = FetchOptions {
        retries: 6,
        backoff: Duration::from_millis(2),
        max_backoff: Duration::from_millis(100),
        timeout: Duration::from_millis(1500),
        requests_per_host: 24,
        ..FetchOptions::default()
    };
    let cache = BlockCache::new(budget.take(0.5));
    let fetcher = Fetcher::new(options.within(&budget)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (before, _) = memory_mib();
    let started = Instant::now();
    let (mut right, mut wrong, mut failed) = (0_u64, 0_u64, BTreeMap::<String, u64>::new());
    let (statistics, most) = runtime.block_on(async {
        let raster = fetcher.open(&format!("{address}/image.tif")).await.unwrap();
        let reader = Reader { fetcher: fetcher.clone(), cache, budget: budget.clone(), raster };
        let mut results = futures::stream::iter(0..reads).map(|i| reader.read(i)).buffer_unordered(READERS);
        let mut most = before;
        while let Some(result) = results.next().await {
            most = most.max(memory_mib().0);
            match result {
                None => wrong += 1,
                Some(Ok(())) => right += 1,
                Some(Err(error)) => {
                    let kind = format!("{error:?}");
                    *failed.entry(kind.split([' ', '{']).next().unwrap_or_default().to_owned()).or_default() += 1;
                }
            }
        }
        (fetcher.statistics(), most)
    });
    println!(
        "{}",
        serde_json::json!({
            "reads": reads, "share_of_faults": share, "right": right, "wrong": wrong, "failed": failed,
            "seconds": started.elapsed().as_secs_f64(), "requests": statistics.requests, "retries": statistics.retries,
            "bound_mib": memory, "before_mib": before, "most_mib": most,
        })
    );
    drop(process.stdin.take());
    let _ = process.wait();
    std::process::exit(i32::from(wrong > 0));
}
