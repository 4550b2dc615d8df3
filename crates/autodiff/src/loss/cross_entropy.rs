//! Softmax cross-entropy as one node.

use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::graph::Attribute;
use crate::loss::Ground;

/// The scalar loss; averaged over counted pixels, each by the weight of its class.
pub(super) fn cross_entropy(label_smoothing: f64, ground: &Ground, builder: &mut Builder) -> Result<String> {
    if ground.classes(builder)? < 2 {
        let reason =
            "cross-entropy over a single class is always zero; use binary cross-entropy, or two classes".into();
        return Err(Error::Options { reason });
    }
    let mut inputs = vec![ground.logits.as_str(), ground.target.as_str()];
    inputs.extend(ground.class_weights.as_deref());
    let mut attributes = vec![("label_smoothing", Attribute::Float(label_smoothing as f32))];
    if let Some(ignored) = ground.ignore_index {
        attributes.push(("ignore_index", Attribute::Int(ignored)));
    }
    Ok(builder.swath("SoftmaxCrossEntropy", &inputs, 2, &attributes)?.remove(0))
}
