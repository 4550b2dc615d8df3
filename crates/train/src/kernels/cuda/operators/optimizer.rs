//! `swath.AdamW`, `swath.Adam` and `swath.Sgd`, in `float32`. Scalars are read where they lie, on the GPU, so that one that
//! was computed there (a factor from the gradients' norm) need not come back first.

use ort::value::TensorElementType;

use crate::kernels::cuda::call::{Call, Tensor};
use crate::kernels::cuda::device::Address;
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::cuda::optimizer::{Scalars, Updated, adam, sgd};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::{alike, sized};
use crate::kernels::operators::optimizer::{self as twin, Counter};

/// One step of one parameter: input 0 is the parameter, input 1 its gradient, and all state has its shape.
struct Update<'c> {
    operator: &'static str,
    call: &'c Call<'c>,
    shape: Vec<i64>,
}

impl<'c> Update<'c> {
    fn of(operator: &'static str, call: &'c Call<'c>) -> Result<Self, KernelError> {
        Ok(Self { operator, call, shape: call.input(0)?.shape })
    }

    /// Input `index`, which must be of the parameter's shape.
    fn like(&self, index: usize, tensor: &'static str) -> Result<Address, KernelError> {
        let input = self.call.input(index)?;
        alike(self.operator, tensor, &input.shape, "the parameter", &self.shape)?;
        Ok(input.address)
    }

    /// State tensor `input`, to be written to output `output`.
    fn state(&self, [input, output]: [usize; 2], tensor: &'static str) -> Result<Updated, KernelError> {
        Ok(Updated { old: self.like(input, tensor)?, new: self.call.output(output, &self.shape)? })
    }

    /// The scalars of a step from inputs `lr` and those after it, `momentum` being what the last one is called.
    fn scalars<T: Counter>(&self, lr: usize, momentum: &'static str) -> Result<Scalars, KernelError> {
        let optional = |index, tensor| match self.call.optional(index)? {
            Some(input) => self.scalar(tensor, &input),
            None => Ok(0),
        };
        Ok(Scalars {
            lr: self.scalar("lr", &self.call.input(lr)?)?,
            step: self.scalar("step", &self.call.input(lr + 1)?)?,
            double: T::ELEMENT == TensorElementType::Float64,
            grad_scale: optional(lr + 2, "grad_scale")?,
            momentum: optional(lr + 3, momentum)?,
        })
    }

    /// The address of a scalar input.
    fn scalar(&self, tensor: &'static str, input: &Tensor) -> Result<Address, KernelError> {
        if input.shape.iter().all(|&size| size == 1) {
            return Ok(input.address);
        }
        let expected = String::from("a single element");
        Err(KernelError::Shape { operator: self.operator, tensor, expected, got: input.shape.clone() })
    }
}

/// `swath.AdamW` (`DECOUPLED`) and `swath.Adam`, with `step` of type `T`.
pub(in crate::kernels::cuda) struct AdamOperator<T, const DECOUPLED: bool>(twin::AdamOperator<T, DECOUPLED>);

impl<T: Counter, const DECOUPLED: bool> CudaOperator for AdamOperator<T, DECOUPLED> {
    type Twin = twin::AdamOperator<T, DECOUPLED>;
    const IMAGES_IN: &'static [usize] = &[];
    const IMAGES_OUT: &'static [usize] = &[];

    fn new(twin: Self::Twin, _: &dyn Attributes, _: Build) -> Result<Self, KernelError> {
        Ok(Self(twin))
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let update = Update::of(Self::Twin::NAME, call)?;
        let (gradient, scalars) = (update.like(1, "g")?, update.scalars::<T>(4, "beta1")?);
        let tensors = [update.state([0, 0], "p")?, update.state([2, 1], "m")?, update.state([3, 2], "v")?];
        match sized(&update.shape) {
            0 => Ok(()),
            count => adam(call, &self.0.constants, tensors, gradient, &scalars, count),
        }
    }
}

/// `swath.Sgd`, with `step` of type `T`.
pub(in crate::kernels::cuda) struct SgdOperator<T>(twin::SgdOperator<T>);

impl<T: Counter> CudaOperator for SgdOperator<T> {
    type Twin = twin::SgdOperator<T>;
    const IMAGES_IN: &'static [usize] = &[];
    const IMAGES_OUT: &'static [usize] = &[];

    fn new(twin: Self::Twin, _: &dyn Attributes, _: Build) -> Result<Self, KernelError> {
        Ok(Self(twin))
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let update = Update::of(Self::Twin::NAME, call)?;
        let (gradient, scalars) = (update.like(1, "g")?, update.scalars::<T>(3, "momentum")?);
        let tensors = [update.state([0, 0], "p")?, update.state([2, 1], "m")?];
        match sized(&update.shape) {
            0 => Ok(()),
            count => sgd(call, &self.0.constants, tensors, gradient, &scalars, count),
        }
    }
}
