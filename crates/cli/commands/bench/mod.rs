//! `swath bench`: one stage measured on this machine, as JSON lines that a script can compare.

mod kernels;
mod load;
mod replay;
mod step;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Arguments of `swath bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    stage: Stage,
}

/// What to measure.
#[derive(Debug, Subcommand)]
enum Stage {
    /// Seconds, throughput and peak memory of a training step on random input.
    ///
    /// step_s is the median of whole steps. Its parts are measured after it, each as a graph of its own over the same parameters,
    /// one after the other: forward_s is the forward pass of training to the loss, backward_s what a graph to the gradients takes
    /// more, optimizer_s what the whole step takes more than that. The three add up to step_s; a part can be too small by the
    /// noise of its neighbour. inference_s is the network as it would be deployed. peak_mib is the highest resident memory of the
    /// process up to the last whole step, before any other graph is loaded.
    Step(step::StepArgs),
    /// Whether a device computes swath's operators as the processor does.
    Kernels(kernels::KernelsArgs),
    /// Samples per second of a recipe, without training.
    Load(load::LoadArgs),
    /// The loss of each step on batches kept in a file, to compare with another implementation.
    Replay(replay::ReplayArgs),
}

/// Measures what was asked for.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    match &args.stage {
        Stage::Step(args) => step::run(args),
        Stage::Kernels(args) => kernels::run(args),
        Stage::Load(args) => load::run(args),
        Stage::Replay(args) => replay::run(args),
    }
}

/// Highest resident memory of this process so far in MiB, as Linux counts it; `None` elsewhere.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
