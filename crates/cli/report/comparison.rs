//! Several runs in one table: how they score, and how surely one is better than another.

use super::figure::{Source, signed};
use super::model::{Run, RunReport};
use super::scores::{cell, evaluated};
use super::svg::escape;
use crate::scores::Scores;

/// The section, or nothing with fewer than two runs.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let runs = evaluated(report);
    let first = runs.first().filter(|_| runs.len() > 1)?;
    let rows: String = runs.iter().map(|(index, run, scores)| row(*index, run, scores)).collect();
    Some(format!(
        r#"<p class="note">All on the same ground. Differences are in mean IoU from {}; their intervals draw the same blocks of ground for both, so that an interval without 0 says that one is better on such ground.</p><div class="scroll" tabindex="0" role="region" aria-label="Runs side by side"><table class="wide stack" role="table"><thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">run</th><th scope="col" role="columnheader">mean IoU</th><th scope="col" role="columnheader">difference</th><th scope="col" role="columnheader">overall accuracy</th><th scope="col" role="columnheader">boundary IoU</th><th scope="col" role="columnheader">calibration error</th></tr></thead><tbody role="rowgroup">{rows}</tbody></table></div>"#,
        escape(&first.1.name)
    ))
}

fn row(index: usize, run: &Run, scores: &Scores) -> String {
    let (source, ends) = (Source::of_run(index), &scores.intervals);
    let at = source.at("intervals");
    let difference = run.difference.map_or("–".to_owned(), |(difference, interval)| {
        let ends = interval
            .map_or_else(String::new, |[low, high]| format!("<small>{} to {}</small>", signed(low), signed(high)));
        signed(difference) + &ends
    });
    let cells = [
        cell("mean IoU", &(source.score("mean_iou", scores.mean_iou) + &at.interval("mean_iou", ends.mean_iou))),
        cell("difference", &difference),
        cell(
            "overall accuracy",
            &(source.score("overall_accuracy", scores.overall_accuracy)
                + &at.interval("overall_accuracy", ends.overall_accuracy)),
        ),
        cell("boundary IoU", &source.score("mean_boundary_iou", scores.mean_boundary_iou)),
        cell("calibration error", &source.score("expected_calibration_error", scores.expected_calibration_error)),
    ];
    format!(r#"<tr role="row"><th scope="row" role="rowheader">{}</th>{}</tr>"#, escape(&run.name), cells.concat())
}
