//! `swath evaluate`: the scores of a fine-tuned network on a part of a labelled catalog.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use swath_loader::Part;
use swath_train::{Device, InferenceSession, SessionOptions};

use crate::judge::judge;
use crate::network::Network;
use crate::reading::ReadingArgs;
use crate::run_folder::RunFolder;
use crate::scores::Scores;
use crate::settings::Settings;

/// Arguments of `swath evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// The run's folder: its swath.toml names catalog, bands, classes and split.
    run: PathBuf,
    /// Another network than the run's own: an ONNX file or a model's STAC item.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Another labelled catalog than the run's own.
    #[arg(long, value_name = "CATALOG")]
    catalog: Option<PathBuf>,
    /// Look for addresses that begin with PREFIX in a folder instead; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    /// Part of the ground to judge on.
    #[arg(long, value_enum, default_value = "test")]
    part: PartArg,
    /// cpu, cuda or cuda:INDEX.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Threads of ONNX Runtime.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// Write the scores as JSON to this file too.
    #[arg(short, long, value_name = "FILE.json")]
    output: Option<PathBuf>,
    /// Print the scores as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// A part of the ground.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartArg {
    Train,
    Validate,
    Test,
}

impl From<PartArg> for Part {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Train => Self::Train,
            PartArg::Validate => Self::Validate,
            PartArg::Test => Self::Test,
        }
    }
}

/// Judges and prints.
pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    let folder = RunFolder::new(&args.run);
    let mut settings = Settings::read(&folder.settings(), &[])?;
    if let Some(catalog) = &args.catalog {
        settings.use_catalog(catalog)?;
    }
    let network = Network::open(args.model.as_deref().unwrap_or(&args.run))?;
    ensure!(
        network.inspection.classes == settings.classes.len(),
        "{} has {} classes and {} names {}: judge it with the settings it was trained by",
        network.path.display(),
        network.inspection.classes,
        folder.settings().display(),
        settings.classes.len()
    );
    if let Some(card) = &network.card {
        let names = card.class_names();
        ensure!(
            names.is_empty() || names == settings.classes,
            "{} gives the classes as {names:?}, {} as {:?}: put them in the model's order",
            card.path.display(),
            folder.settings().display(),
            settings.classes
        );
        // The network's own bands and scaling, not those of the data it is judged on.
        settings.normalise_is_open = true;
        if !card.bands.is_empty() {
            settings.recipe.bands.clear();
        }
    }
    settings.reading = args.reading.over(&settings.reading);
    settings.look_elsewhere(&args.rewrite)?;
    let pairs = crate::dataset::read_pairs(&settings)?;
    let dataset = crate::dataset::open(&settings, network.card.as_ref(), &pairs)?;
    let options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
    let mut session = InferenceSession::from_bytes(&network.model.to_bytes()?, &options)?;
    let part = Part::from(args.part);
    let judgement = judge(&dataset, part, &mut session, settings.classes.len(), 0)?;
    crate::reading::tell_failed(&dataset.failed_blocks());
    let scores = Scores::new(&part.to_string(), &settings.classes, &judgement.confusion);
    if let Some(path) = &args.output {
        scores.write(path)?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&scores)?);
    } else {
        println!("{}", scores.table());
    }
    Ok(())
}
