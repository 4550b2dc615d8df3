//! Image, truth and predictions of some pieces of ground, side by side.

use anyhow::{Context, Result};
use ndarray::Array2;

use super::model::{Class, RunReport, Sample};
use super::picture;
use super::scores::swatch;
use super::svg::escape;

/// The section, or nothing without samples.
///
/// # Errors
/// When a picture's parts do not fit together.
pub(super) fn section(report: &RunReport) -> Result<Option<String>> {
    if report.galleries.iter().all(|gallery| gallery.samples.is_empty()) {
        return Ok(None);
    }
    let mut html = legend(report);
    for gallery in report.galleries.iter().filter(|gallery| !gallery.samples.is_empty()) {
        let figures: Result<String> = gallery
            .samples
            .iter()
            .map(|sample| {
                figure(report, sample).with_context(|| format!("the sample `{}` cannot be shown", sample.caption))
            })
            .collect();
        html += &format!(
            r#"<h3>{}</h3><p class="note">{}</p><div class="samples">{}</div>"#,
            escape(&gallery.heading),
            escape(&gallery.note),
            figures?
        );
    }
    Ok(Some(html))
}

fn legend(report: &RunReport) -> String {
    let classes: String = report
        .classes
        .iter()
        .enumerate()
        .map(|(index, class)| format!("<li>{}{}</li>", swatch(&report.classes, index), escape(&class.name)))
        .collect();
    format!(
        r#"<ul class="legend" aria-label="Classes">{classes}<li><span class="swatch" style="background:#fff"></span>not judged</li></ul>"#
    )
}

fn figure(report: &RunReport, sample: &Sample) -> Result<String> {
    let caption = escape(&sample.caption);
    let mut pictures = picture_html(&sample.image.data_uri()?, &caption, "image", "");
    if let Some(truth) = &sample.truth {
        pictures +=
            &picture_html(&picture::class_map(truth, &report.classes)?, &caption, "truth", &shares(report, truth));
    }
    for (run, prediction) in &sample.predictions {
        let right = sample.truth.as_ref().and_then(|truth| right_share(report, truth, prediction));
        let note = right.map_or_else(String::new, |share| format!("{:.1} % of labelled pixels right", share * 100.0));
        pictures += &picture_html(&picture::class_map(prediction, &report.classes)?, &caption, run, &note);
    }
    let mut count = 1 + usize::from(sample.truth.is_some()) + sample.predictions.len();
    if let (Some(truth), Some((run, prediction))) = (&sample.truth, sample.predictions.first())
        && truth.dim() == prediction.dim()
    {
        let wrong = wrong(report, truth, prediction);
        let note = if sample.predictions.len() > 1 { format!("dark where {run} is wrong") } else { "dark".to_owned() };
        pictures += &picture_html(&picture::class_map(&wrong, &right_and_wrong())?, &caption, "wrong pixels", &note);
        count += 1;
    }
    Ok(format!(
        r#"<figure class="sample"><figcaption>{caption}</figcaption><div class="pictures{many}" style="--pictures:{count}">{pictures}</div></figure>"#,
        many = if count > 4 { " many" } else { "" }
    ))
}

/// Light where a prediction is right, dark where it is wrong.
fn right_and_wrong() -> [Class; 2] {
    [("right", [0xdd, 0xe2, 0xe7]), ("wrong", [0x8a, 0x2f, 0x00])]
        .map(|(name, colour)| Class { name: name.to_owned(), colour })
}

/// 0 where a prediction is right, 1 where it is wrong, 255 where no class is known.
fn wrong(report: &RunReport, truth: &Array2<u8>, prediction: &Array2<u8>) -> Array2<u8> {
    let mut wrong = truth.clone();
    wrong.zip_mut_with(prediction, |value, guess| {
        let known = usize::from(*value) < report.classes.len();
        *value = if known { u8::from(value != guess) } else { u8::MAX };
    });
    wrong
}

/// `caption` is markup already, `name` and `note` are not.
fn picture_html(uri: &str, caption: &str, name: &str, note: &str) -> String {
    let (name, note) = (escape(name), escape(note));
    let comma = if note.is_empty() { "" } else { ", " };
    format!(r#"<div><img src="{uri}" alt="{name} of {caption}{comma}{note}" loading="lazy"><b>{name}</b> {note}</div>"#)
}

/// The commonest classes of a truth in words.
fn shares(report: &RunReport, truth: &Array2<u8>) -> String {
    let mut counts = [0usize; 256];
    truth.iter().for_each(|&class| counts[usize::from(class)] += 1);
    let mut known: Vec<(usize, &str)> = report
        .classes
        .iter()
        .enumerate()
        .take(256)
        .map(|(class, named)| (counts[class], named.name.as_str()))
        .collect();
    known.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let share = |count: usize| (100.0 * count as f64 / truth.len().max(1) as f64).round();
    known
        .iter()
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} % {name}", share(*count)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Share of the pixels with a known class whose prediction is right; `None` without any, or when the shapes differ.
fn right_share(report: &RunReport, truth: &Array2<u8>, prediction: &Array2<u8>) -> Option<f64> {
    if truth.dim() != prediction.dim() {
        return None;
    }
    let judged = truth.iter().zip(prediction).filter(|(class, _)| usize::from(**class) < report.classes.len());
    let (right, all) =
        judged.fold((0u64, 0u64), |(right, all), (truth, guess)| (right + u64::from(truth == guess), all + 1));
    (all > 0).then(|| right as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn pixels_left_out_are_neither_right_nor_wrong() {
        let classes = vec![Class { name: "a".into(), colour: [0; 3] }, Class { name: "b".into(), colour: [9; 3] }];
        let report = RunReport { classes, ..RunReport::default() };
        assert_eq!(right_share(&report, &array![[0, 1, 255, 1]], &array![[0, 1, 1, 0]]), Some(2.0 / 3.0));
        assert_eq!(right_share(&report, &array![[255]], &array![[0]]), None);
        assert_eq!(right_share(&report, &array![[0]], &array![[0, 1]]), None);
        assert_eq!(wrong(&report, &array![[0, 1, 255, 1]], &array![[0, 1, 1, 0]]), array![[0, 0, 255, 1]]);
    }
}
