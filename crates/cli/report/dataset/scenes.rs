//! Every image against all others, those that differ most first.

use super::super::figure::grouped;
use super::super::palette::heat;
use super::super::svg::escape;
use super::DatasetReport;

/// Images shown; the rest stand in `scenes.csv`.
const SHOWN: usize = 40;
/// A shift of so many deviations is drawn darkest.
const DARKEST: f64 = 4.0;

/// The section, or nothing without images.
pub(super) fn section(report: &DatasetReport<'_>) -> Option<String> {
    let survey = report.survey;
    let furthest = |index: usize| {
        report.shifts.get(index).into_iter().flatten().flatten().fold(0.0_f64, |most, shift| most.max(shift.abs()))
    };
    let mut order: Vec<usize> = (0..survey.scenes.len()).collect();
    order.sort_by(|a, b| furthest(*b).total_cmp(&furthest(*a)));
    if order.is_empty() {
        return None;
    }
    let head: String = survey.bands.iter().map(|band| format!(r#"<th scope="col">{}</th>"#, escape(band))).collect();
    let rows: String = order.iter().take(SHOWN).map(|&index| row(report, index)).collect();
    let more = if order.len() > SHOWN {
        format!(" {} more stand in scenes.csv.", grouped((order.len() - SHOWN) as u64))
    } else {
        String::new()
    };
    Some(format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Images against the rest"><table class="confusion"><caption>How far the mean of each band lies from that of all other images, in their standard deviations; the darker, the further.{more}</caption><thead><tr><th scope="col" style="text-align:left">image</th><th scope="col">parts</th><th scope="col">labelled</th><th scope="col">nodata</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"#
    ))
}

fn row(report: &DatasetReport<'_>, index: usize) -> String {
    let scene = &report.survey.scenes[index];
    let share = |count: u64| 100.0 * count as f64 / scene.pixels.max(1) as f64;
    let parts: Vec<String> = scene.parts.iter().map(ToString::to_string).collect();
    let cell = |shift: &Option<f64>| match shift {
        None => "<td>–</td>".to_owned(),
        Some(shift) => {
            let (fill, ink) = heat(shift.abs() / DARKEST);
            format!(r#"<td style="background:{fill};color:{ink}">{shift:+.1}</td>"#)
        }
    };
    let cells: String = report.shifts.get(index).into_iter().flatten().map(cell).collect();
    format!(
        r#"<tr><th scope="row" class="path" style="text-align:left">{}</th><td>{}</td><td>{:.1} %</td><td>{:.1} %</td>{cells}</tr>"#,
        escape(&scene.id),
        parts.join(" "),
        share(scene.class_pixels.iter().sum()),
        share(scene.invalid_px)
    )
}
