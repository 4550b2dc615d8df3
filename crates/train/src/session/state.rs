//! The state of a training graph, kept where the graph runs.
//!
//! A parameter or running statistic has two buffers: a step reads one and writes the other, and the next step reads what
//! the last one wrote. The buffers trade places, nothing is copied. Moments and averages are read by nothing but their own
//! update, value by value, so they have one buffer that is updated in place.

use std::borrow::Cow;
use std::collections::HashMap;

use ort::memory::{AllocationDevice, Allocator};
use ort::session::IoBinding;
use ort::value::{DynTensor, Tensor, TensorElementType};
use swath_autodiff::{Role, StateTensor};

use super::Device;
use crate::error::{Result, TrainError};

/// One state tensor, read.
#[derive(Debug, Clone, PartialEq)]
pub struct StateValue<'a> {
    /// Name as the training graph gives it.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
    /// Lengths of its axes.
    pub shape: &'a [usize],
    /// Row-major values; borrowed where the state lies in the processor's memory.
    pub values: Cow<'a, [f32]>,
}

/// All state tensors of a session.
pub(super) struct State {
    slots: Vec<Slot>,
    device: Device,
    /// Which buffer the next step reads.
    turn: usize,
}

struct Slot {
    name: String,
    role: Role,
    input: String,
    output: String,
    shape: Vec<usize>,
    /// One when updated in place or not at all, else two.
    buffers: Vec<DynTensor>,
}

impl State {
    pub(super) fn new(tensors: &[StateTensor], allocator: &Allocator, device: Device) -> Result<Self> {
        let slots = tensors.iter().map(|tensor| Slot::new(tensor, allocator)).collect::<Result<Vec<_>>>()?;
        let mut state = Self { slots, device, turn: 0 };
        state.write(tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.initial.as_slice())))?;
        Ok(state)
    }

    /// Which binding the next step uses: the one that reads the current values.
    pub(super) fn turn(&self) -> usize {
        self.turn
    }

    /// To be called after a step that succeeded.
    pub(super) fn swap(&mut self) {
        self.turn = 1 - self.turn;
    }

    /// Binds every state tensor as input and output: the first binding reads the first buffers and writes the second, the
    /// second the other way round.
    pub(super) fn bind(&mut self, bindings: &mut [IoBinding; 2]) -> Result<()> {
        for (turn, binding) in bindings.iter_mut().enumerate() {
            for slot in &mut self.slots {
                let refused = |name: &str| TrainError::session(format!("the state tensor `{name}`"));
                let (from, to) = (turn % slot.buffers.len(), (1 - turn) % slot.buffers.len());
                binding.bind_input(slot.input.as_str(), &slot.buffers[from]).map_err(refused(&slot.input))?;
                if !slot.output.is_empty() {
                    binding.bind_output(slot.output.as_str(), &mut slot.buffers[to]).map_err(refused(&slot.output))?;
                }
            }
        }
        Ok(())
    }

    /// Binds the current values as inputs of another graph, those that `takes` says it takes.
    pub(super) fn lend(&self, bindings: &mut [IoBinding; 2], takes: impl Fn(&str) -> bool) -> Result<()> {
        for binding in bindings {
            for slot in self.slots.iter().filter(|slot| takes(&slot.input)) {
                let buffer = &slot.buffers[self.turn % slot.buffers.len()];
                let refused = TrainError::session(format!("the state tensor `{}`", slot.input));
                binding.bind_input(slot.input.as_str(), buffer).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Sets every tensor of one role to zero.
    pub(super) fn clear(&mut self, role: Role) -> Result<()> {
        let (turn, device) = (self.turn, self.device);
        for slot in self.slots.iter_mut().filter(|slot| slot.role == role) {
            let zeros = vec![0.0; slot.shape.iter().product()];
            slot.write(turn, device, &zeros)?;
        }
        Ok(())
    }

    /// The current values, in the graph's order.
    pub(super) fn read(&self) -> Result<Vec<StateValue<'_>>> {
        self.slots.iter().map(|slot| slot.read(self.turn, self.device)).collect()
    }

    pub(super) fn read_one(&self, name: &str) -> Result<StateValue<'_>> {
        let slot = self.slots.iter().find(|slot| slot.name == name).ok_or_else(|| self.unknown(name))?;
        slot.read(self.turn, self.device)
    }

    /// Replaces the values of the tensors named. Names and lengths are all checked before the first is written.
    pub(super) fn write<'v>(&mut self, tensors: impl IntoIterator<Item = (&'v str, &'v [f32])>) -> Result<()> {
        let index: HashMap<&str, usize> =
            self.slots.iter().enumerate().map(|(i, slot)| (slot.name.as_str(), i)).collect();
        let mut writes = Vec::new();
        for (name, values) in tensors {
            let at = *index.get(name).ok_or_else(|| self.unknown(name))?;
            let shape = &self.slots[at].shape;
            if shape.iter().product::<usize>() != values.len() {
                let expected = format!("{shape:?}, {} values,", shape.iter().product::<usize>());
                return Err(TrainError::Shape { name: name.to_owned(), expected, got: vec![values.len()] });
            }
            writes.push((at, values));
        }
        for (at, values) in writes {
            self.slots[at].write(self.turn, self.device, values)?;
        }
        Ok(())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.name.as_str())
    }

    fn unknown(&self, name: &str) -> TrainError {
        let known: Vec<_> = self.names().take(8).collect();
        let rest = self.slots.len().saturating_sub(known.len());
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        TrainError::UnknownTensor { role: "state tensor", name: name.to_owned(), known: known.join(", ") + &more }
    }
}

