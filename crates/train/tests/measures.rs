//! Scores, boundary IoU, calibration and intervals against scikit-learn, torchmetrics, SciPy and NumPy on the same maps; their
//! numbers are recorded in `vectors/metrics.json`, which `vectors/metrics.py` makes.

// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used)]

use ndarray::{Array2, Array3, Array4, ArrayView3, Axis, s};
use serde_json::Value;
use swath_train::metrics::{
    BINS, Boundary, Calibration, Tally, UNCOUNTED, bootstrap, confidence, most_likely, near_edges,
};

/// Sums of some thousand doubles, divided: far below 1e-12 of numbers up to 1.
const DOUBLE: f64 = 1e-12;
/// torchmetrics adds up confidences and counts in float32: 1246 of them, each sum rounded by 2^-24 of itself at most.
const SINGLE: f64 = 1246.0 * 6e-8;

struct Recorded {
    json: Value,
    truth: Array3<u8>,
    logits: Array4<f32>,
    prediction: Array3<i64>,
}

fn recorded() -> Recorded {
    let json: Value = serde_json::from_str(include_str!("vectors/metrics.json")).unwrap();
    let integers = |key: &str| json[key].as_array().unwrap().iter().map(|value| value.as_i64().unwrap());
    let shape: Vec<usize> = integers("shape").map(|n| n as usize).collect();
    let truth = integers("truth").map(|value| value as u8).collect();
    let truth = Array3::from_shape_vec((shape[0], shape[2], shape[3]), truth).unwrap();
    let logits = integers("logits_hundredths").map(|value| value as f32 / 100.0).collect();
    let logits = Array4::from_shape_vec((shape[0], shape[1], shape[2], shape[3]), logits).unwrap();
    let prediction = most_likely(logits.view());
    Recorded { json, truth, logits, prediction }
}

impl Recorded {
    fn of(&self, key: &str) -> f64 {
        self.json[key].as_f64().unwrap()
    }

    /// The counts of some columns of one map, its boundary regions found in all of it.
    fn tally(&self, map: usize, columns: std::ops::Range<usize>, distance_px: usize) -> Tally {
        let mut tally = Tally::new(self.logits.len_of(Axis(1))).unwrap();
        let truth = self.truth.index_axis(Axis(0), map);
        let prediction = self.prediction.index_axis(Axis(0), map);
        let masked = masked(self.truth.view(), self.prediction.view()).index_axis_move(Axis(0), map);
        let (truth_edges, edges) = (near_edges(truth, distance_px), near_edges(masked.view(), distance_px));
        let inside = s![.., columns];
        tally.confusion.add(truth.slice(inside).mapv(i64::from).view(), prediction.slice(inside)).unwrap();
        let own = (truth.slice(inside), truth_edges.slice(inside));
        tally.boundary.add(own, (masked.slice(inside), edges.slice(inside))).unwrap();
        let confidence = confidence(self.logits.view()).index_axis_move(Axis(0), map);
        tally.add_confidence(truth.slice(inside), prediction.slice(inside), confidence.slice(inside));
        tally
    }

    fn whole(&self, distance_px: usize) -> Tally {
        let mut whole = self.tally(0, 0..self.truth.len_of(Axis(2)), distance_px);
        whole.merge_times(&self.tally(1, 0..self.truth.len_of(Axis(2)), distance_px), 1).unwrap();
        whole
    }
}

/// The prediction where there is a truth.
fn masked(truth: ArrayView3<'_, u8>, prediction: ArrayView3<'_, i64>) -> Array3<u8> {
    let mut masked = prediction.mapv(|class| class as u8);
    masked.zip_mut_with(&truth, |value, &truth| {
        if truth == UNCOUNTED {
            *value = UNCOUNTED;
        }
    });
    masked
}

fn close(got: Option<f64>, wanted: f64, tolerance: f64) {
    assert!(got.is_some_and(|got| (got - wanted).abs() <= tolerance), "{got:?} against {wanted}");
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let recorded = recorded();
    let tally = recorded.whole(1);
    let rows: Vec<Vec<u64>> = tally.confusion.rows().map(<[u64]>::to_vec).collect();
    assert_eq!(serde_json::to_value(rows).unwrap(), recorded.json["confusion"]);
    let metrics = tally.confusion.metrics();
    close(metrics.mean_iou, recorded.of("mean_iou"), DOUBLE);
    close(metrics.mean_f1, recorded.of("mean_f1"), DOUBLE);
    close(metrics.overall_accuracy, recorded.of("overall_accuracy"), DOUBLE);
    close(metrics.frequency_weighted_iou, recorded.of("frequency_weighted_iou"), DOUBLE);
    close(metrics.kappa, recorded.of("kappa"), DOUBLE);
    assert_eq!(metrics.absent, [4]);
    for (index, class) in metrics.classes[..4].iter().enumerate() {
        let wanted = |key: &str| recorded.json[key][index].as_f64().unwrap();
        close(class.iou, wanted("iou"), DOUBLE);
        close(class.f1, wanted("f1"), DOUBLE);
        close(class.precision, wanted("precision"), DOUBLE);
        close(class.recall, wanted("recall"), DOUBLE);
        assert_eq!(class.support as f64, wanted("support"));
    }
}

#[test]
fn boundary_iou_is_that_of_dilations_by_scipy() {
    let recorded = recorded();
    for (distance, wanted) in recorded.json["boundary"].as_object().unwrap() {
        let metrics = recorded.whole(distance.parse().unwrap()).boundary.metrics();
        for (got, wanted) in metrics.classes.iter().zip(wanted.as_array().unwrap()) {
            match wanted.as_f64() {
                Some(wanted) => close(*got, wanted, DOUBLE),
                None => assert_eq!(*got, None, "no boundary at {distance} px"),
            }
        }
    }
}

