//! Plain forms of batch normalisation, its gradient, and the mask of Relu.

use super::few::{FEW, Few};
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node, Tensor};

/// X, scale, bias, mean, var -> Y, saved_mean, saved_inv_std, new_mean, new_var
pub(super) fn forward(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    if node.int("frozen", 0) == 0 { by_the_batch(node, builder) } else { by_running_statistics(node, builder) }
}

fn by_running_statistics(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let epsilon = node.float("epsilon", 1e-5);
    let mut standard = Node::new("BatchNormalization", &[], &[]).with("epsilon", Attribute::Float(epsilon));
    standard.inputs.clone_from(&node.inputs);
    if let Some(x) = standard.inputs.first_mut() {
        *x = builder.widened(x)?;
    }
    let outputs = builder.emit(standard, 1)?;
    let (mean, var) = (node.required(3)?, node.required(4)?);
    let y = activated(node, &outputs[0], builder)?;
    let y = builder.cast(&y, builder.dtype(node.required(0)?)?)?;
    let inv_std = inverse_deviation(var, epsilon, builder)?;
    Ok(vec![y, mean.to_owned(), inv_std, mean.to_owned(), var.to_owned()])
}

fn by_the_batch(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let dims = builder.dims(node.required(0)?)?;
    let values = dims[0] * dims[2..].iter().product::<usize>();
    if values < 2 {
        return Err(node.error(
            "batch statistics need more than one value per channel: use larger batches or images, or frozen statistics",
        ));
    }
    let Batch { y, mean, var, inv_std } = if values <= FEW {
        let few = Few::of(node, builder)?;
        Batch { y: few.output(node, builder)?, ..few.statistics(builder)? }
    } else {
        by_the_operator(node, builder)?
    };
    let y = activated(node, &y, builder)?;
    let y = builder.cast(&y, builder.dtype(node.required(0)?)?)?;
    let old = f64::from(node.float("momentum", 0.9));
    let new_mean = moving(node.required(3)?, &mean, old, 1.0, builder)?;
    let unbiased = values as f64 / (values - 1) as f64;
    let new_var = moving(node.required(4)?, &var, old, unbiased, builder)?;
    Ok(vec![y, mean, inv_std, new_mean, new_var])
}

/// What normalising by the batch yields, in float32: y before any activation, mean, biased variance, 1 / √(var + ε).
pub(super) struct Batch {
    pub(super) y: String,
    pub(super) mean: String,
    pub(super) var: String,
    pub(super) inv_std: String,
}

/// With momentum 0 the standard operator hands out the batch's own mean and (biased) variance.
fn by_the_operator(node: &Node, builder: &mut Builder) -> Result<Batch> {
    let epsilon = node.float("epsilon", 1e-5);
    let mut standard = Node::new("BatchNormalization", &[], &[])
        .with("epsilon", Attribute::Float(epsilon))
        .with("momentum", Attribute::Float(0.0))
        .with("training_mode", Attribute::Int(1));
    // Runtimes may write the outcome over the mean and variance that they were given, which the moving averages below still
    // read: the operator gets copies. With momentum 0 their values do not matter.
    let copies = [builder.scale(node.required(3)?, 0.0)?, builder.scale(node.required(4)?, 0.0)?];
    standard.inputs = node.inputs.iter().take(3).cloned().chain(copies).collect();
    standard.inputs[0] = builder.widened(&standard.inputs[0])?;
    let mut outputs = builder.emit(standard, 3)?.into_iter();
    let [y, mean, var] = [(); 3].map(|()| outputs.next().unwrap_or_default());
    let inv_std = inverse_deviation(&var, epsilon, builder)?;
    Ok(Batch { y, mean, var, inv_std })
}

fn activated(node: &Node, y: &str, builder: &mut Builder) -> Result<String> {
    match ceiling(node) {
        _ if node.int("relu", 0) == 0 => Ok(y.to_owned()),
        None => builder.op("Relu", &[y]),
        Some(ceiling) => {
            let bounds = [builder.scalar(0.0)?, builder.scalar(f64::from(ceiling))?];
            builder.op("Clip", &[y, &bounds[0], &bounds[1]])
        }
    }
}

fn ceiling(node: &Node) -> Option<f32> {
    node.attribute("ceiling").map(|_| node.float("ceiling", f32::INFINITY)).filter(|ceiling| ceiling.is_finite())
}

