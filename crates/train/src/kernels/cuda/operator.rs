//! The border to ONNX Runtime on the GPU's side: an operator is known by its twin on the processor, which says its name,
//! its slots, its attributes and its shapes; what it computes with is its own.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use ort::memory::MemoryType;
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
};
use ort::value::{TensorElementType, ValueType};

use super::Settings;
use super::call::{Call, Pool};
use super::element::Element;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, CpuOperator, Slot, infer_shapes};

/// An operator of domain `swath` on a GPU.
pub(super) trait CudaOperator: Send + Sized + 'static {
    /// The same operator on the processor.
    type Twin: CpuOperator;
    /// Inputs that hold images, so that they may be of any element type.
    const IMAGES_IN: &'static [usize];
    /// Outputs that hold images.
    const IMAGES_OUT: &'static [usize];

    /// The kernel of one node, whose attributes the twin has read.
    fn new(twin: Self::Twin, attributes: &dyn Attributes, build: Build) -> Result<Self, KernelError>;

    /// Queues what computes the outputs from the inputs.
    fn run(&mut self, call: &Call) -> Result<(), KernelError>;
}

/// What a kernel is built for besides its node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build {
    /// Element type of its images.
    pub(super) element: Element,
    /// Those of the session.
    pub(super) settings: Settings,
}

/// Makes a [`CudaOperator`] known to ONNX Runtime.
pub(super) struct Adaptor<K> {
    build: Build,
    provider: Option<&'static str>,
    operator: PhantomData<fn() -> K>,
}

impl<K> Adaptor<K> {
    /// The adaptor of `K` on an execution provider.
    pub(super) const fn new(build: Build, provider: Option<&'static str>) -> Self {
        Self { build, provider, operator: PhantomData }
    }
}

impl<K: CudaOperator> Adaptor<K> {
    fn element(&self, images: &[usize], index: usize, slot: &Slot) -> TensorElementType {
        if images.contains(&index) { self.build.element.in_onnx() } else { slot.element }
    }
}

/// A node's kernel.
pub(super) struct NodeKernel<K> {
    kernel: K,
    pool: Pool,
}

impl<K: CudaOperator> Kernel for NodeKernel<K> {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        Ok(self.kernel.run(&Call::new(K::Twin::NAME, context, &self.pool))?)
    }
}

impl<K: CudaOperator> Operator for Adaptor<K> {
    type Kernel<'attr> = NodeKernel<K>;

    fn name(&self) -> &str {
        K::Twin::NAME
    }

    fn versions(&self) -> std::ops::RangeInclusive<u32> {
        1..=1
    }

    fn execution_provider_type(&self) -> Option<&str> {
        self.provider
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        K::Twin::INPUTS.iter().enumerate().map(|(index, slot)| {
            let element = self.element(K::IMAGES_IN, index, slot);
            if slot.required { OperatorInput::required(element) } else { OperatorInput::optional(element) }
        })
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        K::Twin::OUTPUTS.iter().enumerate().map(|(index, slot)| {
            let element = self.element(K::IMAGES_OUT, index, slot);
            if slot.required { OperatorOutput::required(element) } else { OperatorOutput::optional(element) }
        })
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        let pool = Arc::new(Mutex::new(context.allocator(MemoryType::Default)?));
        Ok(NodeKernel { kernel: K::new(K::Twin::new(context)?, context, self.build)?, pool })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let twin = K::Twin::new(context)?;
        // ONNX Runtime asks the first operator of a name whatever the element type: it is that of the images that come in.
        let images = match K::IMAGES_IN.first().and_then(|&first| context.inputs().into_iter().nth(first)) {
            Some(ValueType::Tensor { ty, .. }) => ty,
            _ => self.build.element.in_onnx(),
        };
        infer_shapes(context, &twin, |index, slot| if K::IMAGES_OUT.contains(&index) { images } else { slot.element })
    }
}
