//! `swath.AdamW`, `swath.Adam` and `swath.Sgd`: one step of one parameter. Scalars are tensors of one element, so that a
//! schedule may change them between steps without a new session; `step` may be `float64` or `float32`.

use ort::value::{PrimitiveTensorElementType, TensorElementType};

use super::attributes::{alike, flag};
use crate::kernels::cpu::optimizer::{Adam, Decay, Sgd, Step, Updated, adam, sgd};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Input, Slot, optional, required};

/// The type of `step`.
pub(in crate::kernels) trait Counter:
    PrimitiveTensorElementType + Copy + Into<f64> + Send + Sync + 'static
{
    /// As ONNX Runtime names it.
    const ELEMENT: TensorElementType;
}

impl Counter for f32 {
    const ELEMENT: TensorElementType = TensorElementType::Float32;
}

impl Counter for f64 {
    const ELEMENT: TensorElementType = TensorElementType::Float64;
}

/// The `f64` meant by an attribute that ONNX keeps in `f32`: 0.999, not 0.99900001287, whose distance from one is 1e-5 off.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// The one element of a scalar input.
fn scalar<T: Copy>(operator: &'static str, tensor: &'static str, input: &Input<T>) -> Result<T, KernelError> {
    match input.data {
        [value] => Ok(*value),
        _ => {
            let expected = String::from("a single element");
            Err(KernelError::Shape { operator, tensor, expected, got: input.shape.clone() })
        }
    }
}

/// One step of one parameter: input 0 is the parameter, input 1 its gradient, and all state has its shape.
struct Update<'c> {
    operator: &'static str,
    call: &'c Call<'c>,
    shape: Vec<i64>,
}

impl<'c> Update<'c> {
    fn of(operator: &'static str, call: &'c Call<'c>) -> Result<Self, KernelError> {
        Ok(Self { operator, call, shape: call.input::<f32>(0)?.shape })
    }

    /// Input `index`, which must be of the parameter's shape.
    fn like(&self, index: usize, tensor: &'static str) -> Result<Input<'c, f32>, KernelError> {
        let input = self.call.input::<f32>(index)?;
        alike(self.operator, tensor, &input.shape, "the parameter", &self.shape)?;
        Ok(input)
    }

    /// State tensor `input`, to be written to output `output`, which the caller may have bound to the same memory.
    fn state(&self, [input, output]: [usize; 2], tensor: &'static str) -> Result<Updated, KernelError> {
        let old = self.like(input, tensor)?;
        Ok(Updated { old: old.data.as_ptr(), new: self.call.output_address(output, &self.shape)? })
    }

    /// The scalars of a step from inputs `lr`, `lr + 1` and, if there, `lr + 2`.
    fn step<T: Counter>(&self, lr: usize) -> Result<Step, KernelError> {
        Ok(Step {
            lr: scalar(self.operator, "lr", &self.call.input(lr)?)?,
            step: scalar(self.operator, "step", &self.call.input::<T>(lr + 1)?)?.into(),
            grad_scale: self.replaced(lr + 2, "grad_scale")?.unwrap_or(1.0),
        })
    }

    /// The scalar input that, where given, replaces what the node says: a schedule may change it between steps.
    fn replaced(&self, index: usize, name: &'static str) -> Result<Option<f32>, KernelError> {
        self.call.optional::<f32>(index)?.map(|input| scalar(self.operator, name, &input)).transpose()
    }
}

/// `swath.AdamW` (`DECOUPLED`) and `swath.Adam`, with `step` of type `T`.
pub(in crate::kernels) struct AdamOperator<T, const DECOUPLED: bool> {
    pub(in crate::kernels) constants: Adam,
    counter: std::marker::PhantomData<fn() -> T>,
}

impl<T: Counter, const DECOUPLED: bool> CpuOperator for AdamOperator<T, DECOUPLED> {
    const NAME: &'static str = if DECOUPLED { "AdamW" } else { "Adam" };
    const INPUTS: &'static [Slot] = &[
        required(F32),
        required(F32),
        required(F32),
        required(F32),
        required(F32),
        required(T::ELEMENT),
        optional(F32),
        optional(F32),
    ];
    const OUTPUTS: &'static [Slot] = &[required(F32); 3];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let constants = Adam {
            beta1: decimal(attributes.float("beta1").unwrap_or(0.9)),
            beta2: decimal(attributes.float("beta2").unwrap_or(0.999)),
            epsilon: attributes.float("epsilon").unwrap_or(1e-8),
            weight_decay: attributes.float("weight_decay").unwrap_or(if DECOUPLED { 1e-2 } else { 0.0 }),
            decay: if DECOUPLED { Decay::Decoupled } else { Decay::Gradient },
        };
        Ok(Self { constants, counter: std::marker::PhantomData })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let update = Update::of(Self::NAME, call)?;
        let (grad, step) = (update.like(1, "g")?, update.step::<T>(4)?);
        let beta1 = update.replaced(7, "beta1")?.map_or(self.constants.beta1, decimal);
        let constants = Adam { beta1, ..self.constants };
        let tensors = [update.state([0, 0], "p")?, update.state([2, 1], "m")?, update.state([3, 2], "v")?];
        // SAFETY: all have the parameter's shape; ONNX Runtime gives each output memory of its own or, where the caller
        // bound it so, that of the input it replaces.
        unsafe { adam(call.threads(), Isa::detect(), constants, step, grad.data, tensors) };
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![inputs.first().cloned(); 3]
    }
}

