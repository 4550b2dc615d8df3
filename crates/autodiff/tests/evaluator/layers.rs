//! Convolutions, pools, normalisations and matrix products.

use super::elementwise::broadcast;
use super::{Array, Call, coordinates};

pub fn evaluate(call: &Call<'_>) -> Option<Vec<Array>> {
    Some(match call.node.operator.as_str() {
        "Conv" => vec![conv(call)],
        "ConvTranspose" => vec![conv_transpose(call)],
        "MaxPool" => max_pool(call),
        "AveragePool" => vec![average_pool(call)],
        "GlobalMaxPool" => vec![global_max_pool(call.input(0))],
        "GlobalAveragePool" => vec![global_average_pool(call.input(0))],
        "BatchNormalization" => batch_normalization(call),
        "LayerNormalization" => layer_normalization(call),
        "InstanceNormalization" => vec![instance_normalization(call)],
        "GroupNormalization" => vec![group_normalization(call)],
        "MatMul" => vec![mat_mul(call.input(0), call.input(1))],
        "Gemm" => vec![gemm(call)],
        _ => return None,
    })
}

struct Window {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
}

impl Window {
    fn of(call: &Call<'_>, kernel: Vec<usize>) -> Self {
        assert!(call.node.operator == "ConvTranspose" || call.node.text("auto_pad", "NOTSET") == "NOTSET");
        let rank = kernel.len();
        Self {
            strides: call.sizes("strides", vec![1; rank]),
            dilations: call.sizes("dilations", vec![1; rank]),
            pads: call.sizes("pads", vec![0; 2 * rank]),
            kernel,
        }
    }

    fn output(&self, input: &[usize], ceil: bool) -> Vec<usize> {
        let rank = input.len();
        (0..rank)
            .map(|a| {
                let room = input[a] + self.pads[a] + self.pads[rank + a] - (self.kernel[a] - 1) * self.dilations[a] - 1;
                let steps = if ceil { room.div_ceil(self.strides[a]) } else { room / self.strides[a] };
                let outside = ceil && steps * self.strides[a] >= input[a] + self.pads[a];
                steps + usize::from(!outside)
            })
            .collect()
    }

    /// Where kernel position `k` of the window at `o` looks, if that is inside `input`.
    fn source(&self, o: &[usize], k: &[usize], input: &[usize]) -> Option<Vec<usize>> {
        (0..o.len())
            .map(|a| {
                let at = (o[a] * self.strides[a] + k[a] * self.dilations[a]).checked_sub(self.pads[a])?;
                (at < input[a]).then_some(at)
            })
            .collect()
    }
}

fn conv(call: &Call<'_>) -> Array {
    let (x, w) = (call.input(0), call.input(1));
    let window = Window::of(call, w.dims[2..].to_vec());
    let group = call.node.int("group", 1) as usize;
    let (per_group, m_per_group) = (w.dims[1], w.dims[0] / group);
    let dims = [&[x.dims[0], w.dims[0]], &window.output(&x.dims[2..], false)[..]].concat();
    Array::from_fn(&dims, |at| {
        let (n, m) = (at[0], at[1]);
        let first = m / m_per_group * per_group;
        let mut sum = call.optional(2).map_or(0.0, |b| b.data[m]);
        for k in coordinates(&window.kernel) {
            let Some(source) = window.source(&at[2..], &k, &x.dims[2..]) else { continue };
            for c in 0..per_group {
                sum += x.at(&[&[n, first + c], &source[..]].concat()) * w.at(&[&[m, c], &k[..]].concat());
            }
        }
        sum
    })
}

fn conv_transpose(call: &Call<'_>) -> Array {
    let (x, w) = (call.input(0), call.input(1));
    let mut window = Window::of(call, w.dims[2..].to_vec());
    let rank = window.kernel.len();
    let extra = call.sizes("output_padding", vec![0; rank]);
    let group = call.node.int("group", 1) as usize;
    let (in_per_group, out_per_group) = (x.dims[1] / group, w.dims[1]);
    let auto_pad = call.node.text("auto_pad", "NOTSET");
    let doubled = (0..rank).map(|a| x.dims[2 + a] * window.strides[a]).collect();
    let asked = call.sizes("output_shape", if auto_pad.starts_with("SAME") { doubled } else { vec![] });
    let mut spatial = Vec::new();
    for (a, extra) in extra.into_iter().enumerate() {
        let reached =
            (x.dims[2 + a] - 1) * window.strides[a] + (window.kernel[a] - 1) * window.dilations[a] + 1 + extra;
        if let Some(asked) = asked.get(a) {
            // Of an odd number to cut, one more goes in front, and behind for SAME_UPPER.
            let odd = (reached - asked) % 2;
            let before = (reached - asked) / 2 + if auto_pad == "SAME_UPPER" { 0 } else { odd };
            (window.pads[a], window.pads[rank + a]) = (before, reached - asked - before);
        }
        spatial.push(reached - window.pads[a] - window.pads[rank + a]);
    }
    let mut y = Array::filled(&[&[x.dims[0], out_per_group * group], &spatial[..]].concat(), 0.0);
    for at in coordinates(&x.dims) {
        let (n, c) = (at[0], at[1]);
        for k in coordinates(&window.kernel) {
            let Some(target) = window.source(&at[2..], &k, &spatial) else { continue };
            for o in 0..out_per_group {
                let to = y.flat(&[&[n, c / in_per_group * out_per_group + o], &target[..]].concat());
                y.data[to] += x.at(&at) * w.at(&[&[c, o], &k[..]].concat());
            }
        }
    }
    if let Some(bias) = call.optional(2) {
        for (flat, at) in coordinates(&y.dims.clone()).enumerate() {
            y.data[flat] += bias.data[at[1]];
        }
    }
    y
}

