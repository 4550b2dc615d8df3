//! Activation functions made of pieces.

use swath_autodiff::graph::{Attribute, Tensor};

use crate::check::{Case, node};

#[test]
fn pieces_around_zero() {
    for operator in ["LeakyRelu", "Elu", "Celu", "ThresholdedRelu"] {
        let layer = node(operator, &["x"], &["y"]).with("alpha", Attribute::Float(0.375));
        Case::new(vec![layer]).input("x", &[3, 4]).check();
        Case::new(vec![node(operator, &["x"], &["y"])]).input_within("x", &[3, 4], (-2.0, 2.0)).check();
    }
}

#[test]
fn selu() {
    Case::new(vec![node("Selu", &["x"], &["y"])]).input("x", &[3, 4]).check();
    let layer = node("Selu", &["x"], &["y"]).with("alpha", Attribute::Float(1.5)).with("gamma", Attribute::Float(0.75));
    Case::new(vec![layer]).input("x", &[3, 4]).check();
}

#[test]
fn prelu_with_a_slope_per_channel() {
    let layer = node("PRelu", &["x", "slope"], &["y"]);
    Case::new(vec![layer]).input("x", &[2, 3, 2, 2]).input("slope", &[3, 1, 1]).check();
}

#[test]
fn clip() {
    let bounds = [(Some(-0.5), Some(0.25)), (Some(0.0), None), (None, Some(0.5)), (None, None)];
    for (low, high) in bounds {
        let [low_name, high_name] = [low.map_or("", |_| "low"), high.map_or("", |_| "high")];
        let mut case = Case::new(vec![node("Clip", &["x", low_name, high_name], &["y"])]).input("x", &[3, 5]);
        for (name, bound) in [("low", low), ("high", high)] {
            if let Some(bound) = bound {
                case = case.constant(name, Tensor::scalar(bound));
            }
        }
        case.check();
    }
}

#[test]
fn hard_sigmoid_and_hard_swish() {
    Case::new(vec![node("HardSigmoid", &["x"], &["y"])]).input_within("x", &[4, 5], (-4.0, 4.0)).check();
    let layer =
        node("HardSigmoid", &["x"], &["y"]).with("alpha", Attribute::Float(0.5)).with("beta", Attribute::Float(0.25));
    Case::new(vec![layer]).input_within("x", &[4, 5], (-2.0, 2.0)).check();
    Case::new(vec![node("HardSwish", &["x"], &["y"])]).input_within("x", &[4, 5], (-5.0, 5.0)).check();
}
