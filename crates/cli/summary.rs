//! From a finished run to the parts of its report.

use std::collections::BTreeMap;

use anyhow::Result;
use ndarray::{ArrayView2, Axis};
use swath_loader::{Chip, Dataset, Part, Split, Windows};

use crate::commands::finetune::Finished;
use crate::judge::{Gallery, JudgedChip};
use crate::network::sha256_file;
use crate::report::{self, Picture, Provenance, Sample, Step, TrainingData};
use crate::run_folder::Validated;
use crate::scores::{Baseline, Scores};
use crate::settings::Settings;

/// Colours that stay apart for most eyes, after Okabe and Ito (2008), with three more; repeated beyond eleven classes.
const COLOURS: [[u8; 3]; 11] = [
    [0x99, 0x99, 0x99],
    [0x00, 0x72, 0xB2],
    [0xE6, 0x9F, 0x00],
    [0x00, 0x9E, 0x73],
    [0xCC, 0x79, 0xA7],
    [0xD5, 0x5E, 0x00],
    [0x56, 0xB4, 0xE9],
    [0xF0, 0xE4, 0x42],
    [0x44, 0x2D, 0x6E],
    [0x7A, 0x4B, 0x1E],
    [0x22, 0x22, 0x22],
];

/// Classes as they are named and coloured: as the settings say, else in a fixed order of colours.
pub(crate) fn classes(settings: &Settings) -> Vec<report::Class> {
    let class = |(index, name): (usize, &String)| {
        let colour =
            settings.colours.get(name).and_then(|text| parse_colour(text)).unwrap_or(COLOURS[index % COLOURS.len()]);
        report::Class { name: name.clone(), colour }
    };
    settings.classes.iter().enumerate().map(class).collect()
}

/// Six hexadecimal digits, with or without `#`.
pub(crate) fn parse_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.trim_start_matches('#');
    let value = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6)?;
    Some([(value >> 16) as u8, (value >> 8) as u8, value as u8])
}

/// Curves and scores of a run.
pub(crate) fn run(name: &str, finished: &Finished) -> Result<report::Run> {
    let steps = finished.folder.read_history()?;
    let step = |record: &swath_train::fit::StepRecord| Step {
        step: record.step,
        loss: f64::from(record.loss),
        learning_rate: record.learning_rate,
    };
    let validation =
        |validated: &Validated| report::Validation { step: validated.step, loss: None, miou: validated.mean_iou };
    Ok(report::Run {
        name: name.to_owned(),
        steps: steps.iter().map(step).collect(),
        validations: finished.record.validations.iter().map(validation).collect(),
        scores: Some(finished.scores.clone()),
        difference: None,
        training_s: Some(finished.record.training_s),
    })
}

/// What came of a run, in a sentence.
pub(crate) fn sentence(finished: &Finished) -> String {
    let (record, scores) = (&finished.record, &finished.scores);
    let miou = scores.mean_iou.map_or("none".to_owned(), |miou| format!("{miou:.3}"));
    format!(
        "{} steps on {} labelled scenes in {:.0} s; mean IoU {miou} on the {} part.",
        record.steps,
        scenes_of(finished, Part::Train),
        record.training_s,
        scores.part
    )
}

/// Scenes with ground in a part of the dataset.
pub(crate) fn scenes_of(finished: &Finished, part: Part) -> usize {
    finished.dataset.parts().iter().filter(|parts| !parts.rectangles(part).is_empty()).count()
}

/// What a reader should know before quoting the scores.
pub(crate) fn remarks(settings: &Settings, scores: &Scores) -> Vec<String> {
    let mut remarks = Vec::new();
    if settings.recipe.split == Split::None {
        remarks.push(
            "Training and judging shared all of their ground (recipe.split is none): the scores say nothing about unseen ground."
                .to_owned(),
        );
    }
    let baselines = &scores.baselines;
    let beaten = |baseline: &Option<Baseline>, own: Option<f64>| {
        let theirs = baseline.as_ref().and_then(|baseline| baseline.brief.mean_iou);
        theirs.zip(own).is_some_and(|(theirs, own)| theirs >= own)
    };
    if beaten(&baselines.other_date, baselines.network_there.as_ref().and_then(|there| there.mean_iou)) {
        remarks
            .push("The label of another date scores as well or better: a copy of it would need no network.".to_owned());
    }
    if beaten(&baselines.constant, scores.mean_iou) {
        remarks.push("One class everywhere scores as well or better: the network tells nothing apart yet.".to_owned());
    }
    remarks
}

/// What the scores were taken on.
pub(crate) fn test_data(finished: &Finished) -> String {
    format!(
        "the {} part of {} scenes, {} labelled pixels that no training window touches",
        finished.scores.part,
        scenes_of(finished, finished.part),
        report::grouped(finished.scores.pixels)
    )
}

/// The samples that the first run kept, with the predictions of all runs that kept the same ones.
pub(crate) fn galleries(dataset: &Dataset, runs: &[(String, &Gallery)]) -> Result<Vec<report::Gallery>> {
    let Some((_, first)) = runs.first() else { return Ok(Vec::new()) };
    let show = |chips: &[JudgedChip]| chips.iter().map(|kept| sample(dataset, kept, runs)).collect::<Result<Vec<_>>>();
    let gallery = |heading: &str, note: &str, samples| report::Gallery {
        heading: heading.to_owned(),
        note: note.to_owned(),
        samples,
    };
    Ok(vec![
        gallery(
            "Where most pixels are wrong",
            "The worst samples of all, the worst first; of one image at most half of them.",
            show(&first.worst)?,
        ),
        gallery("Varied ground", "Samples that hold the most classes, whatever came of them.", show(&first.varied)?),
    ])
}

