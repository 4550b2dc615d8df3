//! Computes small outputs whose inputs are all known: the shape arithmetic around Resize, Reshape and Slice.
//!
//! Integers are computed in i64, floats in f64 and rounded to float32, which is exact rounding for the operators here.

use super::shaping::{permutation, shape_range, slice_strides};
use super::{Fact, Query};
use crate::graph::{Data, DataType, Tensor};

/// Largest tensor computed ahead: shapes have a handful of elements, position tables a few thousand.
const LARGEST_CONSTANT: usize = 1 << 16;

/// Elements in a type that holds them all.
#[derive(Debug, Clone)]
enum Lane {
    Int(Vec<i64>),
    Float(Vec<f64>),
}

/// The integers in a tensor of any integer or truth type.
pub(super) fn integers(tensor: &Tensor) -> Option<Vec<i64>> {
    match lane(tensor)? {
        Lane::Int(values) => Some(values),
        Lane::Float(_) => None,
    }
}

fn lane(tensor: &Tensor) -> Option<Lane> {
    Some(match tensor.data() {
        Data::F32(v) => Lane::Float(v.iter().map(|&x| f64::from(x)).collect()),
        Data::I64(v) => Lane::Int(v.to_vec()),
        Data::Bool(v) => Lane::Int(v.iter().map(|&x| i64::from(x)).collect()),
        Data::Bytes(DataType::I32, v) => {
            Lane::Int(v.as_chunks().0.iter().map(|&b| i64::from(i32::from_le_bytes(b))).collect())
        }
        Data::Bytes(DataType::F64, v) => Lane::Float(v.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect()),
        Data::Bytes(DataType::U8, v) => Lane::Int(v.iter().map(|&b| i64::from(b)).collect()),
        Data::Bytes(..) => return None,
    })
}

fn tensor(dtype: DataType, dims: &[usize], lane: Lane) -> Option<Tensor> {
    let data = match (dtype, lane) {
        (DataType::F32, Lane::Float(v)) => Data::F32(v.into_iter().map(|x| x as f32).collect()),
        (DataType::F32, Lane::Int(v)) => Data::F32(v.into_iter().map(|x| x as f32).collect()),
        (DataType::F64, Lane::Float(v)) => Data::Bytes(dtype, v.into_iter().flat_map(f64::to_le_bytes).collect()),
        (DataType::F64, Lane::Int(v)) => {
            Data::Bytes(dtype, v.into_iter().flat_map(|x| (x as f64).to_le_bytes()).collect())
        }
        (DataType::I64, Lane::Int(v)) => Data::I64(v.into()),
        // A float cast to an integer is cut towards zero, as everywhere.
        (DataType::I64, Lane::Float(v)) => Data::I64(v.into_iter().map(|x| x as i64).collect()),
        (DataType::I32, Lane::Int(v)) => {
            Data::Bytes(dtype, v.into_iter().flat_map(|x| (x as i32).to_le_bytes()).collect())
        }
        (DataType::I32, Lane::Float(v)) => {
            Data::Bytes(dtype, v.into_iter().flat_map(|x| (x as i32).to_le_bytes()).collect())
        }
        (DataType::Bool, Lane::Int(v)) => Data::Bool(v.into_iter().map(|x| x != 0).collect()),
        (DataType::Bool, Lane::Float(v)) => Data::Bool(v.into_iter().map(|x| x != 0.0).collect()),
        _ => return None,
    };
    Tensor::new(dims.to_vec(), data)
}

