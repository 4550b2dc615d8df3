//! `swath bench`: one stage measured on this machine, as JSON lines that a script can compare.

mod kernels;
mod load;
mod predict;
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
    /// step_s is the median of whole steps. Two of its parts are measured after it, each as a graph of its own over the same
    /// parameters: forward_s is the forward pass of training to the loss, optimizer_s the optimiser on given gradients. backward_s
    /// is what remains of the step. inference_s is the network as it would be deployed. peak_mib is the highest resident memory of
    /// the process up to the last whole step, before any other graph is loaded.
    Step(step::StepArgs),
    /// Whether a device computes swath's operators as the processor does.
    Kernels(kernels::KernelsArgs),
    /// Samples per second of a recipe, without training.
    Load(load::LoadArgs),
    /// Pixels per second of mapping a scene, from opening it to the finished file.
    Predict(predict::PredictArgs),
    /// The loss of each step on batches kept in a file, to compare with another implementation.
    Replay(replay::ReplayArgs),
}

/// Measures what was asked for.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    match &args.stage {
        Stage::Step(args) => step::run(args),
        Stage::Kernels(args) => kernels::run(args),
        Stage::Load(args) => load::run(args),
        Stage::Predict(args) => predict::run(args),
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
