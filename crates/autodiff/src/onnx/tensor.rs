//! TensorProto to [`Tensor`] and back; the data must fill the dimensions exactly.

use super::proto::{TensorProto, data_type};
use crate::error::{Error, Result};
use crate::graph::{Data, DataType, Tensor};

/// The element type behind an ONNX number, where it is understood.
pub(crate) fn dtype_from_onnx(number: i32) -> Option<DataType> {
    Some(match number {
        data_type::FLOAT => DataType::F32,
        data_type::UINT8 => DataType::U8,
        data_type::INT8 => DataType::I8,
        data_type::UINT16 => DataType::U16,
        data_type::INT16 => DataType::I16,
        data_type::INT32 => DataType::I32,
        data_type::INT64 => DataType::I64,
        data_type::BOOL => DataType::Bool,
        data_type::FLOAT16 => DataType::F16,
        data_type::DOUBLE => DataType::F64,
        data_type::UINT32 => DataType::U32,
        data_type::UINT64 => DataType::U64,
        data_type::BFLOAT16 => DataType::Bf16,
        _ => return None,
    })
}

/// The ONNX number of an element type.
pub(crate) fn dtype_to_onnx(dtype: DataType) -> i32 {
    match dtype {
        DataType::F32 => data_type::FLOAT,
        DataType::F64 => data_type::DOUBLE,
        DataType::F16 => data_type::FLOAT16,
        DataType::Bf16 => data_type::BFLOAT16,
        DataType::I8 => data_type::INT8,
        DataType::I16 => data_type::INT16,
        DataType::I32 => data_type::INT32,
        DataType::I64 => data_type::INT64,
        DataType::U8 => data_type::UINT8,
        DataType::U16 => data_type::UINT16,
        DataType::U32 => data_type::UINT32,
        DataType::U64 => data_type::UINT64,
        DataType::Bool => data_type::BOOL,
    }
}

/// Element type of a tensor.
fn dtype(proto: &TensorProto) -> Result<DataType> {
    let number = proto.data_type.unwrap_or(0);
    dtype_from_onnx(number).ok_or_else(|| Error::Malformed {
        what: format!("tensor '{}' has element type {number}, which is not a number or truth value", name(proto)),
    })
}

fn name(proto: &TensorProto) -> String {
    proto.name.clone().unwrap_or_else(|| "(constant)".into())
}

/// Bytes that the dimensions of a tensor call for.
pub(super) fn expected_bytes(proto: &TensorProto) -> Result<u128> {
    if proto.dims.iter().any(|&dim| dim < 0) {
        let what = format!("tensor '{}' has a negative dimension in {:?}", name(proto), proto.dims);
        return Err(Error::Malformed { what });
    }
    let size = dtype(proto)?.size_bytes() as u128;
    Ok(proto.dims.iter().fold(size, |bytes, &dim| bytes.saturating_mul(dim.unsigned_abs().into())))
}

/// Reads a tensor; `external` is its data where it lies in another file.
pub(super) fn tensor_from_proto(proto: &TensorProto, external: Option<Vec<u8>>) -> Result<Tensor> {
    let (dtype, expected) = (dtype(proto)?, expected_bytes(proto)?);
    let raw = external.as_deref().or(proto.raw_data.as_deref()).filter(|raw| !raw.is_empty());
    let bytes = match raw {
        Some(raw) => raw.to_vec(),
        None => typed_bytes(proto, dtype),
    };
    let found = bytes.len() as u128;
    let mismatch = || Error::TensorData { tensor: name(proto), dims: proto.dims.clone(), expected, found };
    if expected != found {
        return Err(mismatch());
    }
    let dims = proto.dims.iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>().map_err(|_| mismatch())?;
    Tensor::new(dims, data_from_bytes(dtype, &bytes)).ok_or_else(mismatch)
}

/// Bytes of the typed fields that hold the data where `raw_data` does not.
fn typed_bytes(proto: &TensorProto, dtype: DataType) -> Vec<u8> {
    let ints = &proto.int32_data;
    match dtype {
        DataType::F32 => proto.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::F64 => proto.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::I64 => proto.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::U64 => proto.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::U32 => proto.uint64_data.iter().flat_map(|v| v.to_le_bytes().into_iter().take(4)).collect(),
        _ => ints.iter().flat_map(|v| v.to_le_bytes().into_iter().take(dtype.size_bytes())).collect(),
    }
}

/// Little-endian bytes as elements; a remainder that fills no element is dropped by the caller's length check.
pub(super) fn data_from_bytes(dtype: DataType, bytes: &[u8]) -> Data {
    match dtype {
        DataType::F32 => Data::F32(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()),
        DataType::I64 => Data::I64(bytes.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect()),
        DataType::Bool => Data::Bool(bytes.iter().map(|&b| b != 0).collect()),
        other => Data::Bytes(other, bytes.into()),
    }
}

/// Writes a tensor with its data inside, as `raw_data`.
pub(crate) fn tensor_to_proto(name: &str, tensor: &Tensor) -> TensorProto {
    let raw = match tensor.data() {
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
        Data::Bytes(_, v) => v.to_vec(),
    };
    TensorProto {
        dims: tensor.dims().iter().map(|&d| d as i64).collect(),
        data_type: Some(dtype_to_onnx(tensor.dtype())),
        name: Some(name.to_owned()),
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}
