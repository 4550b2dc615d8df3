//! `swath.toml` as meant: every setting of a fine-tuning run with its default, read from a file and from `--set key=value`.

mod check;
mod course;
mod labels;
mod losses;
mod places;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use swath_autodiff::{BatchNormMode, Lowering, Optimizer, ParameterGroup, TrainingOptions};
use swath_loader::{IGNORE, Recipe};
use swath_train::schedule::Schedule;
use swath_train::{Device, SessionOptions};

use crate::compute::{ComputeArgs, Precision};
use crate::reading::Reading;
pub(crate) use course::{Keep, Metric, Thaw, Validation};
pub(crate) use labels::Labels;
pub(crate) use losses::{LossName, WeightedLoss};

/// A whole run. Only `catalog`, `model` and `classes` have no default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The labelled STAC catalog: path or address of its `catalog.json` or `collection.json`.
    pub(crate) catalog: PathBuf,
    /// The network: an ONNX file, or the STAC item (MLM) that describes one.
    pub(crate) model: PathBuf,
    /// Class names in the order of their values.
    pub(crate) classes: Vec<String>,
    /// Addresses that are to be looked for elsewhere, as `PREFIX=FOLDER`; the folder is seen from that of the config.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rewrite: Vec<String>,
    /// Colours of classes in maps and reports, six hexadecimal digits each, by class name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) colours: BTreeMap<String, String>,
    /// Folder that the run is written to (default `runs/<name of the config file>`).
    #[serde(default)]
    pub(crate) out: PathBuf,
    /// What is said about labels in place of the catalog.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub(crate) labels: Labels,
    /// How the labelled data becomes samples.
    #[serde(default)]
    pub(crate) recipe: Recipe,
    /// How the network is trained.
    #[serde(default)]
    pub(crate) training: Training,
    /// How files are read.
    #[serde(default)]
    pub(crate) reading: Reading,
    /// Whether the recipe leaves it to the network's item how values are scaled.
    #[serde(skip)]
    pub(crate) normalise_is_open: bool,
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Training {
    /// Optimiser steps (default 300, where no `epochs` are given).
    pub(crate) steps: Option<u64>,
    /// Passes over the training part; in place of `steps`.
    pub(crate) epochs: Option<f64>,
    /// Pause after this step; `--resume` goes on. The schedule still spans all steps.
    pub(crate) until: Option<u64>,
    /// Peak learning rate.
    pub(crate) learning_rate: f64,
    /// Course of the learning rate.
    pub(crate) schedule: Schedule,
    /// `adamw`, `adam` or `sgd`.
    pub(crate) optimizer: OptimizerName,
    /// Weight decay per unit of learning rate (AdamW), or L2 penalty (Adam, SGD).
    pub(crate) weight_decay: f64,
    /// Momentum of SGD.
    pub(crate) momentum: f64,
    /// Nesterov's form of the momentum of SGD.
    pub(crate) nesterov: bool,
    /// Decays of the two moments of Adam and AdamW.
    pub(crate) betas: [f64; 2],
    /// Batches whose mean gradient makes one optimiser step: a large batch in the memory of a small one.
    pub(crate) accumulate: usize,
    /// Decay, per step, of a moving average of the weights; the average is then what is judged and written.
    pub(crate) ema: Option<f64>,
    /// Statistics used by BatchNormalization: of the batch, or the stored ones.
    pub(crate) batchnorm: Statistics,
    /// Patterns of parameter names that stay as they are, for example `encoder.*`.
    pub(crate) freeze: Vec<String>,
    /// What of the frozen parameters begins to train, and when.
    pub(crate) thaw: Vec<Thaw>,
    /// Parameters with a learning rate or weight decay of their own; the first pattern that matches decides.
    pub(crate) groups: Vec<Group>,
    /// Losses and their weights; the sum of all is minimised.
    pub(crate) losses: Vec<WeightedLoss>,
    /// Weight of each class in the loss, in the order of `classes`.
    pub(crate) class_weights: Option<Vec<f32>>,
    /// Largest global norm of the gradients.
    pub(crate) clip_norm: Option<f64>,
    /// Judging on the validation part while training.
    pub(crate) validation: Option<Validation>,
    /// `swath` operators where plain ONNX ones are slow, or `plain` ONNX operators only.
    pub(crate) operators: Operators,
    /// `cpu`, `cuda` or `cuda:1`; a GPU that was asked for and cannot be used is an error.
    pub(crate) device: Device,
    /// Type of convolutions and matrix products: `f32`, or on a GPU `bf16` or `f16` (with a scaled loss).
    pub(crate) precision: Precision,
    /// Let a GPU round the factors of float32 products to 10 bits of mantissa.
    pub(crate) tf32: bool,
    /// Let a GPU's convolutions keep channels last.
    pub(crate) nhwc: bool,
    /// Threads of ONNX Runtime; 0 takes one per core.
    pub(crate) threads: usize,
    /// Workers that read and augment ahead.
    pub(crate) workers: usize,
    /// A checkpoint is written after every so many steps; 0 writes none but the last.
    pub(crate) checkpoint_every: u64,
    /// Seed of a new class head.
    pub(crate) seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            steps: None,
            epochs: None,
            until: None,
            learning_rate: 1e-3,
            schedule: Schedule::one_cycle(),
            optimizer: OptimizerName::AdamW,
            weight_decay: 1e-2,
            momentum: 0.9,
            nesterov: false,
            betas: [0.9, 0.999],
            accumulate: 1,
            ema: None,
            batchnorm: Statistics::Train,
            freeze: Vec::new(),
            thaw: Vec::new(),
            groups: Vec::new(),
            losses: vec![WeightedLoss { weight: 1.0, loss: LossName::CrossEntropy { label_smoothing: 0.0 } }],
            class_weights: None,
            clip_norm: None,
            validation: None,
            operators: Operators::Swath,
            device: Device::Cpu,
            precision: Precision::F32,
            tf32: false,
            nhwc: false,
            threads: 0,
            workers: 1,
            checkpoint_every: 100,
            seed: 0,
        }
    }
}