fn sample(dataset: &Dataset, kept: &JudgedChip, runs: &[(String, &Gallery)]) -> Result<Sample> {
    let predictions =
        runs.iter().filter_map(|(name, gallery)| Some((name.clone(), gallery.find(&kept.chip)?.prediction.clone())));
    let (window, [known, wrong]) = (kept.chip.window, kept.wrong.map(|pixels| report::grouped(pixels as u64)));
    Ok(Sample {
        caption: format!(
            "{}, rows {} to {}, columns {} to {}: {wrong} of {known} pixels wrong",
            kept.item,
            window.row_px,
            window.end_row_px(),
            window.col_px,
            window.end_col_px()
        ),
        image: picture(dataset, &kept.chip)?,
        truth: Some(kept.truth.clone()),
        predictions: predictions.collect(),
    })
}

/// A chip in natural colours where it has red, green and blue, else its first three bands.
fn picture(dataset: &Dataset, chip: &Chip) -> Result<Picture> {
    let raw = dataset.raw(chip)?;
    let names = dataset.band_names();
    let find =
        |wanted: &[&str]| names.iter().position(|name| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)));
    let natural = [find(&["B04", "B4", "red"]), find(&["B03", "B3", "green"]), find(&["B02", "B2", "blue"])];
    let last = raw.image.len_of(Axis(0)).saturating_sub(1);
    let chosen = match natural {
        [Some(r), Some(g), Some(b)] => [r, g, b],
        _ => [0, 1.min(last), 2.min(last)],
    };
    let plane = |band: usize| -> ArrayView2<'_, f32> { raw.image.index_axis(Axis(0), band) };
    Picture::stretched(chosen.map(plane))
}

/// Histograms and class shares of the training part.
pub(crate) fn training_data(finished: &Finished) -> Result<TrainingData> {
    let statistics = finished.dataset.statistics()?;
    Ok(TrainingData {
        caption: format!("the training part of {} scenes", scenes_of(finished, Part::Train)),
        bands: statistics.bands.iter().map(Into::into).collect(),
        class_pixels: statistics.classes.iter().map(|class| class.pixels).collect(),
        ignored_pixels: statistics.unlabelled_px,
    })
}

/// A command as it would be typed again: by the program's name, wherever this one lies.
pub(crate) fn typed(command: &[String]) -> String {
    std::iter::once("swath").chain(command.iter().skip(1).map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// How many windows an epoch has, and what was left out.
fn windows_of(record: &crate::run_folder::RunRecord) -> String {
    let windows = &record.windows;
    let left_out = left_out(windows, &[(record.redrawn, "windows drawn again after reading")]);
    format!("{} of {} images{left_out}", windows.samples, windows.images)
}

/// What was left out of an epoch, in words; `more` are other counts. Empty where nothing was.
pub(crate) fn left_out(windows: &Windows, more: &[(u64, &str)]) -> String {
    let counts = [
        (windows.skipped_images as u64, "images smaller than the window"),
        (windows.excluded_images as u64, "images without enough data or labels"),
        (windows.rejected as u64, "windows without enough data or labels"),
    ];
    let told = counts.iter().chain(more).filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("; {count} {what}")).collect()
}

/// How a run was made.
pub(crate) fn provenance(settings: &Settings, finished: &Finished) -> Result<Provenance> {
    let (record, folder) = (&finished.record, &finished.folder);
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let execution = &record.execution;
    let machine = vec![
        fact("program", record.software.clone()),
        fact("ONNX Runtime", execution.runtime_version.clone()),
        fact("execution provider", format!("{} on {}", execution.provider, execution.device)),
        fact("threads", if execution.threads == 0 { "one per core".to_owned() } else { execution.threads.to_string() }),
    ];
    let run = vec![
        fact("finished", record.finished_at.clone()),
        fact("steps", record.steps.to_string()),
        fact("training time", format!("{:.1} s", record.training_s)),
        fact("share of it spent waiting for data", format!("{:.1} %", 100.0 * record.wait_share)),
        fact("seed", settings.recipe.seed.to_string()),
        fact(
            "changes to the network",
            if record.adaptations.is_empty() { "none".to_owned() } else { record.adaptations.join("; ") },
        ),
        fact("windows in an epoch", windows_of(record)),
        fact("blocks that could not be read", record.failed_blocks.len().to_string()),
    ];
    let mut sha256 = BTreeMap::from([
        (record.initial_model.path.display().to_string(), record.initial_model.sha256.clone()),
        (record.catalog.path.display().to_string(), record.catalog.sha256.clone()),
    ]);
    for path in [folder.model(), folder.metrics()] {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        sha256.insert(name, sha256_file(&path)?);
    }
    Ok(Provenance {
        facts: vec![("Machine".to_owned(), machine), ("Run".to_owned(), run)],
        commands: vec![typed(&record.command)],
        config: settings.to_toml()?,
        sha256,
    })
}
