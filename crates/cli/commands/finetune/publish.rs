//! What a finished run leaves in its folder: network, MLM item, scores, statistics, record, and the report over all of it.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use swath_autodiff::{Dimension, Model};
use swath_catalog::classification::Class;
use swath_catalog::publish::{
    InputBand, ModelAsset, ModelDescription, ModelRelation, model_item, write_json_atomically,
};
use swath_catalog::{Band, Pair, Split};

use super::Finished;
use crate::network::{Network, sha256_file, value_scaling};
use crate::report::{self, write_html};
use crate::run_folder::RunFolder;
use crate::settings::Settings;
use crate::summary;

/// Writes everything but the report.
pub(super) fn write(
    settings: &Settings,
    initial: &Network,
    tuned: &Model,
    pairs: &[Pair],
    finished: &Finished,
) -> Result<()> {
    let folder = &finished.folder;
    tuned.save(folder.model())?;
    finished.scores.write(&folder.metrics())?;
    folder.keep_statistics(&finished.dataset)?;
    write_json_atomically(&folder.record(), &finished.record)?;
    let item = model_item(&description(settings, initial, tuned, pairs, finished)?)?;
    write_json_atomically(&folder.item(), &item)?;
    Ok(())
}

/// Writes the report of one run.
pub(crate) fn report(settings: &Settings, finished: &Finished) -> Result<()> {
    let name = run_name(&finished.folder);
    let only = "prediction".to_owned();
    let run = summary::run(&only, finished)?;
    let page = report::RunReport {
        title: format!("{name}: {} classes from {} bands", settings.classes.len(), finished.record.bands.len()),
        summary: summary::sentence(finished),
        made_at: finished.record.finished_at.clone(),
        classes: summary::classes(settings),
        runs: vec![run],
        test_data: summary::test_data(finished),
        galleries: summary::galleries(&finished.dataset, &[(only, &finished.gallery)])?,
        training_data: summary::training_data(finished)?,
        provenance: summary::provenance(settings, finished)?,
        remarks: summary::remarks(settings, &finished.scores),
    };
    write_html(&page, &finished.folder.report())
}

/// Name of a run: that of its folder.
fn run_name(folder: &RunFolder) -> String {
    folder.root().file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn description(
    settings: &Settings,
    initial: &Network,
    tuned: &Model,
    pairs: &[Pair],
    finished: &Finished,
) -> Result<ModelDescription> {
    let folder = &finished.folder;
    let size_bytes = std::fs::metadata(folder.model()).context("the fine-tuned network")?.len();
    let inspection = tuned.inspect()?;
    let (mlm, scores) = (initial.card.as_ref().map(|card| &card.mlm), &finished.scores);
    let architecture = mlm.map_or("semantic segmentation network", |mlm| mlm.architecture.as_str());
    Ok(ModelDescription {
        name: model_name(&run_name(folder)),
        description: format!(
            "{architecture} fine-tuned with {} on {} labelled scenes: {}.",
            finished.record.software,
            pairs.len(),
            settings.classes.join(", ")
        ),
        architecture: architecture.to_owned(),
        item_path: folder.item(),
        collection: None,
        model_path: folder.model(),
        size_bytes: Some(size_bytes),
        checksum: Some(format!("1220{}", sha256_file(&folder.model())?)),
        input_name: inspection.input.clone(),
        bands: input_bands(pairs, finished),
        input_shape: shape(&inspection.input_shape, inspection.bands),
        resize_type: None,
        output_name: inspection.output.clone(),
        output_shape: shape(&inspection.output_shape, inspection.classes),
        classes: classes(settings),
        datetime: chrono::DateTime::parse_from_rfc3339(&finished.record.finished_at)?.to_utc(),
        footprint: footprint(pairs),
        framework_version: Some(finished.record.execution.runtime_version.clone()),
        total_parameters: Some(parameters(&inspection)),
        memory_size_bytes: Some(size_bytes),
        pretrained_source: mlm
            .and_then(|mlm| mlm.pretrained_source.clone().flatten())
            .or_else(|| mlm.map(|mlm| mlm.name.clone())),
        batch_size_suggestion: u32::try_from(settings.recipe.batch).ok(),
        accelerator: Some(if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }.to_owned())
            .filter(|name| name == "amd64"),
        accelerator_summary: Some(format!(
            "{} on {}",
            finished.record.execution.provider, finished.record.execution.device
        )),
        hyperparameters: hyperparameters(settings, finished),
        relations: relations(settings, initial),
        assets: assets(folder),
        properties: Map::from_iter([
            ("swath:metrics".to_owned(), json!(scores.headline())),
            ("swath:window_px".to_owned(), settings.recipe.window_px.into()),
        ]),
    })
}

/// A name that the mlm extension takes: it begins with a letter and ends with a letter or digit.
fn model_name(run: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ') { c } else { '_' };
    let name: String = run.chars().map(legal).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() >= 3 {
        name.to_owned()
    } else {
        format!("model-{name}0")
    }
}

