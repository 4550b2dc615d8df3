//! What a person should look at before training, in words, each with what to do about it.

use serde::Serialize;
use swath_loader::survey::SceneSurvey;
use swath_loader::{Part, Survey};
use swath_raster::Bounds;

use crate::report::Footprint;

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Warning {
    /// Kind, for scripts; stable.
    pub(super) kind: &'static str,
    /// The image, band, class or part that it is about.
    pub(super) subject: String,
    /// What was found and what to do, one sentence.
    pub(super) text: String,
}

/// A class below this share of the labelled ground is seldom seen in a batch.
const RARE: f64 = 0.01;
/// An image whose mean lies further off than so many deviations of the others is another world to a network.
const SHIFTED: f64 = 3.0;
/// Factor between an image's mean and the middle one beyond which units differ, not light.
const OTHER_UNITS: f64 = 50.0;
/// Reflectances of water in the infrared are some 0.01; nearly all values below this are none.
const TINY: f64 = 1e-3;
/// Bands that agree to this correlation say the same twice.
const SAME: f64 = 0.995;
/// Images named one by one for each kind; the rest are counted.
const NAMED: usize = 5;

/// All that was found, the gravest kinds first.
pub(super) fn of(survey: &Survey, shifts: &[Vec<Option<f64>>], footprints: &[Footprint]) -> Vec<Warning> {
    let mut found = Vec::new();
    classes(survey, &mut found);
    overlaps(footprints, &mut found);
    units(survey, &mut found);
    scenes(survey, shifts, &mut found);
    alike(survey, &mut found);
    found
}

fn classes(survey: &Survey, found: &mut Vec<Warning>) {
    for part in &survey.parts {
        let labelled: u64 = part.statistics.classes.iter().map(|class| class.pixels).sum();
        if labelled == 0 {
            let text = format!("no pixel of the {} part has a class: check labels and their classes", part.part);
            found.push(Warning { kind: "no-labels", subject: part.part.to_string(), text });
            continue;
        }
        for class in &part.statistics.classes {
            let subject = format!("{}/{}", part.part, class.name);
            if class.pixels == 0 {
                let text = format!(
                    "class '{}' does not occur in the {} part: choose another split, or leave it out",
                    class.name, part.part
                );
                found.push(Warning { kind: "class-absent", subject, text });
            } else if class.share < RARE && part.part == Part::Train {
                let text = format!(
                    "class '{}' covers {:.2} % of the labelled training ground: draw windows around it (recipe.sampling) or weigh it (training.class_weights)",
                    class.name,
                    100.0 * class.share
                );
                found.push(Warning { kind: "class-rare", subject, text });
            }
        }
    }
}

/// Images of different parts on the same ground. Images that are divided inside are divided alike, so that only those wholly
/// in one part can do that.
fn overlaps(footprints: &[Footprint], found: &mut Vec<Warning>) {
    let whole = footprints.iter().filter(|footprint| footprint.parts.len() == 1);
    let mut boxes: Vec<(Bounds, &Footprint)> =
        whole.filter_map(|footprint| Some((footprint.bounds()?, footprint))).collect();
    boxes.sort_by(|a, b| a.0.min_x.total_cmp(&b.0.min_x));
    let mut pairs = Vec::new();
    for (index, (own, first)) in boxes.iter().enumerate() {
        for (other, second) in boxes[index + 1..].iter().take_while(|(other, _)| other.min_x < own.max_x) {
            if first.parts != second.parts && shared_area(own, other) > 0.01 {
                pairs.push(format!("'{}' ({}) and '{}' ({})", first.id, first.parts[0], second.id, second.parts[0]));
            }
        }
    }
    if !pairs.is_empty() {
        let text = format!(
            "images of different parts lie on the same ground, so that scores come out too good: {}; use recipe.split blocks or halves",
            listed(&pairs)
        );
        found.push(Warning { kind: "split-overlap", subject: "split".to_owned(), text });
    }
}

/// Area that two boxes share, of the smaller one.
fn shared_area(a: &Bounds, b: &Bounds) -> f64 {
    let area = |b: Bounds| (b.max_x - b.min_x) * (b.max_y - b.min_y);
    a.intersection(b).map_or(0.0, area) / area(*a).min(area(*b)).max(f64::MIN_POSITIVE)
}

