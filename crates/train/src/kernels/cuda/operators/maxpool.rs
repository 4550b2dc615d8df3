//! `swath.MaxPool` and `swath.MaxPoolGrad`. On a GPU the gradient takes the window's attributes too (`kernel_shape`,
//! `strides`, `pads`, `dilations`, `ceil_mode`): each input pixel looks for itself in the windows that hold it.

use crate::kernels::cuda::call::Call;
use crate::kernels::cuda::maxpool::{max_pool, max_pool_grad};
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::{dims, expect};
use crate::kernels::operators::maxpool as twin;

/// `swath.MaxPool`.
pub(in crate::kernels::cuda) struct MaxPool {
    twin: twin::MaxPool,
    build: Build,
}

impl CudaOperator for MaxPool {
    type Twin = twin::MaxPool;
    const IMAGES_IN: &'static [usize] = &[0];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, build })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let x = call.input(0)?;
        let sizes = self.twin.sizes(&x.shape)?;
        let out = [x.shape[0], x.shape[1], sizes.out_size[0] as i64, sizes.out_size[1] as i64];
        let (y, argmax) = (call.output(0, &out)?, call.output(1, &out)?);
        max_pool(call, self.build.element, &sizes, [x.address, y, argmax])
    }
}

/// `swath.MaxPoolGrad`.
pub(in crate::kernels::cuda) struct MaxPoolGrad {
    input: [usize; 4],
    window: twin::MaxPool,
    build: Build,
}

impl CudaOperator for MaxPoolGrad {
    type Twin = twin::MaxPoolGrad;
    const IMAGES_IN: &'static [usize] = &[0];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, attributes: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        if attributes.ints("kernel_shape").is_none() {
            let problem = String::from("is missing, by which the gradient is gathered on a GPU");
            return Err(KernelError::Attribute { operator: twin::MaxPoolGrad::NAME, name: "kernel_shape", problem });
        }
        Ok(Self { input: twin.input, window: twin::MaxPool::new(attributes)?, build })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, argmax) = (call.input(0)?, call.input(1)?);
        let input = dims(&self.input);
        let sizes = self.window.sizes(&input)?;
        let out = [self.input[0], self.input[1], sizes.out_size[0], sizes.out_size[1]];
        expect(twin::MaxPoolGrad::NAME, "dY", &dy.shape, &out)?;
        expect(twin::MaxPoolGrad::NAME, "Argmax", &argmax.shape, &out)?;
        let dx = call.output(0, &input)?;
        max_pool_grad(call, self.build.element, &sizes, [dy.address, argmax.address, dx])
    }
}