fn shape(dimensions: &[Dimension], channels: usize) -> [i64; 4] {
    let at = |axis: usize| match dimensions.get(axis) {
        Some(Dimension::Fixed(length)) => i64::try_from(*length).unwrap_or(-1),
        _ => -1,
    };
    [at(0), i64::try_from(channels).unwrap_or(-1), at(2), at(3)]
}

/// The bands that training saw, with what the catalog says of them and the scaling that was applied.
fn input_bands(pairs: &[Pair], finished: &Finished) -> Vec<InputBand> {
    let known: Vec<&Band> =
        pairs.first().into_iter().flat_map(|pair| &pair.images).flat_map(|image| &image.bands).collect();
    let scalings = value_scaling(&finished.record.normaliser);
    let described = |name: &String| match known.iter().find(|band| band.answers_to(name)) {
        Some(band) => Band { name: Some(name.clone()), ..(*band).clone() },
        None => Band::named(name),
    };
    let bands = finished.record.bands.iter().map(described);
    bands.zip(scalings).map(|(band, scaling)| InputBand { band, scaling: Some(scaling) }).collect()
}

fn classes(settings: &Settings) -> Vec<Class> {
    let colours = summary::classes(settings);
    let class = |(value, class): (i64, report::Class)| {
        let [r, g, b] = class.colour;
        Class { color_hint: Some(format!("{r:02X}{g:02X}{b:02X}")), ..Class::new(value, &class.name) }
    };
    (0..).zip(colours).map(class).collect()
}

/// Bounding box of everything it learnt from, and its outline.
fn footprint(pairs: &[Pair]) -> Option<(Value, [f64; 4])> {
    let around = |a: [f64; 4], b: [f64; 4]| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    let bbox = pairs.iter().filter_map(|pair| pair.bbox).reduce(around)?;
    let [w, s, e, n] = bbox;
    Some((json!({"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}), bbox))
}

fn parameters(inspection: &swath_autodiff::Inspection) -> u64 {
    let trained = inspection.parameters.iter().filter(|parameter| !parameter.statistic);
    trained.map(|parameter| parameter.shape.iter().product::<usize>() as u64).sum()
}

fn hyperparameters(settings: &Settings, finished: &Finished) -> Map<String, Value> {
    let training = &settings.training;
    Map::from_iter([
        ("steps".to_owned(), finished.record.steps.into()),
        ("batch".to_owned(), settings.recipe.batch.into()),
        ("learning_rate".to_owned(), training.learning_rate.into()),
        ("optimizer".to_owned(), json!(training.optimizer)),
        ("weight_decay".to_owned(), json!(training.weight_decay)),
        ("schedule".to_owned(), json!(training.schedule)),
        ("losses".to_owned(), json!(training.losses)),
        ("batchnorm".to_owned(), json!(training.batchnorm)),
        ("freeze".to_owned(), json!(training.freeze)),
        ("thaw".to_owned(), json!(training.thaw)),
        ("groups".to_owned(), json!(training.groups)),
        ("clip_norm".to_owned(), json!(training.clip_norm)),
        ("accumulate".to_owned(), training.accumulate.into()),
        ("ema".to_owned(), json!(training.ema)),
        ("validation".to_owned(), json!(training.validation)),
        ("seed".to_owned(), settings.recipe.seed.into()),
    ])
}

fn relations(settings: &Settings, initial: &Network) -> Vec<ModelRelation> {
    let of = |path: &Path, split: Option<Split>, title: &str| ModelRelation {
        href: path.to_string_lossy().into_owned(),
        split,
        title: Some(title.to_owned()),
    };
    let mut relations = vec![of(&settings.catalog, Some(Split::Train), "the labelled catalog it learnt from")];
    relations.extend(initial.card.as_ref().map(|card| of(&card.path, None, "the model it began from")));
    relations
}

fn assets(folder: &RunFolder) -> Vec<ModelAsset> {
    let asset = |key: &str, path, media_type: &str, title: &str| ModelAsset {
        key: key.to_owned(),
        path,
        media_type: media_type.to_owned(),
        roles: vec!["metadata".to_owned()],
        title: title.to_owned(),
    };
    vec![
        asset("metrics", folder.metrics(), "application/json", "Scores on the held-out part"),
        asset("history", folder.history(), "application/x-ndjson", "Loss and learning rate of every step"),
        asset("record", folder.record(), "application/json", "How the run was made"),
        asset("settings", folder.settings(), "application/toml", "Every setting of the run"),
        asset("report", folder.report(), "text/html", "Report"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_becomes_a_legal_model_name() {
        assert_eq!(model_name("boadella-2020"), "boadella-2020");
        assert_eq!(model_name("2020 été!"), "model-2020 _t0");
    }
}
