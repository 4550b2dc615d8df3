//! `swath.SoftmaxCrossEntropy`: logits `[n, class, ...]`, target `[n, ...]` -> loss, gradient of the logits.

use ort::value::TensorElementType::Int64;

use super::attributes::expect;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cpu::softmax_cross_entropy::{CrossEntropyInputs, softmax_cross_entropy};
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Slot, optional, required};

/// `swath.SoftmaxCrossEntropy`.
pub(in crate::kernels) struct SoftmaxCrossEntropy {
    pub(in crate::kernels) ignore_index: i64,
    pub(in crate::kernels) label_smoothing: f32,
}

impl SoftmaxCrossEntropy {
    /// Images, classes and pixels of an image from the shapes of logits, target and, if there, class weights.
    pub(in crate::kernels) fn sizes(
        logits: &[i64],
        target: &[i64],
        class_weights: Option<&[i64]>,
    ) -> Result<[usize; 3], KernelError> {
        let operator = Self::NAME;
        let sizes: Option<Vec<usize>> = logits.iter().map(|&size| usize::try_from(size).ok()).collect();
        let sizes = sizes.filter(|sizes| sizes.len() >= 2 && !sizes.contains(&0));
        let Some([batch, classes, rest @ ..]) = sizes.as_deref() else {
            let expected = String::from("[n, class, ...] with nothing empty");
            return Err(KernelError::Shape { operator, tensor: "logits", expected, got: logits.to_vec() });
        };
        expect(operator, "target", target, &[&[*batch], rest].concat())?;
        class_weights.map_or(Ok(()), |weights| expect(operator, "class_weights", weights, &[*classes]))?;
        Ok([*batch, *classes, rest.iter().product()])
    }
}

impl CpuOperator for SoftmaxCrossEntropy {
    const NAME: &'static str = "SoftmaxCrossEntropy";
    const INPUTS: &'static [Slot] = &[required(F32), required(Int64), optional(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32), required(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let label_smoothing = attributes.float("label_smoothing").unwrap_or(0.0);
        if !(0.0..=1.0).contains(&label_smoothing) {
            let problem = format!("is {label_smoothing}, expected 0 to 1");
            return Err(KernelError::Attribute { operator: Self::NAME, name: "label_smoothing", problem });
        }
        Ok(Self { ignore_index: attributes.int("ignore_index").unwrap_or(-100), label_smoothing })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let operator = Self::NAME;
        let (logits, target) = (call.input::<f32>(0)?, call.input::<i64>(1)?);
        let weights = call.optional::<f32>(2)?;
        let of_weights = weights.as_ref().map(|weights| &weights.shape[..]);
        let [batch, classes, plane] = Self::sizes(&logits.shape, &target.shape, of_weights)?;
        let inputs = CrossEntropyInputs {
            logits: logits.data,
            target: target.data,
            class_weights: weights.map(|weights| weights.data),
            batch,
            classes,
            plane,
            ignore_index: self.ignore_index,
            label_smoothing: self.label_smoothing,
        };
        let (loss, dlogits) = (call.output::<f32>(0, &[])?, call.output(1, &logits.shape)?);
        let value = softmax_cross_entropy(call.threads(), Isa::detect(), &inputs, dlogits)
            .map_err(|error| KernelError::Class { operator, class: error.0, classes })?;
        loss.fill(value);
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![Some(vec![]), inputs.first().cloned()]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Attribute, Given, floats, run_node};

    fn inputs(target: Vec<i64>) -> Vec<Given> {
        // Two pixels, two classes: equal logits, and logits ln 3 apart.
        let logits = vec![1.0, 0.0, 1.0, 3.0f32.ln()];
        vec![Given::F32(vec![1, 2, 1, 2], logits), Given::I64(vec![1, 1, 2], target)]
    }

    #[test]
    fn loss_and_gradient_by_hand() {
        let out = run_node("SoftmaxCrossEntropy", &[], inputs(vec![0, 1]), &[1, 1]).unwrap();
        let loss = (2f32.ln() + (4.0f32 / 3.0).ln()) / 2.0;
        assert!((floats(&out[0])[0] - loss).abs() < 1e-6);
        for (got, expected) in floats(&out[1]).iter().zip([-0.25, 0.125, 0.25, -0.125]) {
            assert!((got - expected).abs() < 1e-6);
        }
        let ignore = [("ignore_index", Attribute::Int(255))];
        let out = run_node("SoftmaxCrossEntropy", &ignore, inputs(vec![0, 255]), &[1, 1]).unwrap();
        assert!((floats(&out[0])[0] - 2f32.ln()).abs() < 1e-6);
        assert_eq!(floats(&out[1]), [-0.5, 0.0, 0.5, 0.0]);
    }

    #[test]
    fn refuses_a_class_that_is_none() {
        let error = run_node("SoftmaxCrossEntropy", &[], inputs(vec![0, 2]), &[1, 1]).unwrap_err().to_string();
        assert!(error.contains("target holds class 2, but logits have 2 classes"), "{error}");
    }
}
