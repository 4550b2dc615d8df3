//! The confusion matrix and its measures against numbers derived by hand.

// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used)]

use ndarray::{Array3, Array4, arr1, arr2};
use swath_train::{Confusion, TrainError};

fn close(got: Option<f64>, wanted: f64) {
    // Each measure is a handful of double roundings.
    assert!(got.is_some_and(|got| (got - wanted).abs() < 1e-12), "{got:?} against {wanted}");
}

/// Twelve pixels of three classes and one ignored:
///
/// ```text
///            called 0   1   2
/// truth 0           4   1   0      support 5
///       1           1   2   0      support 3
///       2           0   2   2      support 4
/// predicted         5   5   2      12 in all
/// ```
fn example() -> Confusion {
    let truth = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 255];
    let prediction = [0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 2, 2, 0];
    let mut confusion = Confusion::new(3, Some(255)).unwrap();
    confusion.add(arr1(&truth).view(), arr1(&prediction).view()).unwrap();
    confusion
}

#[test]
fn measures_are_as_defined() {
    let confusion = example();
    let rows: Vec<_> = confusion.rows().map(<[u64]>::to_vec).collect();
    assert_eq!(rows, [[4, 1, 0], [1, 2, 0], [0, 2, 2]]);
    let metrics = confusion.metrics();
    assert_eq!((metrics.pixels, metrics.ignored), (12, 1));
    // tp / (tp + fp + fn): 4 / (4 + 1 + 1), 2 / (2 + 3 + 1), 2 / (2 + 0 + 2).
    for (class, iou) in metrics.classes.iter().zip([4.0 / 6.0, 2.0 / 6.0, 2.0 / 4.0]) {
        close(class.iou, iou);
    }
    for (class, precision) in metrics.classes.iter().zip([4.0 / 5.0, 2.0 / 5.0, 2.0 / 2.0]) {
        close(class.precision, precision);
    }
    for (class, recall) in metrics.classes.iter().zip([4.0 / 5.0, 2.0 / 3.0, 2.0 / 4.0]) {
        close(class.recall, recall);
    }
    // 2 tp / (support + predicted): 8 / 10, 4 / 8, 4 / 6.
    for (class, f1) in metrics.classes.iter().zip([0.8, 0.5, 2.0 / 3.0]) {
        close(class.f1, f1);
    }
    assert_eq!(metrics.classes.iter().map(|c| (c.support, c.predicted)).collect::<Vec<_>>(), [(5, 5), (3, 5), (4, 2)]);
    close(metrics.mean_iou, (4.0 / 6.0 + 2.0 / 6.0 + 0.5) / 3.0);
    close(metrics.mean_f1, (0.8 + 0.5 + 2.0 / 3.0) / 3.0);
    close(metrics.overall_accuracy, 8.0 / 12.0);
    close(metrics.frequency_weighted_iou, (5.0 * 4.0 / 6.0 + 3.0 * 2.0 / 6.0 + 4.0 * 0.5) / 12.0);
    // By chance (5*5 + 3*5 + 4*2) / 144 = 48 / 144 = 1/3 would be right: (2/3 - 1/3) / (1 - 1/3) = 1/2.
    close(metrics.kappa, 0.5);
    assert!(metrics.absent.is_empty());
}

#[test]
fn a_class_on_neither_side_is_left_out_and_one_on_one_side_counts_as_zero() {
    let mut confusion = Confusion::new(4, None).unwrap();
    // Class 1 is only true, class 3 only predicted, class 2 neither.
    confusion.add(arr1(&[0, 0, 1]).view(), arr1(&[0, 3, 0]).view()).unwrap();
    let metrics = confusion.metrics();
    assert_eq!(metrics.absent, [2]);
    assert_eq!(metrics.classes[2].iou.or(metrics.classes[2].precision).or(metrics.classes[2].recall), None);
    close(metrics.classes[0].iou, 1.0 / 3.0);
    close(metrics.classes[1].iou, 0.0);
    close(metrics.classes[1].precision, 0.0);
    close(metrics.classes[3].recall, 0.0);
    close(metrics.mean_iou, (1.0 / 3.0) / 3.0);
}

