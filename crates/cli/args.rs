//! The command line as typed: one variant a command, each with its arguments beside its code in `commands/`.

use clap::{Parser, Subcommand};

use crate::commands;
use crate::failure::ErrorFormat;

/// Fine-tunes segmentation networks on labelled satellite images found through STAC.
#[derive(Debug, Parser)]
#[command(name = "swath", version, about, max_term_width = 100)]
pub(crate) struct Args {
    /// Show more of what happens (-v: progress of each stage, -vv: everything).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How a failure is written to standard error; see docs/scripts.md for kinds and exit codes.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) error_format: ErrorFormat,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Every command of swath.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a labelled landscape, fine-tune on it with and without pre-training, judge, map and report.
    Demo(commands::demo::DemoArgs),
    /// Write a STAC catalog for images and labels that you have as files.
    Describe(commands::describe::DescribeArgs),
    /// List the items of catalogs that answer a question, labels included.
    Search(Box<commands::search::SearchArgs>),
    /// Show which label belongs to which image, and why.
    Explain(commands::explain::ExplainArgs),
    /// Check a catalog by itself and against its files.
    Validate(commands::validate::ValidateArgs),
    /// Look at a labelled dataset before training: bands, classes, scenes, and what may go wrong.
    Stats(commands::stats::StatsArgs),
    /// Read a window of a GeoTIFF as swath sees it.
    Read(commands::read::ReadArgs),
    /// List networks, rank them for a dataset, or build one with published weights.
    Models(commands::models::ModelsArgs),
    /// Fine-tune a network on a labelled catalog as swath.toml says.
    Finetune(commands::finetune::FinetuneArgs),
    /// Judge a fine-tuned network on the held-out part of a dataset.
    Evaluate(commands::evaluate::EvaluateArgs),
    /// Map a whole scene with a fine-tuned network.
    Predict(commands::predict::PredictArgs),
    /// Put a model or map with its files into a STAC collection.
    Publish(commands::publish::PublishArgs),
    /// Change the input bands or the class head of an exported network.
    Adapt(commands::adapt::AdaptArgs),
    /// Write the forward-and-backward graph of a network as ONNX.
    Gradients(commands::gradients::GradientsArgs),
    /// Print the script by which a shell completes commands and options.
    Completions(commands::completions::CompletionsArgs),
    /// Write manual pages for swath and its commands.
    Man(commands::man::ManArgs),
    /// Measure one stage on this machine; prints JSON.
    Bench(commands::bench::BenchArgs),
}

impl Command {
    /// Runs the command that was typed.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Demo(args) => commands::demo::run(args),
            Self::Describe(args) => commands::describe::run(args),
            Self::Search(args) => commands::search::run(args),
            Self::Explain(args) => commands::explain::run(args),
            Self::Validate(args) => commands::validate::run(args),
            Self::Stats(args) => commands::stats::run(args),
            Self::Read(args) => commands::read::run(args),
            Self::Publish(args) => commands::publish::run(args),
            Self::Models(args) => commands::models::run(args),
            Self::Finetune(args) => commands::finetune::run(args),
            Self::Evaluate(args) => commands::evaluate::run(args),
            Self::Predict(args) => commands::predict::run(args),
            Self::Adapt(args) => commands::adapt::run(args),
            Self::Gradients(args) => commands::gradients::run(args),
            Self::Completions(args) => commands::completions::run(args),
            Self::Man(args) => commands::man::run(args),
            Self::Bench(args) => commands::bench::run(args),
        }
    }
}

/// Whether failures are asked for as JSON, looked up in arguments that may not parse.
pub(crate) fn wants_json(arguments: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let arguments: Vec<_> = arguments.collect();
    let apart = arguments.windows(2).any(|pair| pair[0] == "--error-format" && pair[1] == "json");
    apart || arguments.iter().any(|argument| argument == "--error-format=json")
}

/// Sends log lines to standard error: warnings by default, more with `-v`, or as `SWATH_LOG` says.
pub(crate) fn init_logging(args: &Args) {
    let level = match args.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SWATH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}
