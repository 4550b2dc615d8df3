//! Where images lie: outlines in longitude and latitude, the parts in colours and dashes of their own.

use std::fmt::Write;

use super::super::palette;
use super::super::svg::{Axis, Chart};
use super::Footprint;
use swath_loader::Part;
use swath_loader::split::PARTS;
use swath_raster::Bounds;

/// Drawn smaller than so many units, an image is marked by a dot.
const DOT: f64 = 3.0;

/// The section, or nothing without images.
pub(super) fn section(footprints: &[Footprint]) -> Option<String> {
    let corners = footprints.iter().filter_map(Footprint::bounds);
    let corners = corners.flat_map(|b| [(b.min_x, b.min_y), (b.max_x, b.max_y)]);
    let [west, south, east, north] = Bounds::of_points(corners)?.to_array();
    // One degree of longitude is shorter than one of latitude by the cosine of the latitude.
    let squeeze = ((south + north) / 2.0).to_radians().cos().abs().max(0.01);
    let (width, height) = (((east - west) * squeeze).max(1e-6), (north - south).max(1e-6));
    let (frame_width, margin) = (320.0, [54.0, 26.0, 12.0, 36.0]);
    let frame_height = (frame_width * height / width).clamp(60.0, 420.0);
    let frame_width = (frame_height * width / height).clamp(60.0, frame_width);
    let size = [frame_width + margin[0] + margin[2], frame_height + margin[1] + margin[3]];
    let ticks = (frame_width / 90.0) as usize;
    let mut chart = Chart::new(Axis::exact(west, east, ticks.max(1)), Axis::exact(south, north, 4), size, margin);
    chart.horizontal_grid("latitude, °");
    chart.lower_axis("longitude, °");
    for footprint in footprints {
        draw(&mut chart, footprint);
    }
    let described = format!(
        "{} images between {west:.3} and {east:.3} degrees east, {south:.3} and {north:.3} degrees north",
        footprints.len()
    );
    let svg = chart.finish("Outlines of the images", &described);
    Some(format!(r#"{}<figure style="max-width:{:.0}px">{svg}</figure>"#, legend(footprints), size[0] * 1.6))
}

fn draw(chart: &mut Chart, footprint: &Footprint) {
    let (colour, dash) = look(&footprint.parts);
    let drawn: Vec<[f64; 2]> = footprint.outline.iter().map(|point| [chart.px(point[0]), chart.py(point[1])]).collect();
    let span = |axis: usize| {
        let values = drawn.iter().map(|point| point[axis]);
        values.clone().fold(f64::NEG_INFINITY, f64::max) - values.fold(f64::INFINITY, f64::min)
    };
    let title = format!("<title>{}</title>", super::super::svg::escape(&footprint.id));
    if span(0) < DOT && span(1) < DOT {
        if let Some([x, y]) = drawn.first() {
            chart.add(&format!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="2" fill="{colour}" fill-opacity=".6">{title}</circle>"#
            ));
        }
        return;
    }
    let mut path = String::new();
    for [x, y] in &drawn {
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
    }
    chart.add(&format!(
        r#"<path d="{path}Z" fill="{colour}" fill-opacity=".12" stroke="{colour}" stroke-width="1.4" stroke-dasharray="{dash}">{title}</path>"#
    ));
}

/// Colour and dashes of images by their parts; those divided inside have a look of their own.
fn look(parts: &[Part]) -> (&'static str, &'static str) {
    match parts {
        [part] => palette::line(PARTS.iter().position(|known| known == part).unwrap_or(0)),
        _ => palette::line(3),
    }
}

fn legend(footprints: &[Footprint]) -> String {
    let mut groups: Vec<(String, (&str, &str), usize)> = Vec::new();
    for footprint in footprints {
        let name = match footprint.parts.as_slice() {
            [] => "in no part".to_owned(),
            [part] => part.to_string(),
            parts => parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
        };
        match groups.iter_mut().find(|group| group.0 == name) {
            Some(group) => group.2 += 1,
            None => groups.push((name, look(&footprint.parts), 1)),
        }
    }
    let items: String = groups
        .iter()
        .map(|(name, (colour, dash), count)| {
            format!(
                r#"<li><svg viewBox="0 0 32 8" aria-hidden="true"><path d="M0 4H32" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/></svg>{name} ({count})</li>"#
            )
        })
        .collect();
    format!(r#"<ul class="legend" aria-label="Parts">{items}</ul>"#)
}