/// The single output of a node, where it is small and everything it depends on is known.
pub(super) fn evaluate(query: &Query<'_>, out: &Fact) -> Option<Tensor> {
    if out.dims.iter().product::<usize>() > LARGEST_CONSTANT {
        return None;
    }
    let node = query.node;
    if !node.domain.is_empty() {
        return None;
    }
    match node.operator.as_str() {
        "Shape" => {
            let dims = &query.optional(0)?.dims;
            let (start, end) = shape_range(query, dims.len());
            return Some(Tensor::ints(&dims.get(start..end.max(start))?.iter().map(|&d| d as i64).collect::<Vec<_>>()));
        }
        "Size" => return Some(Tensor::int(i64::try_from(query.optional(0)?.len()).ok()?)),
        _ => {}
    }
    let inputs = query
        .inputs
        .iter()
        .map(|fact| match fact {
            None => Some(None),
            Some(fact) => fact.constant.as_ref().filter(|t| t.len() <= LARGEST_CONSTANT).map(Some),
        })
        .collect::<Option<Vec<_>>>()?;
    let first = inputs.first().copied().flatten()?;
    let computed = match node.operator.as_str() {
        "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" => return first.reshaped(out.dims.clone()),
        "Cast" => return tensor(out.dtype, &out.dims, lane(first)?),
        "ConstantOfShape" => fill(node.attribute("value"), out)?,
        "Range" => progression(&inputs, out)?,
        "Concat" => concat(query, &inputs, out)?,
        "Slice" => pick(first, &slice_sources(query, first, out)?)?,
        "Gather" => pick(first, &gather_sources(query, first, inputs.get(1).copied().flatten()?)?)?,
        "Transpose" => pick(first, &transpose_sources(query, first, out)?)?,
        "Expand" => pick(first, &broadcast_sources(first.dims(), &out.dims)?)?,
        "Where" => choose(&inputs, out)?,
        "Clip" => clip(&inputs, out)?,
        "ReduceProd" if out.len() == 1 => fold(first, |a, b| a.checked_mul(b), |a, b| a * b)?,
        "Floor" | "Ceil" | "Round" | "Sqrt" | "Neg" | "Abs" | "Not" | "Reciprocal" | "Exp" | "Log" => {
            unary(&node.operator, first)?
        }
        _ => binary(&node.operator, &inputs, out)?,
    };
    tensor(out.dtype, &out.dims, computed)
}

fn fill(value: Option<&crate::graph::Attribute>, out: &Fact) -> Option<Lane> {
    let Some(crate::graph::Attribute::Tensor(value)) = value else { return Some(Lane::Float(vec![0.0; out.len()])) };
    Some(match lane(value)? {
        Lane::Int(v) => Lane::Int(vec![*v.first()?; out.len()]),
        Lane::Float(v) => Lane::Float(vec![*v.first()?; out.len()]),
    })
}

fn progression(inputs: &[Option<&Tensor>], out: &Fact) -> Option<Lane> {
    let start = *integers((*inputs.first()?)?)?.first()?;
    let step = *integers((*inputs.get(2)?)?)?.first()?;
    (0..out.len() as i64).map(|i| i.checked_mul(step)?.checked_add(start)).collect::<Option<Vec<_>>>().map(Lane::Int)
}

