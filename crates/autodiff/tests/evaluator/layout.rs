//! Operators that move elements without computing.

use swath_autodiff::graph::Attribute;

use super::elementwise::{broadcast, fill_value};
use super::{Array, Call, coordinates};

pub fn evaluate(call: &Call<'_>) -> Option<Vec<Array>> {
    Some(match call.node.operator.as_str() {
        "Reshape" => vec![reshape(call)],
        "Flatten" => {
            let x = call.input(0);
            let axis = call.node.int("axis", 1) as usize;
            vec![x.reshaped(&[x.dims[..axis].iter().product(), x.dims[axis..].iter().product()])]
        }
        "Squeeze" | "Unsqueeze" => vec![squeeze(call)],
        "Transpose" => vec![transpose(call)],
        "Expand" => {
            let x = call.input(0);
            let wanted: Vec<usize> = call.input(1).ints().iter().map(|&d| d as usize).collect();
            vec![Array::from_fn(&broadcast(&x.dims, &wanted), |at| x.broadcast_at(at))]
        }
        "Tile" => {
            let x = call.input(0);
            let dims: Vec<usize> = x.dims.iter().zip(call.input(1).ints()).map(|(&d, r)| d * r as usize).collect();
            vec![Array::from_fn(&dims, |at| x.at(&at.iter().zip(&x.dims).map(|(&i, &d)| i % d).collect::<Vec<_>>()))]
        }
        "Concat" => vec![concat(call)],
        "Split" => split(call),
        "Slice" => vec![slice(call)],
        "Pad" => vec![pad(call)],
        "Gather" => vec![gather(call)],
        "GatherND" => vec![gather_nd(call)],
        "ScatterND" => vec![scatter_nd(call)],
        "DepthToSpace" => vec![depth_to_space(call)],
        "SpaceToDepth" => vec![space_to_depth(call)],
        "GatherElements" => vec![gather_elements(call)],
        "ScatterElements" => vec![scatter_elements(call)],
        "ConstantOfShape" => {
            let dims: Vec<usize> = call.input(0).ints().iter().map(|&d| d as usize).collect();
            vec![Array::filled(&dims, fill_value(call))]
        }
        "Shape" => {
            let dims = &call.input(0).dims;
            vec![Array::new(&[dims.len()], dims.iter().map(|&d| d as f64).collect())]
        }
        "Range" => {
            let [start, limit, step] = [0, 1, 2].map(|i| call.input(i).data[0]);
            let count = ((limit - start) / step).ceil().max(0.0) as usize;
            vec![Array::new(&[count], (0..count).map(|i| start + i as f64 * step).collect())]
        }
        _ => return None,
    })
}

fn reshape(call: &Call<'_>) -> Array {
    let x = call.input(0);
    let wanted = call.input(1).ints();
    let copies = call.node.int("allowzero", 0) == 0;
    let mut dims: Vec<usize> = wanted
        .iter()
        .enumerate()
        .map(|(axis, &d)| match d {
            -1 => 1,
            0 if copies => x.dims[axis],
            d => d as usize,
        })
        .collect();
    if let Some(free) = wanted.iter().position(|&d| d == -1) {
        dims[free] = x.data.len() / dims.iter().product::<usize>();
    }
    x.reshaped(&dims)
}

fn squeeze(call: &Call<'_>) -> Array {
    let x = call.input(0);
    if call.node.operator == "Squeeze" {
        let axes: Option<Vec<usize>> =
            call.optional(1).map(|a| a.ints().iter().map(|&a| call.axis(a, x.rank())).collect());
        let keep = |axis: usize| axes.as_ref().map_or(x.dims[axis] != 1, |axes| !axes.contains(&axis));
        let dims: Vec<usize> = (0..x.rank()).filter(|&axis| keep(axis)).map(|axis| x.dims[axis]).collect();
        return x.reshaped(&dims);
    }
    let axes = call.input(1).ints();
    let rank = x.rank() + axes.len();
    let axes: Vec<usize> = axes.iter().map(|&a| call.axis(a, rank)).collect();
    let mut old = x.dims.iter();
    let dims: Vec<usize> = (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { *old.next().unwrap() }).collect();
    x.reshaped(&dims)
}

