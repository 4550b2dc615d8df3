//! Inputs and outputs of a graph that have memory of their own on the host: batches, rates, losses, logits; and, for a GPU, the memory
//! there that batches are copied to ahead of their step.

use ndarray::ArrayViewD;
use ort::memory::Allocator;
use ort::session::IoBinding;
use ort::value::{DynTensor, Outlet, TensorElementType};

use super::InputTensor;
use super::input::copy_row_major;
use crate::error::{Result, TrainError};

/// A graph input that is given anew for every step.
pub(super) struct Feed {
    pub(super) host: HostTensor,
    /// On a GPU, one place for each of the two bindings: the next batch arrives in one while the step reads the other. Scalars have
    /// none: they are bound, and thereby copied, when their step begins.
    places: Option<[DynTensor; 2]>,
    /// Whether it holds what the next step is to read.
    pub(super) staged: bool,
}

impl Feed {
    /// An input with host memory from `host`, and memory where the graph runs from `device` where that is a GPU.
    pub(super) fn new(outlet: &Outlet, host: &Allocator, device: Option<&Allocator>) -> Result<Self> {
        let host = HostTensor::new(outlet, host)?;
        let place = |allocator: &Allocator| {
            let shape = host.tensor.shape().to_vec();
            DynTensor::new(allocator, *host.tensor.data_type(), shape.as_slice())
                .map_err(TrainError::session(format!("memory for `{}` of shape {shape:?} on the GPU", host.name)))
        };
        let places = match device {
            Some(allocator) if !host.tensor.shape().is_empty() => Some([place(allocator)?, place(allocator)?]),
            _ => None,
        };
        Ok(Self { host, places, staged: false })
    }

    /// Binds what stays bound: the places on a GPU, or the host memory that a processor reads itself.
    pub(super) fn bind(&self, bindings: &mut [IoBinding; 2]) -> Result<()> {
        for (turn, binding) in bindings.iter_mut().enumerate() {
            match &self.places {
                Some(places) => self.host.bind_as_input(binding, &places[turn])?,
                None => self.host.bind_input(binding)?,
            }
        }
        Ok(())
    }

    /// Takes values to where the step under binding `turn` reads them; a scalar for a GPU waits on the host.
    pub(super) fn stage(&mut self, given: &InputTensor<'_>, turn: usize) -> Result<()> {
        self.staged = false;
        self.host.fill(given)?;
        if let Some(places) = &mut self.places {
            let failed = TrainError::session(format!("the copy of `{}` to the GPU", self.host.name));
            self.host.tensor.copy_into(&mut places[turn]).map_err(failed)?;
        }
        self.staged = true;
        Ok(())
    }

    pub(super) fn stage_scalar(&mut self, value: f64) -> Result<()> {
        self.host.fill_scalar(value)?;
        self.staged = true;
        Ok(())
    }

    /// Whether binding is what copies it to the GPU.
    pub(super) fn is_copied_by_binding(&self) -> bool {
        self.places.is_none()
    }
}

/// A graph input or output with memory of its own on the host.
pub(super) struct HostTensor {
    pub(super) name: String,
    tensor: DynTensor,
}

impl HostTensor {
    pub(super) fn new(outlet: &Outlet, allocator: &Allocator) -> Result<Self> {
        let name = outlet.name().to_owned();
        let unknown = || TrainError::Shape { name: name.clone(), expected: "a fixed shape".into(), got: Vec::new() };
        let shape = outlet.dtype().tensor_shape().ok_or_else(unknown)?;
        let element = outlet.dtype().tensor_type().ok_or_else(unknown)?;
        let shape = shape.iter().map(|&n| usize::try_from(n).map_err(|_| unknown())).collect::<Result<Vec<_>>>()?;
        let tensor = DynTensor::new(allocator, element, shape.as_slice())
            .map_err(TrainError::session(format!("memory for `{name}` of shape {shape:?}")))?;
        Ok(Self { name, tensor })
    }

    pub(super) fn fill(&mut self, given: &InputTensor<'_>) -> Result<()> {
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

    pub(super) fn fill_scalar(&mut self, value: f64) -> Result<()> {
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

    pub(super) fn bind_input(&self, binding: &mut IoBinding) -> Result<()> {
        self.bind_as_input(binding, &self.tensor)
    }

    fn bind_as_input(&self, binding: &mut IoBinding, tensor: &DynTensor) -> Result<()> {
        binding
            .bind_input(self.name.as_str(), tensor)
            .map_err(TrainError::session(format!("the input `{}`", self.name)))
    }

    pub(super) fn bind_output(&mut self, binding: &mut IoBinding) -> Result<()> {
        binding
            .bind_output(self.name.as_str(), &mut self.tensor)
            .map_err(TrainError::session(format!("the output `{}`", self.name)))
    }

    pub(super) fn view(&self) -> Result<ArrayViewD<'_, f32>> {
        self.tensor.try_extract_array().map_err(TrainError::session(format!("reading the output `{}`", self.name)))
    }
}
