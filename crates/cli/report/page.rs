//! The page of a run: its headline figures, and its sections in order.

use anyhow::Result;

use super::figure::{Source, signed};
use super::frame::{self, Frame};
use super::model::RunReport;
use super::scores::evaluated;
use super::svg::escape;
use super::{calibration, comparison, confusion, curves, groups, provenance, samples, scores, training};

/// The whole page.
///
/// # Errors
/// When a picture's parts do not fit together.
pub(super) fn html(report: &RunReport) -> Result<String> {
    let frame = Frame {
        kind: "swath report",
        title: &report.title,
        summary: &report.summary,
        made_at: &report.made_at,
        figures: figures(report),
        sections: vec![
            ("comparison", "Side by side", comparison::section(report)),
            ("scores", "Scores on unseen data", scores::section(report)),
            ("groups", "Where it is good and where not", groups::section(report)),
            ("samples", "Image, truth and prediction", samples::section(report)?),
            ("confusion", "What is taken for what", confusion::section(report)),
            ("calibration", "How sure, and how right", calibration::section(report)),
            ("learning", "Learning", curves::section(report)),
            ("data", "Training data", training::section(report)),
            ("provenance", "How the run was made", provenance::section(report)),
        ],
        remarks: remarks(report),
    };
    Ok(frame.html())
}

/// The numbers that a reader looks for first.
fn figures(report: &RunReport) -> String {
    let runs = evaluated(report);
    let mut figures: Vec<(String, String)> = Vec::new();
    for (index, run, scores) in &runs {
        let source = Source::of_run(*index);
        let interval = source.at("intervals").interval("mean_iou", scores.intervals.mean_iou);
        let value = format!("{} {interval}", source.score("mean_iou", scores.mean_iou));
        figures.push((value, format!("mean IoU, {}", run.name)));
    }
    if let [_, (_, second, _)] = runs.as_slice()
        && let Some((difference, _)) = second.difference
    {
        figures.push((signed(difference), format!("mean IoU of {} less that of the first", second.name)));
    }
    if let Some((index, run, scores)) = runs.first() {
        let source = Source::of_run(*index);
        figures.push((
            source.score("overall_accuracy", scores.overall_accuracy),
            format!("overall accuracy, {}", run.name),
        ));
        let baselines = source.at("baselines");
        if let Some(other) = &scores.baselines.other_date {
            let value = baselines.at("other_date").score("mean_iou", other.brief.mean_iou);
            figures.push((value, "mean IoU of copying another date's label".to_owned()));
        } else if let Some(constant) = &scores.baselines.constant {
            let value = baselines.at("constant").score("overall_accuracy", constant.brief.overall_accuracy);
            figures.push((value, format!("overall accuracy of {}", constant.name)));
        }
        figures.push((source.count("pixels", scores.pixels), "labelled pixels judged".to_owned()));
    }
    if let Some(run) = report.runs.first()
        && let Some(seconds) = run.training_s
    {
        figures.push((duration(seconds), format!("to train {} steps", run.steps.len())));
    }
    frame::figures(&figures)
}

fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.1} <small>s</small>"),
        seconds if seconds < 5_400.0 => format!("{:.1} <small>min</small>", seconds / 60.0),
        seconds => format!("{:.1} <small>h</small>", seconds / 3_600.0),
    }
}

fn remarks(report: &RunReport) -> String {
    if report.remarks.is_empty() {
        return String::new();
    }
    let items: String = report.remarks.iter().map(|remark| format!("<li>{}</li>", escape(remark))).collect();
    format!(
        r#"<section aria-labelledby="remarks-heading"><h2 id="remarks-heading">Before quoting these numbers</h2><ul>{items}</ul></section>"#
    )
}