/// Bands whose numbers look as if they were in other units than their neighbours', or scaled twice.
fn units(survey: &Survey, found: &mut Vec<Warning>) {
    for (index, band) in survey.bands.iter().enumerate() {
        let mut means: Vec<f64> = survey
            .scenes
            .iter()
            .filter_map(|scene| scene.bands.get(index))
            .filter(|b| b.count > 0)
            .map(|b| b.mean)
            .collect();
        means.sort_by(f64::total_cmp);
        let Some(&middle) = means.get(means.len() / 2) else { continue };
        let is_other =
            |mean: f64| mean > 0.0 && middle > 0.0 && (mean / middle >= OTHER_UNITS || middle / mean >= OTHER_UNITS);
        let other: Vec<String> = survey
            .scenes
            .iter()
            .filter(|scene| scene.bands.get(index).is_some_and(|b| b.count > 0 && is_other(b.mean)))
            .map(|scene| format!("'{}'", scene.id))
            .collect();
        if !other.is_empty() {
            let text = format!(
                "band {band} is in other units in {}: give their items the right raster:scale, or leave them out",
                listed(&other)
            );
            found.push(Warning { kind: "other-units", subject: band.clone(), text });
        }
        let largest = survey
            .scenes
            .iter()
            .filter_map(|scene| scene.bands.get(index))
            .filter(|b| b.count > 0)
            .map(|b| b.twentieths[19].abs())
            .fold(0.0, f64::max);
        if largest > 0.0 && largest < TINY {
            let text = format!(
                "band {band} has values up to {largest:.1e} only: it looks scaled twice; check raster:scale in STAC against the file"
            );
            found.push(Warning { kind: "scaled-twice", subject: band.clone(), text });
        }
    }
}

fn scenes(survey: &Survey, shifts: &[Vec<Option<f64>>], found: &mut Vec<Warning>) {
    let all = survey.parts.first().map_or(&[][..], |part| part.statistics.bands.as_slice());
    let bright = |scene: &SceneSurvey| {
        let above = scene
            .bands
            .iter()
            .zip(all)
            .filter(|(own, all)| own.count > 0 && own.twentieths[10] > all.percentile(95.0))
            .count();
        survey.scenes.len() > 2 && !all.is_empty() && 2 * above > all.len()
    };
    let valid = |scene: &SceneSurvey| scene.pixels > scene.invalid_px;
    let labelled = |scene: &SceneSurvey| scene.class_pixels.iter().sum::<u64>();
    let mut name = |kind, rule: &dyn Fn(usize, &SceneSurvey) -> Option<String>, what: &str| {
        let named: Vec<String> = survey
            .scenes
            .iter()
            .enumerate()
            .filter_map(|(index, scene)| Some(format!("'{}'{}", scene.id, rule(index, scene)?)))
            .collect();
        if !named.is_empty() {
            found.push(Warning { kind, subject: "images".to_owned(), text: format!("{}: {what}", listed(&named)) });
        }
    };
    let plain = |is: bool| is.then(String::new);
    name("empty", &|_, scene| plain(!valid(scene) && scene.pixels > 0), "nothing but nodata; leave it out");
    name(
        "constant",
        &|_, scene| {
            let flat: Vec<&str> = scene
                .bands
                .iter()
                .zip(&survey.bands)
                .filter(|(band, _)| band.count > 0 && band.min >= band.max)
                .map(|(_, name)| name.as_str())
                .collect();
            (!flat.is_empty()).then(|| format!(" ({})", flat.join(", ")))
        },
        "one value everywhere; check the file",
    );
    name(
        "unlabelled",
        &|_, scene| plain(valid(scene) && labelled(scene) == 0),
        "no pixel has a class; check its label",
    );
    name(
        "clouded",
        &|_, scene| plain(bright(scene)),
        "half of it is brighter than nearly everything else in most bands; look for clouds or snow",
    );
    name(
        "shifted",
        &|index, scene| {
            if bright(scene) {
                return None;
            }
            let furthest = shifts
                .get(index)?
                .iter()
                .zip(&survey.bands)
                .filter_map(|(shift, band)| Some(((*shift)?, band)))
                .max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
            (furthest.0.abs() > SHIFTED).then(|| format!(" ({} by {:+.1})", furthest.1, furthest.0))
        },
        "further than three standard deviations from the other images; look at it before it is trained or judged on",
    );
    name("nodata", &|_, scene| plain(valid(scene) && 2 * scene.invalid_px > scene.pixels), "more nodata than data");
}

