//! A training graph at work: one call, one optimiser step.

use std::fmt;

use ndarray::ArrayViewD;
use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, TensorElementType};
use swath_autodiff::TrainingGraph;

use super::build::{self, Built, Source};
use super::input::copy_row_major;
use super::state::State;
use super::{Device, Execution, InputTensor, SessionOptions, StateValue};
use crate::error::{Result, TrainError};

/// What one step takes besides the state.
#[derive(Debug, Clone)]
pub struct StepInputs<'a> {
    /// Arrays by the name of the graph input that takes them: [`TrainingGraph::INPUT`], [`TrainingGraph::TARGET`].
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
    session: Session,
    /// Binding 0 reads the first buffers and writes the second; binding 1 the other way round.
    bindings: [IoBinding; 2],
    state: State,
    inputs: Vec<HostTensor>,
    outputs: Vec<HostTensor>,
    execution: Execution,
    poisoned: bool,
}

/// A graph input or output with memory of its own on the host.
struct HostTensor {
    name: String,
    tensor: DynTensor,
}

impl TrainSession {
    /// Loads a training graph and puts the initial state where it runs.
    ///
    /// # Errors
    /// When ONNX Runtime is not found, the device cannot be used, or ONNX Runtime does not accept the graph.
    pub fn new(graph: &TrainingGraph, options: &SessionOptions) -> Result<Self> {
        let model = graph.model.to_bytes().map_err(TrainError::session("the training graph"))?;
        let Built { session, execution } = build::build("the training graph", &Source::Bytes(&model), options)?;
        drop(model);
        let device = options.device;
        let state = State::new(&graph.state, &build::state_allocator(&session, device)?, device)?;
        let batch_memory = build::batch_allocator(&session, device)?;
        let inputs = session
            .inputs()
            .iter()
            .filter(|input| !state.inputs().any(|name| name == input.name()))
            .map(|input| HostTensor::new(input, &batch_memory))
            .collect::<Result<Vec<_>>>()?;
        let binding = || session.create_binding().map_err(TrainError::session("bound inputs and outputs"));
        let bindings = [binding()?, binding()?];
        let mut train = Self { session, bindings, state, inputs, outputs: Vec::new(), execution, poisoned: false };
        for turn in 0..2 {
            train.state.bind(&mut train.bindings[turn], turn)?;
            train.bind_inputs(turn)?;
        }
        train.watch(TrainingGraph::LOSS)?;
        Ok(train)
    }

    /// Keeps a further output, such as [`TrainingGraph::LOGITS`], readable after each step by [`TrainSession::output`].
    ///
    /// # Errors
    /// When the graph has no such output, or its shape is not known.
    pub fn watch(&mut self, name: &str) -> Result<()> {
        if self.outputs.iter().any(|output| output.name == name) {
            return Ok(());
        }
        let found = self.session.outputs().iter().find(|output| output.name() == name).ok_or_else(|| {
            let known: Vec<_> = self.session.outputs().iter().map(|output| output.name()).take(8).collect();
            TrainError::UnknownTensor { role: "output", name: name.to_owned(), known: known.join(", ") }
        })?;
        let mut output = HostTensor::new(found, &Allocator::default())?;
        for binding in &mut self.bindings {
            binding
                .bind_output(name, &mut output.tensor)
                .map_err(TrainError::session(format!("the output `{name}`")))?;
        }
        self.outputs.push(output);
        Ok(())
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
        self.fill(inputs)?;
        let turn = self.state.turn();
        if self.execution.device != Device::Cpu {
            // Binding is what copies a batch to a GPU; on the processor the graph reads the bound memory itself.
            self.bind_inputs(turn)?;
            self.bindings[turn].synchronize_inputs().map_err(TrainError::session("the copy of a batch to the GPU"))?;
        }
        let ran = self.session.run_binding(&self.bindings[turn]).map(|_| ());
        if let Err(source) = ran {
            self.poisoned = true;
            return Err(TrainError::Run { what: format!("step {}", inputs.step), source: Box::new(source) });
        }
        self.state.swap();
        let loss = self.output(TrainingGraph::LOSS)?.iter().next().copied().unwrap_or(f32::NAN);
        Ok(StepOutput { loss })
    }

    /// An output of the last step that [`TrainSession::watch`] keeps.
    ///
    /// # Errors
    /// When the output is not watched.
    pub fn output(&self, name: &str) -> Result<ArrayViewD<'_, f32>> {
        let output = self.outputs.iter().find(|output| output.name == name).ok_or_else(|| {
            let known: Vec<_> = self.outputs.iter().map(|output| output.name.as_str()).collect();
            TrainError::UnknownTensor { role: "watched output", name: name.to_owned(), known: known.join(", ") }
        })?;
        output.tensor.try_extract_array::<f32>().map_err(TrainError::session(format!("reading the output `{name}`")))
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

