//! The tensors of a safetensors file.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};

use super::view::{Kind, View};

/// Where each tensor lies. The library checks that the ranges fill the file without gaps and fit the dimensions.
pub(super) fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, String> {
    let (header, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| format!("it is no whole safetensors file ({error})"))?;
    let data = header.saturating_add(8);
    let view = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let kind = match info.dtype {
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            other => Kind::Other(other.bitsize().div_ceil(8).max(1)),
        };
        let (start, end) = info.data_offsets;
        let storage = data.saturating_add(start)..data.saturating_add(end);
        (name, View { kind, dims: info.shape.clone(), strides: row_major(&info.shape), offset: 0, storage })
    };
    Ok(metadata.tensors().into_iter().map(view).collect())
}

fn row_major(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; dims.len()];
    for at in (1..dims.len()).rev() {
        strides[at - 1] = strides[at].saturating_mul(dims[at]);
    }
    strides
}
