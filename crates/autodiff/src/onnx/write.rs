//! [`Model`] to ModelProto, all data inside.

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
};
use super::tensor::{dtype_to_onnx, tensor_to_proto};
use crate::graph::{Attribute, Dimension, Graph, Node, ValueInfo};
use crate::model::Model;

/// Writes a model.
pub(crate) fn model_to_proto(model: &Model) -> ModelProto {
    let header = &model.header;
    let standard = (String::new(), header.opset);
    let opsets = std::iter::once(&standard).chain(&header.other_opsets);
    let text = |s: &String| Some(s.clone()).filter(|s| !s.is_empty());
    ModelProto {
        ir_version: Some(header.ir_version),
        opset_import: opsets
            .map(|(domain, version)| OperatorSetIdProto { domain: Some(domain.clone()), version: Some(*version) })
            .collect(),
        producer_name: text(&header.producer.0),
        producer_version: text(&header.producer.1),
        doc_string: text(&header.doc),
        graph: Some(graph_to_proto(&model.graph)),
        metadata_props: entries(&header.metadata),
        ..ModelProto::default()
    }
}

fn entries(pairs: &[(String, String)]) -> Vec<StringStringEntryProto> {
    pairs.iter().map(|(k, v)| StringStringEntryProto { key: Some(k.clone()), value: Some(v.clone()) }).collect()
}

fn graph_to_proto(graph: &Graph) -> GraphProto {
    GraphProto {
        node: graph.nodes().iter().map(node_to_proto).collect(),
        name: Some("main".into()),
        initializer: graph.initializers().iter().map(|(name, tensor)| tensor_to_proto(name, tensor)).collect(),
        input: graph.inputs().iter().map(value_to_proto).collect(),
        output: graph.outputs().iter().map(value_to_proto).collect(),
        ..GraphProto::default()
    }
}

fn node_to_proto(node: &Node) -> NodeProto {
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: Some(node.name.clone()),
        op_type: Some(node.operator.clone()),
        attribute: node.attributes.iter().map(|(name, value)| attribute_to_proto(name, value)).collect(),
        domain: Some(node.domain.clone()).filter(|d| !d.is_empty()),
        metadata_props: entries(&node.metadata),
    }
}

fn attribute_to_proto(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
    let kind = match value {
        Attribute::Int(v) => {
            proto.i = Some(*v);
            attribute_type::INT
        }
        Attribute::Float(v) => {
            proto.f = Some(*v);
            attribute_type::FLOAT
        }
        Attribute::String(v) => {
            proto.s = Some(v.clone().into_bytes());
            attribute_type::STRING
        }
        Attribute::Ints(v) => {
            proto.ints.clone_from(v);
            attribute_type::INTS
        }
        Attribute::Floats(v) => {
            proto.floats.clone_from(v);
            attribute_type::FLOATS
        }
        Attribute::Strings(v) => {
            proto.strings = v.iter().map(|s| s.clone().into_bytes()).collect();
            attribute_type::STRINGS
        }
        Attribute::Tensor(v) => {
            proto.t = Some(tensor_to_proto("", v));
            attribute_type::TENSOR
        }
    };
    proto.r#type = Some(kind);
    proto
}

fn value_to_proto(value: &ValueInfo) -> ValueInfoProto {
    let dim = |d: &Dimension| match d {
        Dimension::Fixed(size) => DimensionProto { dim_value: Some(*size as i64), dim_param: None },
        Dimension::Dynamic(name) => DimensionProto { dim_value: None, dim_param: name.clone() },
    };
    let shape = value.dims.as_ref().map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: Some(dtype_to_onnx(value.dtype)), shape });
    ValueInfoProto { name: Some(value.name.clone()), r#type: Some(TypeProto { tensor_type }) }
}
