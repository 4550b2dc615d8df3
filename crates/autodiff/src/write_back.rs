//! Puts fine-tuned tensors into the inference network that a training graph was made from.

use crate::error::{Error, Result};
use crate::graph::{Data, Patch, Tensor};
use crate::model::Model;
use crate::parameters::{parameters, separate};

/// The inference network with new values for some parameters and running statistics.
///
/// `tensors` are pairs of name and row-major values, by the names that [`TrainingGraph::state`](crate::TrainingGraph) gives them
/// (moments and averages are refused: they are no part of the network). Those not named keep their values. Batch and image size
/// stay as dynamic as they were.
///
/// # Errors
/// When a name is unknown or the number of values differs.
pub fn write_back<'a>(model: &Model, tensors: impl IntoIterator<Item = (&'a str, &'a [f32])>) -> Result<Model> {
    let graph = separate(model.graph.clone())?;
    let known = parameters(&graph);
    let mut patch = Patch::default();
    for (name, values) in tensors {
        let refuse = |reason: String| Error::WriteBack { name: name.to_owned(), reason };
        let old =
            graph.initializers().get(name).filter(|_| known.iter().any(|p| p.name == name)).ok_or_else(|| {
                refuse("the model has no parameter of this name; use the model that was trained".into())
            })?;
        let new = Tensor::new(old.dims().to_vec(), Data::F32(values.into())).ok_or_else(|| {
            refuse(format!("it has {} values, the model's has the shape {:?}", values.len(), old.dims()))
        })?;
        patch.initializers.push((name.to_owned(), new));
    }
    Ok(Model { graph: graph.patched(patch)?, header: model.header.clone() })
}
