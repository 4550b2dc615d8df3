//! One optimiser step over several batches: gradients are added up, then the weights move once.

use std::collections::HashSet;
use std::fmt;

use swath_autodiff::{AccumulatingGraphs, Role, StateTensor, TrainingGraph};

use super::bound::BoundGraph;
use super::state::State;
use super::{Execution, InputTensor, SessionOptions, StateValue};
use crate::error::{Result, TrainError};
use crate::loss_scale::LossScaler;

/// Two graphs on ONNX Runtime that share their state: one adds up gradients, the other takes the step on their mean.
///
/// Call [`AccumulatingSession::accumulate`] for each batch, then [`AccumulatingSession::update`]. A step over k batches
/// of n is the step over one batch of k n, in the memory of a batch of n; BatchNormalization alone sees each batch by
/// itself.
pub struct AccumulatingSession {
    gradients: BoundGraph,
    /// Gradient sums and running statistics.
    sums: State,
    update: BoundGraph,
    /// Parameters, moments and averages.
    weights: State,
    /// Weights that the gradients are taken of, and sums that the update takes.
    shared: [HashSet<String>; 2],
    execution: Execution,
    /// Where the graphs scale their loss.
    scaler: Option<LossScaler>,
    batches: u32,
    poisoned: bool,
}

impl AccumulatingSession {
    /// Loads both graphs and puts the initial state where they run.
    ///
    /// # Errors
    /// When ONNX Runtime is not found, the device cannot be used, or ONNX Runtime does not accept a graph.
    pub fn new(graphs: &AccumulatingGraphs, options: &SessionOptions) -> Result<Self> {
        let AccumulatingGraphs { gradients, update } = graphs;
        let all = || gradients.state.iter().chain(&update.state);
        let is_state = |name: &str| all().any(|tensor| tensor.input == name);
        let (mut adding, execution) = BoundGraph::new("the gradient graph", &gradients.model, options, is_state)?;
        let (mut moving, _) = BoundGraph::new("the update graph", &update.model, options, is_state)?;
        let taken = |graph: &BoundGraph, state: &[StateTensor]| {
            let inputs = state.iter().map(|tensor| &tensor.input);
            inputs.filter(|name| graph.takes(name)).cloned().collect::<HashSet<_>>()
        };
        let shared = [taken(&adding, &update.state), taken(&moving, &gradients.state)];
        let memory = adding.state_memory()?;
        let mut sums = State::new(&gradients.state, &memory, options.device)?;
        let mut weights = State::new(&update.state, &memory, options.device)?;
        sums.bind(adding.bindings())?;
        weights.bind(moving.bindings())?;
        adding.watch(TrainingGraph::LOSS)?;
        let scaler = adding.takes(TrainingGraph::LOSS_SCALE).then(LossScaler::default);
        if scaler.is_some() {
            moving.watch(TrainingGraph::FINITE)?;
        }
        let (batches, poisoned) = (0, false);
        let mut session =
            Self { gradients: adding, sums, update: moving, weights, shared, execution, scaler, batches, poisoned };
        session.share()?;
        Ok(session)
    }