fn alike(survey: &Survey, found: &mut Vec<Warning>) {
    for (i, row) in survey.correlation.iter().enumerate() {
        for (j, value) in row.iter().enumerate().skip(i + 1) {
            if let Some(value) = value.filter(|value| value.abs() > SAME) {
                let (a, b) = (&survey.bands[i], &survey.bands[j]);
                let text =
                    format!("bands {a} and {b} say nearly the same (correlation {value:.4}): one of them may do");
                found.push(Warning { kind: "bands-alike", subject: format!("{a},{b}"), text });
            }
        }
    }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{shown} and {} more", names.len() - NAMED) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swath_loader::statistics::{BandStatistics, ClassShare, Histogram, Statistics};
    use swath_loader::survey::{PartSurvey, SceneBand};

    fn band(mean: f64, std: f64) -> SceneBand {
        let twentieths = (0..=20).map(|i| mean + std * (f64::from(i) - 10.0) / 5.0).collect();
        SceneBand { count: 100, min: mean - 2.0 * std, max: mean + 2.0 * std, mean, std, twentieths, histogram: None }
    }

    fn scene(id: &str, part: Part, mean: f64, std: f64) -> SceneSurvey {
        SceneSurvey {
            id: id.to_owned(),
            parts: vec![part],
            pixels: 100,
            invalid_px: 0,
            class_pixels: vec![99, 1],
            unlabelled_px: 0,
            bands: vec![band(mean, std)],
        }
    }

    fn survey(scenes: Vec<SceneSurvey>, shares: [f64; 2]) -> Survey {
        let class =
            |(name, share): (&str, f64)| ClassShare { name: name.to_owned(), pixels: (share * 1e6) as u64, share };
        let histogram = Histogram { count: 1, min: 0.0, max: 1.0, buckets: vec![1] };
        let half_percentiles = (0..=200).map(|i| 0.1 + 0.001 * f64::from(i)).collect();
        let of_band = BandStatistics {
            name: "nir".to_owned(),
            count: 100,
            min: 0.1,
            max: 0.3,
            mean: 0.2,
            std: 0.05,
            half_percentiles,
            histogram,
        };
        let statistics = Statistics {
            bands: vec![of_band],
            classes: vec![class(("land", shares[0])), class(("water", shares[1]))],
            unlabelled_px: 0,
            invalid_px: 0,
        };
        Survey {
            bands: vec!["nir".to_owned()],
            classes: vec!["land".to_owned(), "water".to_owned()],
            parts: vec![PartSurvey { part: Part::Train, scenes: scenes.len(), statistics }],
            scenes,
            correlation: vec![vec![Some(1.0)]],
            points: Vec::new(),
        }
    }

    fn kinds(survey: &Survey, footprints: &[Footprint]) -> Vec<&'static str> {
        of(survey, &survey.shifts(), footprints).iter().map(|warning| warning.kind).collect()
    }

    #[test]
    fn a_sound_dataset_is_not_warned_of() {
        let scenes = [0.19, 0.2, 0.21].map(|mean| scene(&mean.to_string(), Part::Train, mean, 0.05)).into();
        assert_eq!(kinds(&survey(scenes, [0.7, 0.3]), &[]), [""; 0]);
    }

    #[test]
    fn rare_and_absent_classes_are_told_apart() {
        let of = |shares| kinds(&survey(vec![scene("a", Part::Train, 0.2, 0.05)], shares), &[]);
        assert_eq!((of([0.995, 0.005]), of([1.0, 0.0])), (vec!["class-rare"], vec!["class-absent"]));
    }

    #[test]
    fn images_that_differ_are_named_by_what_differs() {
        let with = |odd: SceneSurvey| {
            let mut scenes: Vec<SceneSurvey> =
                (0..4).map(|i| scene(&format!("s{i}"), Part::Train, 0.19 + 0.005 * f64::from(i), 0.05)).collect();
            scenes.push(odd);
            kinds(&survey(scenes, [0.5, 0.5]), &[])
        };
        assert_eq!(with(scene("units", Part::Train, 2000.0, 500.0))[0], "other-units");
        assert_eq!(with(scene("cloud", Part::Train, 0.6, 0.1)), ["clouded"]);
        assert_eq!(with(scene("dark", Part::Train, 0.02, 0.001)), ["shifted"]);
        assert_eq!(with(scene("flat", Part::Train, 0.2, 0.0)), ["constant"]);
        let empty = SceneSurvey {
            invalid_px: 100,
            bands: vec![SceneBand { count: 0, ..band(0.0, 0.0) }],
            ..scene("none", Part::Train, 0.0, 0.0)
        };
        assert_eq!(with(empty), ["empty"]);
        let tiny = survey(vec![scene("a", Part::Train, 2e-5, 1e-6)], [0.5, 0.5]);
        assert_eq!(kinds(&tiny, &[]), ["scaled-twice"]);
    }

    #[test]
    fn shared_ground_of_two_parts_is_found() {
        let square = |id: &str, part, x: f64| Footprint {
            id: id.to_owned(),
            parts: vec![part],
            outline: vec![[x, 0.0], [x + 1.0, 0.0], [x + 1.0, 1.0], [x, 1.0]],
        };
        let of = |x| {
            kinds(
                &survey(vec![scene("a", Part::Train, 0.2, 0.05)], [0.5, 0.5]),
                &[square("a", Part::Train, 0.0), square("b", Part::Test, x)],
            )
        };
        assert_eq!((of(0.5), of(1.0)), (vec!["split-overlap"], vec![]));
    }
}
