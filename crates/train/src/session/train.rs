//! A training graph at work: one call, one optimiser step.

use std::fmt;

use ndarray::ArrayViewD;
use swath_autodiff::TrainingGraph;

use super::bound::BoundGraph;
use super::state::State;
use super::{Execution, InputTensor, SessionOptions, StateValue};
use crate::error::{Result, TrainError};

/// What one step takes besides the state.
#[derive(Debug, Clone)]
pub struct StepInputs<'a> {
    /// Arrays by the name of the graph input that takes them: [`TrainingGraph::INPUT`], [`TrainingGraph::TARGET`], and
    /// [`TrainingGraph::MOMENTUM`] where the graph has it.
    pub tensors: Vec<(&'a str, InputTensor<'a>)>,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Number of this step, counted from 1 (Adam corrects its moments by it).
    pub step: u64,
}

/// What one step gives besides the new state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepOutput {
    /// The loss before this step's update.
    pub loss: f32,
}

/// A training graph on ONNX Runtime, with its state.
///
/// The state stays where the graph runs (in GPU memory for a GPU) and is not copied between steps; read it with
/// [`TrainSession::state`].
pub struct TrainSession {
    graph: BoundGraph,
    state: State,
    execution: Execution,
    poisoned: bool,
}

impl TrainSession {
    /// Loads a training graph and puts the initial state where it runs.
    ///
    /// # Errors
    /// When ONNX Runtime is not found, the device cannot be used, or ONNX Runtime does not accept the graph.
    pub fn new(graph: &TrainingGraph, options: &SessionOptions) -> Result<Self> {
        let is_state = |name: &str| graph.state.iter().any(|tensor| tensor.input == name);
        let (mut bound, execution) = BoundGraph::new("the training graph", &graph.model, options, is_state)?;
        let mut state = State::new(&graph.state, &bound.state_memory()?, options.device)?;
        state.bind(bound.bindings())?;
        bound.watch(TrainingGraph::LOSS)?;
        Ok(Self { graph: bound, state, execution, poisoned: false })
    }

    /// Keeps a further output, such as [`TrainingGraph::LOGITS`], readable after each step by [`TrainSession::output`].
    ///
    /// # Errors
    /// When the graph has no such output, or its shape is not known.
    pub fn watch(&mut self, name: &str) -> Result<()> {
        self.graph.watch(name)
    }

    /// Runs one step: the loss of the batch, and the state updated.
    ///
    /// # Errors
    /// When an input is missing, unknown or of another shape or type; the state is then untouched. When ONNX Runtime
    /// fails half-way, the session refuses further steps.
    pub fn step(&mut self, inputs: &StepInputs<'_>) -> Result<StepOutput> {
        if self.poisoned {
            return Err(TrainError::Poisoned);
        }
        let scalars = [
            (TrainingGraph::LEARNING_RATE, f64::from(inputs.learning_rate)),
            (TrainingGraph::STEP, inputs.step as f64),
        ];
        self.graph.fill(&inputs.tensors, &scalars)?;
        self.poisoned = true;
        self.graph.run(self.state.turn(), || format!("step {}", inputs.step))?;
        self.poisoned = false;
        self.state.swap();
        let loss = self.output(TrainingGraph::LOSS)?.iter().next().copied().unwrap_or(f32::NAN);
        Ok(StepOutput { loss })
    }

    /// An output of the last step that [`TrainSession::watch`] keeps.
    ///
    /// # Errors
    /// When the output is not watched.
    pub fn output(&self, name: &str) -> Result<ArrayViewD<'_, f32>> {
        self.graph.output(name)
    }

    /// The current state, in the graph's order. Values are borrowed on the processor and copied from a GPU.
    ///
    /// # Errors
    /// When the copy from a GPU fails.
    pub fn state(&self) -> Result<Vec<StateValue<'_>>> {
        self.state.read()
    }

    /// One state tensor by name.
    ///
    /// # Errors
    /// When there is none of this name, or the copy from a GPU fails.
    pub fn state_tensor(&self, name: &str) -> Result<StateValue<'_>> {
        self.state.read_one(name)
    }

    /// Replaces the whole state, to go on from a checkpoint.
    ///
    /// # Errors
    /// When a state tensor is missing, unknown or of another length; the state is then untouched.
    pub fn load_state<'v>(&mut self, tensors: impl IntoIterator<Item = (&'v str, &'v [f32])>) -> Result<()> {
        let tensors: Vec<_> = tensors.into_iter().collect();
        if let Some(missing) = self.state.names().find(|name| !tensors.iter().any(|(given, _)| given == name)) {
            let given = format!("{} tensors", tensors.len());
            return Err(TrainError::MissingInput { name: missing.to_owned(), given });
        }
        self.state.write(tensors)
    }

    /// Replaces some of the state and keeps the rest: to go on with another graph of the same network, for example one
    /// that trains more of its parameters.
    ///
    /// # Errors
    /// When a name is unknown or a length differs; the state is then untouched.
    pub fn load_some<'v>(&mut self, tensors: impl IntoIterator<Item = (&'v str, &'v [f32])>) -> Result<()> {
        self.state.write(tensors)
    }

    /// What runs this graph, for the record.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }
}

impl fmt::Debug for TrainSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainSession").field("execution", &self.execution).finish_non_exhaustive()
    }
}
