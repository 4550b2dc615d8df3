//! The networks beside answers that need none.

use super::figure::Source;
use super::model::{Run, RunReport};
use super::scores::{cell, class_name, swatch};
use super::svg::escape;
use crate::scores::{Brief, Scores};

/// One row a network, then the answers without one, then in words where other dates are.
pub(super) fn table(report: &RunReport, runs: &[(usize, &Run, &Scores)]) -> String {
    let Some(&(index, first, scores)) = runs.first() else { return String::new() };
    let (source, baselines) = (Source::of_run(index), &scores.baselines);
    let head: String = (0..scores.classes.len())
        .map(|class| {
            format!(
                r#"<th scope="col" role="columnheader">{}{}</th>"#,
                swatch(&report.classes, class),
                escape(&class_name(report, class))
            )
        })
        .collect();
    let mut rows: String = runs.iter().map(|(index, run, scores)| of_network(report, *index, run, scores)).collect();
    if let Some(constant) = &baselines.constant {
        rows += &row(report, &constant.name, &source.at("baselines").at("constant"), &constant.brief);
    }
    if let Some(other) = &baselines.other_date {
        let at = source.at("baselines");
        rows += &row(report, &other.name, &at.at("other_date"), &other.brief);
        if let Some(there) = baselines.network_there.as_ref().filter(|there| there.pixels < scores.pixels) {
            rows += &row(report, &format!("{} on the same pixels", first.name), &at.at("network_there"), there);
        }
    }
    format!(
        r#"<h3>Beside answers without a network</h3><p class="note">{} No constant answer is right more often than the commonest class; the label of another date is that of the image nearest in time.</p><div class="scroll" tabindex="0" role="region" aria-label="Answers without a network"><table class="wide stack" role="table"><thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">answer</th><th scope="col" role="columnheader">mean IoU</th><th scope="col" role="columnheader">overall accuracy</th><th scope="col" role="columnheader">kappa</th>{head}</tr></thead><tbody role="rowgroup">{rows}</tbody></table></div>"#,
        escape(&baselines.remark)
    )
}

fn of_network(report: &RunReport, index: usize, run: &Run, scores: &Scores) -> String {
    let source = Source::of_run(index);
    let ious: String = (scores.classes.iter().enumerate())
        .map(|(class, own)| {
            cell(&escape(&class_name(report, class)), &source.at("classes").at(class).score("iou", own.metrics.iou))
        })
        .collect();
    line(
        &format!("<b>{}</b>", escape(&run.name)),
        &[
            cell("mean IoU", &source.score("mean_iou", scores.mean_iou)),
            cell("overall accuracy", &source.score("overall_accuracy", scores.overall_accuracy)),
            cell("kappa", &source.score("kappa", scores.kappa)),
            ious,
        ],
    )
}

fn row(report: &RunReport, name: &str, source: &Source, brief: &Brief) -> String {
    let ious: String = (brief.iou.iter().enumerate())
        .map(|(class, iou)| {
            cell(&escape(&class_name(report, class)), &source.at("iou").score(&class.to_string(), *iou))
        })
        .collect();
    line(
        &escape(name),
        &[
            cell("mean IoU", &source.score("mean_iou", brief.mean_iou)),
            cell("overall accuracy", &source.score("overall_accuracy", brief.overall_accuracy)),
            cell("kappa", &source.score("kappa", brief.kappa)),
            ious,
        ],
    )
}

/// `name` is markup already.
fn line(name: &str, cells: &[String]) -> String {
    format!(r#"<tr role="row"><th scope="row" role="rowheader">{name}</th>{}</tr>"#, cells.concat())
}
