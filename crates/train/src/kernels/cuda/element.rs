//! The element types that images may have on a GPU. Statistics, losses and optimisers are `float32` whatever it is.

use cudarc::cudnn::sys::cudnnDataType_t;
use ort::value::TensorElementType;

/// Element type of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Element {
    /// `float32`
    F32,
    /// `float16`
    F16,
    /// `bfloat16`
    Bf16,
}

impl Element {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// What chooses it in `source/element.cuh`.
    pub(super) const fn define(self) -> &'static str {
        match self {
            Self::F32 => "ELEMENT_F32",
            Self::F16 => "ELEMENT_F16",
            Self::Bf16 => "ELEMENT_BF16",
        }
    }

    /// Bytes of one.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// As ONNX Runtime names it.
    pub(super) const fn in_onnx(self) -> TensorElementType {
        match self {
            Self::F32 => TensorElementType::Float32,
            Self::F16 => TensorElementType::Float16,
            Self::Bf16 => TensorElementType::Bfloat16,
        }
    }

    /// As cuDNN names it.
    pub(super) const fn in_cudnn(self) -> cudnnDataType_t {
        match self {
            Self::F32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
            Self::F16 => cudnnDataType_t::CUDNN_DATA_HALF,
            Self::Bf16 => cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        }
    }
}