/// `swath.Sgd`, with `step` of type `T`.
pub(in crate::kernels) struct SgdOperator<T> {
    pub(in crate::kernels) constants: Sgd,
    counter: std::marker::PhantomData<fn() -> T>,
}

impl<T: Counter> CpuOperator for SgdOperator<T> {
    const NAME: &'static str = "Sgd";
    const INPUTS: &'static [Slot] = &[
        required(F32),
        required(F32),
        required(F32),
        required(F32),
        required(T::ELEMENT),
        optional(F32),
        optional(F32),
    ];
    const OUTPUTS: &'static [Slot] = &[required(F32); 2];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let constants = Sgd {
            momentum: attributes.float("momentum").unwrap_or(0.0),
            dampening: attributes.float("dampening").unwrap_or(0.0),
            weight_decay: attributes.float("weight_decay").unwrap_or(0.0),
            nesterov: flag(attributes, "nesterov"),
        };
        Ok(Self { constants, counter: std::marker::PhantomData })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let update = Update::of(Self::NAME, call)?;
        let (grad, step) = (update.like(1, "g")?, update.step::<T>(3)?);
        let momentum = update.replaced(6, "momentum")?.unwrap_or(self.constants.momentum);
        let constants = Sgd { momentum, ..self.constants };
        let tensors = [update.state([0, 0], "p")?, update.state([2, 1], "m")?];
        // SAFETY: as for Adam.
        unsafe { sgd(call.threads(), Isa::detect(), constants, step, grad.data, tensors) };
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![inputs.first().cloned(); 2]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Attribute, Given, floats, run_node};

    fn one(value: f32) -> Given {
        Given::F32(vec![1], vec![value])
    }

    #[test]
    fn adam_w_takes_its_step_as_either_float() {
        // First step: m / correction = g, sqrt(v / correction) = |g|, so p moves by lr against the sign of g, after decay.
        for step in [Given::F64(vec![], vec![1.0]), Given::F32(vec![], vec![1.0])] {
            let inputs = vec![one(2.0), one(0.5), one(0.0), one(0.0), Given::F32(vec![], vec![0.1]), step];
            let out = run_node("AdamW", &[("weight_decay", Attribute::Float(0.5))], inputs, &[1; 3]).unwrap();
            let [p, m, v] = [0, 1, 2].map(|i| floats(&out[i])[0]);
            assert!((p - (2.0 * 0.95 - 0.1)).abs() < 1e-6, "{p}");
            assert!((m - 0.05).abs() < 1e-7 && (v - 0.00025).abs() < 1e-9, "{m} {v}");
        }
    }

    #[test]
    fn momentum_given_as_input_replaces_the_attribute() {
        let scalars = || (Given::F32(vec![], vec![0.1]), Given::F64(vec![], vec![2.0]));
        // m = 0.5 · 1 + 0.5 · 3 = 2; corrected by 1 - 0.5² to 8/3.
        let (lr, step) = scalars();
        let inputs = vec![one(1.0), one(3.0), one(1.0), one(0.0), lr, step, Given::None, one(0.5)];
        let attributes = [("weight_decay", Attribute::Float(0.0)), ("beta2", Attribute::Float(0.0))];
        let out = run_node("AdamW", &attributes, inputs, &[1; 3]).unwrap();
        assert_eq!(floats(&out[1]), [2.0]);
        // beta2 = 0: v = g² = 9 and its correction is one, so p moves by 0.1 · (8/3) / 3.
        assert!((floats(&out[0])[0] - (1.0 - 0.1 * 8.0 / 9.0)).abs() < 1e-6, "{:?}", floats(&out[0]));
        let (lr, step) = scalars();
        let inputs = vec![one(1.0), one(4.0), one(2.0), lr, step, Given::None, one(0.5)];
        let out = run_node("Sgd", &[("momentum", Attribute::Float(0.9))], inputs, &[1; 2]).unwrap();
        assert_eq!(floats(&out[1]), [5.0]);
    }

    #[test]
    fn sgd_scales_its_gradient() {
        let (lr, step) = (Given::F32(vec![], vec![0.5]), Given::F64(vec![], vec![2.0]));
        let inputs = vec![one(1.0), one(4.0), one(2.0), lr, step, one(0.25)];
        let out = run_node("Sgd", &[("momentum", Attribute::Float(0.5))], inputs, &[1; 2]).unwrap();
        assert_eq!([floats(&out[0])[0], floats(&out[1])[0]], [0.0, 2.0]);
    }
}
