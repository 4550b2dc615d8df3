//! `swath gradients`: the forward-and-backward graph of a network as ONNX, for any ONNX Runtime to check.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use swath_autodiff::{Loss, Lowering, TrainingOptions, gradient_graph};

use crate::settings::Statistics;

/// Arguments of `swath gradients`.
#[derive(Debug, Args)]
pub(crate) struct GradientsArgs {
    /// The exported network.
    model: PathBuf,
    /// Loss between logits and target.
    #[arg(long, value_enum, default_value = "cross-entropy")]
    loss: LossArg,
    /// Target value of pixels that do not count.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    ignore: Option<i64>,
    /// Statistics used by BatchNormalization.
    #[arg(long, value_enum, default_value = "train")]
    batchnorm: Statistics,
    /// Write ONNX operators only, so that any ONNX Runtime runs the graph.
    #[arg(long)]
    plain: bool,
    /// Images in a batch.
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Height and width of an image in pixels.
    #[arg(long, value_name = "HxW", value_parser = parse_size)]
    size: (usize, usize),
    /// Pattern of parameter names to leave out; may be given again.
    #[arg(long, value_name = "PATTERN")]
    freeze: Vec<String>,
    /// Where to write the graph. Inputs: x (float32 N,C,H,W), target (int64 N,H,W; float32 like the logits for l1 and
    /// mse). Outputs: loss, logits, grad/<parameter>, stat/<running statistic>.
    #[arg(short, long, value_name = "OUT.onnx")]
    output: PathBuf,
}

/// A loss with its usual settings.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LossArg {
    CrossEntropy,
    Dice,
    Jaccard,
    Focal,
    BinaryCrossEntropy,
    Lovasz,
    L1,
    Mse,
}

impl From<LossArg> for Loss {
    fn from(arg: LossArg) -> Self {
        match arg {
            LossArg::CrossEntropy => Self::cross_entropy(),
            LossArg::Dice => Self::dice(),
            LossArg::Jaccard => Self::Jaccard { smooth: 0.0 },
            LossArg::Focal => Self::Focal { gamma: 2.0, alpha: None },
            LossArg::BinaryCrossEntropy => Self::BinaryCrossEntropy { label_smoothing: 0.0 },
            LossArg::Lovasz => Self::Lovasz,
            LossArg::L1 => Self::L1,
            LossArg::Mse => Self::Mse,
        }
    }
}

/// Reads `HxW`, for example `256x256`.
pub(crate) fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', 'X']).and_then(|(h, w)| Some((h.parse().ok()?, w.parse().ok()?)));
    sides.filter(|(h, w)| *h > 0 && *w > 0).ok_or_else(|| "write height and width in pixels as 256x256".into())
}

/// Writes the graph.
pub(crate) fn run(args: &GradientsArgs) -> Result<()> {
    let about = || format!("{}", args.model.display());
    let model = crate::network::load_model(&args.model)?;
    let bands = model.inspect().with_context(about)?.bands;
    let mut options = TrainingOptions::new([args.batch, bands, args.size.0, args.size.1]);
    options.batchnorm = args.batchnorm.into();
    options.freeze = crate::network::frozen(&model);
    options.freeze.extend(args.freeze.iter().cloned());
    options.losses = vec![(1.0, args.loss.into())];
    options.ignore_index = args.ignore;
    options.lowering = if args.plain { Lowering::Plain } else { Lowering::Swath };
    let graph = gradient_graph(&model, &options).with_context(about)?;
    graph.save(&args.output)?;
    Ok(())
}