fn transpose(call: &Call<'_>) -> Array {
    let x = call.input(0);
    let perm = call.sizes("perm", (0..x.rank()).rev().collect());
    let dims: Vec<usize> = perm.iter().map(|&axis| x.dims[axis]).collect();
    Array::from_fn(&dims, |at| {
        let mut from = vec![0; at.len()];
        perm.iter().zip(at).for_each(|(&axis, &i)| from[axis] = i);
        x.at(&from)
    })
}

fn concat(call: &Call<'_>) -> Array {
    let parts: Vec<&Array> = call.inputs.iter().flatten().copied().collect();
    let axis = call.axis(call.node.int("axis", 0), parts[0].rank());
    let mut dims = parts[0].dims.clone();
    dims[axis] = parts.iter().map(|p| p.dims[axis]).sum();
    Array::from_fn(&dims, |at| {
        let mut at = at.to_vec();
        for part in &parts {
            if at[axis] < part.dims[axis] {
                return part.at(&at);
            }
            at[axis] -= part.dims[axis];
        }
        unreachable!()
    })
}

fn split(call: &Call<'_>) -> Vec<Array> {
    let x = call.input(0);
    let axis = call.axis(call.node.int("axis", 0), x.rank());
    let parts = call.node.outputs.len();
    let each = x.dims[axis].div_ceil(parts);
    let lengths: Vec<usize> = match call.optional(1) {
        Some(lengths) => lengths.ints().iter().map(|&l| l as usize).collect(),
        None => (0..parts).map(|p| each.min(x.dims[axis] - p * each)).collect(),
    };
    let mut start = 0;
    lengths
        .into_iter()
        .map(|length| {
            let mut dims = x.dims.clone();
            dims[axis] = length;
            let part = Array::from_fn(&dims, |at| {
                let mut at = at.to_vec();
                at[axis] += start;
                x.at(&at)
            });
            start += length;
            part
        })
        .collect()
}

fn slice(call: &Call<'_>) -> Array {
    let x = call.input(0);
    let (starts, ends) = (call.input(1).ints(), call.input(2).ints());
    let axes = call.optional(3).map_or_else(|| (0..starts.len() as i64).collect(), Array::ints);
    let steps = call.optional(4).map_or_else(|| vec![1; starts.len()], Array::ints);
    let mut taken: Vec<(i64, i64, usize)> = x.dims.iter().map(|&d| (0, 1, d)).collect();
    for i in 0..starts.len() {
        let axis = call.axis(axes[i], x.rank());
        let (size, step) = (x.dims[axis] as i64, steps[i]);
        let positions: Vec<i64> = {
            let fix = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
            let (start, end) = (fix(starts[i]), if ends[i] < -size { -1 } else { fix(ends[i]) });
            if step > 0 {
                (start.clamp(0, size)..end.clamp(0, size)).step_by(step as usize).collect()
            } else {
                let (start, end) = (start.clamp(-1, size - 1), end.clamp(-1, size - 1));
                (0..).map(|k| start + k * step).take_while(|&p| p > end).collect()
            }
        };
        taken[axis] = (positions.first().copied().unwrap_or(0), step, positions.len());
    }
    let dims: Vec<usize> = taken.iter().map(|t| t.2).collect();
    Array::from_fn(&dims, |at| {
        x.at(&at.iter().zip(&taken).map(|(&i, t)| (t.0 + t.1 * i as i64) as usize).collect::<Vec<_>>())
    })
}

fn pad(call: &Call<'_>) -> Array {
    let x = call.input(0);
    let pads = call.input(1).ints();
    let value = call.optional(2).map_or(0.0, |v| v.data[0]);
    let axes: Vec<usize> = match call.optional(3) {
        Some(axes) => axes.ints().iter().map(|&a| call.axis(a, x.rank())).collect(),
        None => (0..x.rank()).collect(),
    };
    let mut before = vec![0i64; x.rank()];
    let mut dims = x.dims.clone();
    for (i, &axis) in axes.iter().enumerate() {
        before[axis] = pads[i];
        dims[axis] = (x.dims[axis] as i64 + pads[i] + pads[i + axes.len()]) as usize;
    }
    let mode = call.node.text("mode", "constant");
    Array::from_fn(&dims, |at| {
        let mut from = Vec::new();
        for axis in 0..at.len() {
            let (mut i, size) = (at[axis] as i64 - before[axis], x.dims[axis] as i64);
            match mode {
                "edge" => i = i.clamp(0, size - 1),
                "reflect" => {
                    while i < 0 || i >= size {
                        i = if i < 0 { -i } else { 2 * (size - 1) - i };
                    }
                }
                "wrap" => i = i.rem_euclid(size),
                _ if i < 0 || i >= size => return value,
                _ => {}
            }
            from.push(i as usize);
        }
        x.at(&from)
    })
}

