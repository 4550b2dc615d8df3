//! `swath.SoftmaxCrossEntropy`, in `float32`.

use crate::kernels::cuda::call::Call;
use crate::kernels::cuda::cross_entropy::{CrossEntropy, softmax_cross_entropy};
use crate::kernels::cuda::operator::{Build, CudaOperator};
use crate::kernels::error::KernelError;
use crate::kernels::operator::Attributes;
use crate::kernels::operators::softmax_cross_entropy as twin;

/// `swath.SoftmaxCrossEntropy`. A target that is no class makes the loss NaN and the gradient zero.
pub(in crate::kernels::cuda) struct SoftmaxCrossEntropy(twin::SoftmaxCrossEntropy);

impl CudaOperator for SoftmaxCrossEntropy {
    type Twin = twin::SoftmaxCrossEntropy;
    const IMAGES_IN: &'static [usize] = &[];
    const IMAGES_OUT: &'static [usize] = &[];

    fn new(twin: Self::Twin, _: &dyn Attributes, _: Build) -> Result<Self, KernelError> {
        Ok(Self(twin))
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (logits, target, weights) = (call.input(0)?, call.input(1)?, call.optional(2)?);
        let of_weights = weights.as_ref().map(|weights| &weights.shape[..]);
        let [batch, classes, plane] = twin::SoftmaxCrossEntropy::sizes(&logits.shape, &target.shape, of_weights)?;
        let sizes = CrossEntropy {
            batch,
            classes,
            plane,
            ignore_index: self.0.ignore_index,
            label_smoothing: self.0.label_smoothing,
        };
        let outputs = [call.output(0, &[])?, call.output(1, &logits.shape)?];
        let weights = weights.map_or(0, |weights| weights.address);
        softmax_cross_entropy(call, &sizes, [logits.address, target.address, weights], outputs)
    }
}
