//! ONNX protobuf in and out: messages, and their translation to and from the crate's own [`Graph`](crate::graph::Graph).
//!
//! Reading validates: every tensor's data fits its dimensions, external data lies inside the model's folder, every
//! attribute is of a kind that is carried over. What passes here can be trusted by the rest of the crate.

mod external;
pub mod proto;
mod read;
mod tensor;
mod upgrade;
mod write;

pub(crate) use read::model_from_proto;
pub(crate) use tensor::{dtype_from_onnx, dtype_to_onnx};
pub(crate) use write::model_to_proto;
