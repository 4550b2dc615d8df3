//! Runs a graph that `swath gradients` wrote, its own operators included, on one batch: `run_graph GRAPH.onnx BATCH.safetensors
//! OUT.safetensors [THREADS]`. The batch holds `x` (float32) and `target` (int64); every output is written under its name.

use std::collections::BTreeMap;
use std::error::Error;

use ndarray::{ArrayD, IxDyn};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize_to_file};
use swath_autodiff::{Model, TrainingGraph};
use swath_train::{SessionOptions, StepInputs, TrainSession};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, graph, batch, out, rest @ ..] = args.as_slice() else {
        return Err("usage: run_graph GRAPH.onnx BATCH.safetensors OUT.safetensors [THREADS]".into());
    };
    let threads = rest.first().map_or(Ok(2), |word| word.parse())?;
    let model = Model::load(graph)?;
    let names: Vec<String> = model.graph().outputs().iter().map(|output| output.name.clone()).collect();
    let graph = TrainingGraph { model, state: Vec::new() };
    let mut session =
        TrainSession::new(&graph, &SessionOptions { threads: Some(threads), ..SessionOptions::default() })?;
    names.iter().try_for_each(|name| session.watch(name))?;

    let bytes = std::fs::read(batch)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let x = array(&file, TrainingGraph::INPUT, f32::from_le_bytes)?;
    let target = array(&file, TrainingGraph::TARGET, i64::from_le_bytes)?;
    let tensors = vec![(TrainingGraph::INPUT, x.view().into()), (TrainingGraph::TARGET, target.view().into())];
    session.step(&StepInputs { tensors, learning_rate: 0.0, step: 1 })?;

    let mut found = BTreeMap::new();
    for name in &names {
        let values = session.output(name)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        found.insert(name.clone(), (values.shape().to_vec(), bytes));
    }
    let views =
        found.iter().map(|(name, (shape, bytes))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    serialize_to_file(views, None, out.as_ref())?;
    Ok(())
}

/// A tensor of the file as an array.
fn array<T, const BYTES: usize>(
    file: &SafeTensors<'_>,
    name: &str,
    number: impl Fn([u8; BYTES]) -> T,
) -> Result<ArrayD<T>, Box<dyn Error>> {
    let view = file.tensor(name)?;
    let values = view.data().as_chunks::<BYTES>().0.iter().map(|bytes| number(*bytes)).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(view.shape()), values)?)
}
