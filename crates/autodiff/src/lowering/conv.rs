//! Plain forms of a convolution and its two gradients.

use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node};
use crate::infer::{Window, WindowKind};
use crate::rules::window_attributes;

/// The standard operator of the same name and attributes.
pub(super) fn conv(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    super::without_bfloat16(Node { domain: String::new(), ..node.clone() }, 1, builder)
}

fn with_attributes(node: Node, attributes: Vec<(&str, Attribute)>) -> Node {
    attributes.into_iter().fold(node, |node, (name, value)| node.with(name, value))
}

fn listed(node: &Node, name: &str) -> Vec<usize> {
    node.ints(name).unwrap_or_default().iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect()
}

/// dY, W -> dX: the transposed convolution; `output_padding` makes up for rows that no window reached.
pub(super) fn grad_input(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let (dy, w) = (node.required(0)?.to_owned(), node.required(1)?.to_owned());
    let input = listed(node, "input_shape");
    let kernel = builder.dims(&w)?[2..].to_vec();
    let window = Window::of(&builder.query(node)?, &input[2..], Some(&kernel), WindowKind::Gather)?;
    let group = node.int("group", 1);
    let reached = |axis: usize| (window.output[axis] - 1) * window.strides[axis] + window.extent(axis);
    // What a window's stride left over at the end of each axis, beyond or within the padding there.
    let padded = |axis: usize| window.input[axis] + window.pads_begin[axis] + window.pads_end[axis];
    let left: Vec<usize> = (0..kernel.len()).map(|axis| padded(axis).saturating_sub(reached(axis))).collect();
    let mut attributes = window_attributes(&window, group);
    attributes.push(("output_padding", Attribute::Ints(left.iter().map(|&v| v as i64).collect())));
    let transposed = with_attributes(Node::new("ConvTranspose", &[&dy, &w], &[]), attributes);
    super::without_bfloat16(transposed, 1, builder)
}

/// dY, X -> dW: for each kernel position, dY times the part of X that it saw.
pub(super) fn grad_weight(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let (dy, x) = (node.required(0)?.to_owned(), node.required(1)?.to_owned());
    let weight = listed(node, "weight_shape");
    let input = builder.dims(&x)?;
    let window = Window::of(&builder.query(node)?, &input[2..], Some(&weight[2..]), WindowKind::Gather)?;
    let group = usize::try_from(node.int("group", 1)).unwrap_or(1);
    let parts = if group == 1 {
        dense_positions(&dy, &x, &window, builder)?
    } else {
        grouped_positions(&dy, &x, &window, group, builder)?
    };
    // Each part is [M, C/group]; together [positions, M, C/group] -> [M, C/group, positions].
    let (m, c) = (weight[0], weight[1]);
    let parts = parts.iter().map(|p| builder.reshape(p, &[1, m, c])).collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    let stacked = if names.len() == 1 { parts[0].clone() } else { builder.concat(&names, 0)? };
    let ordered = builder.transpose(&stacked, &[1, 2, 0])?;
    Ok(vec![builder.reshape(&ordered, &weight)?])
}

/// All positions of a kernel, last axis fastest.
fn positions(kernel: &[usize]) -> Vec<Vec<usize>> {
    kernel.iter().fold(vec![Vec::new()], |heads, &size| {
        heads.iter().flat_map(|head| (0..size).map(|k| [head.as_slice(), &[k]].concat())).collect()
    })
}

/// X padded with zeros along `axes` of its spatial dimensions, itself where there is no padding.
fn padded(x: &str, first_axis: usize, rank: usize, window: &Window, builder: &mut Builder) -> Result<String> {
    if window.pads().iter().all(|&p| p == 0) {
        return Ok(x.to_owned());
    }
    let mut pads = vec![0i64; 2 * rank];
    for axis in 0..window.kernel.len() {
        pads[first_axis + axis] = window.pads_begin[axis] as i64;
        pads[rank + first_axis + axis] = window.pads_end[axis] as i64;
    }
    let pads = builder.ints(&pads)?;
    Ok(super::without_bfloat16(Node::new("Pad", &[x, &pads], &[]), 1, builder)?.remove(0))
}

/// The part of padded X that kernel position `at` saw: start, end and step per axis.
fn seen(window: &Window, at: &[usize]) -> Vec<(usize, usize, usize)> {
    (0..at.len())
        .map(|axis| {
            let start = at[axis] * window.dilations[axis];
            (start, start + (window.output[axis] - 1) * window.strides[axis] + 1, window.strides[axis])
        })
        .collect()
}

/// One group: channels last, so that a slice copies whole rows and one matrix product per position sums over the batch too.
fn dense_positions(dy: &str, x: &str, window: &Window, builder: &mut Builder) -> Result<Vec<String>> {
    let (dims, out) = (builder.dims(x)?, builder.dims(dy)?);
    let rank = dims.len();
    let spatial: Vec<usize> = (2..rank).collect();
    let channels_last: Vec<usize> = [&[0], &spatial[..], &[1]].concat();
    let rows = out[0] * out[2..].iter().product::<usize>();
    let x = builder.transpose(x, &channels_last)?;
    let x = padded(&x, 1, rank, window, builder)?;
    let channels_first: Vec<usize> = [&[1, 0], &spatial[..]].concat();
    let dy = builder.transpose(dy, &channels_first)?;
    let dy = builder.reshape(&dy, &[out[1], rows])?;
    let axes: Vec<usize> = (1..rank - 1).collect();
    positions(&window.kernel)
        .iter()
        .map(|at| {
            let part = builder.slice(&x, &axes, &seen(window, at))?;
            let part = builder.reshape(&part, &[rows, dims[1]])?;
            builder.op("MatMul", &[&dy, &part])
        })
        .collect()
}

/// Several groups: one matrix product per group and position; with one channel per group, products summed up.
fn grouped_positions(dy: &str, x: &str, window: &Window, group: usize, builder: &mut Builder) -> Result<Vec<String>> {
    let (dims, out) = (builder.dims(x)?, builder.dims(dy)?);
    let rank = dims.len();
    let (n, c, m) = (dims[0], dims[1] / group, out[1] / group);
    let points: usize = out[2..].iter().product();
    let x = padded(x, 2, rank, window, builder)?;
    let axes: Vec<usize> = (2..rank).collect();
    let dtype = builder.dtype(dy)?;
    let dy = builder.reshape(dy, &[n, group, m, points])?;
    positions(&window.kernel)
        .iter()
        .map(|at| {
            let part = builder.slice(&x, &axes, &seen(window, at))?;
            let part = builder.reshape(&part, &[n, group, c, points])?;
            if c == 1 {
                let (dy, part) = (builder.widened(&dy)?, builder.widened(&part)?);
                let product = builder.mul(&dy, &part)?;
                let sum = builder.reduce_sum(&product, &[0, 3], false)?;
                return builder.cast(&sum, dtype);
            }
            let part = builder.transpose(&part, &[0, 1, 3, 2])?;
            let each = builder.op("MatMul", &[&dy, &part])?;
            builder.reduce_sum(&each, &[0], false)
        })
        .collect()
}
