//! `swath bench replay`: the loss of each step on batches kept in a file, to lay beside another implementation's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use ndarray::{ArrayD, arr0};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use swath_autodiff::{TrainingGraph, TrainingOptions, training_graph};
use swath_train::schedule::Schedule;
use swath_train::{SessionOptions, StepInputs, TrainSession};

use crate::settings::{Operators, OptimizerName, Statistics, optimizer};

/// Arguments of `swath bench replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The exported network, from whose weights training starts.
    model: PathBuf,
    /// Tensors `x0`, `x1`, … (float32 [n, band, row, col]) and `y0`, `y1`, … (int64 [n, row, col]), one pair per step.
    #[arg(long, value_name = "FILE.safetensors")]
    batches: PathBuf,
    /// The optimiser.
    #[arg(long, value_enum, default_value = "adamw")]
    optimizer: OptimizerName,
    /// Peak learning rate.
    #[arg(long, default_value_t = 1e-3)]
    lr: f64,
    /// Weight decay.
    #[arg(long, default_value_t = 1e-2)]
    weight_decay: f64,
    /// Course of the learning rate.
    #[arg(long, value_enum, default_value = "one-cycle")]
    schedule: Course,
    /// Steps that the course spans; those of the file by default.
    #[arg(long, value_name = "STEPS")]
    total_steps: Option<u64>,
    /// Statistics used by BatchNormalization.
    #[arg(long, value_enum, default_value = "train")]
    batchnorm: Statistics,
    /// Operators of the graph.
    #[arg(long, value_enum, default_value = "swath")]
    operators: Operators,
    /// Target value of pixels that do not count.
    #[arg(long, value_name = "VALUE")]
    ignore: Option<i64>,
    /// Threads of ONNX Runtime.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
}

/// A course of the learning rate with its usual settings.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Course {
    Constant,
    OneCycle,
}

/// One step's images and target.
struct Pair {
    x: ArrayD<f32>,
    y: ArrayD<i64>,
}

/// Prints a JSON line per step.
pub(crate) fn run(args: &ReplayArgs) -> Result<()> {
    let pairs = read_pairs(&args.batches)?;
    let shape = <[usize; 4]>::try_from(pairs[0].x.shape())
        .with_context(|| format!("{}: 'x0' is not [n, band, row, col]", args.batches.display()))?;
    let about = || format!("{}", args.model.display());
    let model = crate::network::load_model(&args.model)?;
    let schedule = match args.schedule {
        Course::Constant => Schedule::Constant,
        Course::OneCycle => Schedule::one_cycle(),
    };
    let total = args.total_steps.unwrap_or(pairs.len() as u64);
    let mut options = TrainingOptions::new(shape);
    options.batchnorm = args.batchnorm.into();
    options.lowering = args.operators.into();
    options.ignore_index = args.ignore;
    options.optimizer = optimizer(args.optimizer, args.weight_decay, 0.9);
    options.momentum_input = schedule.momentum(0, total).is_some();
    let graph = training_graph(&model, &options).with_context(about)?;
    let session_options = SessionOptions { threads: args.threads, ..SessionOptions::default() };
    let mut session = TrainSession::new(&graph, &session_options)?;
    for (done, pair) in (0..).zip(&pairs) {
        let learning_rate = (args.lr * schedule.factor(done, total)) as f32;
        let momentum = schedule.momentum(done, total).map(|momentum| arr0(momentum as f32));
        let mut tensors =
            vec![(TrainingGraph::INPUT, pair.x.view().into()), (TrainingGraph::TARGET, pair.y.view().into())];
        tensors.extend(momentum.as_ref().map(|momentum| (TrainingGraph::MOMENTUM, momentum.view().into())));
        let output = session.step(&StepInputs { tensors, learning_rate, step: done + 1 })?;
        println!("{}", json!({ "step": done + 1, "loss": output.loss, "learning_rate": learning_rate }));
    }
    Ok(())
}

fn read_pairs(path: &Path) -> Result<Vec<Pair>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the batches {}", path.display()))?;
    let file =
        SafeTensors::deserialize(&bytes).with_context(|| format!("{} is no safetensors file", path.display()))?;
    let mut pairs = Vec::new();
    while let (Ok(x), Ok(y)) = (file.tensor(&format!("x{}", pairs.len())), file.tensor(&format!("y{}", pairs.len()))) {
        if (x.dtype(), y.dtype()) != (Dtype::F32, Dtype::I64) {
            bail!("{}: x must be float32 and y int64, not {:?} and {:?}", path.display(), x.dtype(), y.dtype());
        }
        let floats = x.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let classes = y.data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        pairs.push(Pair {
            x: ArrayD::from_shape_vec(x.shape(), floats)?,
            y: ArrayD::from_shape_vec(y.shape(), classes)?,
        });
    }
    ensure!(!pairs.is_empty(), "{} holds no tensors x0 and y0", path.display());
    Ok(pairs)
}
