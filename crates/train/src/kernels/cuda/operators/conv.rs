//! `swath.Conv`, `swath.ConvGradInput` and `swath.ConvGradWeight`.

use crate::kernels::cuda::call::Call;
use crate::kernels::cuda::conv::{Convolution, Pass, Tensors};
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::cuda::pointwise::add_bias;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::dims;
use crate::kernels::operators::conv::{self as twin, out_dims};

/// `swath.Conv`. The bias is of the images' element type, as in ONNX's Conv.
pub(in crate::kernels::cuda) struct Conv {
    twin: twin::Conv,
    build: Build,
    convolution: Convolution,
}

impl CudaOperator for Conv {
    type Twin = twin::Conv;
    const IMAGES_IN: &'static [usize] = &[0, 1, 2];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, build, convolution: Convolution::new(twin::Conv::NAME, Pass::Forward, build) })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (x, w, bias) = (call.input(0)?, call.input(1)?, call.optional(2)?);
        let sizes = self.twin.sizes(&x.shape, &w.shape, bias.as_ref().map(|bias| &bias.shape[..]))?;
        let y = call.output(0, &out_dims(&sizes))?;
        self.convolution.run(call, &sizes, Tensors { x: x.address, w: w.address, y })?;
        match bias {
            Some(bias) => {
                let shape = [sizes.batch, sizes.out_channels, sizes.out_plane()];
                add_bias(call, self.build.element, [y, bias.address], shape)
            }
            None => Ok(()),
        }
    }
}

/// `swath.ConvGradInput`.
pub(in crate::kernels::cuda) struct ConvGradInput {
    twin: twin::ConvGradInput,
    convolution: Convolution,
}

impl CudaOperator for ConvGradInput {
    type Twin = twin::ConvGradInput;
    const IMAGES_IN: &'static [usize] = &[0, 1];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, convolution: Convolution::new(twin::ConvGradInput::NAME, Pass::GradInput, build) })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, w) = (call.input(0)?, call.input(1)?);
        let sizes = self.twin.sizes(&dy.shape, &w.shape)?;
        let dx = call.output(0, &dims(&self.twin.input))?;
        self.convolution.run(call, &sizes, Tensors { x: dx, w: w.address, y: dy.address })
    }
}

/// `swath.ConvGradWeight`.
pub(in crate::kernels::cuda) struct ConvGradWeight {
    twin: twin::ConvGradWeight,
    convolution: Convolution,
}

impl CudaOperator for ConvGradWeight {
    type Twin = twin::ConvGradWeight;
    const IMAGES_IN: &'static [usize] = &[0, 1];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, convolution: Convolution::new(twin::ConvGradWeight::NAME, Pass::GradWeight, build) })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, x) = (call.input(0)?, call.input(1)?);
        let sizes = self.twin.sizes(&dy.shape, &x.shape)?;
        let dw = call.output(0, &dims(&self.twin.weight))?;
        self.convolution.run(call, &sizes, Tensors { x: x.address, w: dw, y: dy.address })
    }
}
