//! `swath adapt`: another number of input bands or classes for an exported network.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use swath_autodiff::{Adaptation, Model, adapt};

/// Arguments of `swath adapt`.
#[derive(Debug, Args)]
pub(crate) struct AdaptArgs {
    /// The exported network.
    model: PathBuf,
    /// Input bands wanted: one band sums the old band weights, N bands take `w[:, i % old] * old / N`.
    #[arg(long, value_name = "N")]
    bands: Option<usize>,
    /// Classes wanted: the last convolution is drawn anew.
    #[arg(long, value_name = "K")]
    classes: Option<usize>,
    /// Seed of the new class head.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write the changed network.
    #[arg(short, long, value_name = "OUT.onnx")]
    output: PathBuf,
}

/// Writes the changed network and says what changed.
pub(crate) fn run(args: &AdaptArgs) -> Result<()> {
    ensure!(args.bands.is_some() || args.classes.is_some(), "nothing to adapt: give --bands, --classes or both");
    let about = || format!("{}", args.model.display());
    let model = Model::load(&args.model).with_context(about)?;
    let wanted = Adaptation { input_channels: args.bands, classes: args.classes, seed: args.seed };
    let (adapted, report) = adapt(&model, &wanted).with_context(about)?;
    adapted.save(&args.output)?;
    for change in &report.changes {
        println!("{change}");
    }
    Ok(())
}