/// Name of an optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OptimizerName {
    #[value(name = "adamw")]
    AdamW,
    Adam,
    Sgd,
}

/// Which statistics BatchNormalization uses while training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Statistics {
    /// Those of the batch; the running statistics are updated.
    Train,
    /// The stored ones, unchanged.
    Frozen,
}

impl From<Statistics> for BatchNormMode {
    fn from(statistics: Statistics) -> Self {
        match statistics {
            Statistics::Train => Self::Train,
            Statistics::Frozen => Self::Frozen,
        }
    }
}

/// Which operators the training graph is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operators {
    /// Kernels of swath where plain ONNX operators are slow.
    Swath,
    /// ONNX operators only.
    Plain,
}

impl From<Operators> for Lowering {
    fn from(operators: Operators) -> Self {
        match operators {
            Operators::Swath => Self::Swath,
            Operators::Plain => Self::Plain,
        }
    }
}

/// Parameters whose names match `pattern` and what is theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    /// Pattern over parameter names: `*` stands for any run of characters, `?` for one.
    pub(crate) pattern: String,
    /// Factor on the learning rate.
    #[serde(default = "losses::one")]
    pub(crate) lr_multiplier: f64,
    /// Weight decay in place of the optimiser's.
    pub(crate) weight_decay: Option<f64>,
}