#[test]
fn the_calibration_error_is_that_of_torchmetrics() {
    let recorded = recorded();
    close(recorded.whole(1).calibration.expected_error(), recorded.json["calibration"]["15"].as_f64().unwrap(), SINGLE);
    let mut ten = Calibration::new(10);
    let confidence = confidence(recorded.logits.view());
    for ((&truth, &prediction), &confidence) in recorded.truth.iter().zip(&recorded.prediction).zip(&confidence) {
        if truth != UNCOUNTED {
            ten.add(confidence, i64::from(truth) == prediction);
        }
    }
    close(ten.expected_error(), recorded.json["calibration"]["10"].as_f64().unwrap(), SINGLE);
    let total = ten.total();
    assert_eq!(total.pixels, recorded.truth.iter().filter(|value| **value != UNCOUNTED).count() as u64);
    close(total.accuracy(), recorded.of("overall_accuracy"), DOUBLE);
}

#[test]
fn intervals_are_those_of_numpy_on_the_same_draws() {
    let recorded = recorded();
    let stripes = (0..2).flat_map(|map| [0, 10, 20].map(|first| (map, first..first + 10)));
    let blocks: Vec<Tally> = stripes.map(|(map, columns)| recorded.tally(map, columns, 1)).collect();
    let draws = recorded.json["draws"].as_array().unwrap();
    let mut drawn = draws.iter().flat_map(|row| row.as_array().unwrap()).map(|block| block.as_u64().unwrap() as usize);
    let (mut mean_iou, mut kappa) = (Vec::new(), Vec::new());
    bootstrap::resample(
        blocks.len(),
        draws.len(),
        |_| drawn.next().unwrap(),
        |times| {
            let mut sum = Tally::new(5).unwrap();
            times.iter().zip(&blocks).for_each(|(&times, block)| sum.merge_times(block, times).unwrap());
            mean_iou.push(sum.confusion.metrics().mean_iou);
            kappa.push(sum.confusion.metrics().kappa);
        },
    );
    assert_eq!(drawn.next(), None);
    for (replicates, key) in [(mean_iou, "mean_iou_interval"), (kappa, "kappa_interval")] {
        let interval = bootstrap::interval(&replicates, 0.95).unwrap();
        for (got, wanted) in interval.into_iter().zip(recorded.json[key].as_array().unwrap()) {
            close(Some(got), wanted.as_f64().unwrap(), DOUBLE);
        }
    }
}

#[test]
fn edges_of_the_map_and_of_knowledge_are_no_boundary() {
    // One class everywhere, a hole in the middle, another class at the far right.
    let mut map = Array2::<u8>::zeros((5, 9));
    map[[2, 2]] = UNCOUNTED;
    assert!(!near_edges(map.view(), 3).iter().any(|edge| *edge));
    map.column_mut(8).fill(1);
    let edges = near_edges(map.view(), 2);
    let columns: Vec<usize> = (0..9).filter(|&column| edges[[0, column]]).collect();
    assert_eq!(columns, [6, 7, 8], "two pixels to the left of the other class, and the class itself");
    assert!(!near_edges(map.view(), 0).iter().any(|edge| *edge));
    assert_eq!(near_edges(Array2::zeros((0, 3)).view(), 2).len(), 0);
}

#[test]
fn maps_of_different_shapes_have_no_common_boundary() {
    let (map, other) = (Array2::<u8>::zeros((2, 3)), Array2::<u8>::zeros((3, 2)));
    let (edges, other_edges) = (near_edges(map.view(), 1), near_edges(other.view(), 1));
    let error = Boundary::new(1).add((map.view(), edges.view()), (other.view(), other_edges.view())).unwrap_err();
    assert!(error.to_string().contains("[3, 2]"), "{error}");
}

#[test]
fn confidences_at_the_ends_of_bins_belong_upwards_and_1_to_the_last() {
    let mut calibration = Calibration::new(4);
    for confidence in [0.0, 0.25, 0.4999, 0.75, 1.0, f32::NAN] {
        calibration.add(confidence, true);
    }
    assert_eq!(calibration.bins().iter().map(|bin| bin.pixels).collect::<Vec<_>>(), [1, 2, 0, 2]);
    assert_eq!((calibration.bins()[2].accuracy(), calibration.bins()[2].confidence()), (None, None));
    assert_eq!(Calibration::new(BINS).expected_error(), None);
}

#[test]
fn a_single_logit_is_as_confident_as_two_that_differ_by_it() {
    let single = Array4::from_shape_vec((1, 1, 1, 3), vec![-2.0, 0.0, 5.0]).unwrap();
    let pair = Array4::from_shape_vec((1, 2, 1, 3), vec![0.0, 0.0, 0.0, -2.0, 0.0, 5.0]).unwrap();
    for (one, two) in confidence(single.view()).iter().zip(&confidence(pair.view())) {
        // Both are 1 / (1 + exp(-x)), rounded a few times.
        assert!((one - two).abs() < 4.0 * f32::EPSILON, "{one} {two}");
    }
}

#[test]
fn a_measure_that_most_draws_lack_has_no_interval() {
    assert_eq!(bootstrap::interval(&[], 0.95), None);
    assert_eq!(bootstrap::interval(&[None, None, Some(0.5)], 0.95), None);
    assert_eq!(bootstrap::interval(&[None, Some(0.25), Some(0.5), Some(0.75)], 0.5), Some([0.375, 0.625]));
}
