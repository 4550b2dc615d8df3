//! Reliability diagrams: how often a run is right where it is so confident.

use super::figure::{Source, score};
use super::model::{Run, RunReport};
use super::palette;
use super::scores::evaluated;
use super::svg::{Axis, Chart, escape};
use crate::scores::Scores;

const SIZE: [f64; 2] = [380.0, 300.0];
const MARGIN: [f64; 4] = [38.0, 30.0, 10.0, 36.0];

/// The section, or nothing where no confidence was counted.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let runs = evaluated(report);
    let counted = |(_, _, scores): &&(usize, &Run, &Scores)| scores.reliability.iter().any(|bin| bin.pixels > 0);
    let figures: String = runs.iter().filter(counted).map(|(index, run, scores)| figure(*index, run, scores)).collect();
    (!figures.is_empty()).then(|| {
        format!(
            r#"<p class="note">Each bar is the share of pixels that are right among those of like confidence; on the dashed line a run is right exactly as often as it says. Below it the run is too sure of itself. Under the bars: where the pixels are; faint bars hold fewer than one in a thousand of them.</p><div class="pair">{figures}</div>"#
        )
    })
}

fn figure(index: usize, run: &Run, scores: &Scores) -> String {
    let source = Source::of_run(index);
    let rows: String = scores
        .reliability
        .iter()
        .enumerate()
        .filter(|(_, bin)| bin.pixels > 0)
        .map(|(at, bin)| {
            let source = source.at("reliability").at(at);
            format!(
                r#"<tr><th scope="row">{:.2} – {:.2}</th><td>{}</td><td>{}</td><td>{}</td></tr>"#,
                bin.from,
                bin.to,
                source.score("confidence", bin.confidence),
                source.score("accuracy", bin.accuracy),
                source.count("pixels", bin.pixels)
            )
        })
        .collect();
    format!(
        r#"<figure class="reliability">{}<figcaption><b>{}</b>: expected calibration error {}</figcaption><details><summary>The same as a table</summary><table class="wide"><thead><tr><th scope="col">confidence</th><th scope="col">mean</th><th scope="col">right</th><th scope="col">pixels</th></tr></thead><tbody>{rows}</tbody></table></details></figure>"#,
        diagram(index, run, scores),
        escape(&run.name),
        source.score("expected_calibration_error", scores.expected_calibration_error)
    )
}

fn diagram(index: usize, run: &Run, scores: &Scores) -> String {
    let (colour, _) = palette::line(index);
    // Room under 0 for where the pixels are.
    let (x, mut y) = (Axis::exact(0.0, 1.0, 5), Axis::exact(0.0, 1.0, 5));
    y.low = -0.14;
    let mut chart = Chart::new(x, y, SIZE, MARGIN);
    chart.horizontal_grid("share that is right");
    chart.lower_axis("confidence");
    let most = scores.reliability.iter().map(|bin| bin.pixels).max().unwrap_or(0).max(1) as f64;
    let all: u64 = scores.reliability.iter().map(|bin| bin.pixels).sum();
    for bin in scores.reliability.iter().filter(|bin| bin.pixels > 0) {
        let (fill, opacity) = if 1000 * bin.pixels < all { (".08", ".3") } else { (".35", "1") };
        let (Some(accuracy), Some(confidence)) = (bin.accuracy, bin.confidence) else { continue };
        let (left, right) = (chart.px(bin.from) + 1.0, chart.px(bin.to) - 1.0);
        let (top, base, said) = (chart.py(accuracy), chart.py(0.0), chart.py(confidence));
        let title = format!("{:.2} to {:.2}: {accuracy:.3} right, {confidence:.3} confident", bin.from, bin.to);
        chart.add(&format!(
            r#"<rect x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}" fill="{colour}" fill-opacity="{fill}" stroke="{colour}" stroke-opacity="{opacity}"><title>{title}</title></rect>"#,
            right - left,
            base - top
        ));
        // How far the confidence is from it.
        let middle = chart.px(confidence.clamp(bin.from, bin.to));
        chart.add(&format!(
            r##"<path d="M{middle:.1} {top:.1}V{said:.1}" stroke="#a43c00" stroke-width="2.5" opacity="{opacity}"/>"##
        ));
        let height = 0.12 * bin.pixels as f64 / most;
        let (low, up) = (chart.py(-0.14), chart.py(-0.14 + height));
        chart.add(&format!(
            r##"<rect x="{left:.1}" y="{up:.1}" width="{:.1}" height="{:.1}" fill="#57606a"/>"##,
            right - left,
            low - up
        ));
    }
    let diagonal = [(0.0, 0.0), (1.0, 1.0)];
    chart.line(diagonal.into_iter(), r##"stroke="#1b1f24" stroke-width="1.2" stroke-dasharray="5 4""##);
    let error = score(scores.expected_calibration_error);
    chart.finish(&format!("Reliability of {}", run.name), &format!("expected calibration error {error}"))
}