    /// Adds the gradients of one batch; gives the batch's loss.
    ///
    /// # Errors
    /// As [`crate::TrainSession::step`].
    pub fn accumulate(&mut self, tensors: &[(&str, InputTensor<'_>)]) -> Result<f32> {
        if self.poisoned {
            return Err(TrainError::Poisoned);
        }
        let turn = self.sums.turn();
        let scale = self.scaler.as_ref().map(|scaler| (TrainingGraph::LOSS_SCALE, f64::from(scaler.scale())));
        self.gradients.fill(tensors, scale.as_slice(), turn)?;
        self.poisoned = true;
        let batch = self.batches + 1;
        let what = || format!("the gradients of batch {batch}");
        self.gradients.run(turn, what)?;
        self.gradients.wait(turn, what)?;
        self.poisoned = false;
        self.sums.swap();
        self.batches = batch;
        Ok(self.gradients.output(TrainingGraph::LOSS)?.iter().next().copied().unwrap_or(f32::NAN))
    }

    /// Takes the step on the mean of the gradients added since the last one. `step` is counted from 1; `tensors` holds what
    /// the graph takes besides: [`TrainingGraph::MOMENTUM`] where it has it.
    ///
    /// # Errors
    /// When no gradients were added; else as [`crate::TrainSession::step`].
    ///
    /// Tells whether the update was made: always, but for float16 graphs whose gradients overflowed.
    pub fn update(&mut self, learning_rate: f32, step: u64, tensors: &[(&str, InputTensor<'_>)]) -> Result<bool> {
        if self.poisoned {
            return Err(TrainError::Poisoned);
        }
        if self.batches == 0 {
            return Err(TrainError::setting("the number of batches before an update", 0, "at least 1"));
        }
        let scalars = [
            (TrainingGraph::LEARNING_RATE, f64::from(learning_rate)),
            (TrainingGraph::STEP, step as f64),
            (AccumulatingGraphs::SCALE, 1.0 / f64::from(self.batches)),
        ];
        let turn = self.weights.turn();
        self.update.fill(tensors, &scalars, turn)?;
        self.poisoned = true;
        let what = || format!("step {step}");
        self.update.run(turn, what)?;
        self.update.wait(turn, what)?;
        self.weights.swap();
        self.sums.clear(Role::GradientSum)?;
        self.share()?;
        self.batches = 0;
        self.poisoned = false;
        let Some(scaler) = &mut self.scaler else { return Ok(true) };
        let finite = self.update.output(TrainingGraph::FINITE)?.iter().next() == Some(&1.0);
        scaler.follow(finite, step)?;
        Ok(finite)
    }

    /// The scale of the loss and its history, for a checkpoint; `None` where the graphs do not scale their loss.
    pub fn loss_scaler(&self) -> Option<LossScaler> {
        self.scaler
    }

    /// Goes on with the scale of a checkpoint, or starts with another one.
    ///
    /// # Errors
    /// When the graphs do not scale their loss.
    pub fn set_loss_scaler(&mut self, scaler: LossScaler) -> Result<()> {
        scaler.replace(&mut self.scaler)
    }

    /// The current state: parameters, moments, averages, running statistics. Gradient sums are left out, so read it
    /// between an update and the next batch.
    ///
    /// # Errors
    /// When the copy from a GPU fails.
    pub fn state(&self) -> Result<Vec<StateValue<'_>>> {
        let mut state = self.weights.read()?;
        state.extend(self.sums.read()?.into_iter().filter(|tensor| tensor.role != Role::GradientSum));
        Ok(state)
    }

    /// Replaces state by name and forgets gradients that were added.
    ///
    /// # Errors
    /// When a name is unknown or a length differs.
    pub fn load_some<'v>(&mut self, tensors: impl IntoIterator<Item = (&'v str, &'v [f32])>) -> Result<()> {
        let (sums, weights): (Vec<_>, Vec<_>) =
            tensors.into_iter().partition(|(name, _)| self.sums.names().any(|known| known == *name));
        self.weights.write(weights)?;
        self.sums.write(sums)?;
        self.sums.clear(Role::GradientSum)?;
        self.batches = 0;
        Ok(())
    }

    /// What runs these graphs, for the record.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// Binds the current weights to the one graph and the gradient sums to the other.
    fn share(&mut self) -> Result<()> {
        let [weights, sums] = &self.shared;
        self.weights.lend(self.gradients.bindings(), |name| weights.contains(name))?;
        self.sums.lend(self.update.bindings(), |name| sums.contains(name))
    }
}

impl fmt::Debug for AccumulatingSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccumulatingSession").field("execution", &self.execution).finish_non_exhaustive()
    }
}
