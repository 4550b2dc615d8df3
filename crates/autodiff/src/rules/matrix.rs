//! Gradients of matrix products.

use super::tape::Tape;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node};

/// y = a b over batches of matrices: da = dy bᵀ, db = aᵀ dy, summed over batch axes along which either was repeated.
pub(super) fn mat_mul(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (a, b) = (node.required(0)?, node.required(1)?);
    let (a_dims, b_dims) = (tape.builder.dims(a)?, tape.builder.dims(b)?);
    // A vector stands for a matrix of one row (left) or one column (right), which the product then drops.
    let left = if a_dims.len() == 1 { vec![1, a_dims[0]] } else { a_dims.clone() };
    let right = if b_dims.len() == 1 { vec![b_dims[0], 1] } else { b_dims.clone() };
    let mut product = tape.builder.dims(&dy)?;
    if b_dims.len() == 1 {
        product.push(1);
    }
    if a_dims.len() == 1 {
        product.insert(product.len() - 1, 1);
    }
    let dy = tape.builder.reshape(&dy, &product)?;
    if tape.wants(node, 0) {
        let b = tape.builder.reshape(b, &right)?;
        let b = transposed(&b, &mut tape.builder)?;
        let da = tape.builder.op("MatMul", &[&dy, &b])?;
        let da = tape.sum_to(&da, &left)?;
        let da = tape.builder.reshape(&da, &a_dims)?;
        tape.contribute(node, 0, &da)?;
    }
    if tape.wants(node, 1) {
        let a = tape.builder.reshape(a, &left)?;
        let db = right_gradient(&a, &dy, &right, tape)?;
        let db = tape.builder.reshape(&db, &b_dims)?;
        tape.contribute(node, 1, &db)?;
    }
    Ok(())
}

/// aᵀ dy; where the right factor is one matrix for all of the batch, rows of all batches make one long product.
fn right_gradient(a: &str, dy: &str, right: &[usize], tape: &mut Tape) -> Result<String> {
    let a_dims = tape.builder.dims(a)?;
    if let &[inner, columns] = right {
        let rows = a_dims[..a_dims.len() - 1].iter().product();
        let a = tape.builder.reshape(a, &[rows, inner])?;
        let dy = tape.builder.reshape(dy, &[rows, columns])?;
        return tape.builder.op_with("Gemm", &[&a, &dy], &[("transA", Attribute::Int(1))]);
    }
    let a = transposed(a, &mut tape.builder)?;
    let db = tape.builder.op("MatMul", &[&a, dy])?;
    tape.sum_to(&db, right)
}

/// The last two axes swapped.
fn transposed(value: &str, builder: &mut Builder) -> Result<String> {
    let rank = builder.dims(value)?.len();
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(rank - 2, rank - 1);
    builder.transpose(value, &perm)
}

/// y = alpha a b + beta c, where a and b may stand transposed.
pub(super) fn gemm(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (a, b) = (node.required(0)?, node.required(1)?);
    let (a_turned, b_turned) = (node.int("transA", 0) != 0, node.int("transB", 0) != 0);
    // Of y = A B with A = a or aᵀ: dA = dy Bᵀ, dB = Aᵀ dy; a gradient wanted transposed is the transposed product.
    if tape.wants(node, 0) {
        let [left, right]: [(&str, bool); 2] =
            if a_turned { [(b, b_turned), (&dy, true)] } else { [(&dy, false), (b, !b_turned)] };
        let da = product(node, left, right, &mut tape.builder)?;
        tape.contribute(node, 0, &da)?;
    }
    if tape.wants(node, 1) {
        let [left, right]: [(&str, bool); 2] =
            if b_turned { [(&dy, true), (a, a_turned)] } else { [(a, !a_turned), (&dy, false)] };
        let db = product(node, left, right, &mut tape.builder)?;
        tape.contribute(node, 1, &db)?;
    }
    if tape.wants(node, 2) {
        let beta = f64::from(node.float("beta", 1.0));
        let dc = if beta == 1.0 { dy } else { tape.builder.scale(&dy, beta)? };
        tape.contribute_broadcast(node, 2, &dc)?;
    }
    Ok(())
}

/// alpha times the product of two matrices, each transposed where its flag says so.
fn product(node: &Node, left: (&str, bool), right: (&str, bool), builder: &mut Builder) -> Result<String> {
    let attributes = [
        ("alpha", Attribute::Float(node.float("alpha", 1.0))),
        ("transA", Attribute::Int(i64::from(left.1))),
        ("transB", Attribute::Int(i64::from(right.1))),
    ];
    builder.op_with("Gemm", &[left.0, right.0], &attributes)
}
