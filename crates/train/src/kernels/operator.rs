//! The border to ONNX Runtime: attributes and tensors as Rust values, and one adaptor that turns a [`CpuOperator`] into
//! a custom operator. No mathematics here.

use std::marker::PhantomData;

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
};
use ort::value::{PrimitiveTensorElementType, TensorElementType, ValueType};

use super::cpu::parallel::Parallel;
use super::error::KernelError;

/// One input or output of an operator: whether it must be there, and what it holds.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it holds on the processor.
    pub(super) element: TensorElementType,
}

/// A tensor that must be there.
pub(super) const fn required(element: TensorElementType) -> Slot {
    Slot { required: true, element }
}

/// A tensor that may be left out.
pub(super) const fn optional(element: TensorElementType) -> Slot {
    Slot { required: false, element }
}

/// `float32`, the element type of nearly everything here.
pub(super) const F32: TensorElementType = TensorElementType::Float32;

/// An operator of domain `swath` on CPU: a thin layer over a pure function of `cpu/`.
pub(super) trait CpuOperator: Send + Sync + Sized + 'static {
    /// Name within the domain.
    const NAME: &'static str;
    /// Inputs in order.
    const INPUTS: &'static [Slot];
    /// Outputs in order.
    const OUTPUTS: &'static [Slot];

    /// Reads the attributes of one node.
    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError>;

    /// Computes the outputs from the inputs.
    fn run(&mut self, call: &Call) -> Result<(), KernelError>;

    /// Shapes of the outputs from those of the inputs (`-1` where unknown), as far as they follow; ONNX Runtime plans memory by it.
    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>>;
}

/// Where attributes of a node are read from: kernel creation or shape inference.
pub(super) trait Attributes {
    /// An `INT` attribute.
    fn int(&self, name: &'static str) -> Option<i64>;
    /// An `INTS` attribute.
    fn ints(&self, name: &'static str) -> Option<Vec<i64>>;
    /// A `FLOAT` attribute.
    fn float(&self, name: &'static str) -> Option<f32>;
    /// A `FLOATS` attribute.
    fn floats(&self, name: &'static str) -> Option<Vec<f32>>;
    /// A `STRING` attribute.
    fn string(&self, name: &'static str) -> Option<String>;
}

macro_rules! attributes {
    ($source:ty, $get:expr) => {
        impl Attributes for $source {
            fn int(&self, name: &'static str) -> Option<i64> {
                $get(self, name)
            }
            fn ints(&self, name: &'static str) -> Option<Vec<i64>> {
                $get(self, name)
            }
            fn float(&self, name: &'static str) -> Option<f32> {
                $get(self, name)
            }
            fn floats(&self, name: &'static str) -> Option<Vec<f32>> {
                $get(self, name)
            }
            fn string(&self, name: &'static str) -> Option<String> {
                $get(self, name)
            }
        }
    };
}
attributes!(KernelContext<'_>, KernelContext::get);
attributes!(ShapeInferenceContext, |context: &ShapeInferenceContext, name| context.attr(name).ok());

/// One execution of an operator: its tensors and ONNX Runtime's threads.
pub(super) struct Call<'c> {
    operator: &'static str,
    context: &'c ComputeContext,
}

/// A tensor as a kernel reads it.
pub(super) struct Input<'c, T> {
    /// Dimensions, outermost first.
    pub(super) shape: Vec<i64>,
    /// Elements in row-major order.
    pub(super) data: &'c [T],
}

impl Call<'_> {
    /// Input `index`, which must be there.
    pub(super) fn input<T: PrimitiveTensorElementType>(&self, index: usize) -> Result<Input<'_, T>, KernelError> {
        self.optional(index)?.ok_or(KernelError::MissingInput { operator: self.operator, index })
    }

    /// Input `index`, if the node has it.
    pub(super) fn optional<T: PrimitiveTensorElementType>(
        &self,
        index: usize,
    ) -> Result<Option<Input<'_, T>>, KernelError> {
        let refused = |source| KernelError::Runtime { operator: self.operator, index, source };
        if index >= self.context.num_inputs().map_err(refused)? {
            return Ok(None);
        }
        let Some(value) = self.context.input(index).map_err(refused)? else { return Ok(None) };
        let (shape, data) = value.try_extract_tensor::<T>().map_err(refused)?;
        // SAFETY: the tensor belongs to ONNX Runtime and stays alive and unchanged until the compute call, which this
        // context's lifetime stands for, returns; only the handle `value` dies at the end of this function.
        let data = unsafe { std::slice::from_raw_parts(data.as_ptr(), data.len()) };
        Ok(Some(Input { shape: shape.to_vec(), data }))
    }

    /// Output `index` with this shape, to be written in full; an empty slice if nobody asked for it.
    #[allow(clippy::mut_from_ref)]
    pub(super) fn output<T: PrimitiveTensorElementType>(
        &self,
        index: usize,
        shape: &[i64],
    ) -> Result<&mut [T], KernelError> {
        let refused = |source| KernelError::Runtime { operator: self.operator, index, source };
        if index >= self.context.num_outputs().map_err(refused)? {
            return Ok(&mut []);
        }
        let Some(mut value) = self.context.output(index, shape.to_vec()).map_err(refused)? else { return Ok(&mut []) };
        let (_, data) = value.try_extract_tensor_mut::<T>().map_err(refused)?;
        // SAFETY: as for inputs; every operator asks for each output once, and no operator declares an output that may
        // share memory with an input, so nothing else refers to these elements while the slice lives.
        Ok(unsafe { std::slice::from_raw_parts_mut(data.as_mut_ptr(), data.len()) })
    }

    /// Address of output `index` with this shape, which may be memory of an input that the caller bound to it.
    pub(super) fn output_address(&self, index: usize, shape: &[i64]) -> Result<*mut f32, KernelError> {
        self.output(index, shape).map(<[f32]>::as_mut_ptr)
    }

    /// ONNX Runtime's threads.
    pub(super) fn threads(&self) -> &dyn Parallel {
        self
    }
}

impl Parallel for Call<'_> {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if tasks <= 1 {
            (0..tasks).for_each(task);
            return;
        }
        // Zero batches: every task is claimed by whichever thread is free, which a fixed partition into unequal tasks needs.
        if self.context.par_for(tasks, 0, task).is_err() {
            // ONNX Runtime refuses before it starts any task (it has no pool here), so none runs twice.
            (0..tasks).for_each(task);
        }
    }
}

