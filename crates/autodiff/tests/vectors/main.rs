//! Losses, optimisers and whole networks against values that PyTorch and segmentation_models_pytorch computed; `data/*.py` recorded them.

// A test may stop at the first surprise, in its helpers too; a test binary has no users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod blocks;
#[path = "../evaluator/mod.rs"]
mod evaluator;
mod losses;
mod optimizers;

use std::collections::BTreeMap;

use swath_autodiff::Model;
use swath_autodiff::graph::{Data, DataType, Graph, Node, Tensor, ValueInfo};

/// A network whose output is its input plus a parameter of the same shape, so that the parameter's gradient is the output's.
fn shifted(dims: &[usize], start: &[f32]) -> Model {
    let parameter = Tensor::new(dims.to_vec(), Data::F32(start.into())).unwrap();
    let graph = Graph::new(
        vec![Node::new("Add", &["image", "net.shift"], &["out"])],
        vec![ValueInfo::fixed("image", DataType::F32, dims)],
        vec![ValueInfo { name: "out".into(), dtype: DataType::F32, dims: None }],
        BTreeMap::from([("net.shift".to_owned(), parameter)]),
    );
    Model::new(graph.unwrap(), 17).unwrap()
}

/// Every element within `tolerance` of the largest.
fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance * largest, "{what}: element {i} is {f}, expected {e}");
    }
}
