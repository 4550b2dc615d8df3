//! The report of a dataset before any run: what to look at first, classes, bands, how they go together, where images lie, and
//! which of them differ from the rest.

mod bands;
mod map;
mod scatter;
mod scenes;

use swath_loader::{Part, Survey};
use swath_raster::Bounds;

use super::figure::grouped;
use super::frame::{self, Frame};
use super::model::Class;
use super::scores::swatch;
use super::svg::escape;

/// Everything that the report of a dataset shows.
pub(crate) struct DatasetReport<'a> {
    /// Heading of the page.
    pub(crate) title: String,
    /// When it was made, RFC 3339.
    pub(crate) made_at: String,
    /// Whether overviews were looked at.
    pub(crate) quick: bool,
    /// The classes by value.
    pub(crate) classes: Vec<Class>,
    /// What to look at first, one sentence each.
    pub(crate) warnings: Vec<String>,
    pub(crate) survey: &'a Survey,
    /// For each image, how far each band's mean lies from the others' in their standard deviations.
    pub(crate) shifts: &'a [Vec<Option<f64>>],
    /// Where the images lie.
    pub(crate) footprints: Vec<Footprint>,
    /// Bands of the scatter plot.
    pub(crate) scatter: Option<[usize; 2]>,
}

/// Where an image lies.
pub(crate) struct Footprint {
    /// The pair's id.
    pub(crate) id: String,
    /// Parts that it has ground in.
    pub(crate) parts: Vec<Part>,
    /// Closed ring of longitude and latitude in degrees.
    pub(crate) outline: Vec<[f64; 2]>,
}

impl Footprint {
    /// The smallest box of longitudes and latitudes around it.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        Bounds::of_points(self.outline.iter().map(|point| (point[0], point[1])))
    }
}

/// The whole page.
pub(super) fn html(report: &DatasetReport<'_>) -> String {
    let survey = report.survey;
    let [valid, labelled, all] = survey.scenes.iter().fold([0u64; 3], |[valid, labelled, all], scene| {
        [valid + scene.pixels - scene.invalid_px, labelled + scene.class_pixels.iter().sum::<u64>(), all + scene.pixels]
    });
    let share = |count: u64| format!("{:.1} <small>%</small>", 100.0 * count as f64 / all.max(1) as f64);
    let figures = [
        (grouped(survey.scenes.len() as u64), "images".to_owned()),
        (grouped(all), "pixels looked at".to_owned()),
        (share(labelled), "of them labelled".to_owned()),
        (share(all - valid), "of them nodata".to_owned()),
        (survey.classes.len().to_string(), "classes".to_owned()),
        (survey.bands.len().to_string(), "bands".to_owned()),
    ];
    let how = if report.quick { "Overviews were looked at, so that spreads are somewhat too small. " } else { "" };
    let summary = format!("{how}{}", verdict(&report.warnings));
    let frame = Frame {
        kind: "swath stats",
        title: &report.title,
        summary: &summary,
        made_at: &report.made_at,
        figures: frame::figures(&figures),
        sections: vec![
            ("look", "What to look at first", warnings(&report.warnings)),
            ("classes", "Classes", classes(report)),
            ("bands", "Bands", bands::section(survey)),
            ("scatter", "Two bands by class", scatter::section(report)),
            ("together", "How bands go together", bands::correlation(survey)),
            ("places", "Where the images lie", map::section(&report.footprints)),
            ("scenes", "Images against the rest", scenes::section(report)),
        ],
        remarks: String::new(),
    };
    frame.html()
}

fn verdict(warnings: &[String]) -> String {
    match warnings.len() {
        0 => "Nothing was found that speaks against training on it.".to_owned(),
        1 => "One thing should be looked at before training.".to_owned(),
        count => format!("{count} things should be looked at before training."),
    }
}

fn warnings(warnings: &[String]) -> Option<String> {
    let items: String = warnings.iter().map(|warning| format!("<li>{}</li>", escape(warning))).collect();
    (!warnings.is_empty()).then(|| format!("<ul>{items}</ul>"))
}

/// Shares of the classes, part beside part.
fn classes(report: &DatasetReport<'_>) -> Option<String> {
    let parts = &report.survey.parts;
    if parts.is_empty() || report.survey.classes.is_empty() {
        return None;
    }
    let head: String = parts
        .iter()
        .map(|part| {
            format!(
                r#"<th scope="col">{0}, share</th><th scope="col">{0}, pixels</th><th aria-hidden="true"></th>"#,
                part.part
            )
        })
        .collect();
    let row = |index: usize| {
        let cells: String = parts
            .iter()
            .filter_map(|part| part.statistics.classes.get(index))
            .map(|class| {
                format!(
                    r#"<td>{:.2} %</td><td>{}</td><td class="bar" style="width:auto" aria-hidden="true"><span class="track"><i style="width:{:.1}%"></i></span></td>"#,
                    100.0 * class.share,
                    grouped(class.pixels),
                    100.0 * class.share
                )
            })
            .collect();
        format!(
            r#"<tr><th scope="row">{}{}</th>{cells}</tr>"#,
            swatch(&report.classes, index),
            escape(&report.survey.classes[index])
        )
    };
    let rows: String = (0..report.survey.classes.len()).map(row).collect();
    let rest: Vec<String> = parts
        .iter()
        .map(|part| {
            format!(
                "{}: {} images, {} valid pixels without a class, {} nodata",
                part.part,
                part.scenes,
                grouped(part.statistics.unlabelled_px),
                grouped(part.statistics.invalid_px)
            )
        })
        .collect();
    Some(format!(
        r#"<p class="note">{}.</p><div class="scroll" tabindex="0" role="region" aria-label="Class shares"><table class="wide"><caption>Share of the labelled pixels of each part.</caption><thead><tr><th scope="col">class</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"#,
        escape(&rest.join("; "))
    ))
}

#[cfg(test)]
mod tests;