impl Settings {
    /// Reads `config`, applies `--set` overrides and makes its paths relative to the folder of the config.
    pub(crate) fn read(config: &Path, overrides: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(config)
            .with_context(|| format!("cannot read the config {}: give the path of a swath.toml", config.display()))?;
        let mut table: toml::Table = text.parse().with_context(|| format!("{} is not valid TOML", config.display()))?;
        for assignment in overrides {
            set(&mut table, assignment)?;
        }
        inline_augmentations(&mut table, config.parent().unwrap_or(Path::new("")))?;
        let recipe = table.get("recipe").and_then(toml::Value::as_table);
        let normalise_is_open = recipe.is_none_or(|recipe| !recipe.contains_key("normalise"));
        let mut settings: Self = table.try_into().map_err(|error: toml::de::Error| {
            let of_overrides = if overrides.is_empty() { "" } else { " or of --set" };
            anyhow!("a setting of {}{of_overrides} cannot be used: {}", config.display(), error.message())
        })?;
        settings.normalise_is_open = normalise_is_open;
        settings.resolve(config)?;
        Ok(settings)
    }

    /// Anchors relative paths at the config's folder and fills what follows from other settings.
    fn resolve(&mut self, config: &Path) -> Result<()> {
        let folder = config.parent().unwrap_or(Path::new(""));
        if self.out.as_os_str().is_empty() {
            self.out = Path::new("runs").join(config.file_stem().unwrap_or_default());
        }
        for path in [&mut self.catalog, &mut self.model, &mut self.out] {
            *path = places::anchored(folder, path)
                .with_context(|| format!("{}: {} is no path", config.display(), path.display()))?;
        }
        for rule in &mut self.rewrite {
            *rule = places::anchored_rule(folder, rule)?;
        }
        self.labels.rules().with_context(|| format!("{}", config.display()))?;
        if let Some(cache) = &mut self.reading.cache_folder {
            *cache = std::path::absolute(folder.join(&*cache))
                .with_context(|| format!("{}: {} is no path", config.display(), cache.display()))?;
        }
        let catalog = std::mem::take(&mut self.catalog);
        self.use_catalog(&catalog)?;
        ensure!(
            self.recipe.classes.is_empty() || self.recipe.classes == self.classes,
            "{}: classes are named twice and differ; name them once, at the top",
            config.display()
        );
        for (name, colour) in &self.colours {
            ensure!(
                self.classes.contains(name) && crate::summary::parse_colour(colour).is_some(),
                "{}: colours.{name} = {colour:?}: name one of the classes and give it six hexadecimal digits",
                config.display()
            );
        }
        self.recipe.classes.clone_from(&self.classes);
        self.recipe.drop_last = true;
        self.training.check(self.classes.len()).with_context(|| format!("{}", config.display()))
    }

    /// Adds rules `PREFIX=FOLDER` as they were typed, ahead of the config's own.
    pub(crate) fn look_elsewhere(&mut self, rules: &[String]) -> Result<()> {
        let typed = rules.iter().map(|rule| places::anchored_rule(Path::new(""), rule)).collect::<Result<Vec<_>>>()?;
        self.rewrite.splice(0..0, typed);
        Ok(())
    }

    /// Takes another catalog: its file, or the folder that holds it.
    pub(crate) fn use_catalog(&mut self, catalog: &Path) -> Result<()> {
        if places::is_address(catalog) {
            catalog.clone_into(&mut self.catalog);
            return Ok(());
        }
        let catalog = std::path::absolute(catalog).with_context(|| format!("{} is no path", catalog.display()))?;
        let inside = ["catalog.json", "collection.json"].map(|name| catalog.join(name));
        self.catalog = inside.into_iter().find(|path| path.is_file()).unwrap_or(catalog);
        Ok(())
    }

    /// As [`Settings::to_toml`], for a file in `folder`: paths are seen from there, so that folders can move together.
    pub(crate) fn to_toml_in(&self, folder: &Path) -> Result<String> {
        let mut settings = self.clone();
        for path in [&mut settings.catalog, &mut settings.model] {
            if !places::is_address(path) {
                *path = places::seen_from(folder, path);
            }
        }
        settings.out = PathBuf::from(".");
        settings.to_toml()
    }