/// Row-major strides of dimensions.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// For every output position, the flat position that `source` gives for its coordinates.
fn sources(out: &[usize], source: impl Fn(&[usize]) -> Option<usize>) -> Option<Vec<usize>> {
    let mut at = vec![0; out.len()];
    let mut list = Vec::new();
    for _ in 0..out.iter().product::<usize>() {
        list.push(source(&at)?);
        for axis in (0..out.len()).rev() {
            at[axis] += 1;
            if at[axis] < out[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    Some(list)
}

fn pick(from: &Tensor, positions: &[usize]) -> Option<Lane> {
    Some(match lane(from)? {
        Lane::Int(v) => Lane::Int(positions.iter().map(|&i| v.get(i).copied()).collect::<Option<_>>()?),
        Lane::Float(v) => Lane::Float(positions.iter().map(|&i| v.get(i).copied()).collect::<Option<_>>()?),
    })
}

fn slice_sources(query: &Query<'_>, x: &Tensor, out: &Fact) -> Option<Vec<usize>> {
    let taken = slice_strides(query, x.dims()).ok()?;
    let steps = strides(x.dims());
    sources(&out.dims, |at| {
        let coordinate = |axis: usize| usize::try_from(taken[axis].start + taken[axis].step * at[axis] as i64).ok();
        (0..at.len()).try_fold(0, |flat, axis| Some(flat + coordinate(axis)? * steps[axis]))
    })
}

fn gather_sources(query: &Query<'_>, x: &Tensor, indices: &Tensor) -> Option<Vec<usize>> {
    let axis = query.axis(query.node.int("axis", 0), x.dims().len()).ok()?;
    let (length, inner) = (x.dims()[axis], x.dims()[axis + 1..].iter().product::<usize>());
    let outer = x.dims()[..axis].iter().product::<usize>();
    let indices = integers(indices)?;
    let mut list = Vec::new();
    for o in 0..outer {
        for &index in &indices {
            let index =
                usize::try_from(if index < 0 { index + length as i64 } else { index }).ok().filter(|&i| i < length)?;
            list.extend((0..inner).map(|i| (o * length + index) * inner + i));
        }
    }
    Some(list)
}

fn transpose_sources(query: &Query<'_>, x: &Tensor, out: &Fact) -> Option<Vec<usize>> {
    let perm = permutation(query, x.dims().len()).ok()?;
    let steps = strides(x.dims());
    sources(&out.dims, |at| Some(perm.iter().zip(at).map(|(&axis, &i)| steps[axis] * i).sum()))
}

/// For every element of `out`, the element of `from` that broadcasting puts there; none where it does not broadcast.
fn broadcast_sources(from: &[usize], out: &[usize]) -> Option<Vec<usize>> {
    let steps = strides(from);
    let skipped = out.len().checked_sub(from.len())?;
    let fits = (0..from.len()).all(|i| from[i] == 1 || from[i] == out[i + skipped]);
    let flat = |at: &[usize]| (0..from.len()).map(|i| if from[i] == 1 { 0 } else { at[i + skipped] * steps[i] }).sum();
    if fits { sources(out, |at| Some(flat(at))) } else { None }
}

fn concat(query: &Query<'_>, inputs: &[Option<&Tensor>], out: &Fact) -> Option<Lane> {
    let axis = query.axis(query.node.int("axis", 0), out.dims.len()).ok()?;
    let outer: usize = out.dims[..axis].iter().product();
    let lanes = inputs
        .iter()
        .map(|t| lane((*t)?).map(|l| (l, (*t).map_or(0, Tensor::len) / outer.max(1))))
        .collect::<Option<Vec<_>>>()?;
    let all_int = lanes.iter().all(|(l, _)| matches!(l, Lane::Int(_)));
    if all_int {
        let rows = (0..outer).flat_map(|o| lanes.iter().map(move |l| (o, l)));
        let cut = |(o, (lane, n)): (usize, &(Lane, usize))| match lane {
            Lane::Int(v) => v.get(o * n..(o + 1) * n).map(<[i64]>::to_vec),
            Lane::Float(_) => None,
        };
        Some(Lane::Int(rows.map(cut).collect::<Option<Vec<_>>>()?.concat()))
    } else {
        let rows = (0..outer).flat_map(|o| lanes.iter().map(move |l| (o, l)));
        let cut = |(o, (lane, n)): (usize, &(Lane, usize))| match lane {
            Lane::Float(v) => v.get(o * n..(o + 1) * n).map(<[f64]>::to_vec),
            Lane::Int(_) => None,
        };
        Some(Lane::Float(rows.map(cut).collect::<Option<Vec<_>>>()?.concat()))
    }
}

fn choose(inputs: &[Option<&Tensor>], out: &Fact) -> Option<Lane> {
    let [Some(condition), Some(yes), Some(no)] = inputs else { return None };
    let spread = |t: &Tensor| pick(t, &broadcast_sources(t.dims(), &out.dims)?);
    match (spread(condition)?, spread(yes)?, spread(no)?) {
        (Lane::Int(c), Lane::Int(y), Lane::Int(n)) => {
            Some(Lane::Int(c.iter().zip(y.iter().zip(n)).map(|(&c, (&y, n))| if c != 0 { y } else { n }).collect()))
        }
        (Lane::Int(c), Lane::Float(y), Lane::Float(n)) => {
            Some(Lane::Float(c.iter().zip(y.iter().zip(n)).map(|(&c, (&y, n))| if c != 0 { y } else { n }).collect()))
        }
        _ => None,
    }
}

fn clip(inputs: &[Option<&Tensor>], out: &Fact) -> Option<Lane> {
    let mut value = (*inputs.first()?)?.clone();
    for (bound, operator) in [(1, "Max"), (2, "Min")] {
        if let Some(bound) = inputs.get(bound).copied().flatten() {
            value = tensor(out.dtype, &out.dims, binary(operator, &[Some(&value), Some(bound)], out)?)?;
        }
    }
    lane(&value)
}

fn fold(x: &Tensor, ints: fn(i64, i64) -> Option<i64>, floats: fn(f64, f64) -> f64) -> Option<Lane> {
    Some(match lane(x)? {
        Lane::Int(v) => Lane::Int(vec![v.into_iter().try_fold(1, ints)?]),
        Lane::Float(v) => Lane::Float(vec![v.into_iter().fold(1.0, floats)]),
    })
}

fn unary(operator: &str, x: &Tensor) -> Option<Lane> {
    Some(match (operator, lane(x)?) {
        ("Neg", Lane::Int(v)) => Lane::Int(v.into_iter().map(i64::checked_neg).collect::<Option<_>>()?),
        ("Abs", Lane::Int(v)) => Lane::Int(v.into_iter().map(i64::checked_abs).collect::<Option<_>>()?),
        ("Not", Lane::Int(v)) => Lane::Int(v.into_iter().map(|x| i64::from(x == 0)).collect()),
        (_, Lane::Float(v)) => {
            let function: fn(f64) -> f64 = match operator {
                "Floor" => f64::floor,
                "Ceil" => f64::ceil,
                "Round" => f64::round_ties_even,
                "Sqrt" => f64::sqrt,
                "Neg" => |x| -x,
                "Abs" => f64::abs,
                "Reciprocal" => f64::recip,
                "Exp" => f64::exp,
                "Log" => f64::ln,
                _ => return None,
            };
            Lane::Float(v.into_iter().map(function).collect())
        }
        _ => return None,
    })
}

fn binary(operator: &str, inputs: &[Option<&Tensor>], out: &Fact) -> Option<Lane> {
    let [Some(a), Some(b)] = inputs else { return None };
    let spread = |t: &Tensor| pick(t, &broadcast_sources(t.dims(), &out.dims)?);
    match (spread(a)?, spread(b)?) {
        (Lane::Int(a), Lane::Int(b)) => {
            let function: fn(i64, i64) -> Option<i64> = match operator {
                "Add" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                "Div" => i64::checked_div,
                "Mod" => i64::checked_rem_euclid,
                "Min" => |a, b| Some(a.min(b)),
                "Max" => |a, b| Some(a.max(b)),
                "Equal" => |a, b| Some(i64::from(a == b)),
                "Less" => |a, b| Some(i64::from(a < b)),
                "LessOrEqual" => |a, b| Some(i64::from(a <= b)),
                "Greater" => |a, b| Some(i64::from(a > b)),
                "GreaterOrEqual" => |a, b| Some(i64::from(a >= b)),
                "And" => |a, b| Some(i64::from(a != 0 && b != 0)),
                "Or" => |a, b| Some(i64::from(a != 0 || b != 0)),
                _ => return None,
            };
            a.into_iter().zip(b).map(|(a, b)| function(a, b)).collect::<Option<_>>().map(Lane::Int)
        }
        (Lane::Float(a), Lane::Float(b)) => {
            let function: fn(f64, f64) -> f64 = match operator {
                "Add" => |a, b| a + b,
                "Sub" => |a, b| a - b,
                "Mul" => |a, b| a * b,
                "Div" => |a, b| a / b,
                "Pow" => f64::powf,
                "Min" => f64::min,
                "Max" => f64::max,
                "Equal" => |a, b| f64::from(u8::from(a == b)),
                "Less" => |a, b| f64::from(u8::from(a < b)),
                "Greater" => |a, b| f64::from(u8::from(a > b)),
                _ => return None,
            };
            Some(Lane::Float(a.into_iter().zip(b).map(|(a, b)| function(a, b)).collect()))
        }
        _ => None,
    }
}
