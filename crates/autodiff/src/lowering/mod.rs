//! From the operators that rules write to those that a runtime has.
//!
//! Plain lowering expands every operator of domain `swath` to standard ones; each expansion is a function in one file per family, found
//! through one table. Swath lowering keeps them, and moves the forward convolutions of the network into the domain too.

mod batch_norm;
mod conv;
mod cross_entropy;
mod few;
mod optimizer;
mod pool;
mod resize;

use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::graph::{DataType, Graph, Node, Patch, SWATH_DOMAIN};
use crate::infer::Facts;
use crate::options::Lowering;

/// Expands a node to standard operators; yields the values that take the place of its outputs.
type Expansion = fn(&Node, &mut Builder) -> Result<Vec<String>>;

fn expansion(operator: &str) -> Option<Expansion> {
    Some(match operator {
        "Conv" => conv::conv,
        "ConvGradInput" => conv::grad_input,
        "ConvGradWeight" => conv::grad_weight,
        "BatchNorm" => batch_norm::forward,
        "BatchNormGrad" => batch_norm::gradient,
        "ReluGrad" => batch_norm::relu_gradient,
        "MaxPool" => pool::max_pool,
        "MaxPoolGrad" => pool::max_pool_gradient,
        "ResizeGrad" => resize::gradient,
        "SoftmaxCrossEntropy" => cross_entropy::cross_entropy,
        "AdamW" | "Adam" | "Sgd" => optimizer::update,
        _ => return None,
    })
}

/// The graph in the operators asked for; `facts` must know every value in it.
pub(crate) fn lower(graph: Graph, lowering: Lowering, opset: i64, facts: Facts) -> Result<Graph> {
    let mut builder = Builder::new("plain", opset, facts);
    let mut patch = Patch { prune: true, ..Patch::default() };
    for (index, node) in graph.nodes().iter().enumerate() {
        if lowering == Lowering::Swath && has_kernel(node, &builder)? {
            if node.domain.is_empty() {
                patch.remove.insert(index);
                patch.nodes.push(moved_to_swath(node, &builder)?);
            }
            continue;
        }
        let replacements = if node.domain == SWATH_DOMAIN {
            let expand = expansion(&node.operator)
                .ok_or_else(|| Error::UnknownOperator { node: node.label().to_owned(), operator: node.kind() })?;
            expand(node, &mut builder)?
        } else if lacks_bfloat16(node, &builder)? {
            without_bfloat16(node.clone(), node.outputs.len(), &mut builder)?
        } else {
            continue;
        };
        patch.remove.insert(index);
        for (old, new) in node.outputs.iter().zip(replacements).filter(|(old, _)| !old.is_empty()) {
            same_form(node, old, &new, &builder)?;
            // An output of the graph keeps its name: a node hands the value on under it.
            if graph.outputs().iter().any(|o| o.name == *old) {
                patch.nodes.push(Node::new("Identity", &[&new], &[old]));
            } else {
                patch.redirect.insert(old.clone(), new);
            }
        }
    }
    patch.nodes.extend(builder.nodes);
    patch.initializers.extend(builder.initializers);
    graph.patched(patch)
}

fn same_form(node: &Node, old: &str, new: &str, builder: &Builder) -> Result<()> {
    let (old_dims, new_dims) = (builder.dims(old)?, builder.dims(new)?);
    let (old_type, new_type) = (builder.dtype(old)?, builder.dtype(new)?);
    // Positions of maxima are int32 in the one form and int64 in the other; only the expansions read them.
    if old_dims == new_dims && (old_type == new_type || !old_type.is_float()) {
        return Ok(());
    }
    let what = format!(
        "'{}' has an output of {old_type:?} {old_dims:?}, its expansion of {new_type:?} {new_dims:?}",
        node.label()
    );
    Err(Error::Internal { place: format!("plain lowering of {}", node.operator), what })
}

/// Layers that have no bfloat16 form in the opsets up to 21.
fn lacks_bfloat16(node: &Node, builder: &Builder) -> Result<bool> {
    let layer = node.domain.is_empty() && ["Conv", "ConvTranspose", "MaxPool", "Pad"].contains(&node.operator.as_str());
    Ok(layer && builder.dtype(node.required(0)?)? == DataType::Bf16)
}

/// Adds a node; where it lacks a bfloat16 form, on the same numbers in float32, and its first outcome rounded back.
fn without_bfloat16(mut node: Node, outputs: usize, builder: &mut Builder) -> Result<Vec<String>> {
    if !lacks_bfloat16(&node, builder)? {
        return builder.emit(node, outputs);
    }
    for input in node.inputs.iter_mut().filter(|name| !name.is_empty()) {
        *input = builder.widened(input)?;
    }
    let mut yielded = builder.emit(node, outputs)?;
    yielded[0] = builder.cast(&yielded[0], DataType::Bf16)?;
    Ok(yielded)
}

/// Whether swath's kernels run this node: those work on images `[N, C, H, W]`.
fn has_kernel(node: &Node, builder: &Builder) -> Result<bool> {
    let planar = |index| node.input(index).map_or(Ok(false), |name| builder.dims(name).map(|dims| dims.len() == 4));
    match (node.domain.as_str(), node.operator.as_str()) {
        (SWATH_DOMAIN, "Conv" | "ConvGradInput" | "ConvGradWeight" | "BatchNorm" | "MaxPool" | "MaxPoolGrad") => {
            planar(0)
        }
        (SWATH_DOMAIN, "BatchNormGrad") => planar(1),
        (SWATH_DOMAIN, "ResizeGrad") if node.int("antialias", 0) != 0 || node.int("exclude_outside", 0) != 0 => {
            Ok(false)
        }
        (SWATH_DOMAIN, "ResizeGrad") => planar(0),
        (SWATH_DOMAIN, _) => Ok(true),
        ("", "Conv") => planar(0),
        _ => Ok(false),
    }
}

/// A standard convolution as its twin of domain `swath`, with padding resolved to numbers.
fn moved_to_swath(node: &Node, builder: &Builder) -> Result<Node> {
    let window = crate::rules::conv_window(builder, node)?;
    let mut moved = Node { domain: SWATH_DOMAIN.to_owned(), attributes: Vec::new(), ..node.clone() };
    for (name, value) in crate::rules::window_attributes(&window, node.int("group", 1)) {
        moved = moved.with(name, value);
    }
    Ok(moved)
}
