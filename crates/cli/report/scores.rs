//! Scores per class: one table per run, and the runs side by side where there are several.

use super::model::{Class, ClassScore, Evaluation, Run, RunReport};
use super::palette;
use super::svg::{Axis, Chart, escape};

/// The section, or nothing when no run was evaluated.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let runs = evaluated(report);
    let ((_, first, scores), others) = runs.split_first()?;
    let mut html = format!(r#"<p class="note">Taken on {}.</p>"#, escape(&report.test_data));
    if others.is_empty() {
        html += &table(report, first, scores);
        return Some(html);
    }
    html += &format!(
        r#"<div class="pair"><div>{}</div><figure>{}{}<figcaption>IoU of each class in each run; the bottom row is their mean. Classes are ordered as in the table.</figcaption></figure></div>"#,
        table(report, first, scores),
        dots_legend(&runs),
        dots(report, &runs)
    );
    for (_, run, scores) in others {
        html += &format!(
            "<details><summary>Scores of {}</summary>{}</details>",
            escape(&run.name),
            table(report, run, scores)
        );
    }
    Some(html)
}

/// The runs that have scores, with their place among all runs.
pub(super) fn evaluated(report: &RunReport) -> Vec<(usize, &Run, &Evaluation)> {
    let runs = report.runs.iter().enumerate();
    runs.filter_map(|(index, run)| run.evaluation.as_ref().map(|evaluation| (index, run, evaluation))).collect()
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

/// Digits in groups of three.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join("\u{202f}")
}

/// A score with three decimals, or a dash where it is not defined.
pub(super) fn score(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

fn table(report: &RunReport, run: &Run, evaluation: &Evaluation) -> String {
    let rows: String = evaluation.scores.iter().enumerate().map(|(class, scores)| row(report, class, scores)).collect();
    let labelled: u64 = evaluation.scores.iter().map(|scores| scores.support).sum();
    format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Scores of {name}"><table class="wide"><caption><b>{name}</b>: mIoU is the mean over the classes that occur; {ignored} pixels are left out by their label.</caption>
<thead><tr><th scope="col">class</th><th scope="col">IoU</th><th scope="col">F1</th><th scope="col">precision</th><th scope="col">recall</th><th scope="col">pixels</th></tr></thead>
<tbody>{rows}</tbody>
<tfoot><tr><th scope="row">mIoU</th><td>{miou}</td><td colspan="3">overall accuracy {accuracy}</td><td>{labelled}</td></tr></tfoot></table></div>"#,
        name = escape(&run.name),
        ignored = grouped(evaluation.ignored_pixels),
        miou = score(evaluation.miou),
        accuracy = score(evaluation.overall_accuracy),
        labelled = grouped(labelled)
    )
}

fn row(report: &RunReport, class: usize, scores: &ClassScore) -> String {
    let head =
        format!(r#"<tr><th scope="row">{}{}</th>"#, swatch(&report.classes, class), escape(&class_name(report, class)));
    match scores.iou {
        None => format!(
            r#"{head}<td class="absent" colspan="5">absent from truth and prediction; not in the mean</td></tr>"#
        ),
        Some(_) => format!(
            "{head}<td><b>{}</b></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            score(scores.iou),
            score(scores.f1),
            score(scores.precision),
            score(scores.recall),
            grouped(scores.support)
        ),
    }
}

const ROW: f64 = 26.0;

/// One row per class and one for the mean; a mark per run, joined by a line.
fn dots(report: &RunReport, runs: &[(usize, &Run, &Evaluation)]) -> String {
    let classes = runs.iter().map(|(_, _, evaluation)| evaluation.scores.len()).max().unwrap_or(0);
    let height = 40.0 + ROW * (classes + 1) as f64;
    let x = Axis::exact(0.0, 1.0, 5);
    let mut chart = Chart::new(x, Axis::exact(0.0, 1.0, 1), [380.0, height], [86.0, 0.0, 12.0, 40.0]);
    chart.lower_axis("IoU");
    for row in 0..=classes {
        let y = ROW * (row as f64 + 0.5);
        let value = |evaluation: &Evaluation| match row == classes {
            true => evaluation.miou,
            false => evaluation.scores.get(row).and_then(|scores| scores.iou),
        };
        let name = if row == classes { "mean".to_owned() } else { class_name(report, row) };
        let weight = if row == classes { r#" font-weight="650""# } else { "" };
        chart.add(&format!(r#"<text x="76" y="{:.1}" text-anchor="end"{weight}>{}</text>"#, y + 4.0, escape(&name)));
        let (left, right) = (chart.px(0.0), chart.px(1.0));
        chart.add(&format!(r#"<line class="grid" x1="{left:.1}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/>"#));
        let marks: Vec<(usize, f64)> =
            runs.iter().filter_map(|(index, _, evaluation)| value(evaluation).map(|value| (*index, value))).collect();
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
    let named: Vec<String> = runs
        .iter()
        .map(|(_, run, evaluation)| format!("{} has a mean of {}", run.name, score(evaluation.miou)))
        .collect();
    chart.finish("IoU by class and run", &named.join("; "))
}

fn dots_legend(runs: &[(usize, &Run, &Evaluation)]) -> String {
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

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn an_absent_class_is_said_to_be_absent() {
        let row = row(&RunReport::default(), 4, &ClassScore::default());
        assert!(row.contains("absent from truth and prediction") && row.contains("class 4"), "{row}");
    }
}
