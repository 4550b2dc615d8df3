use super::model::{BandHistogram, Validation};
use super::*;
use crate::scores::{Baseline, Baselines, Brief, ClassScores, Group, Intervals, Reliability, Scores};
use ndarray::Array2;
use swath_train::ClassMetrics;

/// Scores with something in every field that the page shows.
fn scores() -> Scores {
    let present = ClassMetrics {
        iou: Some(0.7512),
        f1: Some(0.858),
        precision: Some(0.8),
        recall: Some(0.925),
        support: 12_345,
        predicted: 11_419,
    };
    let absent = ClassMetrics { iou: None, f1: None, precision: None, recall: None, support: 0, predicted: 0 };
    let named = |name: &str, metrics| ClassScores { name: name.into(), metrics, boundary_iou: metrics.iou };
    let brief = Brief { pixels: 12_345, mean_iou: Some(0.6), iou: vec![Some(0.6), None], ..Brief::default() };
    let group = |id: &str| Group { id: Some(id.into()), brief: brief.clone(), blocks: 1, ..Group::default() };
    let baseline = |name: &str| Some(Baseline { name: name.into(), brief: brief.clone() });
    Scores {
        part: "test".into(),
        mean_iou: Some(0.7512),
        overall_accuracy: Some(0.925),
        expected_calibration_error: Some(0.125),
        classes: vec![named("water", present), named("<script>", absent)],
        confusion: vec![vec![11_419, 926], vec![0, 0]],
        pixels: 12_345,
        ignored: 7,
        intervals: Intervals { blocks: 9, level: 0.95, mean_iou: Some([0.7, 0.8]), ..Intervals::default() },
        reliability: vec![Reliability { from: 0.5, to: 1.0, pixels: 9, confidence: Some(0.9), accuracy: Some(0.8) }],
        baselines: Baselines {
            constant: baseline("<b>water everywhere"),
            other_date: baseline("label of another date"),
            network_there: Some(brief.clone()),
            remark: "Half of it & more.".into(),
        },
        scenes: vec![group("<one>"), group("two")],
        collections: vec![group("a"), group("b")],
        ..Scores::default()
    }
}

/// A small report with something in every section and markup in every text.
fn sample() -> RunReport {
    let class = |name: &str| Class { name: name.into(), colour: [10, 120, 200] };
    let scores = scores();
    let steps = (1..=50).map(|step| Step { step, loss: 1.0 / step as f64, learning_rate: 1e-3 }).collect();
    let run = |name: &str| Run {
        name: name.into(),
        steps,
        validations: vec![Validation { step: 50, loss: Some(0.1), miou: None }],
        scores: Some(scores),
        difference: Some((0.01, Some([-0.02, 0.04]))),
        training_s: Some(12.0),
    };
    let first = run("<pre-trained>");
    let second = Run { name: "scratch".into(), ..first.clone() };
    RunReport {
        title: "A & B".into(),
        summary: "Water & \"more\".".into(),
        made_at: "2026-01-01T00:00:00Z".into(),
        classes: vec![class("water"), class("<script>")],
        runs: vec![first, second],
        test_data: "the east".into(),
        galleries: vec![Gallery {
            heading: "<worst>".into(),
            note: "Of & all.".into(),
            samples: vec![Sample {
                caption: "rows 0-2".into(),
                image: Picture { rows: 2, cols: 2, rgb: vec![0; 12] },
                truth: Some(Array2::zeros((2, 2))),
                predictions: vec![("scratch".into(), Array2::ones((2, 2)))],
            }],
        }],
        training_data: TrainingData {
            caption: "the west".into(),
            bands: vec![BandHistogram {
                name: "B08".into(),
                range: [0.0, 0.5],
                counts: vec![1, 5, 2],
                mean: 0.2,
                std: 0.1,
                ..BandHistogram::default()
            }],
            class_pixels: vec![30, 10],
            ignored_pixels: 1,
        },
        provenance: Provenance {
            facts: vec![("Machine".into(), vec![("device".into(), "cpu".into())])],
            commands: vec!["swath demo --out demo".into()],
            config: "seed = 1".into(),
            sha256: [("model.onnx".to_owned(), "00ff".to_owned())].into(),
        },
        remarks: vec!["The ground is made up.".into()],
    }
}

#[test]
fn every_section_is_there_and_nothing_is_loaded() {
    let html = page::html(&sample()).unwrap();
    for id in
        ["comparison", "scores", "groups", "samples", "confusion", "calibration", "learning", "data", "provenance"]
    {
        assert!(html.contains(&format!("<section id=\"{id}\"")), "no section {id}");
        assert!(html.contains(&format!("href=\"#{id}\"")), "no link to {id}");
    }
    for text in ["<one>", "<worst>", "<b>water", "<script>"] {
        assert!(!html.contains(text), "{text} became markup");
    }
    for loader in ["http:", "https:", "<script", "<link", "url(", "@import"] {
        assert!(!html.contains(loader), "the page holds `{loader}`");
    }
}

#[test]
fn scores_are_shown_as_given() {
    let html = page::html(&sample()).unwrap();
    assert!(
        html.contains("0.751") && html.contains("12\u{202f}345") && html.contains("absent from truth and prediction")
    );
}

#[test]
fn an_empty_report_is_a_page_without_sections() {
    let html = page::html(&RunReport::default()).unwrap();
    assert!(!html.contains("<section") && html.ends_with("</html>\n"));
}

#[test]
fn a_picture_of_the_wrong_size_is_named() {
    let mut report = sample();
    report.galleries[0].samples[0].image.rgb.pop();
    let error = format!("{:#}", page::html(&report).unwrap_err());
    assert!(error.contains("rows 0-2") && error.contains("12 bytes, not 11"), "{error}");
}

#[test]
fn a_report_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // A folder stands where the file should go.
    let path = folder.path().join("report.html");
    std::fs::create_dir(&path).unwrap();
    assert!(write_html(&sample(), &path).unwrap_err().to_string().contains("report.html"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_report_survives_json() {
    let report = sample();
    let json = serde_json::to_string(&report).unwrap();
    let back: RunReport = serde_json::from_str(&json).unwrap();
    assert_eq!(page::html(&back).unwrap(), page::html(&report).unwrap());
}