    /// Everything, defaults included, as TOML.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("cannot write the settings as TOML")
    }

    /// What these settings ask of the training graph for batches `[N, C, H, W]`.
    pub(crate) fn training_options(&self, input_shape: [usize; 4]) -> TrainingOptions {
        let training = &self.training;
        let mut options = TrainingOptions::new(input_shape);
        options.batchnorm = training.batchnorm.into();
        options.freeze.clone_from(&training.freeze);
        options.losses = training.losses.iter().map(|term| (term.weight, term.loss.into())).collect();
        options.ignore_index = Some(i64::from(IGNORE));
        options.class_weights.clone_from(&training.class_weights);
        options.optimizer = training.optimizer();
        options.ema_decay = training.ema;
        options.momentum_input = training.schedule.momentum(0, 1).is_some();
        options.groups = training.groups.iter().map(Group::to_parameter_group).collect();
        options.clip_norm = training.clip_norm;
        options.lowering = training.operators.into();
        options.precision = training.precision.into();
        options
    }
}

/// Puts the augmentations of a JSON file (`recipe.augment = "pipeline.json"`, seen from the config's folder) where its name
/// stands, so that the run's record holds them.
fn inline_augmentations(table: &mut toml::Table, folder: &Path) -> Result<()> {
    let recipe = table.get_mut("recipe").and_then(toml::Value::as_table_mut);
    let Some(augment) = recipe.and_then(|recipe| recipe.get_mut("augment")) else { return Ok(()) };
    if let Some(file) = augment.as_str() {
        let steps = swath_loader::augment::read(folder.join(file))?;
        *augment = toml::Value::try_from(steps).with_context(|| format!("{file} cannot be kept as TOML"))?;
    }
    Ok(())
}

impl Group {
    fn to_parameter_group(&self) -> ParameterGroup {
        ParameterGroup {
            pattern: self.pattern.clone(),
            lr_multiplier: self.lr_multiplier,
            weight_decay: self.weight_decay,
        }
    }
}

impl Training {
    /// Optimiser steps in all, with so many batches to an epoch.
    pub(crate) fn total_steps(&self, batches_per_epoch: u64) -> u64 {
        match self.epochs {
            Some(epochs) => self.steps_of(epochs, batches_per_epoch),
            None => self.steps.unwrap_or(DEFAULT_STEPS),
        }
    }

    /// Flags come before settings.
    pub(crate) fn compute(&mut self, flags: ComputeArgs) {
        self.precision = flags.precision.unwrap_or(self.precision);
        self.tf32 |= flags.tf32;
        self.nhwc |= flags.prefer_nhwc;
    }

    /// The optimiser with the settings that are its own.
    fn optimizer(&self) -> Optimizer {
        let mut optimizer = optimizer(self.optimizer, self.weight_decay, self.momentum);
        match &mut optimizer {
            Optimizer::Adam { beta1, beta2, .. } | Optimizer::AdamW { beta1, beta2, .. } => {
                [*beta1, *beta2] = self.betas;
            }
            Optimizer::Sgd { nesterov, .. } => *nesterov = self.nesterov,
            _ => {}
        }
        optimizer
    }

    /// How its graphs are to be run.
    pub(crate) fn session_options(&self) -> SessionOptions {
        let threads = (self.threads > 0).then_some(self.threads);
        let (tf32, prefer_nhwc) = (self.tf32, self.nhwc);
        SessionOptions { device: self.device, threads, tf32, prefer_nhwc, ..SessionOptions::default() }
    }
}

/// Steps where neither steps nor epochs are given.
const DEFAULT_STEPS: u64 = 300;

/// An optimiser with PyTorch's defaults and the weight decay and momentum (of SGD) given.
pub(crate) fn optimizer(name: OptimizerName, weight_decay: f64, momentum: f64) -> Optimizer {
    match name {
        OptimizerName::AdamW => Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay },
        OptimizerName::Adam => Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay },
        OptimizerName::Sgd => Optimizer::Sgd { momentum, dampening: 0.0, nesterov: false, weight_decay },
    }
}

