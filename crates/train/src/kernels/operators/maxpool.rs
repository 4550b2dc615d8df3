//! `swath.MaxPool` (attributes as ONNX's, images in two dimensions) and `swath.MaxPoolGrad`.

use ort::value::TensorElementType::Int32;

use super::attributes::{dims, expect, flag, image, pads, pair, shape, size_of_gradient};
use crate::kernels::cpu::maxpool::{PoolShape, max_pool, max_pool_grad};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Slot, optional, required};

/// `swath.MaxPool`.
pub(in crate::kernels) struct MaxPool {
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 4],
    ceil: bool,
}

impl MaxPool {
    /// Sizes from the shape of X.
    pub(in crate::kernels) fn sizes(&self, x: &[i64]) -> Result<PoolShape, KernelError> {
        let [n, c, h, w] = image(Self::NAME, "X", x)?;
        let out_size = self.out_size([n, c, h, w]).ok_or_else(|| KernelError::Shape {
            operator: Self::NAME,
            tensor: "X",
            expected: format!("room for a window of {:?}", self.kernel),
            got: x.to_vec(),
        })?;
        Ok(PoolShape {
            planes: n * c,
            in_size: [h, w],
            out_size,
            kernel: self.kernel,
            strides: self.strides,
            dilations: self.dilations,
            pads: [self.pads[0], self.pads[1]],
        })
    }

    /// Output positions along `axis`, as ONNX counts them.
    fn count(&self, axis: usize, size: usize) -> Option<usize> {
        let padded = size.checked_add(self.pads[axis])?.checked_add(self.pads[axis + 2])?;
        let reach = (self.kernel[axis] - 1).checked_mul(self.dilations[axis])?.checked_add(1)?;
        let room = padded.checked_sub(reach)?;
        let stride = self.strides[axis];
        let count = if self.ceil { room.div_ceil(stride) } else { room / stride } + 1;
        // A window that would start in the padding behind X is none.
        Some(if self.ceil && (count - 1) * stride >= size + self.pads[axis] { count - 1 } else { count })
    }

    fn out_size(&self, [_, _, height, width]: [usize; 4]) -> Option<[usize; 2]> {
        Some([self.count(0, height)?, self.count(1, width)?])
    }
}

impl CpuOperator for MaxPool {
    const NAME: &'static str = "MaxPool";
    const INPUTS: &'static [Slot] = &[required(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32), optional(Int32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let operator = Self::NAME;
        if attributes.ints("kernel_shape").is_none() {
            return Err(KernelError::Attribute { operator, name: "kernel_shape", problem: "is missing".into() });
        }
        Ok(Self {
            kernel: pair(operator, attributes, "kernel_shape", 1)?,
            strides: pair(operator, attributes, "strides", 1)?,
            dilations: pair(operator, attributes, "dilations", 1)?,
            pads: pads(operator, attributes)?,
            ceil: flag(attributes, "ceil_mode"),
        })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let x = call.input::<f32>(0)?;
        let pool = self.sizes(&x.shape)?;
        let out = [x.shape[0], x.shape[1], pool.out_size[0] as i64, pool.out_size[1] as i64];
        max_pool(call.threads(), Isa::detect(), &pool, x.data, call.output(0, &out)?, call.output(1, &out)?);
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        let out = inputs.first().and_then(|x| image(Self::NAME, "X", x).ok()).and_then(|x| {
            let [rows, cols] = self.out_size(x)?;
            Some(dims(&[x[0], x[1], rows, cols]))
        });
        vec![out.clone(), out]
    }
}

/// `swath.MaxPoolGrad`.
pub(in crate::kernels) struct MaxPoolGrad {
    pub(in crate::kernels) input: [usize; 4],
}

impl CpuOperator for MaxPoolGrad {
    const NAME: &'static str = "MaxPoolGrad";
    const INPUTS: &'static [Slot] = &[required(F32), required(Int32)];
    const OUTPUTS: &'static [Slot] = &[required(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        Ok(Self { input: shape(Self::NAME, attributes, "input_shape")? })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, argmax) = (call.input::<f32>(0)?, call.input::<i32>(1)?);
        let [rows, cols] = size_of_gradient(Self::NAME, &dy.shape, &self.input)?;
        expect(Self::NAME, "Argmax", &argmax.shape, &[self.input[0], self.input[1], rows, cols])?;
        let planes = [self.input[2] * self.input[3], rows * cols];
        max_pool_grad(call.threads(), planes, dy.data, argmax.data, call.output(0, &dims(&self.input))?);
        Ok(())
    }

    fn output_shapes(&self, _: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![Some(dims(&self.input))]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Attribute, Given, floats, run_node};

    #[test]
    fn forward_and_gradient() {
        let attributes = [("kernel_shape", Attribute::Ints(vec![2, 2])), ("strides", Attribute::Ints(vec![2, 2]))];
        let x = Given::F32(vec![1, 1, 2, 4], vec![1.0, 2.0, 8.0, 3.0, 5.0, 4.0, 7.0, 6.0]);
        let out = run_node("MaxPool", &attributes, vec![x], &[1, 6]).unwrap();
        assert_eq!(floats(&out[0]), [5.0, 8.0]);
        let argmax = out[1].try_extract_tensor::<i32>().unwrap().1.to_vec();
        assert_eq!(argmax, [4, 2]);
        let inputs = vec![Given::F32(vec![1, 1, 1, 2], vec![10.0, 20.0]), Given::I32(vec![1, 1, 1, 2], argmax)];
        let attributes = [("input_shape", Attribute::Ints(vec![1, 1, 2, 4]))];
        let out = run_node("MaxPoolGrad", &attributes, inputs, &[1]).unwrap();
        assert_eq!(floats(&out[0]), [0.0, 0.0, 20.0, 0.0, 10.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn ceil_mode_counts_the_last_window_only_if_it_starts_inside() {
        for (size, ceil, expected) in [(5, 1, 3), (5, 0, 2), (4, 1, 2)] {
            let attributes = [
                ("kernel_shape", Attribute::Ints(vec![1, 2])),
                ("strides", Attribute::Ints(vec![1, 2])),
                ("ceil_mode", Attribute::Int(ceil)),
            ];
            let x = Given::F32(vec![1, 1, 1, size], vec![0.0; size as usize]);
            let out = run_node("MaxPool", &attributes, vec![x], &[1, 6]).unwrap();
            assert_eq!(floats(&out[0]).len(), expected, "{size} {ceil}");
        }
    }
}
