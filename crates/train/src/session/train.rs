//! A training graph at work: one call, one optimiser step; or three, so that a batch is copied while the step before it computes.

use std::fmt;

use ndarray::ArrayViewD;
use swath_autodiff::TrainingGraph;

use super::bound::BoundGraph;
use super::state::State;
use super::{Device, Execution, InputTensor, SessionOptions, StateValue};
use crate::error::{Result, TrainError};
use crate::loss_scale::LossScaler;

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
    /// Whether the update was made: always, but for a float16 graph whose gradients overflowed. It then left the state as it was.
    pub updated: bool,
}

/// A training graph on ONNX Runtime, with its state.
///
/// The state stays where the graph runs (in GPU memory for a GPU) and is not copied between steps; read it with
/// [`TrainSession::state`].
pub struct TrainSession {
    graph: BoundGraph,
    state: State,
    execution: Execution,
    /// Where the graph scales its loss.
    scaler: Option<LossScaler>,
    /// Number of the step that was launched and not finished.
    running: Option<u64>,
    poisoned: bool,
}

impl TrainSession {
    /// Loads a training graph and puts the initial state where it runs.
    ///
    /// # Errors
    /// When ONNX Runtime is not found, the device cannot be used, or ONNX Runtime does not accept the graph.
    pub fn new(graph: &TrainingGraph, options: &SessionOptions) -> Result<Self> {
        Self::with_memory(graph, options, options.device != Device::Cpu)
    }

    fn with_memory(graph: &TrainingGraph, options: &SessionOptions, apart: bool) -> Result<Self> {
        let is_state = |name: &str| graph.state.iter().any(|tensor| tensor.input == name);
        let (mut bound, execution) =
            BoundGraph::with_memory("the training graph", &graph.model, options, is_state, apart)?;
        let mut state = State::new(&graph.state, &bound.state_memory()?, options.device)?;
        state.bind(bound.bindings())?;
        bound.watch(TrainingGraph::LOSS)?;
        let scaler = bound.yields(TrainingGraph::FINITE).then(LossScaler::default);
        if scaler.is_some() {
            bound.watch(TrainingGraph::FINITE)?;
        }
        Ok(Self { graph: bound, state, execution, scaler, running: None, poisoned: false })
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
        self.launch(inputs)?;
        self.finish()
    }

    /// Takes arrays to where the next step reads them. Called between [`TrainSession::launch`] and [`TrainSession::finish`], it copies
    /// them to a GPU while that computes; on the processor it is a copy in memory, whenever it is called.
    ///
    /// # Errors
    /// When the graph has no such input, its shape or type is another, or the copy fails. A step under way is not touched.
    pub fn stage(&mut self, tensors: &[(&str, InputTensor<'_>)]) -> Result<()> {
        let turn = if self.running.is_some() { 1 - self.state.turn() } else { self.state.turn() };
        self.graph.stage(tensors, turn)
    }

    /// Begins a step on what was staged and on `inputs`, which holds the rest. On a GPU it returns once the work is queued.
    ///
    /// # Errors
    /// As [`TrainSession::step`]; also when the step before was not finished. What was staged is forgotten then.
    pub fn launch(&mut self, inputs: &StepInputs<'_>) -> Result<()> {
        if self.poisoned && self.running.is_none() {
            return Err(TrainError::Poisoned);
        }
        self.idle()?;
        let mut scalars = vec![
            (TrainingGraph::LEARNING_RATE, f64::from(inputs.learning_rate)),
            (TrainingGraph::STEP, inputs.step as f64),
        ];
        let scale = self.scaler.as_ref().map_or(1.0, LossScaler::scale);
        scalars.push((TrainingGraph::LOSS_SCALE, f64::from(scale)));
        let filled = self.graph.fill(&inputs.tensors, &scalars, self.state.turn());
        filled.inspect_err(|_| self.graph.unstage())?;
        self.poisoned = true;
        self.graph.run(self.state.turn(), || format!("step {}", inputs.step))?;
        self.running = Some(inputs.step);
        Ok(())
    }

    /// Waits for the step that was launched: its loss, and the state updated.
    ///
    /// # Errors
    /// When no step was launched, or it failed. When gradients overflow at every scale of the loss.
    pub fn finish(&mut self) -> Result<StepOutput> {
        let step = self.running.take().ok_or(TrainError::Order { what: "no step was launched" })?;
        self.graph.wait(self.state.turn(), || format!("step {step}"))?;
        self.poisoned = false;
        self.state.swap();
        let loss = self.scalar(TrainingGraph::LOSS)?;
        let updated = self.scaler.is_none() || self.scalar(TrainingGraph::FINITE)? == 1.0;
        if let Some(scaler) = &mut self.scaler {
            scaler.follow(updated, step)?;
        }
        Ok(StepOutput { loss, updated })
    }

    fn scalar(&self, name: &str) -> Result<f32> {
        Ok(self.output(name)?.iter().next().copied().unwrap_or(f32::NAN))
    }

    fn idle(&self) -> Result<()> {
        match self.running {
            None => Ok(()),
            Some(_) => Err(TrainError::Order { what: "the last step was launched and not finished" }),
        }
    }

    /// The scale of the loss and its history, for a checkpoint; `None` where the graph does not scale its loss.
    pub fn loss_scaler(&self) -> Option<LossScaler> {
        self.scaler
    }

    /// Goes on with the scale of a checkpoint, or starts with another one.
    ///
    /// # Errors
    /// When the graph does not scale its loss.
    pub fn set_loss_scaler(&mut self, scaler: LossScaler) -> Result<()> {
        scaler.replace(&mut self.scaler)
    }

    /// An output of the last step that [`TrainSession::watch`] keeps.
    ///
    /// # Errors
    /// When the output is not watched, or a step is under way.
    pub fn output(&self, name: &str) -> Result<ArrayViewD<'_, f32>> {
        self.idle()?;
        self.graph.output(name)
    }

    /// The current state, in the graph's order. Values are borrowed on the processor and copied from a GPU.
    ///
    /// # Errors
    /// When the copy from a GPU fails, or a step is under way.
    pub fn state(&self) -> Result<Vec<StateValue<'_>>> {
        self.idle()?;
        self.state.read()
    }

