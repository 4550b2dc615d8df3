//! `swath finetune`: labelled catalog and exported network in, fine-tuned network with metrics, item and report out.

pub(crate) mod publish;
mod trainer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use clap::Args;
use swath_autodiff::{Adaptation, Dimension, Model, TrainingGraph, adapt, training_graph, write_back};
use swath_catalog::Pair;
use swath_loader::{Batch, Dataset, Part};
use swath_train::checkpoint::{CheckpointStore, Mark};
use swath_train::fit::{self, FitOptions, Outcome, Summary, fit};
use swath_train::{InferenceSession, TrainSession};

use crate::compute::ComputeArgs;
use crate::judge::{JudgedChip, judge};
use crate::network::Network;
use crate::run_folder::{FileRecord, RunFolder, RunRecord};
use crate::scores::Scores;
use crate::settings::Settings;
use trainer::{Saved, Trainer};

/// Arguments of `swath finetune`.
#[derive(Debug, Args)]
pub(crate) struct FinetuneArgs {
    /// The settings; `swath.toml` needs only catalog, model and classes.
    config: PathBuf,
    /// Change a setting: dotted key and TOML value, for example training.steps=50; may be given again. Paths are seen from
    /// the folder of the config.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Go on from the last checkpoint of the run.
    #[arg(long)]
    resume: bool,
    /// Replace the run in the out folder.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
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
    pub(crate) chips: Vec<JudgedChip>,
    pub(crate) record: RunRecord,
}

/// Chips kept for the report.
const SHOWN_CHIPS: usize = 4;

/// Fine-tunes and tells the result.
pub(crate) fn run(args: &FinetuneArgs) -> Result<()> {
    let mut settings = Settings::read(&args.config, &args.overrides)?;
    settings.training.compute(args.compute);
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
    dataset.normaliser()?;

    let batches = dataset.train(0)?.total();
    ensure!(
        batches > 0,
        "an epoch holds fewer samples than recipe.batch = {}; raise recipe.samples",
        settings.recipe.batch
    );
    let total = settings.training.total_steps(batches);
    let side = settings.recipe.output_px.unwrap_or(settings.recipe.window_px);
    check_size(&network, side)?;
    let shape = [settings.recipe.batch, dataset.band_names().len(), side, side];
    let mut options = settings.training_options(shape);
    options.freeze.extend(crate::network::frozen(&model));
    let graph = training_graph(&model, &options).with_context(|| format!("{}", network.path.display()))?;
    let session = TrainSession::new(&graph, &settings.training.session_options())?;

    let folder = RunFolder::new(&settings.out);
    match existing {
        Existing::Refuse => folder.create()?,
        Existing::Overwrite => folder.clear().and_then(|()| folder.create())?,
        Existing::Resume => {}
    }
    let trained = train(settings, &dataset, session, &folder, total, batches, existing);
    let (trained, summary) = trained.inspect_err(|_| folder.discard_attempt())?;
    let tuned = into_network(&model, &graph, &trained.session)?;
    if summary.outcome == Outcome::Stopped {
        return Err(Interrupted { step: summary.progress.step, total }.into());
    }
    let record = record(&network, settings, &pairs, &dataset, adaptations, &trained, &summary)?;
    let mut inference = InferenceSession::from_bytes(&tuned.to_bytes()?, &settings.training.session_options())?;
    let part = if dataset.parts().iter().any(|parts| !parts.rectangles(Part::Test).is_empty()) {
        Part::Test
    } else {
        Part::Validate
    };
    let judgement = judge(&dataset, part, &mut inference, settings.classes.len(), SHOWN_CHIPS)?;
    let scores = Scores::new(&part.to_string(), &settings.classes, &judgement.confusion);
    let finished = Finished { folder, dataset, part, scores, chips: judgement.chips, record };
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

fn train(
    settings: &Settings,
    dataset: &Dataset,
    mut session: TrainSession,
    folder: &RunFolder,
    total: u64,
    batches: u64,
    existing: Existing,
) -> Result<(Trainer, Summary)> {
    let text = settings.to_toml_in(folder.root())?;
    let mut progress = fit::Progress::default();
    let store = CheckpointStore::new(folder.checkpoint());
    if existing == Existing::Resume {
        let saved = store.load::<Saved>(Mark::Last)?;
        let saved = saved.with_context(|| {
            format!("{} has no checkpoint to go on from: start without --resume", folder.root().display())
        })?;
        same_settings(folder, &saved.state.settings, &text)?;
        session.load_state(saved.named())?;
        progress = saved.state.progress;
    }
    crate::run_folder::write_text(&folder.settings(), &text)?;
    let options = FitOptions {
        steps: total,
        until: settings.training.until,
        learning_rate: settings.training.learning_rate,
        schedule: settings.training.schedule.clone(),
        save_every: (settings.training.checkpoint_every > 0).then_some(settings.training.checkpoint_every),
        ..FitOptions::default()
    };
    watch_for_ctrl_c()?;
    let mut trainer = Trainer::new(session, folder, text, total, progress.step)?;
    let stream = epochs(dataset.clone(), batches, progress.step);
    let summary = fit(&mut trainer, stream, &options, progress, &STOP)?;
    Ok((trainer, summary))
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

/// Settings that may differ between the parts of one run: they change how it runs, not what comes out.
const FREE: &[&str] = &[
    "training.until",
    "training.device",
    "training.nhwc",
    "training.threads",
    "training.workers",
    "training.checkpoint_every",
];

/// A run goes on with the settings that it was begun with.
fn same_settings(folder: &RunFolder, begun: &str, now: &str) -> Result<()> {
    let (begun, now) = (flat(begun)?, flat(now)?);
    let keys: BTreeSet<&String> = begun.keys().chain(now.keys()).collect();
    for key in keys.into_iter().filter(|key| !FREE.contains(&key.as_str())) {
        let (then, here) = (begun.get(key), now.get(key));
        let said = |value: Option<&toml::Value>| value.map_or("nothing".to_owned(), toml::Value::to_string);
        ensure!(
            then == here,
            "{} was begun with {key} = {} and is now given {}: go on with the same settings, or start anew with --overwrite",
            folder.root().display(),
            said(then),
            said(here)
        );
    }
    Ok(())
}

/// Settings by dotted key.
fn flat(text: &str) -> Result<BTreeMap<String, toml::Value>> {
    let mut open: Vec<(String, toml::Value)> = text.parse::<toml::Table>()?.into_iter().collect();
    let mut flat = BTreeMap::new();
    while let Some((key, value)) = open.pop() {
        match value {
            toml::Value::Table(table) => {
                open.extend(table.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)))
            }
            value => drop(flat.insert(key, value)),
        }
    }
    Ok(flat)
}

