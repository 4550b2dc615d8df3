//! A dense tensor held in memory: initializers and constants.

use std::sync::Arc;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DataType {
    F32,
    F64,
    F16,
    Bf16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl DataType {
    /// Bytes of one element.
    #[must_use]
    pub fn size_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether gradients can flow through values of this type.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }
}

/// Elements of a tensor; types that this crate never computes with stay bytes (little-endian).
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// float32
    F32(Arc<[f32]>),
    /// int64
    I64(Arc<[i64]>),
    /// bool
    Bool(Arc<[bool]>),
    /// Any other type, as little-endian bytes.
    Bytes(DataType, Arc<[u8]>),
}

/// A dense row-major tensor whose element count equals the product of its dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dims: Vec<usize>,
    data: Data,
}

impl Tensor {
    /// A tensor, or `None` when the data does not fill the dimensions exactly.
    #[must_use]
    pub fn new(dims: Vec<usize>, data: Data) -> Option<Self> {
        let count = dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d))?;
        let held = match &data {
            Data::F32(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::Bool(v) => v.len(),
            Data::Bytes(dtype, v) if v.len() % dtype.size_bytes() == 0 => v.len() / dtype.size_bytes(),
            Data::Bytes(..) => return None,
        };
        (held == count).then_some(Self { dims, data })
    }

    /// A one-dimensional int64 tensor.
    #[must_use]
    pub fn ints(values: &[i64]) -> Self {
        Self { dims: vec![values.len()], data: Data::I64(values.into()) }
    }

    /// A one-dimensional float32 tensor.
    #[must_use]
    pub fn floats(values: &[f32]) -> Self {
        Self { dims: vec![values.len()], data: Data::F32(values.into()) }
    }

    /// A float32 scalar (no dimensions).
    #[must_use]
    pub fn scalar(value: f32) -> Self {
        Self { dims: vec![], data: Data::F32([value].into()) }
    }

    /// An int64 scalar (no dimensions).
    #[must_use]
    pub fn int(value: i64) -> Self {
        Self { dims: vec![], data: Data::I64([value].into()) }
    }

    /// Dimensions.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Elements.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DataType {
        match &self.data {
            Data::F32(_) => DataType::F32,
            Data::I64(_) => DataType::I64,
            Data::Bool(_) => DataType::Bool,
            Data::Bytes(dtype, _) => *dtype,
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements where they are float32.
    #[must_use]
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            _ => None,
        }
    }

    /// The elements where they are int64.
    #[must_use]
    pub fn as_i64(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(v) => Some(v),
            _ => None,
        }
    }

    /// The same elements under other dimensions of the same product.
    #[must_use]
    pub fn reshaped(&self, dims: Vec<usize>) -> Option<Self> {
        Self::new(dims, self.data.clone())
    }
}
