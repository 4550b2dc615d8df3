//! A graph loaded and bound: every input and output has its memory before the first run.
//!
//! On a GPU a run is only begun: kernels are queued and the call returns, so that the next batch can be copied over while they compute.
//! [`BoundGraph::wait`] ends it. Memory that a queued kernel may read or write is never handed back in between: batches, state and watched
//! outputs have places of their own, and scalars are bound while nothing is queued. On the processor a run is over when the call returns.

use ndarray::ArrayViewD;
use ort::memory::Allocator;
use ort::session::{IoBinding, RunOptions, Session};
use swath_autodiff::Model;

use super::build::{self, Built, Source};
use super::host::{Feed, HostTensor};
use super::placement::{self, Allowance};
use super::{Device, Execution, InputTensor, SessionOptions, precision};
use crate::error::{Result, TrainError};

/// A graph with the memory of its inputs and outputs, apart from those that are state.
pub(super) struct BoundGraph {
    session: Session,
    /// Binding 0 reads the first buffers of the state and writes the second; binding 1 the other way round.
    bindings: [IoBinding; 2],
    inputs: Vec<Feed>,
    outputs: Vec<HostTensor>,
    device: Device,
    /// Whether the graph's memory is not the host's: inputs are copied, and a run is begun without waiting for it.
    apart: bool,
    /// A run on a GPU does not wait for its kernels.
    queued: RunOptions,
}

impl BoundGraph {
    /// Loads a graph; inputs of which `is_state` holds are left to the caller.
    pub(super) fn new(
        what: &str,
        model: &Model,
        options: &SessionOptions,
        is_state: impl Fn(&str) -> bool,
    ) -> Result<(Self, Execution)> {
        Self::with_memory(what, model, options, is_state, options.device != Device::Cpu)
    }

    /// As [`BoundGraph::new`], with memory `apart` from the host's or not.
    pub(super) fn with_memory(
        what: &str,
        model: &Model,
        options: &SessionOptions,
        is_state: impl Fn(&str) -> bool,
        apart: bool,
    ) -> Result<(Self, Execution)> {
        let bytes = model.to_bytes().map_err(TrainError::session(what))?;
        precision::check(model, options.device)?;
        let Built { session, mut execution } = build::build(what, &Source::Bytes(&bytes), options)?;
        drop(bytes);
        execution.precision = precision::smallest(model).to_owned();
        placement::check(&session, options.device, Allowance::Nothing)?;
        let host = build::batch_allocator(&session, options.device)?;
        let device = if apart { Some(build::state_allocator(&session, options.device)?) } else { None };
        let inputs = session.inputs().iter().filter(|input| !is_state(input.name()));
        let inputs = inputs.map(|input| Feed::new(input, &host, device.as_ref())).collect::<Result<Vec<_>>>()?;
        let bound = || TrainError::session("bound inputs and outputs");
        let mut bindings = [session.create_binding().map_err(bound())?, session.create_binding().map_err(bound())?];
        inputs.iter().try_for_each(|input| input.bind(&mut bindings))?;
        let mut queued = RunOptions::new().map_err(bound())?;
        queued.disable_device_sync().map_err(bound())?;
        Ok((Self { session, bindings, inputs, outputs: Vec::new(), device: options.device, apart, queued }, execution))
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

    /// Whether the graph has an output of this name.
    pub(super) fn yields(&self, name: &str) -> bool {
        self.session.outputs().iter().any(|output| output.name() == name)
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
        let mut output = HostTensor::new(found, &build::batch_allocator(&self.session, self.device)?)?;
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

    /// Takes arrays to where the next run under binding `turn` reads them. Arrays that the graph does not take are an error.
    pub(super) fn stage(&mut self, tensors: &[(&str, InputTensor<'_>)], turn: usize) -> Result<()> {
        let taken = |name: &str| self.inputs.iter().any(|input| input.host.name == name);
        if let Some((name, _)) = tensors.iter().find(|(name, _)| !taken(name)) {
            return Err(unknown("input", name, self.inputs.iter().map(|input| input.host.name.as_str())));
        }
        for (name, tensor) in tensors {
            for input in self.inputs.iter_mut().filter(|input| input.host.name == *name) {
                input.stage(tensor, turn)?;
            }
        }
        Ok(())
    }

    /// Stages what the next run takes besides. Scalars that the graph does not take are passed over; an input that nothing was given for is
    /// an error.
    pub(super) fn fill(
        &mut self,
        tensors: &[(&str, InputTensor<'_>)],
        scalars: &[(&str, f64)],
        turn: usize,
    ) -> Result<()> {
        self.stage(tensors, turn)?;
        for (name, value) in scalars {
            for input in self.inputs.iter_mut().filter(|input| input.host.name == *name) {
                input.stage_scalar(*value)?;
            }
        }
        let Some(missing) = self.inputs.iter().find(|input| !input.staged) else { return Ok(()) };
        let given: Vec<_> = tensors.iter().map(|(name, _)| *name).collect();
        Err(TrainError::MissingInput { name: missing.host.name.clone(), given: given.join(", ") })
    }

    /// Forgets what was staged.
    pub(super) fn unstage(&mut self) {
        self.inputs.iter_mut().for_each(|input| input.staged = false);
    }

    /// Begins a run under one of the two bindings; everything that it reads is staged, and nothing else is under way.
    pub(super) fn run(&mut self, turn: usize, what: impl Fn() -> String) -> Result<()> {
        let failed = |source| TrainError::Run { what: what(), source: Box::new(source) };
        self.unstage();
        let binding = &mut self.bindings[turn];
        match self.apart {
            false => self.session.run_binding(binding).map(|_| ()).map_err(failed),
            true => {
                let mut scalars = self.inputs.iter().filter(|input| input.is_copied_by_binding());
                scalars.try_for_each(|input| input.host.bind_input(binding))?;
                binding.synchronize_inputs().map_err(failed)?;
                self.session.run_binding_with_options(binding, &self.queued).map(|_| ()).map_err(failed)
            }
        }
    }

    /// Waits until a run is over and its outputs can be read.
    pub(super) fn wait(&self, turn: usize, what: impl Fn() -> String) -> Result<()> {
        match self.apart {
            false => Ok(()),
            true => self.bindings[turn]
                .synchronize_outputs()
                .map_err(|source| TrainError::Run { what: what(), source: Box::new(source) }),
        }
    }
}

fn unknown<'a>(role: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> TrainError {
    let known = known.collect::<Vec<_>>().join(", ");
    TrainError::UnknownTensor { role, name: name.to_owned(), known }
}
