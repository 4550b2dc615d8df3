//! Reductions and what is built on them.

use super::{Array, Call, coordinates};

pub fn evaluate(call: &Call<'_>) -> Option<Vec<Array>> {
    let x = call.optional(0)?;
    Some(match call.node.operator.as_str() {
        "ReduceSum" => vec![reduce(call, |v| v.iter().sum())],
        "ReduceMean" => vec![reduce(call, |v| v.iter().sum::<f64>() / v.len() as f64)],
        "ReduceMax" => vec![reduce(call, |v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max))],
        "ReduceMin" => vec![reduce(call, |v| v.iter().copied().fold(f64::INFINITY, f64::min))],
        "ReduceProd" => vec![reduce(call, |v| v.iter().product())],
        "ReduceL1" => vec![reduce(call, |v| v.iter().map(|x| x.abs()).sum())],
        "ReduceL2" => vec![reduce(call, |v| v.iter().map(|x| x * x).sum::<f64>().sqrt())],
        "ReduceSumSquare" => vec![reduce(call, |v| v.iter().map(|x| x * x).sum())],
        "ReduceLogSumExp" => vec![reduce(call, |v| v.iter().map(|x| x.exp()).sum::<f64>().ln())],
        "Softmax" => vec![along(call, x, |row| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|v| (v - top).exp()).sum();
            row.iter().map(|v| (v - top).exp() / sum).collect()
        })],
        "LogSoftmax" => vec![along(call, x, |row| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log = row.iter().map(|v| (v - top).exp()).sum::<f64>().ln();
            row.iter().map(|v| v - top - log).collect()
        })],
        "CumSum" => {
            let axis = call.axis(call.input(1).data[0] as i64, x.rank());
            let (exclusive, reverse) = (call.node.int("exclusive", 0) != 0, call.node.int("reverse", 0) != 0);
            vec![along_axis(x, axis, |row| {
                let count = row.len();
                let upto = |i: usize| if exclusive { &row[..i] } else { &row[..=i] };
                let from = |i: usize| if exclusive { &row[i + 1..] } else { &row[i..] };
                (0..count).map(|i| if reverse { from(i).iter().sum() } else { upto(i).iter().sum() }).collect()
            })]
        }
        "TopK" => top_k(call),
        "ArgMax" => {
            let axis = call.axis(call.node.int("axis", 0), x.rank());
            let best = along_axis(x, axis, |row| {
                let best = (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                vec![best as f64; row.len()]
            });
            let mut dims = x.dims.clone();
            dims[axis] = 1;
            let first = Array::from_fn(&dims, |at| best.at(at));
            if call.node.int("keepdims", 1) == 0 {
                dims.remove(axis);
            }
            vec![first.reshaped(&dims)]
        }
        _ => return None,
    })
}

fn reduce(call: &Call<'_>, function: impl Fn(&[f64]) -> f64) -> Array {
    let x = call.input(0);
    let given = call.optional(1).map(Array::ints).or_else(|| call.node.ints("axes").map(<[i64]>::to_vec));
    let axes: Vec<usize> = match given.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes.iter().map(|&a| call.axis(a, x.rank())).collect(),
        None if call.node.int("noop_with_empty_axes", 0) != 0 => vec![],
        None => (0..x.rank()).collect(),
    };
    let kept: Vec<usize> = (0..x.rank()).map(|a| if axes.contains(&a) { 1 } else { x.dims[a] }).collect();
    let inner: Vec<usize> = axes.iter().map(|&a| x.dims[a]).collect();
    let y = Array::from_fn(&kept, |at| {
        let values: Vec<f64> = coordinates(&inner)
            .map(|k| {
                let mut from = at.to_vec();
                axes.iter().zip(k).for_each(|(&a, i)| from[a] = i);
                x.at(&from)
            })
            .collect();
        function(&values)
    });
    if call.node.int("keepdims", 1) != 0 {
        return y;
    }
    let dims: Vec<usize> = (0..x.rank()).filter(|a| !axes.contains(a)).map(|a| x.dims[a]).collect();
    y.reshaped(&dims)
}

fn along(call: &Call<'_>, x: &Array, function: impl Fn(&[f64]) -> Vec<f64>) -> Array {
    along_axis(x, call.axis(call.node.int("axis", -1), x.rank()), function)
}

fn along_axis(x: &Array, axis: usize, function: impl Fn(&[f64]) -> Vec<f64>) -> Array {
    let mut y = x.clone();
    let mut heads = x.dims.clone();
    heads[axis] = 1;
    for head in coordinates(&heads) {
        let places: Vec<usize> = (0..x.dims[axis])
            .map(|i| {
                let mut at = head.clone();
                at[axis] = i;
                x.flat(&at)
            })
            .collect();
        let row: Vec<f64> = places.iter().map(|&p| x.data[p]).collect();
        places.iter().zip(function(&row)).for_each(|(&p, v)| y.data[p] = v);
    }
    y
}

fn top_k(call: &Call<'_>) -> Vec<Array> {
    let x = call.input(0);
    let axis = call.axis(call.node.int("axis", -1), x.rank());
    let k = call.input(1).data[0] as usize;
    let largest = call.node.int("largest", 1) != 0;
    let order = |row: &[f64]| {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| if largest { row[b].total_cmp(&row[a]) } else { row[a].total_cmp(&row[b]) });
        order
    };
    let values = along_axis(x, axis, |row| order(row).into_iter().map(|i| row[i]).collect());
    let places = along_axis(x, axis, |row| order(row).into_iter().map(|i| i as f64).collect());
    let mut dims = x.dims.clone();
    dims[axis] = k;
    vec![Array::from_fn(&dims, |at| values.at(at)), Array::from_fn(&dims, |at| places.at(at))]
}
