//! Operators that work element by element.

use swath_autodiff::graph::Attribute;

use super::{Array, Call, coordinates};

pub fn evaluate(call: &Call<'_>) -> Option<Vec<Array>> {
    let operator = call.node.operator.as_str();
    if let Some(function) = unary(call) {
        let x = call.input(0);
        return Some(vec![Array::new(&x.dims, x.data.iter().map(|&v| function(v)).collect())]);
    }
    if let Some(function) = binary(operator) {
        let first = call.input(0).clone();
        let all = call.inputs.iter().skip(1).flatten();
        return Some(vec![all.fold(first, |a, b| zip(&a, b, function))]);
    }
    match operator {
        "Where" => {
            let (c, a, b) = (call.input(0), call.input(1), call.input(2));
            let dims = broadcast(&broadcast(&c.dims, &a.dims), &b.dims);
            let pick = |at: &[usize]| if c.broadcast_at(at) != 0.0 { a.broadcast_at(at) } else { b.broadcast_at(at) };
            Some(vec![Array::from_fn(&dims, pick)])
        }
        "Mean" => {
            let count = call.inputs.len() as f64;
            let sum = call.inputs.iter().skip(1).flatten().fold(call.input(0).clone(), |a, b| zip(&a, b, |a, b| a + b));
            Some(vec![Array::new(&sum.dims, sum.data.iter().map(|v| v / count).collect())])
        }
        "Dropout" => {
            let x = call.input(0);
            Some(vec![x.clone(), Array::filled(&x.dims, 1.0)])
        }
        _ => None,
    }
}

pub fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], i: usize| if i + dims.len() >= rank { dims[i + dims.len() - rank] } else { 1 };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (1, d) | (d, 1) => d,
            (x, y) if x == y => x,
            _ => panic!("{a:?} and {b:?} do not broadcast"),
        })
        .collect()
}

fn zip(a: &Array, b: &Array, function: fn(f64, f64) -> f64) -> Array {
    let dims = broadcast(&a.dims, &b.dims);
    let data = coordinates(&dims).map(|at| function(a.broadcast_at(&at), b.broadcast_at(&at))).collect();
    Array::new(&dims, data)
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn binary(operator: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match operator {
        "Add" | "Sum" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Pow" => f64::powf,
        "Min" => f64::min,
        "Max" => f64::max,
        "Mod" => f64::rem_euclid,
        "Equal" => |a, b| truth(a == b),
        "Less" => |a, b| truth(a < b),
        "LessOrEqual" => |a, b| truth(a <= b),
        "Greater" => |a, b| truth(a > b),
        "GreaterOrEqual" => |a, b| truth(a >= b),
        "And" => |a, b| truth(a != 0.0 && b != 0.0),
        "Or" => |a, b| truth(a != 0.0 || b != 0.0),
        "PRelu" => |x, slope| if x < 0.0 { x * slope } else { x },
        _ => return None,
    })
}

fn unary(call: &Call<'_>) -> Option<Box<dyn Fn(f64) -> f64>> {
    let node = call.node;
    let (alpha, beta) = (|d: f32| f64::from(node.float("alpha", d)), |d: f32| f64::from(node.float("beta", d)));
    Some(match node.operator.as_str() {
        "Identity" => Box::new(|x| x),
        "CastLike" => Box::new(|x| x),
        "Cast" => {
            // Casts to integers and truth values change numbers; low float types are rounded to by the caller.
            let to = node.int("to", 0);
            match to {
                9 => Box::new(|x| truth(x != 0.0)),
                2..=8 | 12 | 13 => Box::new(f64::trunc),
                _ => Box::new(|x| x),
            }
        }
        "Relu" => Box::new(|x| x.max(0.0)),
        "LeakyRelu" => {
            let a = alpha(0.01);
            Box::new(move |x| if x < 0.0 { a * x } else { x })
        }
        "Elu" => {
            let a = alpha(1.0);
            Box::new(move |x| if x < 0.0 { a * (x.exp() - 1.0) } else { x })
        }
        "Celu" => {
            let a = alpha(1.0);
            Box::new(move |x| x.max(0.0) + (a * ((x / a).exp() - 1.0)).min(0.0))
        }
        "Selu" => {
            let (a, gamma) = (alpha(1.673_263_2), f64::from(node.float("gamma", 1.050_701)));
            Box::new(move |x| gamma * if x > 0.0 { x } else { a * (x.exp() - 1.0) })
        }
        "ThresholdedRelu" => {
            let a = alpha(1.0);
            Box::new(move |x| if x > a { x } else { 0.0 })
        }
        "Clip" => {
            let bound = |index: usize, default: f64| call.optional(index).map_or(default, |b| b.data[0]);
            let (low, high) = (bound(1, f64::NEG_INFINITY), bound(2, f64::INFINITY));
            Box::new(move |x| x.max(low).min(high))
        }
        "Sigmoid" => Box::new(|x| 1.0 / (1.0 + (-x).exp())),
        "HardSigmoid" => {
            let (a, b) = (alpha(0.2), beta(0.5));
            Box::new(move |x| (a * x + b).clamp(0.0, 1.0))
        }
        "HardSwish" => Box::new(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Tanh" => Box::new(f64::tanh),
        "Erf" => Box::new(erf),
        "Gelu" if node.text("approximate", "none") == "tanh" => {
            Box::new(|x| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh()))
        }
        "Gelu" => Box::new(|x| 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))),
        "Softplus" => Box::new(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        "Softsign" => Box::new(|x| x / (1.0 + x.abs())),
        "Mish" => Box::new(|x| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh()),
        "Neg" => Box::new(|x| -x),
        "Abs" => Box::new(f64::abs),
        "Sign" => Box::new(|x| if x == 0.0 { 0.0 } else { x.signum() }),
        "Sqrt" => Box::new(f64::sqrt),
        "Reciprocal" => Box::new(f64::recip),
        "Exp" => Box::new(f64::exp),
        "Log" => Box::new(f64::ln),
        "Floor" => Box::new(f64::floor),
        "Ceil" => Box::new(f64::ceil),
        "Round" => Box::new(f64::round_ties_even),
        "Sin" => Box::new(f64::sin),
        "Cos" => Box::new(f64::cos),
        "Not" => Box::new(|x| truth(x == 0.0)),
        _ => return None,
    })
}

/// The error function to 1e-16 or so: its Taylor series near zero, a continued fraction of its complement beyond.
pub fn erf(x: f64) -> f64 {
    let size = x.abs();
    let value = if size < 3.0 {
        let (mut term, mut sum, mut n) = (size, size, 0.0);
        while term.abs() > 1e-18 * sum.abs() {
            n += 1.0;
            term *= -size * size / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let tail = (1..=60).rev().fold(size, |below, k| size + f64::from(k) / 2.0 / below);
        1.0 - (-size * size).exp() / (tail * std::f64::consts::PI.sqrt())
    };
    if x < 0.0 { -value } else { value }
}

/// The value that ConstantOfShape fills with.
pub fn fill_value(call: &Call<'_>) -> f64 {
    match call.node.attribute("value") {
        Some(Attribute::Tensor(tensor)) => Array::of(tensor).data[0],
        _ => 0.0,
    }
}
