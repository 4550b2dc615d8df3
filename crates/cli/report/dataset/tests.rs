use swath_loader::statistics::{BandStatistics, ClassShare, Histogram, Statistics};
use swath_loader::survey::{PartSurvey, Point, SceneBand, SceneSurvey};

use super::*;

fn survey() -> Survey {
    let histogram = Histogram { count: 3, min: 0.0, max: 0.3, buckets: vec![1, 5, 2] };
    let band = |name: &str| BandStatistics {
        name: name.to_owned(),
        count: 8,
        min: 0.0,
        max: 0.3,
        mean: 0.15,
        std: 0.05,
        half_percentiles: (0..=200).map(|i| 0.0015 * f64::from(i)).collect(),
        histogram: histogram.clone(),
    };
    let statistics = Statistics {
        bands: vec![band("red"), band("<nir>")],
        classes: vec![ClassShare { name: "<water>".to_owned(), pixels: 1_234, share: 1.0 }],
        unlabelled_px: 5,
        invalid_px: 6,
    };
    let of_scene =
        SceneBand { count: 8, min: 0.0, max: 0.3, mean: 0.15, std: 0.05, twentieths: vec![0.1; 21], histogram: None };
    Survey {
        bands: vec!["red".to_owned(), "<nir>".to_owned()],
        classes: vec!["<water>".to_owned()],
        parts: vec![PartSurvey { part: Part::Train, scenes: 1, statistics }],
        scenes: vec![SceneSurvey {
            id: "<scene>".to_owned(),
            parts: vec![Part::Train, Part::Test],
            pixels: 1_245,
            invalid_px: 6,
            class_pixels: vec![1_234],
            unlabelled_px: 5,
            bands: vec![of_scene.clone(), of_scene],
        }],
        correlation: vec![vec![Some(1.0), None], vec![None, Some(1.0)]],
        points: (0..9_u8).map(|i| Point { class: 0, values: vec![f32::from(i), 0.5] }).collect(),
    }
}

fn page(survey: &Survey) -> String {
    let outline = vec![[2.0, 42.0], [2.1, 42.0], [2.1, 42.1], [2.0, 42.1], [2.0, 42.0]];
    html(&DatasetReport {
        title: "a & b".to_owned(),
        made_at: "2026-01-01T00:00:00Z".to_owned(),
        quick: true,
        classes: vec![Class { name: "<water>".to_owned(), colour: [1, 2, 3] }],
        warnings: vec!["look at <this>".to_owned()],
        survey,
        shifts: &[vec![Some(-1.234), None]],
        footprints: vec![Footprint { id: "<scene>".to_owned(), parts: vec![Part::Train], outline }],
        scatter: Some([0, 1]),
    })
}

#[test]
fn every_section_is_there_and_no_name_becomes_markup() {
    let page = page(&survey());
    for id in ["look", "classes", "bands", "scatter", "together", "places", "scenes"] {
        assert!(page.contains(&format!(r#"<section id="{id}""#)), "{id}");
    }
    for text in
        ["&lt;water&gt;", "&lt;nir&gt;", "&lt;scene&gt;", "look at &lt;this&gt;", "1\u{202f}234", "-1.2", "100.00 %"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<water>") && !page.contains("NaN") && !page.contains("<script"));
}

#[test]
fn a_dataset_of_nothing_still_has_a_page() {
    let empty = Survey {
        bands: Vec::new(),
        classes: Vec::new(),
        parts: Vec::new(),
        scenes: Vec::new(),
        correlation: Vec::new(),
        points: Vec::new(),
    };
    let report = DatasetReport {
        title: String::new(),
        made_at: String::new(),
        quick: false,
        classes: Vec::new(),
        warnings: Vec::new(),
        survey: &empty,
        shifts: &[],
        footprints: Vec::new(),
        scatter: None,
    };
    assert!(!html(&report).contains("<section"));
}
