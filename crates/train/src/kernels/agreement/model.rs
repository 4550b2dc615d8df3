//! A case as a model: what is fed and given back is `float32`, cast to and from the type in which images are computed.

use std::collections::BTreeMap;

use swath_autodiff::graph::{Attribute, DataType, Graph, Node, ValueInfo};
use swath_autodiff::{Model, Result};

use super::cases::{Case, Values};

/// Element type of a case's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernels) enum Precision {
    F32,
    F16,
    Bf16,
}

impl Precision {
    /// All of them.
    pub(in crate::kernels) const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// As ONNX names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }

    /// ONNX's number of the type.
    fn code(self) -> i64 {
        match self {
            Self::F32 => 1,
            Self::F16 => 10,
            Self::Bf16 => 16,
        }
    }

    /// What so many roundings cost, relative. Sums are kept in `float32`: in low types the outcome alone is rounded, and
    /// rounded once more by each operator that it goes through.
    pub(super) fn allowed(self, roundings: f64) -> f64 {
        match self {
            Self::F32 => 0.5f64.powi(24) * roundings,
            Self::F16 => 0.5f64.powi(11) * roundings.min(4.0),
            Self::Bf16 => 0.5f64.powi(8) * roundings.min(4.0),
        }
    }
}

/// Name under which an input is fed.
pub(super) fn fed(input: &str) -> String {
    format!("{input}.fed")
}

/// Name under which an output is given back.
pub(super) fn given_back(output: &str) -> String {
    format!("{output}.back")
}

fn cast(from: &str, to: &str, code: i64) -> Node {
    Node::new("Cast", &[from], &[to]).with("to", Attribute::Int(code))
}

/// The model of a case. With `native` its nodes compute in `precision`, else in `float32` on numbers rounded to it.
pub(in crate::kernels) fn model(case: &Case, precision: Precision, native: bool) -> Result<Model> {
    let (mut nodes, mut inputs, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
    let precision = if case.images { precision } else { Precision::F32 };
    for input in &case.inputs {
        let (name, fed) = (input.name, fed(input.name));
        let dtype = match input.values {
            Values::Classes(_) => DataType::I64,
            Values::Step(_) => DataType::F64,
            _ => DataType::F32,
        };
        match (input.values, precision, native) {
            (Values::Image, Precision::F16 | Precision::Bf16, true) => nodes.push(cast(&fed, name, precision.code())),
            (Values::Image, Precision::F16 | Precision::Bf16, false) => {
                let rounded = format!("{name}.rounded");
                nodes.push(cast(&fed, &rounded, precision.code()));
                nodes.push(cast(&rounded, name, Precision::F32.code()));
            }
            _ => nodes.push(Node::new("Identity", &[&fed], &[name])),
        }
        inputs.push(ValueInfo::fixed(&fed, dtype, &input.shape));
    }
    nodes.extend(case.nodes.iter().cloned());
    for (name, _) in &case.outputs {
        let back = given_back(name);
        nodes.push(cast(name, &back, Precision::F32.code()));
        outputs.push(ValueInfo { name: back, dtype: DataType::F32, dims: None });
    }
    Model::new(Graph::new(nodes, inputs, outputs, BTreeMap::new())?, 17)
}