fn max_pool(call: &Call<'_>) -> Vec<Array> {
    let x = call.input(0);
    let window = Window::of(call, call.sizes("kernel_shape", vec![]));
    let dims = [&x.dims[..2], &window.output(&x.dims[2..], call.node.int("ceil_mode", 0) != 0)[..]].concat();
    let best = |at: &[usize]| {
        let mut best: Option<(f64, usize)> = None;
        for k in coordinates(&window.kernel) {
            let Some(source) = window.source(&at[2..], &k, &x.dims[2..]) else { continue };
            let flat = x.flat(&[&at[..2], &source[..]].concat());
            if best.is_none_or(|(value, _)| x.data[flat] > value) {
                best = Some((x.data[flat], flat));
            }
        }
        best.unwrap()
    };
    vec![Array::from_fn(&dims, |at| best(at).0), Array::from_fn(&dims, |at| best(at).1 as f64)]
}

fn average_pool(call: &Call<'_>) -> Array {
    let x = call.input(0);
    let window = Window::of(call, call.sizes("kernel_shape", vec![]));
    let ceil = call.node.int("ceil_mode", 0) != 0;
    let with_padding = call.node.int("count_include_pad", 0) != 0;
    let rank = window.kernel.len();
    let dims = [&x.dims[..2], &window.output(&x.dims[2..], ceil)[..]].concat();
    Array::from_fn(&dims, |at| {
        let (mut sum, mut count) = (0.0, 0.0);
        for k in coordinates(&window.kernel) {
            match window.source(&at[2..], &k, &x.dims[2..]) {
                Some(source) => {
                    sum += x.at(&[&at[..2], &source[..]].concat());
                    count += 1.0;
                }
                // Padding counts where asked for, but nothing beyond it.
                None => {
                    let inside = (0..rank).all(|a| {
                        at[2 + a] * window.strides[a] + k[a] * window.dilations[a]
                            < x.dims[2 + a] + window.pads[a] + window.pads[rank + a]
                    });
                    count += f64::from(u8::from(with_padding && inside));
                }
            }
        }
        sum / count
    })
}

fn global_average_pool(x: &Array) -> Array {
    let points: usize = x.dims[2..].iter().product();
    let data = x.data.chunks(points).map(|plane| plane.iter().sum::<f64>() / points as f64).collect();
    let dims: Vec<usize> = (0..x.rank()).map(|a| if a < 2 { x.dims[a] } else { 1 }).collect();
    Array::new(&dims, data)
}

