//! `swath.ReluGrad`: dY, Y -> dX, one shape.

use crate::kernels::cpu::{relu::relu_grad, simd::Isa};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Slot, required};

/// Gradient of Relu from its output.
pub(in crate::kernels) struct ReluGrad;

impl CpuOperator for ReluGrad {
    const NAME: &'static str = "ReluGrad";
    const INPUTS: &'static [Slot] = &[required(F32), required(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32)];

    fn new(_: &dyn Attributes) -> Result<Self, KernelError> {
        Ok(Self)
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, y) = (call.input::<f32>(0)?, call.input::<f32>(1)?);
        if dy.shape != y.shape {
            let expected = format!("that of dY, {:?}", dy.shape);
            return Err(KernelError::Shape { operator: Self::NAME, tensor: "Y", expected, got: y.shape });
        }
        relu_grad(call.threads(), Isa::detect(), dy.data, y.data, call.output(0, &dy.shape)?);
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![inputs.first().cloned()]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Given, floats, run_node};

    #[test]
    fn runs_in_a_stock_onnx_runtime() {
        let shape = vec![1, 2, 1, 2];
        let inputs = vec![
            Given::F32(shape.clone(), vec![1.0, 2.0, 3.0, 4.0]),
            Given::F32(shape.clone(), vec![0.5, 0.0, -1.0, 2.0]),
        ];
        let out = run_node("ReluGrad", &[], inputs, &[1]).unwrap();
        assert_eq!(floats(&out[0]), [1.0, 0.0, 0.0, 4.0]);
    }

    #[test]
    fn refuses_unequal_shapes() {
        let inputs = vec![Given::F32(vec![2], vec![1.0; 2]), Given::F32(vec![3], vec![1.0; 3])];
        let error = run_node("ReluGrad", &[], inputs, &[1]).unwrap_err().to_string();
        assert!(error.contains("swath.ReluGrad: Y has shape [3], expected that of dY, [2]"), "{error}");
    }
}
