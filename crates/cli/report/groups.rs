//! Scores by image and by collection, the worst first.

use super::figure::{Source, grouped};
use super::model::RunReport;
use super::scores::{cell, evaluated};
use super::svg::escape;
use crate::scores::Group;

/// Images shown; the rest stand in `metrics.json`.
const SHOWN: usize = 30;

/// The section of the first run, or nothing where all is one image.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let (index, run, scores) = evaluated(report).into_iter().next()?;
    let source = Source::of_run(index);
    let mut html = String::new();
    if scores.collections.len() > 1 {
        html += &table("Collections", "collection", &scores.collections, &source.at("collections"));
    }
    if scores.scenes.len() > 1 {
        html += &table("Images", "image", &scores.scenes, &source.at("scenes"));
    }
    let of_several = if report.runs.len() > 1 { format!(" of {}", escape(&run.name)) } else { String::new() };
    (!html.is_empty()).then(|| {
        format!(r#"<p class="note">Scores{of_several}, the lowest mean IoU first. Small numbers are 95 % intervals; images of a single block of ground have none.</p>{html}"#)
    })
}

fn table(heading: &str, kind: &str, groups: &[Group], source: &Source) -> String {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let rank = |index: &usize| groups[*index].brief.mean_iou.unwrap_or(f64::INFINITY);
    order.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let rows: String = order.iter().take(SHOWN).map(|&index| row(&groups[index], &source.at(index))).collect();
    let more = match order.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("<caption>{} more stand in metrics.json.</caption>", grouped(more as u64)),
    };
    format!(
        r#"<h3>{heading}</h3><div class="scroll" tabindex="0" role="region" aria-label="{heading}"><table class="wide stack" role="table">{more}<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">{kind}</th><th scope="col" role="columnheader">mean IoU</th><th scope="col" role="columnheader">overall accuracy</th><th scope="col" role="columnheader">boundary IoU</th><th scope="col" role="columnheader">calibration error</th><th scope="col" role="columnheader">pixels</th></tr></thead><tbody role="rowgroup">{rows}</tbody></table></div>"#
    )
}

fn row(group: &Group, source: &Source) -> String {
    let date = group.datetime.map_or_else(String::new, |at| format!("<small>{}</small>", at.format("%Y-%m-%d")));
    let id = group.id.as_deref().unwrap_or("no collection");
    let brief = &group.brief;
    let cells = [
        cell(
            "mean IoU",
            &(source.score("mean_iou", brief.mean_iou)
                + &source.interval("mean_iou_interval", group.mean_iou_interval)),
        ),
        cell(
            "overall accuracy",
            &(source.score("overall_accuracy", brief.overall_accuracy)
                + &source.interval("overall_accuracy_interval", group.overall_accuracy_interval)),
        ),
        cell("boundary IoU", &source.score("mean_boundary_iou", group.mean_boundary_iou)),
        cell("calibration error", &source.score("expected_calibration_error", group.expected_calibration_error)),
        cell("pixels", &source.count("pixels", brief.pixels)),
    ];
    format!(
        r#"<tr role="row"><th scope="row" role="rowheader" class="path">{}{date}</th>{}</tr>"#,
        escape(id),
        cells.concat()
    )
}
