//! `swath bench load`: the batches of a recipe, streamed without training on them.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};
use swath_loader::{Batch, Dataset, Options};

use crate::network::Network;
use crate::reading::ReadingArgs;
use crate::settings::Settings;

/// Arguments of `swath bench load`.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The settings of a run.
    config: PathBuf,
    /// Change a setting, as in `swath finetune`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Threads that decode and augment; 0 takes one per core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    workers: usize,
    /// Epochs to stream; the first one meets a cold cache.
    #[arg(long, value_name = "K", default_value_t = 2)]
    epochs: u64,
    /// MiB of decoded pixels kept.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    cache_mib: u64,
    /// Stream one share of each epoch: which one, from 0.
    #[arg(long, value_name = "R", default_value_t = 0)]
    rank: usize,
    /// Into how many shares each epoch is dealt; together they are the epoch.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    world_size: u32,
    /// Give the SHA-256 of all batches of an epoch: images as float32, targets, in order.
    #[arg(long)]
    digest: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// Prints a JSON line per epoch.
pub(crate) fn run(args: &LoadArgs) -> Result<()> {
    let mut settings = Settings::read(&args.config, &args.overrides)?;
    settings.reading = args.reading.over(&settings.reading);
    let network = Network::open(&settings.model)?;
    let pairs = crate::dataset::read_pairs(&settings)?;
    let options = Options {
        workers: args.workers,
        cache_bytes: args.cache_mib.saturating_mul(1 << 20),
        rank: args.rank,
        world: usize::try_from(args.world_size)?,
        ..crate::dataset::options(&settings)?
    };
    let started = Instant::now();
    let dataset = crate::dataset::open_with(&settings, network.card.as_ref(), &pairs, options)?;
    let open_s = started.elapsed().as_secs_f64();
    dataset.normaliser()?;
    for epoch in 0..args.epochs {
        println!("{}", stream(&dataset, epoch, args.digest, open_s)?);
    }
    Ok(())
}

fn stream(dataset: &Dataset, epoch: u64, digest: bool, open_s: f64) -> Result<serde_json::Value> {
    let (fetched, cached) = (dataset.fetched(), dataset.cache().statistics());
    let mut hash = Sha256::new();
    let mut batches = dataset.train(epoch)?;
    for batch in batches.by_ref() {
        let batch = batch?;
        if digest {
            add(&mut hash, &batch);
        }
    }
    let progress = batches.progress();
    let (now, cache) = (dataset.fetched(), dataset.cache().statistics());
    let digest = digest.then(|| hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Ok(json!({
        "epoch": epoch, "samples": progress.samples, "samples_per_s": progress.samples_per_s,
        "wait_share": progress.wait_share, "decode_s": progress.decode_s, "augment_s": progress.develop_s,
        "windows": dataset.plan()?.windows(), "refused": progress.refused, "redrawn": progress.redrawn, "skipped": progress.skipped,
        "disk_hits": now.disk_hits - fetched.disk_hits, "requests": now.requests - fetched.requests, "bytes": now.bytes - fetched.bytes,
        "retries": now.retries - fetched.retries, "cache_hits": cache.hits - cached.hits,
        "cache_misses": cache.misses - cached.misses, "open_s": open_s, "peak_mib": super::peak_mib(),
        "digest": digest,
    }))
}

fn add(hash: &mut Sha256, batch: &Batch) {
    for value in &batch.image {
        hash.update(value.to_le_bytes());
    }
    for value in &batch.target {
        hash.update([*value]);
    }
}
