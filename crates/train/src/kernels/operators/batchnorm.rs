//! `swath.BatchNorm` and `swath.BatchNormGrad`: X is `[n, channel, ...]`.

use super::attributes::{alike, dims, expect, flag};
use crate::kernels::cpu::batchnorm::{
    Activation, NormGradInputs, NormInputs, NormOutputs, NormShape, batch_norm, batch_norm_grad,
};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Slot, optional, required};

/// Sizes of a tensor to be normalised.
pub(in crate::kernels) fn sizes(
    operator: &'static str,
    tensor: &'static str,
    shape: &[i64],
) -> Result<NormShape, KernelError> {
    let all: Option<Vec<usize>> = shape.iter().map(|&size| usize::try_from(size).ok()).collect();
    match all.as_deref() {
        Some([batch, channels, rest @ ..]) if all.iter().flatten().all(|&size| size > 0) => {
            Ok(NormShape { batch: *batch, channels: *channels, plane: rest.iter().product() })
        }
        _ => {
            let expected = String::from("[n, channel, ...] with nothing empty");
            Err(KernelError::Shape { operator, tensor, expected, got: shape.to_vec() })
        }
    }
}

/// What `relu` and `ceiling` say together.
fn activation(operator: &'static str, attributes: &dyn Attributes) -> Result<Activation, KernelError> {
    let ceiling = attributes.float("ceiling").unwrap_or(f32::INFINITY);
    match flag(attributes, "relu") {
        false if ceiling == f32::INFINITY => Ok(Activation::Identity),
        true if ceiling == f32::INFINITY => Ok(Activation::Relu),
        true if ceiling > 0.0 => Ok(Activation::Capped(ceiling)),
        _ => {
            let problem = format!("is {ceiling}, expected a number above zero beside a `relu` of 1");
            Err(KernelError::Attribute { operator, name: "ceiling", problem })
        }
    }
}

/// `swath.BatchNorm`.
pub(in crate::kernels) struct BatchNorm {
    pub(in crate::kernels) epsilon: f32,
    pub(in crate::kernels) momentum: f32,
    pub(in crate::kernels) activation: Activation,
    pub(in crate::kernels) frozen: bool,
}

impl CpuOperator for BatchNorm {
    const NAME: &'static str = "BatchNorm";
    const INPUTS: &'static [Slot] = &[required(F32); 5];
    const OUTPUTS: &'static [Slot] = &[required(F32), optional(F32), optional(F32), optional(F32), optional(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        Ok(Self {
            epsilon: attributes.float("epsilon").unwrap_or(1e-5),
            momentum: attributes.float("momentum").unwrap_or(0.9),
            activation: activation(Self::NAME, attributes)?,
            frozen: flag(attributes, "frozen"),
        })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let x = call.input::<f32>(0)?;
        let shape = sizes(Self::NAME, "X", &x.shape)?;
        let channels = dims(&[shape.channels]);
        let small = |index: usize, tensor| {
            let input = call.input::<f32>(index)?;
            expect(Self::NAME, tensor, &input.shape, &[shape.channels])?;
            Ok(input.data)
        };
        let inputs = NormInputs {
            x: x.data,
            scale: small(1, "scale")?,
            bias: small(2, "bias")?,
            mean: small(3, "mean")?,
            var: small(4, "var")?,
            epsilon: self.epsilon,
            momentum: self.momentum,
            activation: self.activation,
            frozen: self.frozen,
        };
        let outputs = NormOutputs {
            y: call.output(0, &x.shape)?,
            saved_mean: call.output(1, &channels)?,
            saved_inv_std: call.output(2, &channels)?,
            new_mean: call.output(3, &channels)?,
            new_var: call.output(4, &channels)?,
        };
        batch_norm(call.threads(), Isa::detect(), shape, &inputs, outputs);
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        let channels = inputs.first().and_then(|x| x.get(1)).map(|&channels| vec![channels]);
        vec![inputs.first().cloned(), channels.clone(), channels.clone(), channels.clone(), channels]
    }
}

/// `swath.BatchNormGrad`.
pub(in crate::kernels) struct BatchNormGrad {
    epsilon: f32,
    pub(in crate::kernels) activation: Activation,
    pub(in crate::kernels) frozen: bool,
}

impl CpuOperator for BatchNormGrad {
    const NAME: &'static str = "BatchNormGrad";
    const INPUTS: &'static [Slot] =
        &[required(F32), required(F32), optional(F32), required(F32), required(F32), required(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32), optional(F32), optional(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        Ok(Self {
            epsilon: attributes.float("epsilon").unwrap_or(1e-5),
            activation: activation(Self::NAME, attributes)?,
            frozen: flag(attributes, "frozen"),
        })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, x) = (call.input::<f32>(0)?, call.input::<f32>(1)?);
        let shape = sizes(Self::NAME, "dY", &dy.shape)?;
        alike(Self::NAME, "X", &x.shape, "dY", &dy.shape)?;
        let y = if self.activation != Activation::Identity {
            let y = call.input::<f32>(2)?;
            alike(Self::NAME, "Y", &y.shape, "dY", &dy.shape)?;
            y.data
        } else {
            &[]
        };
        let small = |index: usize, tensor| {
            let input = call.input::<f32>(index)?;
            expect(Self::NAME, tensor, &input.shape, &[shape.channels])?;
            Ok(input.data)
        };
        let inputs = NormGradInputs {
            dy: dy.data,
            x: x.data,
            y,
            scale: small(3, "scale")?,
            mean: small(4, "saved_mean")?,
            inv_std: small(5, "saved_inv_std")?,
            epsilon: self.epsilon,
            activation: self.activation,
            frozen: self.frozen,
        };
        let channels = dims(&[shape.channels]);
        let outputs = [call.output(0, &dy.shape)?, call.output(1, &channels)?, call.output(2, &channels)?];
        batch_norm_grad(call.threads(), Isa::detect(), shape, &inputs, outputs);
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        let channels = inputs.first().and_then(|x| x.get(1)).map(|&channels| vec![channels]);
        vec![inputs.first().cloned(), channels.clone(), channels]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Attribute, Given, floats, run_node};