    /// One state tensor by name.
    ///
    /// # Errors
    /// When there is none of this name, or the copy from a GPU fails.
    pub fn state_tensor(&self, name: &str) -> Result<StateValue<'_>> {
        self.idle()?;
        self.state.read_one(name)
    }

    /// Replaces the whole state, to go on from a checkpoint.
    ///
    /// # Errors
    /// When a state tensor is missing, unknown or of another length; the state is then untouched.
    pub fn load_state<'v>(&mut self, tensors: impl IntoIterator<Item = (&'v str, &'v [f32])>) -> Result<()> {
        self.idle()?;
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
        self.idle()?;
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

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};
    use swath_autodiff::{Lowering, Model, TrainingOptions, training_graph};

    use super::*;

    const SHAPE: [usize; 4] = [2, 4, 16, 16];

    fn session(apart: bool) -> TrainSession {
        let network = Model::from_bytes(include_bytes!("../../tests/data/tiny.onnx")).unwrap();
        let options = TrainingOptions { lowering: Lowering::Swath, ..TrainingOptions::new(SHAPE) };
        let graph = training_graph(&network, &options).unwrap();
        let options = SessionOptions { threads: Some(1), ..SessionOptions::default() };
        TrainSession::with_memory(&graph, &options, apart).unwrap()
    }

    fn batch(step: u64) -> (Array4<f32>, Array3<i64>) {
        let number = |i: usize| (i as u64).wrapping_mul(step.wrapping_mul(2) + 7) % 23;
        let images =
            Array4::from_shape_fn(SHAPE, |(n, b, r, c)| number(n + 3 * b + 5 * r + 11 * c) as f32 / 11.0 - 1.0);
        (images, Array3::from_shape_fn([2, 16, 16], |(n, r, c)| (number(n + r * c + c) % 3) as i64))
    }

    fn state(session: &TrainSession) -> Vec<Vec<f32>> {
        session.state().unwrap().iter().map(|tensor| tensor.values.to_vec()).collect()
    }

    /// The order of copies, bindings and runs is that of a GPU; the memory that is copied to is the processor's.
    #[test]
    fn memory_of_its_own_holds_one_batch_while_the_next_arrives() {
        let mut plain = session(false);
        let losses: Vec<f32> = (1..=5)
            .map(|step| {
                let (x, y) = batch(step);
                let tensors = vec![(TrainingGraph::INPUT, x.view().into()), (TrainingGraph::TARGET, y.view().into())];
                plain.step(&StepInputs { tensors, learning_rate: 0.01, step }).unwrap().loss
            })
            .collect();

        let mut apart = session(true);
        let stage = |session: &mut TrainSession, step| {
            let (x, y) = batch(step);
            session
                .stage(&[(TrainingGraph::INPUT, x.view().into()), (TrainingGraph::TARGET, y.view().into())])
                .unwrap();
        };
        stage(&mut apart, 1);
        for step in 1..=5 {
            apart.launch(&StepInputs { tensors: Vec::new(), learning_rate: 0.01, step }).unwrap();
            stage(&mut apart, step + 1);
            assert_eq!(apart.finish().unwrap().loss, losses[step as usize - 1], "step {step}");
        }
        assert_eq!(state(&apart), state(&plain));

        // Whole steps go through the same memory, also after a batch was staged for nothing.
        let (x, y) = batch(9);
        let given = || vec![(TrainingGraph::INPUT, x.view().into()), (TrainingGraph::TARGET, y.view().into())];
        let inputs = StepInputs { tensors: given(), learning_rate: 0.01, step: 6 };
        assert_eq!(apart.step(&inputs).unwrap(), plain.step(&inputs).unwrap());
        assert_eq!(state(&apart), state(&plain));
    }
}
