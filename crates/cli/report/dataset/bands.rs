//! Histograms, percentiles and correlations of bands.

use swath_loader::Survey;
use swath_loader::statistics::BandStatistics;

use super::super::svg::escape;
use super::super::training::{decimals, histogram};

/// Histograms and percentiles of the first part, which is that for training where there is one.
pub(super) fn section(survey: &Survey) -> Option<String> {
    let part = survey.parts.first().filter(|part| !part.statistics.bands.is_empty())?;
    let figures: String = part.statistics.bands.iter().map(|band| histogram(&band.into())).collect();
    let rows: String = part.statistics.bands.iter().map(row).collect();
    let head: String = PERCENTILES.iter().map(|percent| format!(r#"<th scope="col">{percent} %</th>"#)).collect();
    Some(format!(
        r#"<p class="note">The {} part, in measured values. The line marks the mean, the bar under it one standard deviation to either side.</p><div class="bands">{figures}</div><details><summary>Percentiles</summary><div class="scroll" tabindex="0" role="region" aria-label="Percentiles of bands"><table><thead><tr><th scope="col">band</th><th scope="col">smallest</th>{head}<th scope="col">largest</th></tr></thead><tbody>{rows}</tbody></table></div></details>"#,
        part.part
    ))
}

const PERCENTILES: [u8; 7] = [1, 5, 25, 50, 75, 95, 99];

fn row(band: &BandStatistics) -> String {
    let digits = decimals(band.mean.abs().max(band.std));
    let values = PERCENTILES.iter().map(|percent| band.percentile(f64::from(*percent)));
    let cells: String = [band.min]
        .into_iter()
        .chain(values)
        .chain([band.max])
        .map(|value| format!("<td>{value:.digits$}</td>"))
        .collect();
    format!(r#"<tr><th scope="row">{}</th>{cells}</tr>"#, escape(&band.name))
}

/// Correlations as a table, darker where they are stronger.
pub(super) fn correlation(survey: &Survey) -> Option<String> {
    if survey.bands.len() < 2 {
        return None;
    }
    let head: String = survey.bands.iter().map(|band| format!(r#"<th scope="col">{}</th>"#, escape(band))).collect();
    let cell = |value: &Option<f64>| match value {
        None => "<td>–</td>".to_owned(),
        Some(value) => {
            let (fill, ink) = super::super::palette::heat(value.abs());
            format!(r#"<td style="background:{fill};color:{ink}">{value:.2}</td>"#)
        }
    };
    let row = |(band, values): (&String, &Vec<Option<f64>>)| {
        format!(r#"<tr><th scope="row">{}</th>{}</tr>"#, escape(band), values.iter().map(cell).collect::<String>())
    };
    let rows: String = survey.bands.iter().zip(&survey.correlation).map(row).collect();
    Some(format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Correlations of bands"><table class="confusion"><caption>Pearson's correlation over all pixels that are valid in every band; the darker, the stronger.</caption><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"#
    ))
}
