//! `swath bench step`: a whole training step and its parts, on random input.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use ndarray::{Array3, Array4};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use swath_autodiff::{
    Adaptation, Model, Optimizer, TrainingGraph, TrainingOptions, adapt, forward_graph, optimizer_graph, training_graph,
};
use swath_train::{Device, Execution, InferenceSession, InputTensor, SessionOptions, StepInputs, TrainSession};

use crate::commands::gradients::parse_size;
use crate::compute::ComputeArgs;
use crate::settings::{Operators, Statistics};

/// Steps before the first one counted: memory is laid out and threads are started in them.
const WARM_UP_STEPS: u64 = 3;

/// Arguments of `swath bench step`.
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// The exported network.
    model: PathBuf,
    /// Images in a batch.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batch: usize,
    /// Height and width of an image in pixels.
    #[arg(long, value_name = "HxW", value_parser = parse_size, default_value = "256x256")]
    size: (usize, usize),
    /// Classes; the head is changed where it has another number.
    #[arg(long, value_name = "K")]
    classes: Option<usize>,
    /// Threads of ONNX Runtime.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// cpu, cuda or cuda:INDEX.
    #[arg(long, default_value = "cpu")]
    device: Device,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Statistics used by BatchNormalization.
    #[arg(long, value_enum, default_value = "train")]
    batchnorm: Statistics,
    /// Pattern of parameter names that are not trained; may be given again.
    #[arg(long, value_name = "PATTERN")]
    freeze: Vec<String>,
    /// Operators of the graph.
    #[arg(long, value_enum, default_value = "swath")]
    operators: Operators,
    /// Steps counted; the median is printed.
    #[arg(long, value_name = "S", default_value_t = 6)]
    steps: u64,
}

/// Prints one JSON line. The whole step comes first: what is loaded after it is not in the peak of its memory.
pub(crate) fn run(args: &StepArgs) -> Result<()> {
    ensure!(args.steps > 0, "nothing to measure: give --steps of at least 1");
    let about = || format!("{}", args.model.display());
    let mut model = crate::network::load_model(&args.model)?;
    if args.classes.is_some() {
        model = adapt(&model, &Adaptation { classes: args.classes, ..Adaptation::default() }).with_context(about)?.0;
    }
    let inspection = model.inspect().with_context(about)?;
    let shape = [args.batch, inspection.bands, args.size.0, args.size.1];
    let options = args.training_options(&model, shape);
    let session_options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
    let session_options = args.compute.session(session_options);
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let images = Array4::from_shape_simple_fn(shape, || random.random_range(-1.0_f32..1.0));
    let classes = i64::try_from(inspection.classes)?;
    let target = Array3::from_shape_simple_fn([shape[0], shape[2], shape[3]], || random.random_range(0..classes));
    let batch = [(TrainingGraph::INPUT, images.view().into()), (TrainingGraph::TARGET, target.view().into())];
    let measure = |graph: TrainingGraph, batch: &[(&'static str, InputTensor<'_>)]| {
        measure(graph, &session_options, batch, args.steps)
    };

    let whole = measure(training_graph(&model, &options).with_context(about)?, &batch)?;
    let peak_mib = super::peak_mib();
    let forward = measure(forward_graph(&model, &options).with_context(about)?, &batch)?;
    let optimizer = measure(optimizer_graph(&model, &options).with_context(about)?, &[])?;
    let inference_s = inference_seconds(&model, &images, &session_options, args.steps)?;
    let line = json!({
        "model": args.model.display().to_string(), "batch": shape[0], "bands": shape[1],
        "size": [shape[2], shape[3]], "classes": inspection.classes, "operators": args.operators,
        "batchnorm": args.batchnorm, "freeze": args.freeze, "steps": args.steps, "loss": whole.loss,
        "step_s": whole.seconds, "forward_s": forward.seconds,
        "backward_s": whole.seconds - forward.seconds - optimizer.seconds, "optimizer_s": optimizer.seconds,
        "inference_s": inference_s,
        "images_per_s": shape[0] as f64 / whole.seconds, "peak_mib": peak_mib, "execution": whole.execution,
    });
    println!("{line}");
    Ok(())
}

impl StepArgs {
    fn training_options(&self, model: &Model, shape: [usize; 4]) -> TrainingOptions {
        let mut options = TrainingOptions::new(shape);
        options.batchnorm = self.batchnorm.into();
        options.freeze = crate::network::frozen(model);
        options.freeze.extend(self.freeze.iter().cloned());
        options.lowering = self.operators.into();
        options.precision = self.compute.precision.unwrap_or_default().into();
        options.optimizer = Optimizer::adamw();
        options
    }
}

/// A graph measured.
struct Measured {
    /// Median of the runs counted.
    seconds: f64,
    loss: f32,
    execution: Execution,
}

/// Runs a graph on the same batch again and again.
fn measure(
    graph: TrainingGraph,
    options: &SessionOptions,
    batch: &[(&'static str, InputTensor<'_>)],
    steps: u64,
) -> Result<Measured> {
    let mut session = TrainSession::new(&graph, options)?;
    drop(graph);
    let mut seconds = Vec::new();
    let mut loss = f32::NAN;
    session.stage(batch)?;
    for step in 1..=WARM_UP_STEPS + steps {
        let start = Instant::now();
        session.launch(&StepInputs { tensors: Vec::new(), learning_rate: 1e-4, step })?;
        // As in training, the next batch is taken over while this step computes.
        session.stage(batch)?;
        loss = session.finish()?.loss;
        if step > WARM_UP_STEPS {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(Measured { seconds: median(&mut seconds), loss, execution: session.execution().clone() })
}

/// Median seconds of the plain inference network on the same batch.
fn inference_seconds(model: &Model, images: &Array4<f32>, options: &SessionOptions, runs: u64) -> Result<f64> {
    let mut session = InferenceSession::from_bytes(&model.to_bytes()?, options)?;
    let mut seconds = Vec::new();
    for run in 0..1 + runs {
        let start = Instant::now();
        session.run_with(images.view(), |_| ())?;
        if run > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(median(&mut seconds))
}

/// Median of at least one value.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