/// 1 / √(var + ε)
fn inverse_deviation(var: &str, epsilon: f32, builder: &mut Builder) -> Result<String> {
    let epsilon = builder.constant(Tensor::floats(&[epsilon]))?;
    let shifted = builder.add(var, &epsilon)?;
    let std = builder.op("Sqrt", &[&shifted])?;
    builder.op("Reciprocal", &[&std])
}

/// old momentum + batch (1 - momentum) correction
fn moving(old: &str, batch: &str, momentum: f64, correction: f64, builder: &mut Builder) -> Result<String> {
    let kept = builder.scale(old, momentum)?;
    // A file has the momentum in float32, whose rounding weighs ten times as much in a remainder of a tenth: seven decimals are meant.
    let rest = ((1.0 - momentum) * 1e7).round() / 1e7;
    let came = builder.scale(batch, rest * correction)?;
    builder.add(&kept, &came)
}

/// dY, Y -> dX: dY where Y > 0.
pub(super) fn relu_gradient(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    Ok(vec![masked(node.required(0)?, node.required(1)?, None, builder)?])
}

/// dY where 0 < Y, and Y < ceiling if there is one.
fn masked(dy: &str, y: &str, ceiling: Option<f32>, builder: &mut Builder) -> Result<String> {
    let zero = builder.scalar(0.0)?;
    let y = builder.widened(y)?;
    let mut passes = builder.op("Greater", &[&y, &zero])?;
    if let Some(ceiling) = ceiling {
        let ceiling = builder.scalar(f64::from(ceiling))?;
        let below = builder.op("Less", &[&y, &ceiling])?;
        passes = builder.op("And", &[&passes, &below])?;
    }
    let mask = builder.cast(&passes, builder.dtype(dy)?)?;
    builder.mul(dy, &mask)
}

/// dY, X, Y, scale, saved_mean, saved_inv_std -> dX, dscale, dbias
///
/// With x̂ = (x - mean) inv_std and n values per channel: dbias = Σ dy, dscale = Σ dy x̂, and
/// dx = scale inv_std (dy - dbias / n - x̂ dscale / n), without the last two terms where statistics are constants.
pub(super) fn gradient(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let [dy, x, y, scale, mean, inv_std] = [0, 1, 2, 3, 4, 5].map(|i| node.required(i).map(str::to_owned));
    let (x, scale, mean, inv_std) = (x?, scale?, mean?, inv_std?);
    let dy = if node.int("relu", 0) == 0 { dy? } else { masked(&dy?, &y?, ceiling(node), builder)? };
    let dtype = builder.dtype(&dy)?;
    let dims = builder.dims(&x)?;
    if node.int("frozen", 0) == 0 && dims[0] * dims[2..].iter().product::<usize>() <= FEW {
        return Few::of(node, builder)?.gradient(&dy, &scale, dtype, builder);
    }
    let (x, dy) = (builder.widened(&x)?, builder.widened(&dy)?);
    let mut spread = vec![1; dims.len()];
    spread[1] = dims[1];
    let axes: Vec<usize> = (0..dims.len()).filter(|&axis| axis != 1).collect();
    let mean = builder.reshape(&mean, &spread)?;
    let factor = builder.mul(&scale, &inv_std)?;
    let factor = builder.reshape(&factor, &spread)?;
    let inv_std = builder.reshape(&inv_std, &spread)?;
    let centred = builder.sub(&x, &mean)?;
    let normal = builder.mul(&centred, &inv_std)?;
    let dbias = builder.reduce_sum(&dy, &axes, false)?;
    let product = builder.mul(&dy, &normal)?;
    let dscale = builder.reduce_sum(&product, &axes, false)?;
    let inner = if node.int("frozen", 0) == 0 {
        let share = 1.0 / axes.iter().map(|&axis| dims[axis]).product::<usize>() as f64;
        let mean_dy = builder.scale(&dbias, share)?;
        let mean_dy = builder.reshape(&mean_dy, &spread)?;
        let mean_product = builder.scale(&dscale, share)?;
        let mean_product = builder.reshape(&mean_product, &spread)?;
        let along = builder.mul(&normal, &mean_product)?;
        let inner = builder.sub(&dy, &mean_dy)?;
        builder.sub(&inner, &along)?
    } else {
        dy
    };
    let dx = builder.mul(&inner, &factor)?;
    let dx = builder.cast(&dx, dtype)?;
    Ok(vec![dx, dscale, dbias])
}
