//! The page of a run: its headline figures, and its sections in order.

use anyhow::Result;

use super::frame::{self, Frame};
use super::model::RunReport;
use super::scores::{evaluated, grouped, score};
use super::svg::escape;
use super::{confusion, curves, provenance, samples, scores, training};

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
            ("scores", "Scores on unseen data", scores::section(report)),
            ("samples", "Image, truth and prediction", samples::section(report)?),
            ("confusion", "What is taken for what", confusion::section(report)),
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
    let mut figures: Vec<(String, String)> =
        runs.iter().map(|(_, run, evaluation)| (score(evaluation.miou), format!("mIoU, {}", run.name))).collect();
    if let [(_, first, a), (_, second, b)] = runs.as_slice()
        && let (Some(a), Some(b)) = (a.miou, b.miou)
    {
        figures.push((format!("{:+.3}", a - b), format!("mIoU of {} over {}", first.name, second.name)));
    }
    if let Some((_, run, evaluation)) = runs.first() {
        figures.push((score(evaluation.overall_accuracy), format!("overall accuracy, {}", run.name)));
        let pixels: u64 = evaluation.scores.iter().map(|scores| scores.support).sum();
        figures.push((grouped(pixels), "labelled pixels judged".to_owned()));
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
