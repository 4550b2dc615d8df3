//! A survey as tables: CSV for spreadsheets, a summary for the terminal.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use swath_loader::Survey;
use swath_loader::survey::PartSurvey;

use super::warnings::Warning;
use crate::report::grouped;
use crate::whole_file::write_whole;

/// Percentiles that tables show.
const PERCENTILES: [f64; 9] = [1.0, 2.0, 5.0, 25.0, 50.0, 75.0, 95.0, 98.0, 99.0];

/// Writes `bands.csv`, `classes.csv` and `scenes.csv`.
pub(super) fn write(folder: &Path, survey: &Survey, shifts: &[Vec<Option<f64>>]) -> Result<()> {
    table(&folder.join("bands.csv"), bands(survey))?;
    table(&folder.join("classes.csv"), classes(survey))?;
    table(&folder.join("scenes.csv"), scenes(survey, shifts))
}

fn table(path: &Path, rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    write_whole(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        for row in rows {
            writer.write_record(&row).with_context(|| format!("cannot write {}", path.display()))?;
        }
        writer.flush().with_context(|| format!("cannot write {}", path.display()))
    })
}

fn bands(survey: &Survey) -> impl Iterator<Item = Vec<String>> {
    let head = ["part", "band", "count", "min", "max", "mean", "std"].map(str::to_owned);
    let head = head.into_iter().chain(PERCENTILES.map(|p| format!("p{p}"))).collect();
    let of_part = |part: &PartSurvey| {
        let name = part.part.to_string();
        let row = move |band: &swath_loader::statistics::BandStatistics| {
            let numbers =
                [band.min, band.max, band.mean, band.std].into_iter().chain(PERCENTILES.map(|p| band.percentile(p)));
            let start = [name.clone(), band.name.clone(), band.count.to_string()];
            start.into_iter().chain(numbers.map(|number| number.to_string())).collect::<Vec<_>>()
        };
        part.statistics.bands.iter().map(row).collect::<Vec<_>>()
    };
    std::iter::once(head).chain(survey.parts.iter().flat_map(of_part).collect::<Vec<_>>())
}

fn classes(survey: &Survey) -> impl Iterator<Item = Vec<String>> {
    let head = ["part", "class", "pixels", "share"].map(str::to_owned).into();
    let of_part = |part: &PartSurvey| {
        let name = part.part.to_string();
        let row = move |class: &swath_loader::statistics::ClassShare| {
            vec![name.clone(), class.name.clone(), class.pixels.to_string(), class.share.to_string()]
        };
        part.statistics.classes.iter().map(row).collect::<Vec<_>>()
    };
    std::iter::once(head).chain(survey.parts.iter().flat_map(of_part).collect::<Vec<_>>())
}

fn scenes(survey: &Survey, shifts: &[Vec<Option<f64>>]) -> impl Iterator<Item = Vec<String>> {
    let mut head: Vec<String> = ["scene", "parts", "pixels", "invalid_px", "unlabelled_px"].map(str::to_owned).into();
    head.extend(survey.classes.iter().map(|class| format!("class:{class}")));
    for band in &survey.bands {
        head.extend(["mean", "std", "shift"].map(|what| format!("{band}:{what}")));
    }
    let row = |(scene, shift): (&swath_loader::survey::SceneSurvey, &Vec<Option<f64>>)| {
        let parts: Vec<String> = scene.parts.iter().map(ToString::to_string).collect();
        let mut row = vec![scene.id.clone(), parts.join("+"), scene.pixels.to_string()];
        row.extend([scene.invalid_px, scene.unlabelled_px].map(|count| count.to_string()));
        row.extend(scene.class_pixels.iter().map(ToString::to_string));
        for (band, shift) in scene.bands.iter().zip(shift) {
            let known = |value: f64| if band.count > 0 { value.to_string() } else { String::new() };
            row.extend([known(band.mean), known(band.std), shift.map_or_else(String::new, |shift| shift.to_string())]);
        }
        row
    };
    std::iter::once(head).chain(survey.scenes.iter().zip(shifts).map(row).collect::<Vec<_>>())
}

