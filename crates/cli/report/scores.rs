//! Scores per class: one table per run, and the runs side by side where there are several.

use super::baselines;
use super::figure::{Source, grouped, score};
use super::model::{Class, Run, RunReport};
use super::palette;
use super::svg::{Axis, Chart, escape};
use crate::scores::{ClassScores, Scores};

/// The section, or nothing when no run was evaluated.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let runs = evaluated(report);
    let (&(index, first, scores), others) = runs.split_first()?;
    let mut html = format!(r#"<p class="note">Taken on {}. {}</p>"#, escape(&report.test_data), about(scores));
    html += &table(report, (index, first, scores));
    if !others.is_empty() {
        html += &format!(
            r#"<figure class="narrow">{}{}<figcaption>IoU of each class in each run; the bottom row is their mean.</figcaption></figure>"#,
            dots_legend(&runs),
            dots(report, &runs)
        );
        for other in others {
            html += &format!(
                "<details><summary>Scores of {}</summary>{}</details>",
                escape(&other.1.name),
                table(report, *other)
            );
        }
    }
    Some(html + &baselines::table(report, &runs))
}

/// How intervals and boundary IoU were made.
fn about(scores: &Scores) -> String {
    let intervals = &scores.intervals;
    let boundary =
        format!("Boundary IoU looks {} pixels into each class from where it meets another.", scores.boundary_px);
    match intervals.blocks {
        0 | 1 => format!("All of it lies in one block of ground, so that there are no intervals. {boundary}"),
        blocks => format!(
            "Small numbers are {:.0} % intervals: {} draws of {blocks} blocks of ground, {} pixels wide, with replacement{}. {boundary}",
            100.0 * intervals.level,
            grouped(intervals.replicates as u64),
            intervals.block_px,
            if blocks < FEW_BLOCKS { "; with so few blocks they are rough" } else { "" }
        ),
    }
}

/// Below this many blocks a percentile interval is known to come out too narrow.
const FEW_BLOCKS: usize = 20;

/// The runs that have scores, with their place among all runs.
pub(super) fn evaluated(report: &RunReport) -> Vec<(usize, &Run, &Scores)> {
    let runs = report.runs.iter().enumerate();
    runs.filter_map(|(index, run)| run.scores.as_ref().map(|scores| (index, run, scores))).collect()
}

/// A name for class `index`, also where the report has none.
pub(super) fn class_name(report: &RunReport, index: usize) -> String {
    report.classes.get(index).map_or_else(|| format!("class {index}"), |class| class.name.clone())
}

