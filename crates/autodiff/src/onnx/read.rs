//! ModelProto to [`Model`]: everything is checked here, once.

use std::collections::BTreeMap;
use std::path::Path;

use super::external::{Beside, Place};
use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_type};
use super::tensor::{dtype_from_onnx, expected_bytes, tensor_from_proto};
use super::upgrade::{MODERN, OLDEST_READ, upgraded};
use crate::error::{Error, Result};
use crate::graph::{Attribute, DataType, Dimension, Graph, Node, Tensor, ValueInfo};
use crate::model::{Header, Model, NEWEST_OPSET};

/// Data location `EXTERNAL` of a TensorProto.
const EXTERNAL: i32 = 1;

/// Reads a model; `folder` is where external data may lie.
pub(crate) fn model_from_proto(proto: ModelProto, folder: Option<&Path>) -> Result<Model> {
    let opset = standard_opset(&proto)?;
    let graph = proto.graph.ok_or_else(|| malformed("it holds no graph"))?;
    if let Some(function) = proto.functions.first() {
        let name = function.name.as_deref().unwrap_or_default();
        return Err(malformed(format!("it defines a function '{name}' of its own; inline functions when exporting")));
    }
    let header = Header {
        opset: opset.max(MODERN),
        ir_version: proto.ir_version.unwrap_or(8),
        other_opsets: proto
            .opset_import
            .iter()
            .filter(|o| !is_standard(o.domain.as_deref()))
            .map(|o| (o.domain.clone().unwrap_or_default(), o.version.unwrap_or(1)))
            .collect(),
        producer: (proto.producer_name.unwrap_or_default(), proto.producer_version.unwrap_or_default()),
        doc: proto.doc_string.unwrap_or_default(),
        metadata: proto
            .metadata_props
            .into_iter()
            .map(|e| (e.key.unwrap_or_default(), e.value.unwrap_or_default()))
            .collect(),
    };
    Ok(Model { graph: graph_from_proto(graph, opset, &Beside::new(folder))?, header })
}

fn is_standard(domain: Option<&str>) -> bool {
    matches!(domain.unwrap_or_default(), "" | "ai.onnx")
}

fn standard_opset(proto: &ModelProto) -> Result<i64> {
    let import = proto.opset_import.iter().find(|o| is_standard(o.domain.as_deref()));
    let found =
        import.and_then(|o| o.version).ok_or_else(|| malformed("it names no version of the standard operators"))?;
    if (OLDEST_READ..=NEWEST_OPSET).contains(&found) {
        Ok(found)
    } else {
        Err(Error::Opset { domain: "ai.onnx".into(), found, oldest: OLDEST_READ, newest: NEWEST_OPSET })
    }
}

fn malformed(what: impl Into<String>) -> Error {
    Error::Malformed { what: what.into() }
}

fn graph_from_proto(proto: GraphProto, opset: i64, beside: &Beside<'_>) -> Result<Graph> {
    if !proto.sparse_initializer.is_empty() {
        return Err(malformed("it holds sparse initializers, which no exporter of networks writes"));
    }
    let mut initializers = BTreeMap::new();
    let places = proto.initializer.iter().map(|tensor| place(tensor, beside)).collect::<Result<Vec<_>>>()?;
    for (tensor, place) in proto.initializer.into_iter().zip(places) {
        let name =
            tensor.name.clone().filter(|n| !n.is_empty()).ok_or_else(|| malformed("an initializer has no name"))?;
        if initializers.insert(name.clone(), read_tensor(&tensor, place.as_ref())?).is_some() {
            return Err(Error::DuplicateValue { value: name });
        }
    }
    let mut nodes = Vec::with_capacity(proto.node.len());
    for node in proto.node {
        let node = node_from_proto(node, beside)?;
        match constant(&node)? {
            Some((name, tensor)) => {
                if initializers.insert(name.clone(), tensor).is_some() {
                    return Err(Error::DuplicateValue { value: name });
                }
            }
            None => nodes.push(node),
        }
    }
    let inputs = proto
        .input
        .into_iter()
        .filter(|i| !initializers.contains_key(i.name.as_deref().unwrap_or_default()))
        .map(|i| value_from_proto(i, "input"))
        .collect::<Result<Vec<_>>>()?;
    let outputs = proto.output.into_iter().map(|o| value_from_proto(o, "output")).collect::<Result<Vec<_>>>()?;
    let nodes = upgraded(nodes, opset, &mut initializers);
    Graph::new(nodes, inputs, outputs, initializers)
}

fn place(tensor: &TensorProto, beside: &Beside<'_>) -> Result<Option<Place>> {
    match tensor.data_location {
        Some(EXTERNAL) => beside.claim(tensor, expected_bytes(tensor)?).map(Some),
        _ => Ok(None),
    }
}

