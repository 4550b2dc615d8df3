//! `swath finetune`: labelled catalog and exported network in, fine-tuned network with metrics, item and report out.

mod course;
mod engine;
pub(crate) mod publish;
mod resume;
mod trainer;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use swath_autodiff::{Adaptation, Dimension, Model, adapt};
use swath_catalog::{Pair, Rewrites};
use swath_loader::{Dataset, Part};
use swath_train::InferenceSession;
use swath_train::fit::{Outcome, Summary};

use crate::compute::ComputeArgs;
use crate::interrupt::Interrupted;
use crate::judge::{Gallery, Origin, Protocol, assess};
use crate::network::Network;
use crate::reading::ReadingArgs;
use crate::run_folder::{FileRecord, RunFolder, RunRecord};
use crate::scores::Scores;
use crate::settings::{Keep, Settings};
use course::Course;
use trainer::Trainer;

/// Arguments of `swath finetune`.
#[derive(Debug, Args)]
pub(crate) struct FinetuneArgs {
    /// The settings; `swath.toml` needs only catalog, model and classes.
    config: PathBuf,
    /// Change a setting: dotted key and TOML value, for example training.steps=50; may be given again. Paths are seen from
    /// the folder of the config.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Look for addresses that begin with PREFIX in a folder instead; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Go on from the last checkpoint of the run.
    #[arg(long)]
    resume: bool,
    /// Replace the run in the out folder.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// What to do about a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Resume,
    Overwrite,
}

/// A finished run, for those who show it.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) folder: RunFolder,
    pub(crate) dataset: Dataset,
    /// The part that it was judged on.
    pub(crate) part: Part,
    pub(crate) scores: Scores,
    pub(crate) gallery: Gallery,
    pub(crate) record: RunRecord,
}

/// Fine-tunes and tells the result.
pub(crate) fn run(args: &FinetuneArgs) -> Result<()> {
    let mut settings = Settings::read(&args.config, &args.overrides)?;
    settings.look_elsewhere(&args.rewrite)?;
    settings.training.compute(args.compute);
    settings.reading = args.reading.over(&settings.reading);
    let existing = match (args.resume, args.overwrite) {
        (true, _) => Existing::Resume,
        (_, true) => Existing::Overwrite,
        _ => Existing::Refuse,
    };
    let finished = finetune(&settings, existing)?;
    publish::report(&settings, &finished)?;
    println!("{}", finished.scores.table());
    println!("{}", finished.folder.report().display());
    Ok(())
}

/// Fine-tunes as the settings say, judges on the held-out part and writes the run's folder, the report aside.
pub(crate) fn finetune(settings: &Settings, existing: Existing) -> Result<Finished> {
    let network = Network::open(&settings.model)?;
    let pairs = crate::dataset::read_pairs(settings)?;
    let dataset = crate::dataset::open(settings, network.card.as_ref(), &pairs)?;
    let (model, adaptations) = fit_to_data(&network, &dataset, settings)?;
    for change in &adaptations {
        eprintln!("network: {change}");
    }
    let folder = RunFolder::new(&settings.out);
    if existing != Existing::Refuse {
        folder.reuse_statistics(&dataset)?;
    }
    dataset.normaliser()?;

    let side = settings.recipe.output_px.unwrap_or(settings.recipe.window_px);
    check_size(&network, side)?;
    let mut options = settings.training_options([settings.recipe.batch, dataset.band_names().len(), side, side]);
    options.freeze.extend(crate::network::frozen(&model));
    let course = Course::new(settings, &model, &dataset, options)?;
    let total = course.total();
    let ready = course.ready(&folder, existing == Existing::Resume)?;
    match existing {
        Existing::Refuse => folder.create()?,
        Existing::Overwrite => folder.clear().and_then(|()| folder.create())?,
        Existing::Resume => {}
    }
    if dataset.recipe().normalise.needs_statistics() {
        folder.keep_statistics(&dataset)?;
    }
    let (trained, summary) = ready.train(&folder).inspect_err(|_| folder.discard_attempt())?;
    if summary.outcome == Outcome::Stopped {
        return Err(stopped(summary.progress.step, total).into());
    }
    let keep = settings.training.validation.as_ref().map_or(Keep::Last, |validation| validation.keep);
    let (tuned, written_step) = trained.network(keep, &summary.progress)?;
    let record =
        RunRecord { written_step, ..record(&network, settings, &pairs, &dataset, adaptations, &trained, &summary)? };
    drop(trained);
    let mut inference = InferenceSession::from_bytes(&tuned.to_bytes()?, &settings.training.session_options())?;
    let part = if dataset.parts().iter().any(|parts| !parts.rectangles(Part::Test).is_empty()) {
        Part::Test
    } else {
        Part::Validate
    };
    crate::reading::tell_failed(&dataset.failed_blocks());
    let (protocol, origins) = (Protocol::of(settings), Origin::of(&pairs));
    let judgement = assess(&dataset, part, &mut inference, &settings.classes, &origins, &protocol, Vec::new())?;
    let scores = Scores::new(&part.to_string(), &settings.classes, &judgement, &protocol)?;
    let finished = Finished { folder, dataset, part, scores, gallery: judgement.gallery, record };
    publish::write(settings, &network, &tuned, &pairs, &finished)?;
    Ok(finished)
}