/// A small square in the colour of class `index`.
pub(super) fn swatch(classes: &[Class], index: usize) -> String {
    let colour = classes.get(index).map_or([0x99; 3], |class| class.colour);
    format!(r#"<span class="swatch" style="background:{}"></span>"#, palette::hex(colour))
}

fn table(report: &RunReport, (run, named, scores): (usize, &Run, &Scores)) -> String {
    let source = Source::of_run(run);
    let rows: String =
        scores.classes.iter().enumerate().map(|(class, own)| row(report, &source, class, own, scores)).collect();
    let intervals = source.at("intervals");
    let ends = &scores.intervals;
    format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Scores of {name}"><table class="wide stack" role="table"><caption><b>{name}</b>: means are over the classes that occur; {ignored} pixels are left out by their label.</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">class</th><th scope="col" role="columnheader">IoU</th><th scope="col" role="columnheader">F1</th><th scope="col" role="columnheader">precision</th><th scope="col" role="columnheader">recall</th><th scope="col" role="columnheader">boundary IoU</th><th scope="col" role="columnheader">pixels</th></tr></thead>
<tbody role="rowgroup">{rows}</tbody>
<tfoot role="rowgroup"><tr role="row"><th scope="row" role="rowheader">mean</th>{miou}{f1}<td class="gap" role="cell"></td><td class="gap" role="cell"></td>{boundary}{pixels}</tr></tfoot></table></div>
<dl class="plain"><div><dt>overall accuracy</dt><dd>{accuracy} {accuracy_ends}</dd></div><div><dt>frequency-weighted IoU</dt><dd>{weighted} {weighted_ends}</dd></div><div><dt>kappa</dt><dd>{kappa} {kappa_ends}</dd></div><div><dt>calibration error</dt><dd>{ece} {ece_ends}</dd></div></dl>"#,
        name = escape(&named.name),
        ignored = source.count("ignored", scores.ignored),
        miou =
            cell("IoU", &(source.score("mean_iou", scores.mean_iou) + &intervals.interval("mean_iou", ends.mean_iou))),
        f1 = cell("F1", &(source.score("mean_f1", scores.mean_f1) + &intervals.interval("mean_f1", ends.mean_f1))),
        boundary = cell(
            "boundary IoU",
            &(source.score("mean_boundary_iou", scores.mean_boundary_iou)
                + &intervals.interval("mean_boundary_iou", ends.mean_boundary_iou))
        ),
        pixels = cell("pixels", &source.count("pixels", scores.pixels)),
        accuracy = source.score("overall_accuracy", scores.overall_accuracy),
        accuracy_ends = intervals.interval("overall_accuracy", ends.overall_accuracy),
        weighted = source.score("frequency_weighted_iou", scores.frequency_weighted_iou),
        weighted_ends = intervals.interval("frequency_weighted_iou", ends.frequency_weighted_iou),
        kappa = source.score("kappa", scores.kappa),
        kappa_ends = intervals.interval("kappa", ends.kappa),
        ece = source.score("expected_calibration_error", scores.expected_calibration_error),
        ece_ends = intervals.interval("expected_calibration_error", ends.expected_calibration_error),
    )
}

