//! A graph loaded and bound: every input and output has its memory before the first run.

use ndarray::ArrayViewD;
use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use swath_autodiff::Model;

use super::build::{self, Built, Source};
use super::host::HostTensor;
use super::{Device, Execution, InputTensor, SessionOptions};
use crate::error::{Result, TrainError};

/// A graph with the memory of its inputs and outputs, apart from those that are state.
pub(super) struct BoundGraph {
    session: Session,
    /// Binding 0 reads the first buffers of the state and writes the second; binding 1 the other way round.
    bindings: [IoBinding; 2],
    inputs: Vec<HostTensor>,
    outputs: Vec<HostTensor>,
    device: Device,
}

impl BoundGraph {
    /// Loads a graph; inputs of which `is_state` holds are left to the caller.
    pub(super) fn new(
        what: &str,
        model: &Model,
        options: &SessionOptions,
        is_state: impl Fn(&str) -> bool,
    ) -> Result<(Self, Execution)> {
        let bytes = model.to_bytes().map_err(TrainError::session(what))?;
        let Built { session, execution } = build::build(what, &Source::Bytes(&bytes), options)?;
        drop(bytes);
        let memory = build::batch_allocator(&session, options.device)?;
        let inputs = session.inputs().iter().filter(|input| !is_state(input.name()));
        let inputs = inputs.map(|input| HostTensor::new(input, &memory)).collect::<Result<Vec<_>>>()?;
        let binding = || session.create_binding().map_err(TrainError::session("bound inputs and outputs"));
        let bindings = [binding()?, binding()?];
        let mut graph = Self { session, bindings, inputs, outputs: Vec::new(), device: options.device };
        for binding in &mut graph.bindings {
            graph.inputs.iter().try_for_each(|input| input.bind_input(binding))?;
        }
        Ok((graph, execution))
    }

    /// Memory for state of this graph, where the graph runs.
    pub(super) fn state_memory(&self) -> Result<Allocator> {
        build::state_allocator(&self.session, self.device)
    }

    pub(super) fn bindings(&mut self) -> &mut [IoBinding; 2] {
        &mut self.bindings
    }

    /// Whether the graph has an input of this name.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.session.inputs().iter().any(|input| input.name() == name)
    }

    /// Keeps an output readable after each run.
    pub(super) fn watch(&mut self, name: &str) -> Result<()> {
        if self.outputs.iter().any(|output| output.name == name) {
            return Ok(());
        }
        let found = self.session.outputs().iter().find(|output| output.name() == name).ok_or_else(|| {
            let known = self.session.outputs().iter().map(|output| output.name()).take(8);
            unknown("output", name, known)
        })?;
        let mut output = HostTensor::new(found, &Allocator::default())?;
        self.bindings.iter_mut().try_for_each(|binding| output.bind_output(binding))?;
        self.outputs.push(output);
        Ok(())
    }

    /// A watched output of the last run.
    pub(super) fn output(&self, name: &str) -> Result<ArrayViewD<'_, f32>> {
        let found = self.outputs.iter().find(|output| output.name == name);
        found
            .ok_or_else(|| unknown("watched output", name, self.outputs.iter().map(|output| output.name.as_str())))?
            .view()
    }

    /// Copies arrays and scalars into the memory that is bound to the graph's inputs. Scalars that the graph does not take
    /// are passed over; arrays that it does not take are an error, and so is an input that nothing is given for.
    pub(super) fn fill(&mut self, tensors: &[(&str, InputTensor<'_>)], scalars: &[(&str, f64)]) -> Result<()> {
        if let Some((name, _)) = tensors.iter().find(|(name, _)| !self.inputs.iter().any(|input| input.name == *name)) {
            return Err(unknown("input", name, self.inputs.iter().map(|input| input.name.as_str())));
        }
        for input in &mut self.inputs {
            if let Some((_, tensor)) = tensors.iter().find(|(name, _)| *name == input.name) {
                input.fill(tensor)?;
            } else if let Some((_, value)) = scalars.iter().find(|(name, _)| *name == input.name) {
                input.fill_scalar(*value)?;
            } else {
                let given: Vec<_> = tensors.iter().map(|(name, _)| *name).collect();
                return Err(TrainError::MissingInput { name: input.name.clone(), given: given.join(", ") });
            }
        }
        Ok(())
    }

    /// Runs the graph under one of the two bindings.
    pub(super) fn run(&mut self, turn: usize, what: impl FnOnce() -> String) -> Result<()> {
        let binding = &mut self.bindings[turn];
        if self.device != Device::Cpu {
            // Binding is what copies a batch to a GPU; on the processor the graph reads the bound memory itself.
            self.inputs.iter().try_for_each(|input| input.bind_input(binding))?;
            binding.synchronize_inputs().map_err(TrainError::session("the copy of a batch to the GPU"))?;
        }
        let ran = self.session.run_binding(binding).map(|_| ());
        ran.map_err(|source| TrainError::Run { what: what(), source: Box::new(source) })
    }
}

fn unknown<'a>(role: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> TrainError {
    let known = known.collect::<Vec<_>>().join(", ");
    TrainError::UnknownTensor { role, name: name.to_owned(), known }
}