fn gather(call: &Call<'_>) -> Array {
    let (x, indices) = (call.input(0), call.input(1));
    let axis = call.axis(call.node.int("axis", 0), x.rank());
    let dims = [&x.dims[..axis], &indices.dims, &x.dims[axis + 1..]].concat();
    Array::from_fn(&dims, |at| {
        let index = indices.at(&at[axis..axis + indices.rank()]) as i64;
        x.at(&[&at[..axis], &[call.axis(index, x.dims[axis])], &at[axis + indices.rank()..]].concat())
    })
}

fn gather_elements(call: &Call<'_>) -> Array {
    let (x, indices) = (call.input(0), call.input(1));
    let axis = call.axis(call.node.int("axis", 0), x.rank());
    Array::from_fn(&indices.dims, |at| {
        let mut from = at.to_vec();
        from[axis] = call.axis(indices.at(at) as i64, x.dims[axis]);
        x.at(&from)
    })
}

fn scatter_elements(call: &Call<'_>) -> Array {
    let (indices, updates) = (call.input(1), call.input(2));
    let mut y = call.input(0).clone();
    let axis = call.axis(call.node.int("axis", 0), y.rank());
    let adds = matches!(call.node.attribute("reduction"), Some(Attribute::String(r)) if r == "add");
    for at in coordinates(&indices.dims) {
        let mut to = at.clone();
        to[axis] = call.axis(indices.at(&at) as i64, y.dims[axis]);
        let flat = y.flat(&to);
        y.data[flat] = updates.at(&at) + if adds { y.data[flat] } else { 0.0 };
    }
    y
}

/// The coordinates that a row of `indices` gives, as far as they go.
fn row(indices: &Array, lead: &[usize], x: &Array) -> Vec<usize> {
    let depth = indices.dims[indices.rank() - 1];
    let index = |i: usize| indices.at(&[lead, &[i]].concat()) as i64;
    (0..depth).map(|i| (if index(i) < 0 { index(i) + x.dims[i] as i64 } else { index(i) }) as usize).collect()
}

fn gather_nd(call: &Call<'_>) -> Array {
    assert_eq!(call.node.int("batch_dims", 0), 0);
    let (x, indices) = (call.input(0), call.input(1));
    let lead = indices.rank() - 1;
    let dims = [&indices.dims[..lead], &x.dims[indices.dims[lead]..]].concat();
    Array::from_fn(&dims, |at| x.at(&[&row(indices, &at[..lead], x)[..], &at[lead..]].concat()))
}

fn scatter_nd(call: &Call<'_>) -> Array {
    let (indices, updates) = (call.input(1), call.input(2));
    let mut y = call.input(0).clone();
    let lead = indices.rank() - 1;
    let adds = call.node.text("reduction", "none") == "add";
    for at in coordinates(&updates.dims) {
        let flat = y.flat(&[&row(indices, &at[..lead], &y)[..], &at[lead..]].concat());
        y.data[flat] = updates.at(&at) + if adds { y.data[flat] } else { 0.0 };
    }
    y
}

fn depth_to_space(call: &Call<'_>) -> Array {
    let (x, b) = (call.input(0), call.node.int("blocksize", 1) as usize);
    let channels = x.dims[1] / (b * b);
    let column_first = call.node.text("mode", "DCR") == "CRD";
    Array::from_fn(&[x.dims[0], channels, x.dims[2] * b, x.dims[3] * b], |at| {
        let within = at[2] % b * b + at[3] % b;
        let channel = if column_first { at[1] * b * b + within } else { within * channels + at[1] };
        x.at(&[at[0], channel, at[2] / b, at[3] / b])
    })
}

fn space_to_depth(call: &Call<'_>) -> Array {
    let (x, b) = (call.input(0), call.node.int("blocksize", 1) as usize);
    Array::from_fn(&[x.dims[0], x.dims[1] * b * b, x.dims[2] / b, x.dims[3] / b], |at| {
        let (within, channel) = (at[1] / x.dims[1], at[1] % x.dims[1]);
        x.at(&[at[0], channel, at[2] * b + within / b, at[3] * b + within % b])
    })
}
