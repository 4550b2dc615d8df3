//! Shapes of layers: convolutions, pools, normalisations, matrix products.

use super::arithmetic::broadcast_dims;
use super::{Fact, Query, Window, WindowKind};
use crate::error::Result;
use crate::graph::DataType;

pub(super) fn conv(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, w) = (query.dims(0)?, query.dims(1)?);
    let window = conv_window(query, x, w, WindowKind::Gather)?;
    let group = group(query, w[0])?;
    if w[1].checked_mul(group) != Some(x[1]) {
        return Err(query.fail(format!("the weights take {} channels in {group} groups", w[1])));
    }
    Ok(vec![Fact::new(query.input(0)?.dtype, &join(x[0], w[0], &window.output))])
}

pub(super) fn conv_transpose(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, w) = (query.dims(0)?, query.dims(1)?);
    let window = conv_window(query, x, w, WindowKind::Scatter)?;
    let group = group(query, w[0])?;
    if w[0] != x[1] {
        return Err(query.fail(format!("the weights take {} channels", w[0])));
    }
    let channels = w[1].checked_mul(group).ok_or_else(|| query.fail("too many output channels"))?;
    Ok(vec![Fact::new(query.input(0)?.dtype, &join(x[0], channels, &window.output))])
}

pub(super) fn conv_window(query: &Query<'_>, x: &[usize], w: &[usize], kind: WindowKind) -> Result<Window> {
    if x.len() < 3 || w.len() != x.len() {
        return Err(query.fail("input and weights of the same rank, three at least, are needed"));
    }
    Window::of(query, &x[2..], Some(&w[2..]), kind)
}

fn group(query: &Query<'_>, channels: usize) -> Result<usize> {
    let group = query.node.int("group", 1);
    match usize::try_from(group) {
        Ok(group) if group > 0 && channels.is_multiple_of(group) => Ok(group),
        _ => Err(query.fail(format!("{channels} channels do not split into {group} groups"))),
    }
}

pub(super) fn join(batch: usize, channels: usize, spatial: &[usize]) -> Vec<usize> {
    [batch, channels].iter().chain(spatial).copied().collect()
}

pub(super) fn pool(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.dims(0)?;
    if x.len() < 3 {
        return Err(query.fail("three dimensions at least are needed"));
    }
    let window = Window::of(query, &x[2..], None, WindowKind::Gather)?;
    let dims = join(x[0], x[1], &window.output);
    Ok(vec![Fact::new(query.input(0)?.dtype, &dims), Fact::new(DataType::I64, &dims)])
}

pub(super) fn global_pool(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    if x.dims.len() < 3 {
        return Err(query.fail("three dimensions at least are needed"));
    }
    Ok(vec![Fact::new(x.dtype, &join(x.dims[0], x.dims[1], &vec![1; x.dims.len() - 2]))])
}

pub(super) fn batch_normalization(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let channels = *x.dims.get(1).ok_or_else(|| query.fail("a channel axis is needed"))?;
    for index in 1..5 {
        if query.dims(index)? != [channels] {
            return Err(query.fail(format!("scale, bias, mean and variance of {channels} values each are needed")));
        }
    }
    let statistics = query.input(3)?.dtype;
    let mut facts = vec![Fact::new(x.dtype, &x.dims)];
    facts.extend((0..4).map(|_| Fact::new(statistics, &[channels])));
    Ok(facts)
}

pub(super) fn layer_normalization(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let axis = query.axis(query.node.int("axis", -1), x.dims.len())?;
    let mut kept = x.dims.clone();
    kept[axis..].fill(1);
    Ok(vec![Fact::new(x.dtype, &x.dims), Fact::new(DataType::F32, &kept), Fact::new(DataType::F32, &kept)])
}

pub(super) fn dropout(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    Ok(vec![Fact::new(x.dtype, &x.dims), Fact::new(DataType::Bool, &x.dims)])
}

pub(super) fn mat_mul(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (a, b) = (query.dims(0)?, query.dims(1)?);
    let wrong = || query.fail("they do not multiply as matrices");
    if a.is_empty() || b.is_empty() {
        return Err(wrong());
    }
    let left = if a.len() == 1 { [&[1], a].concat() } else { a.to_vec() };
    let right = if b.len() == 1 { [b, &[1]].concat() } else { b.to_vec() };
    let ((batch_a, m), (batch_b, n)) = (left.split_at(left.len() - 2), right.split_at(right.len() - 2));
    if m[1] != n[0] {
        return Err(wrong());
    }
    let mut dims = broadcast_dims(batch_a, batch_b).ok_or_else(wrong)?;
    if a.len() > 1 {
        dims.push(m[0]);
    }
    if b.len() > 1 {
        dims.push(n[1]);
    }
    Ok(vec![Fact::new(query.input(0)?.dtype, &dims)])
}

pub(super) fn gemm(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (a, b) = (query.dims(0)?, query.dims(1)?);
    let (&[a0, a1], &[b0, b1]) = (a, b) else { return Err(query.fail("two matrices are needed")) };
    let (m, k) = if query.node.int("transA", 0) == 0 { (a0, a1) } else { (a1, a0) };
    let (k2, n) = if query.node.int("transB", 0) == 0 { (b0, b1) } else { (b1, b0) };
    if k != k2 {
        return Err(query.fail("they do not multiply as matrices"));
    }
    Ok(vec![Fact::new(query.input(0)?.dtype, &[m, n])])
}
