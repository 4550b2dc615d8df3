//! `swath.ResizeGrad`.

use crate::kernels::cuda::call::Call;
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::cuda::resize::{Tables, resize_grad};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator};
use crate::kernels::operators::attributes::{dims, size_of_gradient};
use crate::kernels::operators::resize as twin;

/// `swath.ResizeGrad`.
pub(in crate::kernels::cuda) struct ResizeGrad {
    twin: twin::ResizeGrad,
    build: Build,
    /// Those for the size of dY seen last, which in a training graph is the only one.
    tables: Option<Tables>,
}

impl CudaOperator for ResizeGrad {
    type Twin = twin::ResizeGrad;
    const IMAGES_IN: &'static [usize] = &[0];
    const IMAGES_OUT: &'static [usize] = &[0];

    fn new(twin: Self::Twin, _: &dyn Attributes, build: Build) -> Result<Self, KernelError> {
        Ok(Self { twin, build, tables: None })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let dy = call.input(0)?;
        let [n, c, _, _] = self.twin.input;
        let size = size_of_gradient(twin::ResizeGrad::NAME, &dy.shape, &self.twin.input)?;
        let dx = call.output(0, &dims(&self.twin.input))?;
        let tables = match self.tables.take().filter(|tables| tables.out_size() == size) {
            Some(tables) => tables,
            None => Tables::new(call, &self.twin.axes(size), size)?,
        };
        resize_grad(call, self.build.element, self.tables.insert(tables), n * c, [dy.address, dx])
    }
}
