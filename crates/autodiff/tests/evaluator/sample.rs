//! Resize, by the formulas of its specification.

use super::{Array, Call, coordinates};

pub fn evaluate(call: &Call<'_>) -> Option<Vec<Array>> {
    (call.node.operator == "Resize").then(|| vec![resize(call)])
}

fn resize(call: &Call<'_>) -> Array {
    let x = call.input(0);
    let (mut dims, mut scales) = (x.dims.clone(), vec![1.0; x.rank()]);
    let axes: Vec<usize> = call.sizes("axes", (0..x.rank()).collect());
    match call.optional(3).filter(|s| !s.data.is_empty()) {
        Some(sizes) => axes.iter().zip(&sizes.data).for_each(|(&axis, &size)| {
            dims[axis] = size as usize;
            scales[axis] = size / x.dims[axis] as f64;
        }),
        None => axes.iter().zip(&call.input(2).data).for_each(|(&axis, &scale)| {
            dims[axis] = (x.dims[axis] as f64 * scale).floor() as usize;
            scales[axis] = scale;
        }),
    }
    Array::from_fn(&dims, |at| {
        // Neighbours and weights of each axis; the value is the sum over their products.
        let taps: Vec<Vec<(usize, f64)>> =
            (0..at.len()).map(|a| taps(call, at[a], x.dims[a], dims[a], scales[a])).collect();
        let counts: Vec<usize> = taps.iter().map(Vec::len).collect();
        coordinates(&counts)
            .map(|pick| {
                let from: Vec<usize> = pick.iter().zip(&taps).map(|(&p, t)| t[p].0).collect();
                x.at(&from) * pick.iter().zip(&taps).map(|(&p, t)| t[p].1).product::<f64>()
            })
            .sum()
    })
}

fn taps(call: &Call<'_>, at: usize, input: usize, output: usize, scale: f64) -> Vec<(usize, f64)> {
    if input == output && scale == 1.0 {
        return vec![(at, 1.0)];
    }
    let (i, n_in, n_out) = (at as f64, input as f64, output as f64);
    let source = match call.node.text("coordinate_transformation_mode", "half_pixel") {
        "half_pixel" => (i + 0.5) / scale - 0.5,
        "pytorch_half_pixel" if output > 1 => (i + 0.5) / scale - 0.5,
        "pytorch_half_pixel" => 0.0,
        "align_corners" if output > 1 => i * (n_in - 1.0) / (n_out - 1.0),
        "align_corners" => 0.0,
        "asymmetric" => i / scale,
        other => panic!("the evaluator lacks {other}"),
    };
    let clamp = |p: f64| p.clamp(0.0, n_in - 1.0) as usize;
    let (antialias, outside) = (call.node.int("antialias", 0) != 0, call.node.int("exclude_outside", 0) != 0);
    match call.node.text("mode", "nearest") {
        mode @ ("linear" | "cubic") if antialias || outside => {
            // The filter over every pixel, and as many beyond the border as it can reach; weights made to add up to one.
            let wide = if antialias { (1.0 / scale).max(1.0) } else { 1.0 };
            let beyond = if outside { 0.0 } else { (2.0 * wide).ceil() + 1.0 };
            let filter = |d: f64| if mode == "linear" { (1.0 - d.abs()).max(0.0) } else { cubic(call, d) };
            let at: Vec<f64> = (0..).map(|p| f64::from(p) - beyond).take_while(|p| *p < n_in + beyond).collect();
            let total: f64 = at.iter().map(|p| filter((p - source) / wide)).sum();
            at.into_iter().map(|p| (clamp(p), filter((p - source) / wide) / total)).collect()
        }
        "nearest" => {
            let nearest = match call.node.text("nearest_mode", "round_prefer_floor") {
                "floor" => source.floor(),
                "ceil" => source.ceil(),
                "round_prefer_ceil" => (source + 0.5).floor(),
                _ => (source - 0.5).ceil(),
            };
            vec![(clamp(nearest), 1.0)]
        }
        "linear" => {
            let source = source.clamp(0.0, n_in - 1.0);
            let t = source - source.floor();
            vec![(clamp(source.floor()), 1.0 - t), (clamp(source.floor() + 1.0), t)]
        }
        _ => {
            let low = source.floor();
            (-1..=2).map(|k| (clamp(low + f64::from(k)), cubic(call, source - low - f64::from(k)))).collect()
        }
    }
}

fn cubic(call: &Call<'_>, distance: f64) -> f64 {
    let (d, a) = (distance.abs(), f64::from(call.node.float("cubic_coeff_a", -0.75)));
    if d <= 1.0 {
        (a + 2.0) * d.powi(3) - (a + 3.0) * d.powi(2) + 1.0
    } else if d < 2.0 {
        a * d.powi(3) - 5.0 * a * d.powi(2) + 8.0 * a * d - 4.0 * a
    } else {
        0.0
    }
}
