//! `swath.ReluGrad`.

use crate::kernels::cuda::call::Call;
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::cuda::pointwise::relu_grad;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::sized;
use crate::kernels::operators::relu as twin;

/// `swath.ReluGrad`.
pub(in crate::kernels::cuda) struct ReluGrad(Build);

impl CudaOperator for ReluGrad {
    type Twin = twin::ReluGrad;
    const IMAGES_IN: &'static [usize] = &[0, 1];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(_: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self(build))
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, y) = (call.input(0)?, call.input(1)?);
        if dy.shape != y.shape {
            let expected = format!("that of dY, {:?}", dy.shape);
            return Err(KernelError::Shape { operator: twin::ReluGrad::NAME, tensor: "Y", expected, got: y.shape });
        }
        let dx = call.output(0, &dy.shape)?;
        match sized(&dy.shape) {
            0 => Ok(()),
            count => relu_grad(call, self.0.element, [dy.address, y.address, dx], count),
        }
    }
}