/// Bands and classes of the network brought to those of the data.
fn fit_to_data(network: &Network, dataset: &Dataset, settings: &Settings) -> Result<(Model, Vec<String>)> {
    let bands = dataset.band_names().len();
    let wanted =
        Adaptation { input_channels: Some(bands), classes: Some(settings.classes.len()), seed: settings.training.seed };
    let (model, report) = adapt(&network.model, &wanted).with_context(|| format!("{}", network.path.display()))?;
    Ok((model, report.changes))
}

/// A network of fixed size takes no other windows, in training or later.
fn check_size(network: &Network, side: usize) -> Result<()> {
    for dimension in network.inspection.input_shape.iter().skip(2) {
        if let Dimension::Fixed(length) = dimension {
            ensure!(
                *length == side,
                "{} takes images of {length} px only and the recipe gives {side} px: set recipe.window_px = {length}, or \
                 export it with free height and width",
                network.path.display()
            );
        }
    }
    Ok(())
}

/// What to say of a training that Ctrl-C ended, its state saved.
fn stopped(step: u64, total: u64) -> Interrupted {
    let mut command: Vec<String> = std::env::args().skip(1).filter(|word| word != "--overwrite").collect();
    if !command.iter().any(|word| word == "--resume") {
        command.push("--resume".to_owned());
    }
    Interrupted(format!("stopped after {step} of {total} steps; go on with: swath {}", command.join(" ")))
}

fn record(
    network: &Network,
    settings: &Settings,
    pairs: &[Pair],
    dataset: &Dataset,
    adaptations: Vec<String>,
    trained: &Trainer<'_>,
    summary: &Summary,
) -> Result<RunRecord> {
    Ok(RunRecord {
        software: format!("swath {}", env!("CARGO_PKG_VERSION")),
        command: std::env::args().collect(),
        finished_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        training_s: summary.progress.elapsed_s,
        wait_share: trained.wait_share(),
        steps: summary.progress.step,
        written_step: summary.progress.step,
        validations: trained.validations.clone(),
        outcome: summary.outcome,
        execution: trained.engine.execution().clone(),
        initial_model: FileRecord::of(&network.path)?,
        adaptations,
        catalog: FileRecord::of_catalog(&settings.catalog, &Rewrites::parse(&settings.rewrite)?)?,
        pairs: pairs.iter().map(|pair| pair.id.clone()).collect(),
        bands: dataset.band_names().to_vec(),
        normaliser: dataset.normaliser()?.clone(),
        windows: dataset.plan()?.windows(),
        redrawn: dataset.redrawn(),
        failed_blocks: dataset.failed_blocks().iter().map(crate::reading::line_of).collect(),
        contradictions: dataset.contradictions(),
    })
}
