//! Every loss with and without ignored pixels, class weights, absent classes, and with a single class.

use serde_json::Value;
use swath_autodiff::{Loss, TrainingOptions, gradient_graph};

use crate::evaluator::{Array, Values, run};
use crate::{close, shifted};

/// The graph's constants are float32 (6e-8 each), and Lovász was recorded in float32: sums of 24 terms.
const TOLERANCE: f64 = 2e-6;

fn loss(kind: &str) -> Loss {
    match kind {
        "cross_entropy" => Loss::CrossEntropy { label_smoothing: 0.0 },
        "cross_entropy smoothed" => Loss::CrossEntropy { label_smoothing: 0.1 },
        "dice" => Loss::Dice { smooth: 0.0 },
        "dice smoothed" => Loss::Dice { smooth: 1.0 },
        "jaccard" => Loss::Jaccard { smooth: 0.5 },
        "tversky" => Loss::Tversky { smooth: 0.25, alpha: 0.3, beta: 0.7, gamma: 1.5 },
        "focal" => Loss::Focal { gamma: 2.0, alpha: None },
        "focal balanced" => Loss::Focal { gamma: 1.5, alpha: Some(0.25) },
        "binary" => Loss::BinaryCrossEntropy { label_smoothing: 0.0 },
        "binary smoothed" => Loss::BinaryCrossEntropy { label_smoothing: 0.1 },
        "lovasz" => Loss::Lovasz,
        "l1" => Loss::L1,
        "mse" => Loss::Mse,
        other => panic!("unknown loss {other}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn agree_with_recorded_values() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("data/losses.json")).unwrap();
    assert!(rows.len() > 50, "only {} rows", rows.len());
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let dims: Vec<usize> = numbers(&row["shape"]).iter().map(|&d| d as usize).collect();
        let mut options = TrainingOptions::new([dims[0], dims[1], dims[2], dims[3]]);
        options.losses = match row["kind"].as_array() {
            Some(parts) => parts.iter().map(|p| (p[0].as_f64().unwrap(), loss(p[1].as_str().unwrap()))).collect(),
            None => vec![(1.0, loss(row["kind"].as_str().unwrap()))],
        };
        options.ignore_index = row["ignore"].as_i64();
        options.class_weights =
            row["weights"].as_array().map(|w| w.iter().map(|v| v.as_f64().unwrap() as f32).collect());
        let zeros = vec![0.0; dims.iter().product()];
        let graph = gradient_graph(&shifted(&dims, &zeros), &options).unwrap();
        let target = numbers(&row["target"]);
        let target_dims = if target.len() == zeros.len() { dims.clone() } else { vec![dims[0], dims[2], dims[3]] };
        // A map of one class has as many numbers as its logits, but no channel axis.
        let target_dims = if dims[1] == 1 { vec![dims[0], dims[2], dims[3]] } else { target_dims };
        let inputs = Values::from([
            ("x".to_owned(), Array::new(&dims, numbers(&row["logits"]))),
            ("target".to_owned(), Array::new(&target_dims, target)),
        ]);
        let found = run(&graph, &inputs);
        close(&found["loss"].data, &[row["loss"].as_f64().unwrap()], TOLERANCE, &format!("loss of {name}"));
        close(&found["grad/net.shift"].data, &numbers(&row["gradient"]), TOLERANCE, &format!("gradient of {name}"));
    }
}

#[test]
fn losses_add_up_by_weight() {
    let dims = [1, 3, 2, 2];
    let value = |losses: Vec<(f64, Loss)>| {
        let options = TrainingOptions { losses, ..TrainingOptions::new(dims) };
        let graph = gradient_graph(&shifted(&dims, &[0.0; 12]), &options).unwrap();
        let x = Array::from_fn(&dims, |at| (at[1] * 3 + at[2] * 2 + at[3]) as f64 * 0.3 - 1.0);
        let target = Array::new(&[1, 2, 2], vec![0.0, 1.0, 2.0, 1.0]);
        let found = run(&graph, &Values::from([("x".to_owned(), x), ("target".to_owned(), target)]));
        let gradient = found["grad/net.shift"].data.clone();
        [vec![found["loss"].data[0]], gradient].concat()
    };
    let (ce, dice) = (value(vec![(1.0, Loss::cross_entropy())]), value(vec![(1.0, Loss::dice())]));
    let both = value(vec![(0.75, Loss::cross_entropy()), (2.5, Loss::dice())]);
    let expected: Vec<f64> = ce.iter().zip(&dice).map(|(c, d)| 0.75 * c + 2.5 * d).collect();
    close(&both, &expected, 1e-12, "weighted sum");
}

#[test]
fn a_batch_without_counted_pixels_is_worth_nothing() {
    let dims = [1, 3, 2, 2];
    let kinds = ["cross_entropy", "cross_entropy smoothed", "dice", "focal", "binary", "lovasz"];
    for kind in kinds {
        let options =
            TrainingOptions { losses: vec![(1.0, loss(kind))], ignore_index: Some(255), ..TrainingOptions::new(dims) };
        let graph = gradient_graph(&shifted(&dims, &[0.0; 12]), &options).unwrap();
        let x = Array::from_fn(&dims, |at| at[1] as f64 - 0.5 * at[3] as f64);
        let target = Array::filled(&[1, 2, 2], 255.0);
        let found = run(&graph, &Values::from([("x".to_owned(), x), ("target".to_owned(), target)]));
        assert_eq!(found["loss"].data, [0.0], "{kind}");
        assert!(found["grad/net.shift"].data.iter().all(|&g| g == 0.0), "{kind}");
    }
}
