//! Plain forms of max pooling with the position of each maximum, and of its gradient.
//!
//! The standard operator's positions are int64 and count through the whole tensor; only the two expansions here read them.

use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node};

/// X -> Y, Argmax
pub(super) fn max_pool(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    super::without_bfloat16(Node { domain: String::new(), ..node.clone() }, 2, builder)
}

/// dY, Argmax -> dX: zeros, to which every dY is added where its maximum stood.
pub(super) fn max_pool_gradient(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let (dy, argmax) = (node.required(0)?.to_owned(), node.required(1)?.to_owned());
    let dims: Vec<usize> =
        node.ints("input_shape").unwrap_or_default().iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    let count = builder.facts.get(&dy)?.len();
    let zeros = builder.zeros(&[dims.iter().product()])?;
    let dtype = builder.dtype(&dy)?;
    let dy = builder.widened(&dy)?;
    let dy = builder.reshape(&dy, &[count])?;
    let argmax = builder.reshape(&argmax, &[count])?;
    let attributes = [("axis", Attribute::Int(0)), ("reduction", Attribute::String("add".into()))];
    let dx = builder.op_with("ScatterElements", &[&zeros, &argmax, &dy], &attributes)?;
    let dx = builder.cast(&dx, dtype)?;
    Ok(vec![builder.reshape(&dx, &dims)?])
}
