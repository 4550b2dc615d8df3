//! `swath bench kernels`: whether a device computes swath's operators, and a network's gradients, as the processor does.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use ndarray::{Array3, Array4};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use swath_autodiff::{Lowering, Model, TrainingGraph, TrainingOptions, gradient_graph};
use swath_train::kernels::agreement;
use swath_train::{Device, SessionOptions, StepInputs, TrainSession};

use crate::settings::Operators;

/// Images of the batch on which gradients are compared, and their side in pixels.
const BATCH: usize = 2;
const SIDE_PX: usize = 128;
/// How far the gradient of a parameter may be off, relative to its norm.
const ALLOWED: f64 = 2e-3;
/// The same where that norm is below [`FAINT`] of the largest: little but rounding is in such a gradient.
const ALLOWED_FAINT: f64 = 1e-2;
const FAINT: f64 = 1e-6;

/// Arguments of `swath bench kernels`.
#[derive(Debug, Args)]
pub(crate) struct KernelsArgs {
    /// Compare the gradients of this exported network too.
    model: Option<PathBuf>,
    /// cpu, cuda or cuda:INDEX.
    #[arg(long, default_value = "cuda")]
    device: Device,
    /// Operators of the network's graph.
    #[arg(long, value_enum, default_value = "swath")]
    operators: Operators,
    /// Threads of ONNX Runtime.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
}

/// Prints one JSON line per comparison; fails, after all of them, where something is further off than rounding explains.
pub(crate) fn run(args: &KernelsArgs) -> Result<()> {
    let options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
    let found = agreement(&options)?;
    for one in &found {
        let line = json!({
            "case": one.case, "element": one.element, "output": one.output,
            "difference": one.difference, "allowed": one.allowed, "agrees": one.holds(),
        });
        println!("{line}");
    }
    let mut off = found.iter().filter(|one| !one.holds()).count();
    let mut all = found.len();
    if let Some(path) = &args.model {
        let apart = gradients_apart(path, args.operators.into(), &options)?;
        off += apart.iter().filter(|(_, difference, allowed)| difference.is_nan() || difference > allowed).count();
        all += apart.len();
        let worst =
            apart.iter().max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2))).context("no parameter is trained")?;
        let line = json!({
            "model": path.display().to_string(), "operators": args.operators, "gradients": apart.len(),
            "worst": worst.0, "difference": worst.1, "allowed": worst.2,
        });
        println!("{line}");
    }
    ensure!(off == 0, "{off} of {all} outcomes on {} differ from the processor's by more than rounding", args.device);
    Ok(())
}

/// Gradients of a network on both sides: name, relative difference, and how much of it is allowed.
fn gradients_apart(path: &Path, lowering: Lowering, options: &SessionOptions) -> Result<Vec<(String, f64, f64)>> {
    let about = || format!("{}", path.display());
    let model = Model::load(path).with_context(about)?;
    let inspection = model.inspect().with_context(about)?;
    let mut training = TrainingOptions::new([BATCH, inspection.bands, SIDE_PX, SIDE_PX]);
    training.lowering = lowering;
    training.freeze = crate::network::frozen(&model);
    let graph = TrainingGraph { model: gradient_graph(&model, &training).with_context(about)?, state: Vec::new() };
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let images = Array4::from_shape_simple_fn(training.input_shape, || random.random_range(-1.0_f32..1.0));
    let classes = i64::try_from(inspection.classes)?;
    let target = Array3::from_shape_simple_fn([BATCH, SIDE_PX, SIDE_PX], || random.random_range(0..classes));
    let tensors = vec![(TrainingGraph::INPUT, images.view().into()), (TrainingGraph::TARGET, target.view().into())];
    let inputs = StepInputs { tensors, learning_rate: 0.0, step: 1 };
    let processor = SessionOptions { device: Device::Cpu, ..options.clone() };
    let (expected, got) = (gradients(&graph, &inputs, &processor)?, gradients(&graph, &inputs, options)?);
    let norm = |values: &[f32]| values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    let largest = expected.iter().map(|(_, values)| norm(values)).fold(0.0, f64::max);
    let apart = expected.into_iter().zip(got).map(|((name, expected), (_, got))| {
        let difference: Vec<f32> = expected.iter().zip(&got).map(|(a, b)| a - b).collect();
        let size = norm(&expected);
        let allowed = if size < FAINT * largest { ALLOWED_FAINT } else { ALLOWED };
        (name, norm(&difference) / size.max(f64::MIN_POSITIVE), allowed)
    });
    Ok(apart.collect())
}

/// Every gradient that `graph` yields.
fn gradients(graph: &TrainingGraph, inputs: &StepInputs, options: &SessionOptions) -> Result<Vec<(String, Vec<f32>)>> {
    let outputs = graph.model.graph().outputs().iter().map(|output| output.name.clone());
    let names: Vec<String> = outputs.filter(|name| name.starts_with("grad/")).collect();
    let mut session = TrainSession::new(graph, options)?;
    names.iter().try_for_each(|name| session.watch(name))?;
    session.step(inputs)?;
    let mut found = Vec::new();
    for name in names {
        let values = session.output(&name)?.iter().copied().collect();
        found.push((name, values));
    }
    Ok(found)
}
