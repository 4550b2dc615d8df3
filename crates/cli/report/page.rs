//! The page: its frame, its headline figures, and its sections in order.

use anyhow::Result;

use super::model::RunReport;
use super::scores::{evaluated, grouped, score};
use super::svg::escape;
use super::{confusion, curves, provenance, samples, scores, training};

const STYLE: &str = include_str!("style.css");

/// The whole page. It loads nothing: its policy forbids everything but inline style and `data:` pictures.
///
/// # Errors
/// When a picture's parts do not fit together.
pub(super) fn html(report: &RunReport) -> Result<String> {
    let sections = [
        ("scores", "Scores on unseen data", scores::section(report)),
        ("samples", "Image, truth and prediction", samples::section(report)?),
        ("confusion", "What is taken for what", confusion::section(report)),
        ("learning", "Learning", curves::section(report)),
        ("data", "Training data", training::section(report)),
        ("provenance", "How the run was made", provenance::section(report)),
    ];
    let mut links = String::new();
    let mut body = String::new();
    for (id, heading, content) in sections {
        if let Some(content) = content {
            links += &format!(r##"<li><a href="#{id}">{heading}</a></li>"##);
            body += &format!(
                r#"<section id="{id}" aria-labelledby="{id}-heading"><h2 id="{id}-heading">{heading}</h2>{content}</section>"#
            );
        }
    }
    let (title, version) = (escape(&report.title), env!("CARGO_PKG_VERSION"));
    Ok(format!(
        r##"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
{STYLE}</style></head><body><div class="page"><a class="skip" href="#main">Skip to the results</a>
<header><p class="kicker">swath report · {made_at}</p><h1>{title}</h1><p class="summary">{summary}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav></header>
<main id="main">{figures}{body}{remarks}</main>
<footer>Made by swath {version}, {made_at}. This page is complete in itself and loads nothing.</footer></div></body></html>
"##,
        made_at = escape(&report.made_at),
        summary = escape(&report.summary),
        figures = figures(report),
        remarks = remarks(report)
    ))
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
    if figures.is_empty() {
        return String::new();
    }
    let items: String =
        figures.iter().map(|(value, name)| format!("<div><dt>{}</dt><dd>{value}</dd></div>", escape(name))).collect();
    format!(r#"<dl class="figures" aria-label="Main figures">{items}</dl>"#)
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