fn read_tensor(tensor: &TensorProto, place: Option<&Place>) -> Result<Tensor> {
    tensor_from_proto(tensor, place.map(|place| place.read(tensor)).transpose()?)
}

/// The tensor of a Constant node, which is an initializer to us.
fn constant(node: &Node) -> Result<Option<(String, Tensor)>> {
    if node.operator != "Constant" || !node.domain.is_empty() {
        return Ok(None);
    }
    let tensor = match node.attributes.first() {
        Some((_, Attribute::Tensor(tensor))) => tensor.clone(),
        Some((_, Attribute::Int(value))) => Tensor::int(*value),
        Some((_, Attribute::Float(value))) => Tensor::scalar(*value),
        Some((_, Attribute::Ints(values))) => Tensor::ints(values),
        Some((_, Attribute::Floats(values))) => Tensor::floats(values),
        _ => return Err(node.error("a constant of text or without a value cannot be used; export the model again")),
    };
    Ok(Some((node.result()?.to_owned(), tensor)))
}

fn node_from_proto(proto: NodeProto, beside: &Beside<'_>) -> Result<Node> {
    let operator = proto.op_type.clone().unwrap_or_default();
    let name = proto.name.clone().unwrap_or_default();
    let attributes = proto
        .attribute
        .into_iter()
        .map(|a| attribute_from_proto(a, &name, &operator, beside))
        .collect::<Result<Vec<_>>>()?;
    let domain = proto.domain.filter(|d| d != "ai.onnx").unwrap_or_default();
    let metadata =
        proto.metadata_props.into_iter().map(|e| (e.key.unwrap_or_default(), e.value.unwrap_or_default())).collect();
    Ok(Node { name, operator, domain, inputs: proto.input, outputs: proto.output, attributes, metadata })
}

fn attribute_from_proto(
    proto: AttributeProto,
    node: &str,
    operator: &str,
    beside: &Beside<'_>,
) -> Result<(String, Attribute)> {
    let name = proto.name.unwrap_or_default();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| malformed("an attribute is not UTF-8 text"));
    let value = match proto.r#type.unwrap_or(0) {
        attribute_type::FLOAT => Attribute::Float(proto.f.unwrap_or_default()),
        attribute_type::INT => Attribute::Int(proto.i.unwrap_or_default()),
        attribute_type::STRING => Attribute::String(text(proto.s.unwrap_or_default())?),
        attribute_type::TENSOR => Attribute::Tensor(attribute_tensor(&proto.t.unwrap_or_default(), beside)?),
        attribute_type::FLOATS => Attribute::Floats(proto.floats),
        attribute_type::INTS => Attribute::Ints(proto.ints),
        attribute_type::STRINGS => Attribute::Strings(proto.strings.into_iter().map(text).collect::<Result<_>>()?),
        other => {
            return Err(Error::Node {
                node: node.to_owned(),
                operator: operator.to_owned(),
                reason: format!(
                    "its attribute '{name}' is of kind {other}, such as a graph of its own; control flow cannot be \
                     differentiated: export the model by tracing, without If, Loop and Scan"
                ),
            });
        }
    };
    Ok((name, value))
}

fn attribute_tensor(tensor: &TensorProto, beside: &Beside<'_>) -> Result<Tensor> {
    read_tensor(tensor, place(tensor, beside)?.as_ref())
}

fn value_from_proto(proto: ValueInfoProto, side: &str) -> Result<ValueInfo> {
    let name = proto.name.filter(|n| !n.is_empty()).ok_or_else(|| malformed(format!("an {side} has no name")))?;
    let tensor = proto.r#type.and_then(|t| t.tensor_type);
    let number = tensor.as_ref().and_then(|t| t.elem_type).unwrap_or(0);
    let dtype = match dtype_from_onnx(number) {
        Some(dtype) => dtype,
        // Some writers leave the type of outputs out; it is inferred from the network anyway.
        None if side == "output" && number == 0 => DataType::F32,
        None => return Err(malformed(format!("{side} '{name}' is not a tensor of numbers"))),
    };
    let dims = match tensor.and_then(|t| t.shape) {
        None => None,
        Some(shape) => Some(
            shape
                .dim
                .into_iter()
                .map(|d| match (d.dim_value, d.dim_param) {
                    (Some(value), _) => usize::try_from(value)
                        .map(Dimension::Fixed)
                        .map_err(|_| malformed(format!("{side} '{name}' has the dimension {value}"))),
                    (None, symbol) => Ok(Dimension::Dynamic(symbol.filter(|s| !s.is_empty()))),
                })
                .collect::<Result<Vec<_>>>()?,
        ),
    };
    Ok(ValueInfo { name, dtype, dims })
}
