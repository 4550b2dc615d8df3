//! Streams batches of one image-and-mask pair, or of several, without training on them; prints a line of JSON a run.
//!
//! ```text
//! cargo run --release -p swath-loader --example load -- DIR [--scenes N] [--samples N] [--epochs K] [--workers N]
//!     [--cache-mib N] [--prefetch N] [--prefix URL] [--images A.tif,B.tif --mask M.tif] [--digest]
//! ```
//! DIR holds `img_000.tif`, `mask_000.tif` and so on, or what `--images` and `--mask` name. The task is that of the comparison beside it: random windows of 256 px,
//! cropped to 224, flipped, turned, normalised to float32, in batches of 16.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use sha2::{Digest, Sha256};
use swath_catalog::{AssetRef, Href, Pair};
use swath_loader::{Dataset, Normalise, Options, Recipe, Split, Step};

/// Blocks of megabytes are made on one thread and freed on another, of which glibc's allocator keeps what it has freed; this one
/// gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let (folder, flags) = arguments()?;
    let number = |name: &str, default: usize| -> Result<usize, Failure> {
        flags
            .get(name)
            .map_or(Ok(default), |text| text.parse().map_err(|_| format!("--{name} {text}: a number").into()))
    };
    let prefix = flags.get("prefix").unwrap_or(&folder).trim_end_matches('/');
    let named = |names: &str| names.split(',').map(|name| format!("{prefix}/{name}")).collect::<Vec<_>>();
    let pairs = (0..number("scenes", 1)?)
        .map(|i| {
            let images = flags.get("images").map_or_else(|| named(&format!("img_{i:03}.tif")), |names| named(names));
            let mask = flags.get("mask").map_or_else(|| named(&format!("mask_{i:03}.tif")), |name| named(name));
            pair(i, &images, &mask.concat())
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = Options {
        workers: number("workers", 0)?,
        cache_bytes: (number("cache-mib", 1024)? as u64) << 20,
        prefetch: number("prefetch", Options::default().prefetch)?,
        ..Options::default()
    };
    let start = Instant::now();
    let dataset = Dataset::open(
        &pairs,
        &Recipe {
            horizon: number("horizon", 128)?,
            interleave: number("interleave", 4)?,
            ..recipe(number("samples", 6400)?)
        },
        &options,
    )?;
    let mut opened_s = Some(start.elapsed().as_secs_f64());
    for epoch in 0..number("epochs", 2)? as u64 {
        let mut digest = Sha256::new();
        let begun = Instant::now();
        let mut batches = dataset.train(epoch)?;
        let mut first_batch_s = None;
        for batch in batches.by_ref() {
            let batch = batch?;
            first_batch_s.get_or_insert_with(|| begun.elapsed().as_secs_f64());
            if flags.contains_key("digest") {
                batch.image.iter().for_each(|value| digest.update(value.to_le_bytes()));
                batch.target.iter().for_each(|value| digest.update([*value]));
            }
        }
        let progress = batches.progress();
        let (cache, fetched) = (dataset.cache().statistics(), dataset.fetched());
        println!(
            "{{\"epoch\": {epoch}, \"samples\": {}, \"samples_per_s\": {:.1}, \"wait_share\": {:.3}, \"decode_s\": {:.3}, \
             \"develop_s\": {:.3}, \"requests\": {}, \"bytes\": {}, \"cache_hits\": {}, \"cache_misses\": {}, \
             \"peak_mib\": {:.0}, \"open_s\": {:.4}, \"first_batch_s\": {:.4}, \"digest\": \"{}\"}}",
            progress.samples,
            progress.samples_per_s,
            progress.wait_share,
            progress.decode_s,
            progress.develop_s,
            fetched.requests,
            fetched.bytes,
            cache.hits,
            cache.misses,
            peak_mib(),
            opened_s.take().unwrap_or(0.0),
            first_batch_s.unwrap_or(0.0),
            if flags.contains_key("digest") { format!("{:x}", digest.finalize()) } else { String::new() },
        );
    }
    Ok(())
}

fn recipe(samples: usize) -> Recipe {
    let crop = Step::new("RandomCrop").with("height", 224).with("width", 224);
    Recipe {
        classes: ["a", "b", "c", "d", "e"].map(str::to_owned).into(),
        window_px: 256,
        samples: Some(samples),
        batch: 16,
        split: Split::None,
        augment: vec![crop, Step::new("HorizontalFlip"), Step::new("VerticalFlip"), Step::new("RandomRotate90")],
        // Mean 0.15 and deviation 0.07 of reflectance in ten-thousandths.
        normalise: Normalise::Fixed { scale: vec![1.0 / 700.0], offset: vec![-0.15 / 0.07] },
        ..Recipe::default()
    }
}

/// Files that are stacked band over band on the grid of the first, and their mask.
fn pair(index: usize, images: &[String], mask: &str) -> Result<Pair, Failure> {
    let (first, more) = images.split_first().ok_or("--images names no file")?;
    let mut pair = Pair::of_files(&format!("{index:03}"), Path::new(first), Path::new(mask))?;
    for href in more {
        let image = AssetRef::file(pair.label.item.clone(), Href::parse(href)?, Vec::new());
        pair.images.push(AssetRef { reference_grid: false, ..image });
    }
    Ok(pair)
}

/// The folder, and flags with their values; a flag without a value has an empty one.
fn arguments() -> Result<(String, HashMap<String, String>), Failure> {
    let mut flags = HashMap::new();
    let mut folder = None;
    let mut words = std::env::args().skip(1).peekable();
    while let Some(word) = words.next() {
        match word.strip_prefix("--") {
            Some(name) => {
                let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
                flags.insert(name.to_owned(), value);
            }
            None => folder = Some(word),
        }
    }
    Ok((folder.ok_or("give the folder of img_000.tif and mask_000.tif")?, flags))
}

/// Largest memory this process has held, from /proc; 0 where there is none.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