/// Sets one dotted key to a TOML value; what is not TOML is taken as text.
fn set(table: &mut toml::Table, assignment: &str) -> Result<()> {
    let (key, text) = assignment.split_once('=').with_context(|| {
        format!("--set '{assignment}' has no '='; write it as key=value, for example training.steps=50")
    })?;
    let value = format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let mut keys: Vec<&str> = key.trim().split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let mut place = table;
    for part in keys {
        let entry = place.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = entry.as_table_mut().with_context(|| format!("--set {key}: '{part}' is not a table"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_reaches_a_nested_key_and_keeps_its_type() {
        let mut table: toml::Table = "[training]\nsteps = 300\n".parse().unwrap();
        set(&mut table, "training.steps=20").unwrap();
        set(&mut table, "training.device=cuda:0").unwrap();
        set(&mut table, "recipe.bands=[\"B04\", 3]").unwrap();
        assert_eq!(table["training"]["steps"].as_integer(), Some(20));
        assert_eq!(table["training"]["device"].as_str(), Some("cuda:0"));
        assert_eq!(table["recipe"]["bands"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn augmentations_of_a_file_stand_in_the_settings() {
        let folder = tempfile::TempDir::new().unwrap();
        let saved = r#"{"__version__": "2.0.8", "transform": {"__class_fullname__": "Compose", "p": 1.0, "transforms": [
            {"__class_fullname__": "Rotate", "p": 0.5, "limit": [-9.0, 9.0], "fill_mask": null}], "bbox_params": null}}"#;
        std::fs::write(folder.path().join("pipeline.json"), saved).unwrap();
        let mut table: toml::Table = "[recipe]\naugment = \"pipeline.json\"\n".parse().unwrap();
        inline_augmentations(&mut table, folder.path()).unwrap();
        let recipe: Recipe = table["recipe"].clone().try_into().unwrap();
        assert_eq!(recipe.augment[0].name, "Rotate");
        assert_eq!(table["recipe"]["augment"][0]["limit"][1].as_float(), Some(9.0));
        let error = inline_augmentations(&mut "[recipe]\naugment = \"no.json\"\n".parse().unwrap(), folder.path());
        assert!(error.unwrap_err().to_string().contains("no.json"));
    }

    #[test]
    fn flags_of_computing_come_before_settings() {
        let mut training: Training = toml::from_str("precision = \"bf16\"\nnhwc = true").unwrap();
        assert_eq!((training.precision, training.tf32, training.nhwc), (Precision::Bf16, false, true));
        training.compute(ComputeArgs::default());
        assert_eq!(training.precision, Precision::Bf16);
        training.compute(ComputeArgs { precision: Some(Precision::F16), tf32: true, prefer_nhwc: false });
        assert_eq!((training.precision, training.tf32, training.nhwc), (Precision::F16, true, true));
        let options = training.session_options();
        assert!(options.tf32 && options.prefer_nhwc);
        assert!(toml::from_str::<Training>("precision = \"half\"").is_err());
    }

    #[test]
    fn every_setting_of_a_training_is_documented() {
        // What serde says of an unknown key lists the known ones.
        let error = toml::from_str::<Training>("unheard_of = 1").unwrap_err().message().to_owned();
        let keys: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() > 20, "{error}");
        let documented = include_str!("../../docs/training.md");
        for key in keys {
            assert!(documented.contains(&format!("`{key}`")), "docs/training.md does not mention `{key}`");
        }
    }

    #[test]
    fn an_assignment_without_a_value_says_how_to_write_it() {
        let error = set(&mut toml::Table::new(), "training.steps").unwrap_err().to_string();
        assert!(error.contains("key=value"), "{error}");
    }
}
