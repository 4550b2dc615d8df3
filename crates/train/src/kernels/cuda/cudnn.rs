//! cuDNN's descriptors of a convolution, and the choice among its algorithms. No GPU is needed to describe; choosing and
//! running want the handle of a device.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use cudarc::cudnn::sys::{self, cudnnDeterminism_t, cudnnMathType_t, cudnnStatus_t, cudnnTensorFormat_t};

use super::element::Element;
use crate::kernels::cpu::conv::ConvShape;
use crate::kernels::error::KernelError;

/// Turns cuDNN's answer into a result.
pub(super) fn checked(operator: &'static str, call: &'static str, status: cudnnStatus_t) -> Result<(), KernelError> {
    if status == cudnnStatus_t::CUDNN_STATUS_SUCCESS {
        return Ok(());
    }
    // SAFETY: cuDNN's texts are nul-terminated and static, one for any code.
    let words = unsafe { CStr::from_ptr(sys::cudnnGetErrorString(status)) };
    Err(KernelError::Gpu { operator, call, problem: words.to_string_lossy().into_owned() })
}

macro_rules! descriptor {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $create:path, $destroy:path) => {
        $(#[$doc])*
        pub(super) struct $name($raw);

        // SAFETY: a descriptor is memory of the process that any thread may use, one at a time.
        unsafe impl Send for $name {}

        impl $name {
            fn create(operator: &'static str) -> Result<Self, KernelError> {
                let mut raw = ptr::null_mut();
                // SAFETY: writes one handle.
                checked(operator, stringify!($create), unsafe { $create(&raw mut raw) })?;
                Ok(Self(raw))
            }

            /// The handle, alive as long as this is.
            pub(super) fn raw(&self) -> $raw {
                self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: created by `create`, destroyed once.
                unsafe { $destroy(self.0) };
            }
        }
    };
}

descriptor!(
    /// A tensor `[n, channel, row, col]`.
    Tensor, sys::cudnnTensorDescriptor_t, sys::cudnnCreateTensorDescriptor, sys::cudnnDestroyTensorDescriptor
);
descriptor!(
    /// Weights `[out channel, in channel of the group, row, col]`.
    Filter, sys::cudnnFilterDescriptor_t, sys::cudnnCreateFilterDescriptor, sys::cudnnDestroyFilterDescriptor
);
descriptor!(
    /// How the weights go over the tensor.
    Window, sys::cudnnConvolutionDescriptor_t, sys::cudnnCreateConvolutionDescriptor, sys::cudnnDestroyConvolutionDescriptor
);

/// Sizes as cuDNN counts. Those of a sound [`ConvShape`] fit.
fn int(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}

impl Tensor {
    fn new(operator: &'static str, element: Element, sizes: [usize; 4]) -> Result<Self, KernelError> {
        let tensor = Self::create(operator)?;
        let ([n, c, h, w], format) = (sizes.map(int), cudnnTensorFormat_t::CUDNN_TENSOR_NCHW);
        // SAFETY: the descriptor is alive.
        let status = unsafe { sys::cudnnSetTensor4dDescriptor(tensor.0, format, element.in_cudnn(), n, c, h, w) };
        checked(operator, "cudnnSetTensor4dDescriptor", status).map(|()| tensor)
    }
}

impl Filter {
    fn new(operator: &'static str, element: Element, sizes: [usize; 4]) -> Result<Self, KernelError> {
        let filter = Self::create(operator)?;
        let ([k, c, h, w], format) = (sizes.map(int), cudnnTensorFormat_t::CUDNN_TENSOR_NCHW);
        // SAFETY: the descriptor is alive.
        let status = unsafe { sys::cudnnSetFilter4dDescriptor(filter.0, element.in_cudnn(), format, k, c, h, w) };
        checked(operator, "cudnnSetFilter4dDescriptor", status).map(|()| filter)
    }
}

/// A convolution described to cuDNN.
pub(super) struct Description {
    operator: &'static str,
    pub(super) x: Tensor,
    pub(super) w: Filter,
    pub(super) y: Tensor,
    pub(super) window: Window,
}