/// Training batches from step `done` on, epoch after epoch.
fn epochs(dataset: Dataset, batches: u64, done: u64) -> impl Iterator<Item = Result<Batch>> {
    (done / batches..).flat_map(move |epoch| {
        let first = if epoch == done / batches { done % batches } else { 0 };
        let (stream, error) = match dataset.train_from(epoch, first) {
            Ok(stream) => (Some(stream), None),
            Err(error) => (None, Some(Err(error.into()))),
        };
        stream.into_iter().flatten().map(|batch| batch.map_err(Into::into)).chain(error)
    })
}

/// Ended by Ctrl-C, the state saved.
#[derive(Debug)]
pub(crate) struct Interrupted {
    step: u64,
    total: u64,
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut command: Vec<String> = std::env::args().skip(1).filter(|word| word != "--overwrite").collect();
        if !command.iter().any(|word| word == "--resume") {
            command.push("--resume".to_owned());
        }
        write!(f, "stopped after {} of {} steps; go on with: swath {}", self.step, self.total, command.join(" "))
    }
}

impl std::error::Error for Interrupted {}

/// Raised by the first Ctrl-C; the second one ends the process at once.
static STOP: AtomicBool = AtomicBool::new(false);

/// Watches for Ctrl-C from now on; a command that trains twice watches already.
fn watch_for_ctrl_c() -> Result<()> {
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("stopping after this step; press Ctrl-C again to end at once");
    };
    match ctrlc::set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(error).context("cannot watch for Ctrl-C"),
    }
}

/// The network with the trained parameters and statistics.
fn into_network(model: &Model, graph: &TrainingGraph, session: &TrainSession) -> Result<Model> {
    use swath_autodiff::Role;
    let kept = |name: &str| {
        let role = graph.state.iter().find(|tensor| tensor.name == name).map(|tensor| tensor.role);
        matches!(role, Some(Role::Parameter | Role::RunningStatistic))
    };
    let state = session.state()?;
    let tensors = state.iter().filter(|tensor| kept(tensor.name)).map(|tensor| (tensor.name, tensor.values.as_ref()));
    Ok(write_back(model, tensors)?)
}

fn record(
    network: &Network,
    settings: &Settings,
    pairs: &[Pair],
    dataset: &Dataset,
    adaptations: Vec<String>,
    trained: &Trainer,
    summary: &Summary,
) -> Result<RunRecord> {
    Ok(RunRecord {
        software: format!("swath {}", env!("CARGO_PKG_VERSION")),
        command: std::env::args().collect(),
        finished_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        training_s: summary.progress.elapsed_s,
        wait_share: trained.wait_share(),
        steps: summary.progress.step,
        outcome: summary.outcome,
        execution: trained.session.execution().clone(),
        initial_model: FileRecord::of(&network.path)?,
        adaptations,
        catalog: FileRecord::of(&settings.catalog)?,
        pairs: pairs.iter().map(|pair| pair.id.clone()).collect(),
        bands: dataset.band_names().to_vec(),
        normaliser: dataset.normaliser()?.clone(),
        failed_blocks: dataset.failed_blocks().iter().map(|block| format!("{block:?}")).collect(),
    })
}
