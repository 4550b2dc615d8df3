//! The report of an evaluation: the networks beside each other, without the training that made them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use swath_loader::Part;

use super::Judged;
use super::lineup::Entrant;
use crate::judge::Protocol;
use crate::report::{self, Provenance, Run, RunReport, TrainingData, grouped, write_html};
use crate::scores::{Compared, Comparison};
use crate::settings::Settings;
use crate::summary;

/// What was judged on, and how.
pub(super) struct Ground<'a> {
    pub(super) settings: &'a Settings,
    pub(super) part: Part,
    pub(super) protocol: &'a Protocol,
}

/// Writes the report.
pub(super) fn write(
    path: &Path,
    ground: &Ground<'_>,
    entrants: &[Entrant],
    judged: &[Judged],
    comparison: &Comparison,
) -> Result<()> {
    let Some((first, shown)) = judged.first().zip(comparison.models.first()) else { return Ok(()) };
    let names: Vec<&str> = comparison.models.iter().map(|model| model.name.as_str()).collect();
    let galleries: Vec<_> =
        comparison.models.iter().zip(judged).map(|(model, one)| (model.name.clone(), &one.judgement.gallery)).collect();
    let part = ground.part;
    let scenes = shown.scores.scenes.len();
    let page = RunReport {
        title: format!("{} on the {part} part", names.join(", ")),
        summary: sentence(comparison),
        made_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        classes: summary::classes(ground.settings),
        runs: comparison.models.iter().zip(entrants).map(|(model, entrant)| run(model, entrant)).collect(),
        test_data: format!(
            "the {part} part of {scenes} {}, {} labelled pixels",
            if scenes == 1 { "image" } else { "images" },
            grouped(shown.scores.pixels)
        ),
        galleries: summary::galleries(&first.dataset, &galleries)?,
        training_data: TrainingData::default(),
        provenance: provenance(ground, entrants, comparison)?,
        remarks: remarks(ground, comparison),
    };
    write_html(&page, path)
}

fn remarks(ground: &Ground<'_>, comparison: &Comparison) -> Vec<String> {
    let mut remarks = comparison.remarks.clone();
    for model in &comparison.models {
        let own = summary::remarks(ground.settings, &model.scores);
        let named =
            |remark: String| if comparison.models.len() > 1 { format!("{}: {remark}", model.name) } else { remark };
        remarks.extend(own.into_iter().map(named));
    }
    remarks
}

fn sentence(comparison: &Comparison) -> String {
    let best = comparison.models.iter().filter(|model| model.scores.mean_iou.is_some());
    let best = best.max_by(|a, b| a.scores.mean_iou.unwrap_or(0.0).total_cmp(&b.scores.mean_iou.unwrap_or(0.0)));
    let Some((best, miou)) = best.and_then(|best| Some((best, best.scores.mean_iou?))) else {
        return "Nothing of the part is labelled.".to_owned();
    };
    match comparison.models.len() {
        1 => format!("Mean IoU {miou:.3}. {}", best.scores.baselines.remark),
        networks => format!("Of {networks} networks {} has the highest mean IoU, {miou:.3}.", best.name),
    }
}

fn run(model: &Compared, entrant: &Entrant) -> Run {
    // A network of its own has no history; a report without curves is still a report.
    let history = entrant.run.as_ref().and_then(|run| run.read_history().ok()).unwrap_or_default();
    let step = |record: &swath_train::fit::StepRecord| report::Step {
        step: record.step,
        loss: f64::from(record.loss),
        learning_rate: record.learning_rate,
    };
    Run {
        name: model.name.clone(),
        steps: history.iter().map(step).collect(),
        validations: Vec::new(),
        scores: Some(model.scores.clone()),
        difference: model.difference.map(|difference| (difference, model.difference_interval)),
        training_s: None,
    }
}

fn provenance(ground: &Ground<'_>, entrants: &[Entrant], comparison: &Comparison) -> Result<Provenance> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let (settings, protocol) = (ground.settings, ground.protocol);
    let judged = vec![
        fact("catalog", super::lineup::place(&settings.catalog).display().to_string()),
        fact("part", ground.part.to_string()),
        fact("window", format!("{} px", settings.recipe.window_px)),
        fact("distance of boundary IoU", format!("{} px", protocol.boundary_px)),
        fact("blocks of ground", format!("{} px wide", protocol.block_px)),
        fact("draws", format!("{} with seed {}", protocol.replicates, protocol.seed)),
        fact("program", format!("swath {}", env!("CARGO_PKG_VERSION"))),
    ];
    let files = entrants.iter().zip(&comparison.models);
    let sha256: BTreeMap<String, String> =
        files.map(|(entrant, model)| (entrant.network.path.display().to_string(), model.sha256.clone())).collect();
    Ok(Provenance {
        facts: vec![("Judged".to_owned(), judged)],
        commands: vec![summary::typed(&std::env::args().collect::<Vec<_>>())],
        config: settings.to_toml()?,
        sha256,
    })
}