impl Slot {
    fn new(tensor: &StateTensor, allocator: &Allocator) -> Result<Self> {
        let count = match tensor.role {
            Role::Moment | Role::Average | Role::GradientSum => 1,
            Role::Parameter | Role::RunningStatistic if tensor.output.is_empty() => 1,
            Role::Parameter | Role::RunningStatistic => 2,
        };
        let buffer = |_| {
            DynTensor::new(allocator, TensorElementType::Float32, tensor.shape.as_slice())
                .map_err(TrainError::session(format!("a buffer for `{}` of shape {:?}", tensor.name, tensor.shape)))
        };
        Ok(Self {
            name: tensor.name.clone(),
            role: tensor.role,
            input: tensor.input.clone(),
            output: tensor.output.clone(),
            shape: tensor.shape.clone(),
            buffers: (0..count).map(buffer).collect::<Result<_>>()?,
        })
    }

    fn read(&self, turn: usize, device: Device) -> Result<StateValue<'_>> {
        let failed = || TrainError::session(format!("reading the state tensor `{}`", self.name));
        let buffer = &self.buffers[turn % self.buffers.len()];
        let values = match device {
            Device::Cpu => Cow::Borrowed(buffer.try_extract_tensor::<f32>().map_err(failed())?.1),
            Device::Cuda { .. } => {
                let host = buffer.to(AllocationDevice::CPU, 0).map_err(failed())?;
                Cow::Owned(host.try_extract_tensor::<f32>().map_err(failed())?.1.to_vec())
            }
        };
        Ok(StateValue { name: &self.name, role: self.role, shape: &self.shape, values })
    }

    fn write(&mut self, turn: usize, device: Device, values: &[f32]) -> Result<()> {
        let failed = || TrainError::session(format!("writing the state tensor `{}`", self.name));
        let at = turn % self.buffers.len();
        let buffer = &mut self.buffers[at];
        match device {
            Device::Cpu => buffer.try_extract_tensor_mut::<f32>().map_err(failed())?.1.copy_from_slice(values),
            Device::Cuda { .. } => {
                let host = Tensor::from_array((self.shape.as_slice(), values.to_vec())).map_err(failed())?;
                host.upcast_ref().copy_into(buffer).map_err(failed())?;
            }
        }
        Ok(())
    }
}
