//! `swath models`: which networks there are, which suit a dataset, and building one with published weights.

mod build;
mod describe;
mod obtain;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Arguments of `swath models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    action: Action,
}

/// What to do with networks.
#[derive(Debug, Subcommand)]
enum Action {
    /// Write a network as ONNX, with weights from a file of PyTorch or of safetensors.
    Build(build::BuildArgs),
}

/// Builds or lists.
pub(crate) fn run(args: &ModelsArgs) -> Result<()> {
    match &args.action {
        Action::Build(args) => build::run(args),
    }
}
