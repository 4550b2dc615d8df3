//! `swath.AdamW`, `swath.Adam` and `swath.Sgd`, in `float32`. Scalars are read where they lie, on the GPU, so that one that
//! was computed there (a factor from the gradients' norm) need not come back first.

use ort::value::TensorElementType;

use crate::kernels::cuda::call::{Call, Tensor};
use crate::kernels::cuda::device::Address;
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::cuda::optimizer::{Scalars, Updated, adam, sgd};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::sized;
use crate::kernels::operators::optimizer::{self as twin, Counter};

/// The address of a scalar input.
fn scalar(operator: &'static str, tensor: &'static str, input: &Tensor) -> Result<Address, KernelError> {
    if input.shape.iter().all(|&size| size == 1) {
        return Ok(input.address);
    }
    let expected = String::from("a single element");
    Err(KernelError::Shape { operator, tensor, expected, got: input.shape.clone() })
}

/// The scalars of a step from inputs `lr` and those after it, `momentum` being what the last one is called.
fn scalars<T: Counter>(
    operator: &'static str,
    call: &Call,
    lr: usize,
    momentum: &'static str,
) -> Result<Scalars, KernelError> {
    let optional = |index, tensor| match call.optional(index)? {
        Some(input) => scalar(operator, tensor, &input),
        None => Ok(0),
    };
    Ok(Scalars {
        lr: scalar(operator, "lr", &call.input(lr)?)?,
        step: scalar(operator, "step", &call.input(lr + 1)?)?,
        double: T::ELEMENT == TensorElementType::Float64,
        grad_scale: optional(lr + 2, "grad_scale")?,
        momentum: optional(lr + 3, momentum)?,
    })
}

/// Tensor `input`, which must be of the parameter's shape.
fn like(
    operator: &'static str,
    call: &Call,
    input: usize,
    tensor: &'static str,
    shape: &[i64],
) -> Result<Address, KernelError> {
    let got = call.input(input)?;
    if got.shape == shape {
        return Ok(got.address);
    }
    let expected = format!("that of the parameter, {shape:?}");
    Err(KernelError::Shape { operator, tensor, expected, got: got.shape })
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
        let operator = Self::Twin::NAME;
        let p = call.input(0)?;
        let gradient = like(operator, call, 1, "g", &p.shape)?;
        let scalars = scalars::<T>(operator, call, 4, "beta1")?;
        let updated = |input, output, tensor| {
            let old = like(operator, call, input, tensor, &p.shape)?;
            Ok(Updated { old, new: call.output(output, &p.shape)? })
        };
        let tensors = [updated(0, 0, "p")?, updated(2, 1, "m")?, updated(3, 2, "v")?];
        match sized(&p.shape) {
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
        let operator = Self::Twin::NAME;
        let p = call.input(0)?;
        let gradient = like(operator, call, 1, "g", &p.shape)?;
        let scalars = scalars::<T>(operator, call, 3, "momentum")?;
        let updated = |input, output, tensor| {
            let old = like(operator, call, input, tensor, &p.shape)?;
            Ok(Updated { old, new: call.output(output, &p.shape)? })
        };
        let tensors = [updated(0, 0, "p")?, updated(2, 1, "m")?];
        match sized(&p.shape) {
            0 => Ok(()),
            count => sgd(call, &self.0.constants, tensors, gradient, &scalars, count),
        }
    }
}