    fn bind_inputs(&mut self, turn: usize) -> Result<()> {
        for input in &self.inputs {
            self.bindings[turn]
                .bind_input(input.name.as_str(), &input.tensor)
                .map_err(TrainError::session(format!("the input `{}`", input.name)))?;
        }
        Ok(())
    }

    /// Copies the step's arrays into the memory that is bound to the graph's inputs.
    fn fill(&mut self, inputs: &StepInputs<'_>) -> Result<()> {
        let given = |name: &str| inputs.tensors.iter().find(|(given, _)| *given == name).map(|(_, tensor)| tensor);
        if let Some((name, _)) =
            inputs.tensors.iter().find(|(name, _)| !self.inputs.iter().any(|input| input.name == *name))
        {
            let known: Vec<_> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(TrainError::UnknownTensor { role: "input", name: (*name).to_owned(), known: known.join(", ") });
        }
        for input in &mut self.inputs {
            match (given(&input.name), input.name.as_str()) {
                (Some(tensor), _) => input.fill(tensor)?,
                (None, TrainingGraph::LEARNING_RATE) => input.fill_scalar(f64::from(inputs.learning_rate))?,
                (None, TrainingGraph::STEP) => input.fill_scalar(inputs.step as f64)?,
                (None, name) => {
                    let given: Vec<_> = inputs.tensors.iter().map(|(name, _)| *name).collect();
                    return Err(TrainError::MissingInput { name: name.to_owned(), given: given.join(", ") });
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TrainSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainSession").field("execution", &self.execution).finish_non_exhaustive()
    }
}

impl HostTensor {
    fn new(outlet: &ort::value::Outlet, allocator: &Allocator) -> Result<Self> {
        let name = outlet.name().to_owned();
        let unknown = || TrainError::Shape { name: name.clone(), expected: "a fixed shape".into(), got: Vec::new() };
        let shape = outlet.dtype().tensor_shape().ok_or_else(unknown)?;
        let element = outlet.dtype().tensor_type().ok_or_else(unknown)?;
        let shape = shape.iter().map(|&n| usize::try_from(n).map_err(|_| unknown())).collect::<Result<Vec<_>>>()?;
        let tensor = DynTensor::new(allocator, element, shape.as_slice())
            .map_err(TrainError::session(format!("memory for `{name}` of shape {shape:?}")))?;
        Ok(Self { name, tensor })
    }

    fn fill(&mut self, given: &InputTensor<'_>) -> Result<()> {
        let shape = self.tensor.shape();
        if !shape.iter().map(|&n| n as usize).eq(given.shape().iter().copied()) {
            let expected = format!("{:?}", &shape[..]);
            return Err(TrainError::Shape { name: self.name.clone(), expected, got: given.shape().to_vec() });
        }
        let element = *self.tensor.data_type();
        let failed = || TrainError::session(format!("writing the input `{}`", self.name));
        match (given, element) {
            (InputTensor::F32(array), TensorElementType::Float32) => {
                copy_row_major(array, self.tensor.try_extract_tensor_mut().map_err(failed())?.1);
            }
            (InputTensor::I64(array), TensorElementType::Int64) => {
                copy_row_major(array, self.tensor.try_extract_tensor_mut().map_err(failed())?.1);
            }
            (InputTensor::F32(_), _) => return Err(self.wrong_element("float32")),
            (InputTensor::I64(_), _) => return Err(self.wrong_element("int64")),
        }
        Ok(())
    }

    fn fill_scalar(&mut self, value: f64) -> Result<()> {
        let failed = || TrainError::session(format!("writing the input `{}`", self.name));
        match self.tensor.data_type() {
            TensorElementType::Float64 => self.tensor.try_extract_tensor_mut::<f64>().map_err(failed())?.1.fill(value),
            TensorElementType::Float32 => {
                self.tensor.try_extract_tensor_mut::<f32>().map_err(failed())?.1.fill(value as f32)
            }
            TensorElementType::Int64 => {
                self.tensor.try_extract_tensor_mut::<i64>().map_err(failed())?.1.fill(value as i64)
            }
            _ => return Err(self.wrong_element("a number")),
        }
        Ok(())
    }

    fn wrong_element(&self, got: &str) -> TrainError {
        TrainError::ElementType {
            name: self.name.clone(),
            expected: self.tensor.data_type().to_string(),
            got: got.to_owned(),
        }
    }
}