/// What the terminal shows: parts, classes, bands, and what to look at.
pub(super) fn summary(survey: &Survey, warnings: &[Warning]) -> String {
    let mut text = String::new();
    for part in &survey.parts {
        let statistics = &part.statistics;
        let labelled: u64 = statistics.classes.iter().map(|class| class.pixels).sum();
        let all = labelled + statistics.unlabelled_px + statistics.invalid_px;
        let share = |count: u64| 100.0 * count as f64 / all.max(1) as f64;
        let _ = writeln!(
            text,
            "{}: {} images, {} pixels, {:.1} % labelled, {:.1} % nodata",
            part.part,
            part.scenes,
            grouped(all),
            share(labelled),
            share(statistics.invalid_px)
        );
        for class in &statistics.classes {
            let _ = writeln!(
                text,
                "  {:<20} {:>6.2} %  {:>14} pixels",
                class.name,
                100.0 * class.share,
                grouped(class.pixels)
            );
        }
    }
    if let Some(part) = survey.parts.first() {
        let _ = writeln!(
            text,
            "{:<22} {:>11} {:>11} {:>11} {:>11}",
            format!("bands, {}", part.part),
            "2 %",
            "mean",
            "98 %",
            "std"
        );
        for band in &part.statistics.bands {
            let _ = writeln!(
                text,
                "  {:<20} {:>11.5} {:>11.5} {:>11.5} {:>11.5}",
                band.name,
                band.percentile(2.0),
                band.mean,
                band.percentile(98.0),
                band.std
            );
        }
    }
    for warning in warnings {
        let _ = writeln!(text, "look: {}", warning.text);
    }
    text.trim_end().to_owned()
}

/// The two bands in which classes lie furthest apart for their spread (Fisher's ratio), leaving out a second one that says
/// the same as the first; `None` with fewer than two bands or without labelled pixels.
pub(super) fn telling_bands(survey: &Survey) -> Option<[usize; 2]> {
    /// Bands beyond this correlation show a line, not a plane.
    const ALIKE: f64 = 0.95;
    if survey.points.is_empty() {
        return None;
    }
    let mut ratios: Vec<(usize, f64)> = (0..survey.bands.len()).map(|band| (band, fisher(survey, band))).collect();
    ratios.sort_by(|a, b| b.1.total_cmp(&a.1));
    let first = ratios.first()?.0;
    let alike = |band: usize| survey.correlation[first][band].is_some_and(|value| value.abs() > ALIKE);
    let others: Vec<usize> = ratios.iter().skip(1).map(|(band, _)| *band).collect();
    let second = others.iter().copied().find(|band| !alike(*band)).or_else(|| others.first().copied())?;
    Some([first.min(second), first.max(second)])
}

/// Variance of class means over the mean variance within classes, of the picked pixels.
fn fisher(survey: &Survey, band: usize) -> f64 {
    let mut groups: Vec<(f64, f64, f64)> = vec![(0.0, 0.0, 0.0); survey.classes.len()];
    for point in &survey.points {
        let value = f64::from(point.values[band]);
        let group = &mut groups[point.class];
        *group = (group.0 + 1.0, group.1 + value, group.2 + value * value);
    }
    groups.retain(|group| group.0 > 0.0);
    let mean = groups.iter().map(|group| group.1 / group.0).sum::<f64>() / groups.len().max(1) as f64;
    let between: f64 = groups.iter().map(|group| (group.1 / group.0 - mean).powi(2)).sum();
    let within: f64 = groups.iter().map(|group| (group.2 / group.0 - (group.1 / group.0).powi(2)).max(0.0)).sum();
    between / within.max(f64::MIN_POSITIVE)
}