#[test]
fn streaming_in_parts_equals_counting_at_once() {
    let mut parts = Confusion::new(3, Some(255)).unwrap();
    parts.add(arr1(&[0, 0, 255]).view(), arr1(&[0, 1, 2]).view()).unwrap();
    let mut rest = Confusion::new(3, Some(255)).unwrap();
    rest.add(arr2(&[[1, 2], [2, 2]]).view(), arr2(&[[1, 2], [0, 2]]).view()).unwrap();
    parts.merge(&rest).unwrap();
    let mut whole = Confusion::new(3, Some(255)).unwrap();
    whole.add(arr1(&[0, 0, 255, 1, 2, 2, 2]).view(), arr1(&[0, 1, 2, 1, 2, 0, 2]).view()).unwrap();
    assert_eq!(parts, whole);
    assert!(matches!(parts.merge(&Confusion::new(2, None).unwrap()), Err(TrainError::ConfusionMismatch { .. })));
    let again: Confusion = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
    assert_eq!(again, whole);
}

#[test]
fn one_answer_everywhere_is_right_where_that_class_is() {
    let constant = example().answering(2);
    let rows: Vec<_> = constant.rows().map(<[u64]>::to_vec).collect();
    assert_eq!(rows, [[0, 0, 5], [0, 0, 3], [0, 0, 4]]);
    close(constant.metrics().overall_accuracy, 4.0 / 12.0);
    assert_eq!(constant.ignored(), 1);
}

#[test]
fn nothing_counted_gives_no_numbers() {
    let metrics = Confusion::new(2, Some(0)).unwrap().metrics();
    assert_eq!((metrics.mean_iou, metrics.overall_accuracy, metrics.kappa), (None, None, None));
    assert_eq!(metrics.absent, [0, 1]);
}

#[test]
fn agreement_that_chance_alone_explains_has_no_kappa() {
    let mut confusion = Confusion::new(2, None).unwrap();
    confusion.add(arr1(&[1, 1]).view(), arr1(&[1, 1]).view()).unwrap();
    assert_eq!(confusion.metrics().kappa, None);
    close(confusion.metrics().overall_accuracy, 1.0);
}

#[test]
fn the_largest_logit_is_the_prediction() {
    let truth = Array3::from_shape_vec((1, 1, 4), vec![0, 1, 2, 255]).unwrap();
    // By pixel: class 2; classes 1 and 2 tie, the first wins; class 0; ignored.
    let logits = [[-1.0, 0.0, 5.0, 9.0], [0.0, 3.0, 4.0, 0.0], [1.0, 3.0, -4.0, 0.0]];
    let logits = Array4::from_shape_vec((1, 3, 1, 4), logits.concat()).unwrap();
    let mut confusion = Confusion::new(3, Some(255)).unwrap();
    confusion.add_logits(truth.view(), logits.view()).unwrap();
    assert_eq!((confusion.count(0, 2), confusion.count(1, 1), confusion.count(2, 0)), (1, 1, 1));
    assert_eq!(confusion.ignored(), 1);
}

#[test]
fn a_single_logit_separates_two_classes_at_zero() {
    let truth = Array3::from_shape_vec((1, 1, 3), vec![0, 1, 1]).unwrap();
    let logits = Array4::from_shape_vec((1, 1, 1, 3), vec![-0.5, 0.0, 0.5]).unwrap();
    let mut confusion = Confusion::new(2, None).unwrap();
    confusion.add_logits(truth.view(), logits.view()).unwrap();
    assert_eq!((confusion.count(0, 0), confusion.count(1, 0), confusion.count(1, 1)), (1, 1, 1));
}

#[test]
fn a_value_that_is_no_class_is_refused_and_nothing_is_counted() {
    let mut confusion = example();
    let before = confusion.clone();
    for (truth, prediction, side) in
        [([0, 3], [0, 0], "truth"), ([0, -1], [0, 0], "truth"), ([0, 0], [0, 255], "prediction")]
    {
        let error = confusion.add(arr1(&truth).view(), arr1(&prediction).view()).unwrap_err();
        assert!(matches!(error, TrainError::ClassOutOfRange { side: got, .. } if got == side), "{error}");
    }
    assert!(confusion.add(arr1(&[0, 1]).view(), arr1(&[0]).view()).is_err());
    assert_eq!(confusion, before);
    for classes in [0, usize::MAX] {
        assert!(Confusion::new(classes, None).is_err());
    }
}
