//! `swath.BatchNorm` and `swath.BatchNormGrad`: whatever the element type of images, what there is per channel is `float32`.

use crate::kernels::cpu::batchnorm::Activation;
use crate::kernels::cuda::batchnorm::{
    Norm, NormGrad, NormGradInputs, NormInputs, NormOutputs, batch_norm, batch_norm_grad,
};
use crate::kernels::cuda::call::Call;
use crate::kernels::cuda::device::Address;
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::{alike, dims, expect};
use crate::kernels::operators::batchnorm::{self as twin, sizes};

/// Input `index`, which has one element per channel.
fn per_channel<T: CpuOperator>(
    call: &Call,
    index: usize,
    tensor: &'static str,
    channels: usize,
) -> Result<Address, KernelError> {
    let input = call.input(index)?;
    expect(T::NAME, tensor, &input.shape, &[channels]).map(|()| input.address)
}

/// `swath.BatchNorm`.
pub(in crate::kernels::cuda) struct BatchNorm {
    twin: twin::BatchNorm,
    build: Build,
}

impl CudaOperator for BatchNorm {
    type Twin = twin::BatchNorm;
    const IMAGES_IN: &'static [usize] = &[0];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, build })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let x = call.input(0)?;
        let shape = sizes(twin::BatchNorm::NAME, "X", &x.shape)?;
        let small = |index, tensor| per_channel::<twin::BatchNorm>(call, index, tensor, shape.channels);
        let inputs = NormInputs {
            x: x.address,
            scale: small(1, "scale")?,
            bias: small(2, "bias")?,
            mean: small(3, "mean")?,
            var: small(4, "var")?,
        };
        let channels = dims(&[shape.channels]);
        let outputs = NormOutputs {
            y: call.output(0, &x.shape)?,
            saved_mean: call.output(1, &channels)?,
            saved_inv_std: call.output(2, &channels)?,
            new_mean: call.output(3, &channels)?,
            new_var: call.output(4, &channels)?,
        };
        let norm = Norm {
            shape,
            element: self.build.element,
            epsilon: self.twin.epsilon,
            momentum: self.twin.momentum,
            frozen: self.twin.frozen,
            range: [self.twin.activation.floor(), self.twin.activation.ceiling()],
        };
        batch_norm(call, &norm, &inputs, &outputs)
    }
}

/// `swath.BatchNormGrad`.
pub(in crate::kernels::cuda) struct BatchNormGrad {
    twin: twin::BatchNormGrad,
    build: Build,
}

impl CudaOperator for BatchNormGrad {
    type Twin = twin::BatchNormGrad;
    const IMAGES_IN: &'static [usize] = &[0, 1, 2];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, build })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let operator = twin::BatchNormGrad::NAME;
        let (dy, x) = (call.input(0)?, call.input(1)?);
        let shape = sizes(operator, "dY", &dy.shape)?;
        alike(operator, "X", &x.shape, "dY", &dy.shape)?;
        let y = match self.twin.activation {
            Activation::Identity => 0,
            Activation::Relu | Activation::Capped(_) => {
                let y = call.input(2)?;
                alike(operator, "Y", &y.shape, "dY", &dy.shape)?;
                y.address
            }
        };
        let small = |index, tensor| per_channel::<twin::BatchNormGrad>(call, index, tensor, shape.channels);
        let inputs = NormGradInputs {
            dy: dy.address,
            x: x.address,
            y,
            scale: small(3, "scale")?,
            mean: small(4, "saved_mean")?,
            inv_std: small(5, "saved_inv_std")?,
        };
        let channels = dims(&[shape.channels]);
        let outputs = [call.output(0, &dy.shape)?, call.output(1, &channels)?, call.output(2, &channels)?];
        let norm = NormGrad {
            shape,
            element: self.build.element,
            frozen: self.twin.frozen,
            ceiling: self.twin.activation.ceiling(),
        };
        batch_norm_grad(call, &norm, &inputs, outputs)
    }
}
