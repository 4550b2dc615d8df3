//! Trains on the batches that `follow.py` made and prints how far each step's loss is from PyTorch's, as one JSON line.
//!
//! ```text
//! follow MODEL.onnx BATCHES.safetensors [plain|swath] [threads] [arena|no-arena]
//! ```

use std::error::Error;
use std::time::Instant;

use ndarray::{ArrayD, IxDyn, arr0};
use safetensors::SafeTensors;
use swath_autodiff::{Lowering, Model, TrainingGraph, TrainingOptions, training_graph};
use swath_train::{FitOptions, Progress, SessionOptions, StepInputs, TrainSession};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, model, batches, rest @ ..] = args.as_slice() else {
        return Err("usage: follow MODEL.onnx BATCHES.safetensors [plain|swath] [threads] [arena|no-arena]".into());
    };
    let lowering = if rest.first().is_some_and(|word| word == "swath") { Lowering::Swath } else { Lowering::Plain };
    let threads = rest.get(1).map_or(Ok(2), |word| word.parse())?;
    let arena = rest.get(2).is_none_or(|word| word == "arena");
    let bytes = std::fs::read(batches)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let losses = doubles(&file, "losses")?;

    let shape = file.tensor("x.0")?.shape().to_vec();
    let input_shape = <[usize; 4]>::try_from(shape).map_err(|shape| format!("x.0 has shape {shape:?}"))?;
    let mut options = TrainingOptions::new(input_shape);
    options.ignore_index = Some(255);
    options.lowering = lowering;
    options.momentum_input = true;
    let graph = training_graph(&Model::load(model)?, &options)?;
    let mut session =
        TrainSession::new(&graph, &SessionOptions { threads: Some(threads), arena, ..SessionOptions::default() })?;
    drop(graph);

    let course = FitOptions { steps: integers(&file, "total")?.sum() as u64, ..FitOptions::default() };
    let (mut seconds, mut worst, mut ours) = (Vec::new(), 0.0_f64, Vec::new());
    for (i, wanted) in losses.iter().enumerate() {
        let (x, y) = (floats(&file, &format!("x.{i}"))?, integers(&file, &format!("y.{i}"))?);
        let progress = Progress { step: i as u64, ..Progress::default() };
        let momentum = arr0(course.momentum(&progress).unwrap_or(0.9) as f32);
        let start = Instant::now();
        let output = session.step(&StepInputs {
            tensors: vec![
                (TrainingGraph::INPUT, x.view().into()),
                (TrainingGraph::TARGET, y.view().into()),
                (TrainingGraph::MOMENTUM, momentum.view().into()),
            ],
            learning_rate: course.rate(&progress) as f32,
            step: i as u64 + 1,
        })?;
        seconds.push(start.elapsed().as_secs_f64());
        worst = worst.max((f64::from(output.loss) - wanted).abs());
        ours.push(output.loss);
    }
    seconds.sort_by(f64::total_cmp);
    let step_s = seconds[seconds.len() / 2];
    let peak_mib = peak_mib().unwrap_or(f64::NAN);
    let spread = doubles(&file, "spread")?.first().copied().unwrap_or(0.0);
    println!(
        "{{\"lowering\": \"{lowering:?}\", \"threads\": {threads}, \"arena\": {arena}, \"step_s\": {step_s}, \"peak_mib\": {peak_mib}, \"worst\": {worst:e}, \"spread\": {spread:e}, \"losses\": {ours:?}}}"
    );
    // Where rounding alone takes PyTorch further than 1e-3 from itself, no more can be asked than to stay as near.
    let near = 1e-3_f64.max(2.0 * spread);
    if worst < near { Ok(()) } else { Err(format!("the loss strays from PyTorch's by {worst:e}").into()) }
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Result<ArrayD<f32>, Box<dyn Error>> {
    let view = file.tensor(name)?;
    let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(view.shape()), values)?)
}

fn integers(file: &SafeTensors<'_>, name: &str) -> Result<ArrayD<i64>, Box<dyn Error>> {
    let view = file.tensor(name)?;
    let values = view.data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(view.shape()), values)?)
}

fn doubles(file: &SafeTensors<'_>, name: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let view = file.tensor(name)?;
    Ok(view.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

/// Largest resident size of this process so far, where the system tells it.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