    fn small(value: f32) -> Given {
        Given::F32(vec![1], vec![value])
    }

    #[test]
    fn forward_and_gradient_by_hand() {
        // X = -1, 1, -1, 1: mean 0, variance 1 (unbiased 4/3); epsilon 0.
        let shape = vec![2, 1, 1, 2];
        let x = || Given::F32(shape.clone(), vec![-1.0, 1.0, -1.0, 1.0]);
        let attributes =
            [("epsilon", Attribute::Float(0.0)), ("momentum", Attribute::Float(0.5)), ("relu", Attribute::Int(1))];
        let inputs = vec![x(), small(2.0), small(1.0), small(4.0), small(2.0)];
        let out = run_node("BatchNorm", &attributes, inputs, &[1; 5]).unwrap();
        assert_eq!(floats(&out[0]), [0.0, 3.0, 0.0, 3.0]);
        assert_eq!([1, 2, 3].map(|i| floats(&out[i])[0]), [0.0, 1.0, 2.0]);
        assert!((floats(&out[4])[0] - 5.0 / 3.0).abs() < 1e-6);

        // dY masked is 0, 1, 0, 3: dbias 4, dscale 4; dX = 2 (dy - 1 - x).
        let dy = Given::F32(shape.clone(), vec![9.0, 1.0, 9.0, 3.0]);
        let y = Given::F32(shape.clone(), vec![0.0, 3.0, 0.0, 3.0]);
        let inputs = vec![dy, x(), y, small(2.0), small(0.0), small(1.0)];
        let attributes = [("epsilon", Attribute::Float(0.0)), ("relu", Attribute::Int(1))];
        let out = run_node("BatchNormGrad", &attributes, inputs, &[1; 3]).unwrap();
        assert_eq!(floats(&out[0]), [0.0, -2.0, 0.0, 2.0]);
        assert_eq!([floats(&out[1])[0], floats(&out[2])[0]], [4.0, 4.0]);
    }

    #[test]
    fn a_ceiling_cuts_and_masks() {
        let shape = vec![1, 1, 1, 4];
        let given = |values: [f32; 4]| Given::F32(shape.clone(), values.to_vec());
        let attributes = |relu| {
            let frozen = ("frozen", Attribute::Int(1));
            [
                ("epsilon", Attribute::Float(0.0)),
                ("relu", Attribute::Int(relu)),
                ("ceiling", Attribute::Float(6.0)),
                frozen,
            ]
        };
        // y = 2 (x - 1) / 2 + 1 = x: mean 1, variance 4.
        let x = || given([-1.0, 0.5, 6.0, 7.0]);
        let inputs = || vec![x(), small(2.0), small(1.0), small(1.0), small(4.0)];
        let out = run_node("BatchNorm", &attributes(1), inputs(), &[1; 5]).unwrap();
        assert_eq!(floats(&out[0]), [0.0, 0.5, 6.0, 6.0]);
        assert_eq!([1, 2, 3, 4].map(|i| floats(&out[i])[0]), [1.0, 0.5, 1.0, 4.0]);

        let inputs_of_gradient =
            vec![given([1.0, 3.0, 5.0, 7.0]), x(), given([0.0, 0.5, 6.0, 6.0]), small(2.0), small(1.0), small(0.5)];
        let out = run_node("BatchNormGrad", &attributes(1), inputs_of_gradient, &[1; 3]).unwrap();
        assert_eq!(floats(&out[0]), [0.0, 3.0, 0.0, 0.0]);
        assert_eq!([floats(&out[1])[0], floats(&out[2])[0]], [-0.75, 3.0]);

        let error = run_node("BatchNorm", &attributes(0), inputs(), &[1; 5]).unwrap_err().to_string();
        assert!(error.contains("attribute `ceiling`"), "{error}");
    }

    #[test]
    fn frozen_statistics_are_constants() {
        let shape = vec![1, 1, 1, 2];
        let given = |a: f32, b: f32| Given::F32(shape.clone(), vec![a, b]);
        let inputs = vec![given(1.0, 3.0), given(2.0, 4.0), Given::None, small(2.0), small(1.0), small(0.5)];
        let out = run_node("BatchNormGrad", &[("frozen", Attribute::Int(1))], inputs, &[1; 3]).unwrap();
        assert_eq!(floats(&out[0]), [1.0, 3.0]);
        assert_eq!([floats(&out[1])[0], floats(&out[2])[0]], [5.0, 4.0]);
    }
}
