//! What the network was trained on: how often each class occurs, and how each band's values are spread.

use swath_loader::statistics::BandStatistics;

use super::figure::grouped;
use super::model::{BandHistogram, RunReport, TrainingData};
use super::scores::{class_name, swatch};
use super::svg::{Axis, Chart, escape};

impl From<&BandStatistics> for BandHistogram {
    fn from(band: &BandStatistics) -> Self {
        Self {
            name: band.name.clone(),
            note: String::new(),
            range: [band.histogram.min, band.histogram.max],
            counts: band.histogram.buckets.clone(),
            mean: band.mean,
            std: band.std,
        }
    }
}

/// The section, or nothing without statistics.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let data = &report.training_data;
    if data.bands.is_empty() && data.class_pixels.is_empty() {
        return None;
    }
    let mut html = format!(r#"<p class="note">{}</p>"#, escape(&data.caption));
    if !data.class_pixels.is_empty() {
        html += &shares(report, data);
    }
    if !data.bands.is_empty() {
        let bands: String = data.bands.iter().map(histogram).collect();
        html += &format!(
            r#"<h3>Values by band</h3><p class="note">Share of the pixels per bin. The line marks the mean, the bar under it one standard deviation to either side.</p><div class="bands">{bands}</div>"#
        );
    }
    Some(html)
}

fn shares(report: &RunReport, data: &TrainingData) -> String {
    let total: u64 = data.class_pixels.iter().sum();
    let widest = data.class_pixels.iter().copied().max().unwrap_or(0).max(1);
    let rows: String = data
        .class_pixels
        .iter()
        .enumerate()
        .map(|(class, &pixels)| {
            format!(
                r#"<tr><th scope="row">{}{}</th><td>{:.1} %</td><td>{}</td><td class="bar" aria-hidden="true"><span class="track"><i style="width:{:.1}%"></i></span></td></tr>"#,
                swatch(&report.classes, class),
                escape(&class_name(report, class)),
                100.0 * pixels as f64 / total.max(1) as f64,
                grouped(pixels),
                100.0 * pixels as f64 / widest as f64
            )
        })
        .collect();
    format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Class shares"><table class="wide"><caption>Class shares among {} labelled pixels; {} more are left out by their label.</caption><thead><tr><th scope="col">class</th><th scope="col">share</th><th scope="col">pixels</th><th aria-hidden="true"></th></tr></thead><tbody>{rows}</tbody></table></div>"#,
        grouped(total),
        grouped(data.ignored_pixels)
    )
}

pub(super) fn histogram(band: &BandHistogram) -> String {
    let [low, high] = band.range;
    let total = band.counts.iter().sum::<u64>().max(1) as f64;
    let top = band.counts.iter().copied().max().unwrap_or(0) as f64 / total;
    let y = Axis::exact(0.0, if top > 0.0 { top } else { 1.0 }, 2);
    let mut chart = Chart::new(Axis::exact(low, high, 3), y, [180.0, 104.0], [4.0, 4.0, 4.0, 22.0]);
    let width = (high - low) / band.counts.len().max(1) as f64;
    let base = chart.py(0.0);
    let mut outline = format!("M{:.1} {base:.1}", chart.px(low));
    for (bin, &count) in band.counts.iter().enumerate() {
        let height = chart.py(count as f64 / total);
        let (from, to) = (chart.px(low + bin as f64 * width), chart.px(low + (bin + 1) as f64 * width));
        outline += &format!("L{from:.1} {height:.1}L{to:.1} {height:.1}");
    }
    outline += &format!("L{:.1} {base:.1}Z", chart.px(low + band.counts.len() as f64 * width));
    chart.add(&format!(r##"<path d="{outline}" fill="#9db8d3"/>"##));
    let clamp = |value: f64| value.clamp(low, high.max(low));
    let (mean, from, to) =
        (chart.px(clamp(band.mean)), chart.px(clamp(band.mean - band.std)), chart.px(clamp(band.mean + band.std)));
    chart.add(&format!(
        r##"<path d="M{mean:.1} 4V{base:.1}" stroke="#1b1f24" stroke-width="1.2"/><path d="M{from:.1} {base:.1}H{to:.1}" stroke="#1b1f24" stroke-width="3.5"/>"##
    ));
    chart.lower_axis("");
    let note = if band.note.is_empty() { String::new() } else { format!(", {}", escape(&band.note)) };
    let decimals = decimals(band.mean.abs().max(band.std));
    let text = format!("mean {:.decimals$}, standard deviation {:.decimals$}", band.mean, band.std);
    format!(
        "<figure>{}<figcaption><b>{}</b>{note}<br>{:.decimals$} ± {:.decimals$}</figcaption></figure>",
        chart.finish(&format!("Histogram of band {}", band.name), &text),
        escape(&band.name),
        band.mean,
        band.std
    )
}

/// Decimals that show four digits of `value`, and no more of what stands beside it.
pub(super) fn decimals(value: f64) -> usize {
    match value.log10() {
        power if power.is_finite() => (3.0 - power.floor()).clamp(0.0, 9.0) as usize,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_reflectances_show_four_digits() {
        assert_eq!([1712.2, 0.0536, 1.0, 0.0].map(decimals), [0, 5, 3, 0]);
    }

    #[test]
    fn a_band_of_one_value_or_none_still_draws() {
        for counts in [vec![], vec![0, 0], vec![5]] {
            let band = BandHistogram { name: "B02".into(), range: [0.3, 0.3], counts, ..BandHistogram::default() };
            assert!(!histogram(&band).contains("NaN"), "{band:?}");
        }
    }
}