/// A cell that says what it holds where the table's head has no room.
pub(super) fn cell(label: &str, content: &str) -> String {
    format!(r#"<td role="cell" data-label="{label}">{content}</td>"#)
}

fn row(report: &RunReport, source: &Source, class: usize, own: &ClassScores, scores: &Scores) -> String {
    let head = format!(
        r#"<tr role="row"><th scope="row" role="rowheader">{}{}</th>"#,
        swatch(&report.classes, class),
        escape(&class_name(report, class))
    );
    let metrics = &own.metrics;
    if metrics.iou.is_none() {
        return format!(
            r#"{head}<td class="absent" role="cell" colspan="6">absent from truth and prediction; not in the mean</td></tr>"#
        );
    }
    let (at, ends_at) = (source.at("classes").at(class), source.at("intervals").at("classes").at(class));
    let ends = scores.intervals.classes.get(class).copied().unwrap_or_default();
    let with = |key: &str, value, ends| at.score(key, value) + &ends_at.interval(key, ends);
    let cells = [
        cell("IoU", &format!("<b>{}</b>{}", at.score("iou", metrics.iou), ends_at.interval("iou", ends.iou))),
        cell("F1", &with("f1", metrics.f1, ends.f1)),
        cell("precision", &with("precision", metrics.precision, ends.precision)),
        cell("recall", &with("recall", metrics.recall, ends.recall)),
        cell("boundary IoU", &with("boundary_iou", own.boundary_iou, ends.boundary_iou)),
        cell("pixels", &at.count("support", metrics.support)),
    ];
    format!("{head}{}</tr>", cells.concat())
}

const ROW: f64 = 26.0;

/// One row per class and one for the mean; a mark per run, joined by a line.
fn dots(report: &RunReport, runs: &[(usize, &Run, &Scores)]) -> String {
    let classes = runs.iter().map(|(_, _, scores)| scores.classes.len()).max().unwrap_or(0);
    let height = 40.0 + ROW * (classes + 1) as f64;
    let x = Axis::exact(0.0, 1.0, 5);
    let mut chart = Chart::new(x, Axis::exact(0.0, 1.0, 1), [380.0, height], [86.0, 0.0, 12.0, 40.0]);
    chart.lower_axis("IoU");
    for row in 0..=classes {
        let y = ROW * (row as f64 + 0.5);
        let value = |scores: &Scores| match row == classes {
            true => scores.mean_iou,
            false => scores.classes.get(row).and_then(|class| class.metrics.iou),
        };
        let name = if row == classes { "mean".to_owned() } else { class_name(report, row) };
        let weight = if row == classes { r#" font-weight="650""# } else { "" };
        chart.add(&format!(r#"<text x="76" y="{:.1}" text-anchor="end"{weight}>{}</text>"#, y + 4.0, escape(&name)));
        let (left, right) = (chart.px(0.0), chart.px(1.0));
        chart.add(&format!(r#"<line class="grid" x1="{left:.1}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/>"#));
        let marks: Vec<(usize, f64)> =
            runs.iter().filter_map(|(index, _, scores)| value(scores).map(|value| (*index, value))).collect();
        let (low, high) =
            marks.iter().fold((1.0f64, 0.0f64), |(low, high), (_, value)| (low.min(*value), high.max(*value)));
        if low < high {
            let (from, to) = (chart.px(low), chart.px(high));
            chart.add(&format!(
                r##"<line x1="{from:.1}" x2="{to:.1}" y1="{y:.1}" y2="{y:.1}" stroke="#8c959f" stroke-width="2"/>"##
            ));
        }
        for (index, value) in marks.iter().rev() {
            let x = chart.px(*value);
            chart.add(&mark(*index, x, y, &format!("{name}: {value:.3}")));
        }
    }
    let named: Vec<String> =
        runs.iter().map(|(_, run, scores)| format!("{} has a mean of {}", run.name, score(scores.mean_iou))).collect();
    chart.finish("IoU by class and run", &named.join("; "))
}

fn dots_legend(runs: &[(usize, &Run, &Scores)]) -> String {
    let items: String = runs
        .iter()
        .map(|(index, run, _)| {
            format!(
                r#"<li><svg viewBox="0 0 16 16" style="width:1rem" aria-hidden="true">{}</svg>{}</li>"#,
                mark(*index, 8.0, 8.0, ""),
                escape(&run.name)
            )
        })
        .collect();
    format!(r#"<ul class="legend" aria-label="Runs">{items}</ul>"#)
}

/// The mark of a run: its colour and, so that colour is not all, its shape.
fn mark(index: usize, x: f64, y: f64, hint: &str) -> String {
    let (colour, _) = palette::line(index);
    let hint = if hint.is_empty() { String::new() } else { format!("<title>{}</title>", escape(hint)) };
    match index % 3 {
        0 => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="5.5" fill="{colour}">{hint}</circle>"#),
        1 => format!(
            r#"<path d="M{x:.1} {:.1}l5.6 5.6l-5.6 5.6l-5.6-5.6z" fill="white" stroke="{colour}" stroke-width="2.2">{hint}</path>"#,
            y - 5.6
        ),
        _ => format!(
            r#"<rect x="{:.1}" y="{:.1}" width="9" height="9" fill="{colour}" fill-opacity=".45" stroke="{colour}" stroke-width="1.6">{hint}</rect>"#,
            x - 4.5,
            y - 4.5
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swath_train::ClassMetrics;

    #[test]
    fn an_absent_class_is_said_to_be_absent() {
        let metrics = ClassMetrics { iou: None, f1: None, precision: None, recall: None, support: 0, predicted: 0 };
        let own = ClassScores { name: "x".into(), metrics, boundary_iou: None };
        let row = row(&RunReport::default(), &Source::of_run(0), 4, &own, &Scores::default());
        assert!(row.contains("absent from truth and prediction") && row.contains("class 4"), "{row}");
    }
}
