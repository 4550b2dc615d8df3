//! The MLM item of a network that was just built.

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Map, Value};
use swath_autodiff::Model;
use swath_catalog::Band;
use swath_catalog::mlm::ValueScaling;
use swath_catalog::publish::{InputBand, ModelDescription, model_item};

use crate::network::sha256_file;

/// Mean and deviation of ImageNet's red, green and blue on values of 0 to 255, as torchvision and smp normalise.
const IMAGENET: [(f64, f64); 3] = [(123.675, 58.395), (116.28, 57.12), (103.53, 57.375)];

/// What an item says is done to pixel values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scaling {
    /// Band i by the mean and deviation of ImageNet's channel i % 3, as its weights are those of that channel.
    Imagenet,
    /// Nothing is said.
    None,
}

/// What was built.
pub(super) struct Built<'a> {
    pub(super) encoder: &'a str,
    /// The data of the weights; `None` where all are random.
    pub(super) weights: Option<&'a str>,
    pub(super) scaling: Scaling,
    pub(super) band_names: Vec<String>,
    pub(super) model_path: &'a Path,
    pub(super) item_path: &'a Path,
}

/// The item, for the file as it lies there.
pub(super) fn item(built: &Built<'_>, model: &Model) -> Result<Value> {
    let inspection = model.inspect()?;
    let absolute = |path: &Path| std::path::absolute(path).with_context(|| format!("{} is no path", path.display()));
    let (model_path, item_path) = (absolute(built.model_path)?, absolute(built.item_path)?);
    let size_bytes = std::fs::metadata(&model_path).with_context(|| format!("{}", model_path.display()))?.len();
    let trained = inspection.parameters.iter().filter(|parameter| !parameter.statistic);
    let parameters: usize = trained.map(|parameter| parameter.shape.iter().product::<usize>()).sum();
    let bands = built.band_names.iter().zip(IMAGENET.iter().cycle()).map(|(name, &(mean, stddev))| InputBand {
        band: named(name),
        scaling: (built.scaling == Scaling::Imagenet).then_some(ValueScaling::ZScore { mean, stddev }),
    });
    let start = match built.weights {
        Some(weights) => format!("Its weights start from {weights}"),
        None => "Its weights are random".to_owned(),
    };
    let item = model_item(&ModelDescription {
        name: format!("unet-{}", built.encoder),
        description: format!(
            "UNet over {}, with BatchNorm kept, to be fine-tuned. {start}. Rows and columns of the input must be multiples of 32.",
            built.encoder
        ),
        architecture: "UNet".to_owned(),
        item_path,
        collection: None,
        model_path: model_path.clone(),
        size_bytes: Some(size_bytes),
        checksum: Some(format!("1220{}", sha256_file(&model_path)?)),
        input_name: inspection.input.clone(),
        bands: bands.collect(),
        input_shape: [-1, i64::try_from(inspection.bands)?, -1, -1],
        resize_type: None,
        output_name: inspection.output.clone(),
        output_shape: [-1, i64::try_from(inspection.classes)?, -1, -1],
        classes: Vec::new(),
        datetime: chrono::Utc::now(),
        footprint: None,
        framework_version: None,
        total_parameters: u64::try_from(parameters).ok(),
        memory_size_bytes: Some(size_bytes),
        pretrained_source: built.weights.map(str::to_owned),
        batch_size_suggestion: None,
        accelerator: None,
        accelerator_summary: None,
        hyperparameters: Map::new(),
        relations: Vec::new(),
        assets: Vec::new(),
        properties: Map::from_iter([("swath:encoder".to_owned(), built.encoder.into())]),
    })?;
    Ok(item)
}

/// A band by name; where the name is common to all sensors, it says so.
fn named(name: &str) -> Band {
    const COMMON: [&str; 10] =
        ["coastal", "blue", "green", "red", "rededge", "nir", "nir08", "nir09", "swir16", "swir22"];
    let band = Band::named(name);
    let common = COMMON.contains(&name).then(|| name.to_owned());
    Band { common_name: band.common_name.clone().or(common), ..band }
}