impl Description {
    /// Describes `shape`, whose padding must be the same on both sides of an axis. Products are summed in `float32`, and
    /// `float32` itself is multiplied as TF32 only where `tf32` allows.
    pub(super) fn new(
        operator: &'static str,
        shape: &ConvShape,
        element: Element,
        tf32: bool,
    ) -> Result<Self, KernelError> {
        let ([rows, cols], [out_rows, out_cols]) = (shape.in_size, shape.out_size);
        let weights = [shape.out_channels, shape.group_in(), shape.kernel[0], shape.kernel[1]];
        let described = Self {
            operator,
            x: Tensor::new(operator, element, [shape.batch, shape.in_channels, rows, cols])?,
            w: Filter::new(operator, element, weights)?,
            y: Tensor::new(operator, element, [shape.batch, shape.out_channels, out_rows, out_cols])?,
            window: Window::create(operator)?,
        };
        let window = described.window.raw();
        let ([top, left], [down, right]) = (shape.pads.map(int), shape.strides.map(int));
        let [apart_rows, apart_cols] = shape.dilations.map(int);
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let sums = Element::F32.in_cudnn();
        // SAFETY: the descriptor is alive.
        let set = unsafe {
            sys::cudnnSetConvolution2dDescriptor(window, top, left, down, right, apart_rows, apart_cols, mode, sums)
        };
        checked(operator, "cudnnSetConvolution2dDescriptor", set)?;
        // SAFETY: the descriptor is alive.
        let grouped = unsafe { sys::cudnnSetConvolutionGroupCount(window, int(shape.groups)) };
        checked(operator, "cudnnSetConvolutionGroupCount", grouped)?;
        described.set_math(math(element, tf32))?;
        Ok(described)
    }

    fn set_math(&self, math: cudnnMathType_t) -> Result<(), KernelError> {
        // SAFETY: the descriptor is alive.
        let status = unsafe { sys::cudnnSetConvolutionMathType(self.window.raw(), math) };
        checked(self.operator, "cudnnSetConvolutionMathType", status)
    }

    /// Has the convolution run as `candidate` asks, unless that would multiply `float32` as TF32 where it must not.
    pub(super) fn settle<A>(&self, candidate: &Candidate<A>, element: Element, tf32: bool) -> Result<(), KernelError> {
        match math(element, tf32) {
            cudnnMathType_t::CUDNN_FMA_MATH => Ok(()),
            _ => self.set_math(candidate.math),
        }
    }

    /// Size of Y as cuDNN works it out, `[n, channel, row, col]`.
    #[cfg(test)]
    pub(super) fn out_size(&self) -> Result<[c_int; 4], KernelError> {
        let [mut n, mut c, mut h, mut w] = [0; 4];
        // SAFETY: the descriptors are alive; writes four integers.
        let status = unsafe {
            sys::cudnnGetConvolution2dForwardOutputDim(
                self.window.raw(),
                self.x.raw(),
                self.w.raw(),
                &raw mut n,
                &raw mut c,
                &raw mut h,
                &raw mut w,
            )
        };
        checked(self.operator, "cudnnGetConvolution2dForwardOutputDim", status).map(|()| [n, c, h, w])
    }
}

/// How numbers may be multiplied: `float32` without TF32 by plain multiplications, all else as the hardware likes best.
fn math(element: Element, tf32: bool) -> cudnnMathType_t {
    match element {
        Element::F32 if tf32 => cudnnMathType_t::CUDNN_DEFAULT_MATH,
        Element::F32 => cudnnMathType_t::CUDNN_FMA_MATH,
        Element::F16 | Element::Bf16 => cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
    }
}

/// An algorithm that cuDNN proposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate<A> {
    pub(super) algorithm: A,
    pub(super) status: cudnnStatus_t,
    /// Bytes of memory it needs while it runs.
    pub(super) memory: usize,
    pub(super) determinism: cudnnDeterminism_t,
    pub(super) math: cudnnMathType_t,
}

/// The first of `candidates`, which come fastest first, that works within `limit` bytes and, if that is asked for, always
/// gives the same bits.
pub(super) fn choose<A: Copy>(candidates: &[Candidate<A>], limit: usize, deterministic: bool) -> Option<Candidate<A>> {
    let fits = |candidate: &&Candidate<A>| {
        candidate.status == cudnnStatus_t::CUDNN_STATUS_SUCCESS
            && candidate.memory <= limit
            && (!deterministic || candidate.determinism == cudnnDeterminism_t::CUDNN_DETERMINISTIC)
    };
    candidates.iter().find(fits).copied()
}

/// One and zero as cuDNN takes the factors of its result and of what was there before.
pub(super) static ONE: f32 = 1.0;
/// See [`ONE`].
pub(super) static ZERO: f32 = 0.0;

/// A factor's address.
pub(super) fn factor(value: &'static f32) -> *const c_void {
    ptr::from_ref(value).cast()
}
