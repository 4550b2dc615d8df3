//! Picked pixels of each class in the plane of two bands.

use std::fmt::Write;

use super::super::palette::hex;
use super::super::svg::{Axis, Chart, escape};
use super::DatasetReport;

const SIZE: [f64; 2] = [380.0, 300.0];
const MARGIN: [f64; 4] = [44.0, 30.0, 10.0, 36.0];
/// Shapes tell classes apart without colours: paths around the origin, about 5 units across.
const SHAPES: [&str; 6] = [
    "m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0-4.8 0",
    "m-2.2-2.2h4.4v4.4h-4.4z",
    "m0-3l2.8 5h-5.6z",
    "m0-3l3 3l-3 3l-3-3z",
    "m-2.4-2.4l4.8 4.8m0-4.8l-4.8 4.8",
    "m-3 0h6m-3-3v6",
];

/// The section, or nothing where no two bands or no labelled pixels are there.
pub(super) fn section(report: &DatasetReport<'_>) -> Option<String> {
    let [across, up] = report.scatter?;
    let points = &report.survey.points;
    let (x, y) = (axis(report, across)?, axis(report, up)?);
    let (low, high) = ([x.low, y.low], [x.high, y.high]);
    let mut chart = Chart::new(x, y, SIZE, MARGIN);
    chart.horizontal_grid(&report.survey.bands[up]);
    chart.lower_axis(&report.survey.bands[across]);
    let mut outside = 0;
    for class in 0..report.survey.classes.len() {
        let colour = hex(report.classes.get(class).map_or([0x80; 3], |class| class.colour));
        let mut path = String::new();
        for point in points.iter().filter(|point| point.class == class) {
            let at = [f64::from(point.values[across]), f64::from(point.values[up])];
            if (0..2).any(|i| at[i] < low[i] || at[i] > high[i]) {
                outside += 1;
                continue;
            }
            let _ = write!(path, "M{:.1} {:.1}{}", chart.px(at[0]), chart.py(at[1]), SHAPES[class % SHAPES.len()]);
        }
        chart.add(&format!(
            r##"<path d="{path}" fill="{colour}" fill-opacity=".55" stroke="{colour}" stroke-width=".7"/>"##
        ));
    }
    let names = format!("{} against {}", report.survey.bands[up], report.survey.bands[across]);
    let svg =
        chart.finish(&names, &format!("{} picked pixels of {} classes", points.len(), report.survey.classes.len()));
    let legend: String = (0..report.survey.classes.len())
        .map(|class| {
            let colour = hex(report.classes.get(class).map_or([0x80; 3], |class| class.colour));
            let shape = SHAPES[class % SHAPES.len()];
            let name = escape(&report.survey.classes[class]);
            format!(r#"<li><svg viewBox="0 0 10 10" style="width:.9rem" aria-hidden="true"><path d="M5 5{shape}" fill="{colour}" stroke="{colour}" stroke-width="1"/></svg>{name}</li>"#)
        })
        .collect();
    let left_out = if outside > 0 { format!(" {outside} lie outside of the picture.") } else { String::new() };
    Some(format!(
        r#"<ul class="legend" aria-label="Classes">{legend}</ul><figure style="max-width:40rem">{svg}<figcaption>{} pixels picked by chance, up to as many of each class, whatever its share.{left_out} Where classes lie apart, these two bands tell them apart pixel by pixel; where they lie upon each other, a network needs shape and context.</figcaption></figure>"#,
        points.len()
    ))
}

/// From the first to the last percent of the picked values: a few odd pixels do not squeeze the rest together.
fn axis(report: &DatasetReport<'_>, band: usize) -> Option<Axis> {
    let mut values: Vec<f64> =
        report.survey.points.iter().filter_map(|point| point.values.get(band)).map(|v| f64::from(*v)).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (*values.get(values.len() / 100)?, *values.get(values.len() - 1 - values.len() / 100)?);
    Some(Axis::round(low, high, 5))
}
