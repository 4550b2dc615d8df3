//! `swath evaluate`: the scores of one network, or of several side by side, on a part of a labelled catalog.

mod lineup;
mod page;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use swath_catalog::Pair;
use swath_loader::{Chip, Dataset, Part};
use swath_train::{Device, InferenceSession, SessionOptions};

use crate::judge::{Judgement, Origin, Protocol, as_file_name, assess};
use crate::network::sha256_file;
use crate::reading::ReadingArgs;
use crate::scores::{Compared, Comparison, Scores};
use crate::settings::Settings;
use lineup::{Entrant, Lineup};

/// Arguments of `swath evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A run's folder, or a swath.toml: it names catalog, classes and split. Further runs are judged on the same ground.
    #[arg(required = true, value_name = "RUN|CONFIG")]
    runs: Vec<PathBuf>,
    /// Another network than the run's own: an ONNX file, a model's STAC item or a run's folder; may be given again.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<PathBuf>,
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
    /// Write a report, one page that loads nothing.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write labels, predictions and probabilities as GeoTIFFs to this new folder.
    #[arg(long, value_name = "FOLDER")]
    save_predictions: Option<PathBuf>,
    #[command(flatten)]
    protocol: ProtocolArgs,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// How networks are judged; docs/metrics.md says what each means.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measures")]
struct ProtocolArgs {
    /// Distance of boundary IoU in pixels [default: 2 % of the window's diagonal].
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u16).range(1..))]
    boundary_px: Option<u16>,
    /// Side of the blocks of ground that intervals are drawn from, in pixels [default: the window's].
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..))]
    block_px: Option<u32>,
    /// Draws for the intervals [default: 1000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    replicates: Option<u32>,
    /// Seed of these draws [default: the recipe's].
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

impl ProtocolArgs {
    fn over(&self, protocol: Protocol) -> Protocol {
        let px = |typed: Option<u32>, default| typed.and_then(|px| usize::try_from(px).ok()).unwrap_or(default);
        Protocol {
            boundary_px: px(self.boundary_px.map(u32::from), protocol.boundary_px),
            block_px: px(self.block_px, protocol.block_px),
            replicates: px(self.replicates, protocol.replicates),
            seed: self.seed.unwrap_or(protocol.seed),
            ..protocol
        }
    }
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

/// A network that has been judged, and the dataset as it saw it.
struct Judged {
    dataset: Dataset,
    judgement: Judgement,
}

/// Judges and prints.
pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    let Lineup { mut settings, entrants, remarks } = Lineup::new(&args.runs, &args.models)?;
    if let Some(catalog) = &args.catalog {
        settings.use_catalog(catalog)?;
    }
    settings.reading = args.reading.over(&settings.reading);
    settings.look_elsewhere(&args.rewrite)?;
    let pairs = crate::dataset::read_pairs(&settings)?;
    let protocol = args.protocol.over(Protocol::of(&settings));

    let mut judged: Vec<Judged> = Vec::new();
    let mut models: Vec<Compared> = Vec::new();
    for entrant in &entrants {
        let wanted: Vec<Chip> = judged
            .first()
            .into_iter()
            .flat_map(|first| first.judgement.gallery.chips())
            .map(|kept| kept.chip)
            .collect();
        let save = args.save_predictions.as_deref().map(|folder| saved_to(folder, &entrant.name, entrants.len()));
        let protocol = Protocol { save, ..protocol.clone() };
        let one = judge_one(args, &settings, &pairs, entrant, &protocol, wanted)?;
        let scores = Scores::new(&Part::from(args.part).to_string(), &settings.classes, &one.judgement, &protocol)?;
        let first = judged.first().zip(models.first()).map(|(judged, model)| (&model.scores, &judged.judgement));
        let named = (entrant.name.clone(), sha256_file(&entrant.network.path)?);
        models.push(Compared::new(named, scores, &one.judgement, first, &protocol)?);
        judged.push(one);
    }
    let comparison = Comparison::new(models, remarks);
    if let Some(path) = &args.report {
        let ground = page::Ground { settings: &settings, part: args.part.into(), protocol: &protocol };
        page::write(path, &ground, &entrants, &judged, &comparison)?;
    }
    tell(args, comparison)
}

/// The folder of one network's predictions.
fn saved_to(folder: &Path, name: &str, networks: usize) -> PathBuf {
    match networks {
        1 => folder.to_owned(),
        _ => folder.join(as_file_name(name).trim_start_matches('.')),
    }
}

/// Judges one network on the ground of the settings, by its own bands and scaling.
fn judge_one(
    args: &EvaluateArgs,
    settings: &Settings,
    pairs: &[Pair],
    entrant: &Entrant,
    protocol: &Protocol,
    wanted: Vec<Chip>,
) -> Result<Judged> {
    let network = &entrant.network;
    let mut settings = settings.clone();
    ensure!(
        network.inspection.classes == settings.classes.len(),
        "{} has {} classes and {} names {}: judge it with the settings it was trained by",
        network.path.display(),
        network.inspection.classes,
        entrant.settings_path.display(),
        settings.classes.len()
    );
    if let Some(card) = &network.card {
        let names = card.class_names();
        ensure!(
            names.is_empty() || names == settings.classes,
            "{} gives the classes as {names:?}, {} as {:?}: put them in the model's order",
            card.path.display(),
            entrant.settings_path.display(),
            settings.classes
        );
        // The network's own bands and scaling, not those of the data it is judged on.
        settings.normalise_is_open = true;
        if !card.bands.is_empty() {
            settings.recipe.bands.clear();
        }
    }
    let dataset = crate::dataset::open(&settings, network.card.as_ref(), pairs)?;
    let options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
    let mut session = InferenceSession::from_bytes(&network.model.to_bytes()?, &options)?;
    let origins = Origin::of(pairs);
    let judgement = assess(&dataset, args.part.into(), &mut session, &settings.classes, &origins, protocol, wanted)?;
    crate::reading::tell_failed(&dataset.failed_blocks());
    Ok(Judged { dataset, judgement })
}

/// Writes and prints: the scores of one network as they are, those of several as a comparison.
fn tell(args: &EvaluateArgs, mut comparison: Comparison) -> Result<()> {
    let only = if comparison.models.len() == 1 { comparison.models.pop() } else { None };
    if let Some(path) = &args.output {
        match &only {
            Some(only) => only.scores.write(path)?,
            None => comparison.write(path)?,
        }
    }
    match (args.json, only) {
        (true, Some(only)) => println!("{}", serde_json::to_string(&only.scores)?),
        (true, None) => println!("{}", serde_json::to_string(&comparison)?),
        (false, Some(only)) => println!("{}", only.scores.table()),
        (false, None) => {
            for model in &comparison.models {
                println!("{}\n{}\n", model.name, model.scores.table());
            }
            println!("{}", comparison.table());
        }
    }
    if let Some(path) = args.report.as_ref().filter(|_| !args.json) {
        println!("{}", path.display());
    }
    Ok(())
}