fn global_max_pool(x: &Array) -> Array {
    let points: usize = x.dims[2..].iter().product();
    let data = x.data.chunks(points).map(|plane| plane.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect();
    let dims: Vec<usize> = (0..x.rank()).map(|a| if a < 2 { x.dims[a] } else { 1 }).collect();
    Array::new(&dims, data)
}

/// Training mode hands out the batch's mean and biased variance, mixed with the old by `momentum`.
fn batch_normalization(call: &Call<'_>) -> Vec<Array> {
    let (x, scale, bias) = (call.input(0), call.input(1), call.input(2));
    let (epsilon, momentum) =
        (f64::from(call.node.float("epsilon", 1e-5)), f64::from(call.node.float("momentum", 0.9)));
    let channels = x.dims[1];
    let (mut mean, mut var) = (call.input(3).clone(), call.input(4).clone());
    let trains = call.node.int("training_mode", 0) != 0;
    if trains {
        let count = (x.data.len() / channels) as f64;
        let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
        coordinates(&x.dims).zip(&x.data).for_each(|(at, v)| sums[at[1]] += v / count);
        coordinates(&x.dims).zip(&x.data).for_each(|(at, v)| squares[at[1]] += (v - sums[at[1]]).powi(2) / count);
        (mean.data, var.data) = (sums, squares);
    }
    let normal = |at: &[usize]| {
        let c = at[1];
        (x.at(at) - mean.data[c]) / (var.data[c] + epsilon).sqrt() * scale.data[c] + bias.data[c]
    };
    let y = Array::from_fn(&x.dims, normal);
    if !trains {
        return vec![y];
    }
    let mixed =
        |old: &Array, new: &Array| Array::from_fn(&new.dims, |c| old.at(c) * momentum + new.at(c) * (1.0 - momentum));
    vec![y, mixed(call.input(3), &mean), mixed(call.input(4), &var)]
}

fn layer_normalization(call: &Call<'_>) -> Vec<Array> {
    let x = call.input(0);
    let axis = call.axis(call.node.int("axis", -1), x.rank());
    let epsilon = f64::from(call.node.float("epsilon", 1e-5));
    let inner: usize = x.dims[axis..].iter().product();
    let (mut data, mut means, mut inverses) = (Vec::new(), Vec::new(), Vec::new());
    for row in x.data.chunks(inner) {
        let mean = row.iter().sum::<f64>() / inner as f64;
        let var = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / inner as f64;
        let inverse = 1.0 / (var + epsilon).sqrt();
        data.extend(row.iter().map(|v| (v - mean) * inverse));
        means.push(mean);
        inverses.push(inverse);
    }
    let normal = Array::new(&x.dims, data);
    let (scale, bias) = (call.input(1), call.optional(2));
    let y =
        Array::from_fn(&x.dims, |at| normal.at(at) * scale.broadcast_at(at) + bias.map_or(0.0, |b| b.broadcast_at(at)));
    let kept: Vec<usize> = (0..x.rank()).map(|a| if a < axis { x.dims[a] } else { 1 }).collect();
    vec![y, Array::new(&kept, means), Array::new(&kept, inverses)]
}

fn instance_normalization(call: &Call<'_>) -> Array {
    let (x, scale, bias) = (call.input(0), call.input(1), call.input(2));
    let epsilon = f64::from(call.node.float("epsilon", 1e-5));
    let points: usize = x.dims[2..].iter().product();
    let planes = x.data.chunks(points).enumerate().flat_map(|(plane, values)| {
        let c = plane % x.dims[1];
        let mean = values.iter().sum::<f64>() / points as f64;
        let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / points as f64;
        values
            .iter()
            .map(move |v| (v - mean) / (var + epsilon).sqrt() * scale.data[c] + bias.data[c])
            .collect::<Vec<_>>()
    });
    Array::new(&x.dims, planes.collect())
}

/// Scale and bias are of groups before opset 21, of channels since.
fn group_normalization(call: &Call<'_>) -> Array {
    let (x, scale, bias) = (call.input(0), call.input(1), call.input(2));
    let epsilon = f64::from(call.node.float("epsilon", 1e-5));
    let each = x.dims[1] / call.node.int("num_groups", 1) as usize;
    let size = each * x.dims[2..].iter().product::<usize>();
    let moments: Vec<(f64, f64)> = x
        .data
        .chunks(size)
        .map(|values| {
            let mean = values.iter().sum::<f64>() / size as f64;
            (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / size as f64)
        })
        .collect();
    Array::from_fn(&x.dims, |at| {
        let (mean, var) = moments[x.flat(at) / size];
        let of = if call.opset < 21 { at[1] / each } else { at[1] };
        (x.at(at) - mean) / (var + epsilon).sqrt() * scale.data[of] + bias.data[of]
    })
}

pub fn mat_mul(a: &Array, b: &Array) -> Array {
    let left = if a.rank() == 1 { a.reshaped(&[1, a.dims[0]]) } else { a.clone() };
    let right = if b.rank() == 1 { b.reshaped(&[b.dims[0], 1]) } else { b.clone() };
    let (ra, rb) = (left.rank(), right.rank());
    let batch = broadcast(&left.dims[..ra - 2], &right.dims[..rb - 2]);
    let (m, k, n) = (left.dims[ra - 2], left.dims[ra - 1], right.dims[rb - 1]);
    assert_eq!(k, right.dims[rb - 2], "inner dimensions");
    let own = |array: &Array, at: &[usize]| -> Vec<usize> {
        let lead = array.rank() - 2;
        let skipped = at.len() - lead;
        (0..lead).map(|i| if array.dims[i] == 1 { 0 } else { at[i + skipped] }).collect()
    };
    let y = Array::from_fn(&[&batch[..], &[m, n]].concat(), |at| {
        let (lead, &[row, column]) = (&at[..batch.len()], &at[batch.len()..]) else { unreachable!() };
        let (la, lb) = (own(&left, lead), own(&right, lead));
        (0..k).map(|i| left.at(&[&la[..], &[row, i]].concat()) * right.at(&[&lb[..], &[i, column]].concat())).sum()
    });
    let mut dims = batch;
    dims.extend((a.rank() > 1).then_some(m));
    dims.extend((b.rank() > 1).then_some(n));
    y.reshaped(&dims)
}

fn gemm(call: &Call<'_>) -> Array {
    let turned = |a: &Array, name: &str| {
        if call.node.int(name, 0) == 0 {
            a.clone()
        } else {
            Array::from_fn(&[a.dims[1], a.dims[0]], |at| a.at(&[at[1], at[0]]))
        }
    };
    let product = mat_mul(&turned(call.input(0), "transA"), &turned(call.input(1), "transB"));
    let (alpha, beta) = (f64::from(call.node.float("alpha", 1.0)), f64::from(call.node.float("beta", 1.0)));
    Array::from_fn(&product.dims.clone(), |at| {
        alpha * product.at(at) + call.optional(2).map_or(0.0, |c| beta * c.broadcast_at(at))
    })
}
