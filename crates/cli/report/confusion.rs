//! Confusion matrices as tables: counts, and the share of the row as shade and percentage.

use super::figure::grouped;
use super::model::{Run, RunReport};
use super::palette;
use super::scores::{class_name, evaluated, swatch};
use super::svg::escape;
use crate::scores::Scores;

/// The section, or nothing when no run was evaluated.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let runs = evaluated(report);
    if runs.is_empty() {
        return None;
    }
    let tables: String = runs.iter().map(|(_, run, scores)| table(report, run, scores)).collect();
    Some(format!(
        r#"<p class="note">Rows are the truth, columns the prediction. Each cell gives the share of its row, which also sets its shade, and the number of pixels.</p><div class="pair matrices">{tables}</div>"#
    ))
}

fn table(report: &RunReport, run: &Run, scores: &Scores) -> String {
    let classes = scores.confusion.len();
    let head: String = (0..classes)
        .map(|class| {
            let name = escape(&class_name(report, class));
            format!(r#"<th scope="col">{}<br>{name}</th>"#, swatch(&report.classes, class))
        })
        .collect();
    let rows: String = scores.confusion.iter().enumerate().map(|(truth, counts)| row(report, truth, counts)).collect();
    format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix of {name}"><table class="confusion"><caption><b>{name}</b></caption><thead><tr><th class="side" scope="col">truth ↓ prediction →</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"#,
        name = escape(&run.name)
    )
}

fn row(report: &RunReport, truth: usize, counts: &[u64]) -> String {
    let total: u64 = counts.iter().sum();
    let cells: String = counts.iter().map(|&count| cell(count, total)).collect();
    format!(r#"<tr><th scope="row">{}</th>{cells}</tr>"#, escape(&class_name(report, truth)))
}

fn cell(count: u64, total: u64) -> String {
    if total == 0 {
        return r#"<td class="absent">–</td>"#.to_owned();
    }
    let share = count as f64 / total as f64;
    let (fill, ink) = palette::heat(share);
    let percent = match share * 100.0 {
        percent if count > 0 && percent < 0.1 => "&lt;0.1".to_owned(),
        percent => format!("{percent:.1}"),
    };
    format!(r#"<td style="background:{fill};color:{ink}">{percent} %<small>{}</small></td>"#, grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_shares_and_counts() {
        let row = row(&RunReport::default(), 0, &[3, 1, 0]);
        assert!(row.contains("75.0 %<small>3</small>") && row.contains("0.0 %<small>0</small>"), "{row}");
    }

    #[test]
    fn a_class_without_truth_has_no_shares() {
        assert!(cell(0, 0).contains('–'));
    }

    #[test]
    fn a_rare_confusion_is_not_rounded_away() {
        assert!(cell(1, 1_000_000).contains("&lt;0.1 %"));
    }
}
