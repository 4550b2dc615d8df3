//! One execution of an operator on a GPU: its tensors as addresses, and the stream, the cuDNN handle and the memory that
//! ONNX Runtime hands to it.

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cudnn::sys::cudnnHandle_t;
use cudarc::driver::sys::CUstream;
use ort::ep::cuda::resource::CuDNNHandle;
use ort::memory::Allocator;
use ort::operator::ComputeContext;
use ort::value::DynTensorValueType;

use super::device::{Address, Argument, Device, Function, Grid, Memory};
use super::module;
use crate::kernels::error::KernelError;

/// ONNX Runtime's memory of the device.
///
/// It hands memory out again as soon as it has been given back, while what was queued may still use it. That is sound as
/// long as all work of a session is queued on one stream, as the CUDA provider does it.
pub(super) type Pool = Arc<Mutex<Allocator>>;

/// One execution of an operator.
pub(super) struct Call<'c> {
    operator: &'static str,
    context: &'c ComputeContext,
    pool: &'c Pool,
}

/// A tensor on the device.
pub(super) struct Tensor {
    /// Dimensions, outermost first.
    pub(super) shape: Vec<i64>,
    /// Where its elements begin, in row-major order.
    pub(super) address: Address,
}

impl<'c> Call<'c> {
    /// The call that `context` stands for.
    pub(super) fn new(operator: &'static str, context: &'c ComputeContext, pool: &'c Pool) -> Self {
        Self { operator, context, pool }
    }

    /// Input `index`, which must be there.
    pub(super) fn input(&self, index: usize) -> Result<Tensor, KernelError> {
        self.optional(index)?.ok_or(KernelError::MissingInput { operator: self.operator, index })
    }

    /// Input `index`, if the node has it.
    pub(super) fn optional(&self, index: usize) -> Result<Option<Tensor>, KernelError> {
        let refused = |source| KernelError::Runtime { operator: self.operator, index, source };
        if index >= self.context.num_inputs().map_err(refused)? {
            return Ok(None);
        }
        let Some(value) = self.context.input(index).map_err(refused)? else { return Ok(None) };
        let tensor = value.downcast::<DynTensorValueType>().map_err(refused)?;
        Ok(Some(Tensor { shape: tensor.shape().to_vec(), address: tensor.data_ptr() as Address }))
    }

    /// Output `index` with this shape, to be written in full; zero if nobody asked for it.
    pub(super) fn output(&self, index: usize, shape: &[i64]) -> Result<Address, KernelError> {
        let refused = |source| KernelError::Runtime { operator: self.operator, index, source };
        if index >= self.context.num_outputs().map_err(refused)? {
            return Ok(0);
        }
        let Some(value) = self.context.output(index, shape.to_vec()).map_err(refused)? else { return Ok(0) };
        let tensor = value.downcast::<DynTensorValueType>().map_err(refused)?;
        Ok(tensor.data_ptr() as Address)
    }

    /// ONNX Runtime's cuDNN handle, bound to its stream.
    pub(super) fn cudnn(&self) -> Result<cudnnHandle_t, KernelError> {
        let handle = self.context.resource(CuDNNHandle).map_err(|source| self.absent("cuDNN handle", &source))?;
        if handle.is_null() {
            let problem = String::from("ONNX Runtime has none for this node");
            return Err(KernelError::Gpu { operator: self.operator, call: "cuDNN handle", problem });
        }
        Ok(handle.cast_mut().cast())
    }

    /// ONNX Runtime's stream; null is CUDA's default stream.
    fn stream(&self) -> Result<CUstream, KernelError> {
        let stream = self.context.stream().map_err(|source| self.absent("stream", &source))?;
        Ok(stream.map_or(std::ptr::null_mut(), |stream| stream.as_ptr().cast()))
    }

    fn absent(&self, call: &'static str, source: &ort::Error) -> KernelError {
        KernelError::Gpu { operator: self.operator, call, problem: source.to_string() }
    }
}

impl Device for Call<'_> {
    fn launch(&self, function: Function, grid: Grid, arguments: &[Argument]) -> Result<(), KernelError> {
        module::launch(self.operator, self.stream()?, function, grid, arguments)
    }

    fn memory(&self, bytes: usize) -> Result<Box<dyn Memory>, KernelError> {
        Block::new(self.operator, self.pool, bytes).map(|block| Box::new(block) as Box<dyn Memory>)
    }

    fn upload(&self, bytes: &[u8]) -> Result<Box<dyn Memory>, KernelError> {
        let block = Block::new(self.operator, self.pool, bytes.len())?;
        module::copy(self.operator, self.stream()?, bytes, block.address)?;
        Ok(Box::new(block))
    }
}

/// A block of ONNX Runtime's memory.
struct Block {
    pool: Pool,
    address: Address,
}

impl Block {
    fn new(operator: &'static str, pool: &Pool, bytes: usize) -> Result<Self, KernelError> {
        // A panic while the lock is held cannot leave ONNX Runtime's allocator half-changed: it is not ours.
        let allocator = pool.lock().unwrap_or_else(PoisonError::into_inner);
        let block = allocator.alloc::<u8>(bytes.max(1)).map_err(|source| {
            let problem = format!("{bytes} bytes could not be had: {source}");
            KernelError::Gpu { operator, call: "memory of the device", problem }
        })?;
        Ok(Self { pool: Arc::clone(pool), address: block.into_raw() as Address })
    }
}

impl Memory for Block {
    fn address(&self) -> Address {
        self.address
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let allocator = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the address came from this allocator and is given back once.
        unsafe { allocator.free(self.address as *mut u8) };
    }
}
