//! `swath adapt`: another number of input bands or classes for an exported network, and what of it is not to be trained.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use swath_autodiff::{Adaptation, Model, adapt};

use crate::network;

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
    /// Pattern of parameter names that later trainings leave as they are (`*` any run of characters); may be given again.
    #[arg(long, value_name = "PATTERN")]
    freeze: Vec<String>,
    /// The output to keep, of a network that has several.
    #[arg(long, value_name = "NAME")]
    keep_output: Option<String>,
    /// Seed of the new class head.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write the changed network.
    #[arg(short, long, value_name = "OUT.onnx")]
    output: PathBuf,
}

/// Writes the changed network and says what changed.
pub(crate) fn run(args: &AdaptArgs) -> Result<()> {
    ensure!(
        args.bands.is_some() || args.classes.is_some() || args.keep_output.is_some() || !args.freeze.is_empty(),
        "nothing to adapt: give --bands, --classes, --keep-output or --freeze"
    );
    let about = || format!("{}", args.model.display());
    let mut model = crate::network::load_model(&args.model)?;
    if let Some(name) = &args.keep_output {
        model = model.with_output(name).with_context(about)?;
    }
    let wanted = Adaptation { input_channels: args.bands, classes: args.classes, seed: args.seed };
    let (mut adapted, report) = adapt(&model, &wanted).with_context(about)?;
    if !args.freeze.is_empty() {
        let names = frozen_names(&adapted, &args.freeze).with_context(about)?;
        network::freeze(&mut adapted, &args.freeze);
        println!("{} parameters are left as they are, {} the first of them", names.len(), names[0]);
    }
    adapted.save(&args.output)?;
    for change in &report.changes {
        println!("{change}");
    }
    Ok(())
}

/// Names of the parameters that the patterns match; a pattern that matches none is a slip of the pen.
fn frozen_names(model: &Model, patterns: &[String]) -> Result<Vec<String>> {
    let parameters = model.inspect()?.parameters;
    let mut names = Vec::new();
    for pattern in patterns {
        let of_pattern = parameters.iter().filter(|parameter| !parameter.statistic && parameter.matches(pattern));
        let before = names.len();
        names.extend(of_pattern.map(|parameter| parameter.name.clone()));
        ensure!(
            names.len() > before,
            "--freeze {pattern} matches no parameter; they are named like {}",
            parameters.first().map_or("encoder.conv1.weight", |parameter| parameter.name.as_str())
        );
    }
    Ok(names)
}