/// Makes a [`CpuOperator`] known to ONNX Runtime.
pub(super) struct Adaptor<K>(PhantomData<fn() -> K>);

impl<K> Adaptor<K> {
    /// The adaptor of `K`.
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A node's kernel.
pub(super) struct NodeKernel<K>(K);

impl<K: CpuOperator> Kernel for NodeKernel<K> {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        Ok(self.0.run(&Call { operator: K::NAME, context })?)
    }
}

impl<K: CpuOperator> Operator for Adaptor<K> {
    type Kernel<'attr> = NodeKernel<K>;

    fn name(&self) -> &str {
        K::NAME
    }

    fn versions(&self) -> std::ops::RangeInclusive<u32> {
        1..=1
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        K::INPUTS.iter().map(|slot| match slot.required {
            true => OperatorInput::required(slot.element),
            false => OperatorInput::optional(slot.element),
        })
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        K::OUTPUTS.iter().map(|slot| match slot.required {
            true => OperatorOutput::required(slot.element),
            false => OperatorOutput::optional(slot.element),
        })
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        Ok(NodeKernel(K::new(context)?))
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let operator = K::new(context)?;
        infer_shapes(context, &operator, |_, slot| slot.element)
    }
}

/// Tells ONNX Runtime the shapes of a node's outputs as far as they follow from its inputs; `element` says what an output
/// holds.
pub(super) fn infer_shapes<K: CpuOperator>(
    context: &mut ShapeInferenceContext,
    operator: &K,
    element: impl Fn(usize, &Slot) -> TensorElementType,
) -> ort::Result<()> {
    let mut inputs = Vec::new();
    for input in context.inputs() {
        inputs.push(input.tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default());
    }
    for (index, (shape, slot)) in operator.output_shapes(&inputs).into_iter().zip(K::OUTPUTS).enumerate() {
        if let Some(shape) = shape {
            let symbols = vec![String::new(); shape.len()];
            let ty = ValueType::Tensor {
                ty: element(index, slot),
                shape: shape.into_iter().collect(),
                dimension_symbols: symbols.into_iter().collect(),
            };
            context.set_output(index, &ty)?;
        }
    }
    Ok(())
}
