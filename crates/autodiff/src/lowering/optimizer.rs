//! Plain forms of the optimisers; each follows `torch.optim` line by line.
//!
//! Attributes are float32 as ONNX has them; 0.999 is meant by the float32 nearest to it, so it is read through its shortest decimal form.
//! Bias corrections `1 - beta^step` are computed in float64: in float32 the first steps would be off by 5e-5.

use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Data, DataType, Node, Tensor};

/// A float attribute as the decimal number that was meant.
fn meant(node: &Node, name: &str) -> f64 {
    let value = node.float(name, 0.0);
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// A decay rate: fixed, or given anew at every step.
enum Decay<'a> {
    Fixed(f64),
    Given(&'a str),
}

impl<'a> Decay<'a> {
    /// The input at `position` where given, else the attribute.
    fn of(node: &'a Node, position: usize, name: &str) -> Self {
        node.input(position).map_or_else(|| Self::Fixed(meant(node, name)), Self::Given)
    }

    /// What tells it apart from others in the graph.
    fn key(&self) -> String {
        match self {
            Self::Fixed(value) => value.to_string(),
            Self::Given(name) => (*name).to_owned(),
        }
    }

    /// A value times the rate.
    fn times(&self, value: &str, builder: &mut Builder) -> Result<String> {
        match self {
            Self::Fixed(rate) => builder.scale(value, *rate),
            Self::Given(rate) => builder.mul(value, rate),
        }
    }

    /// A value times what the rate lacks to one.
    fn rest_times(&self, value: &str, builder: &mut Builder) -> Result<String> {
        match self {
            Self::Fixed(rate) => builder.scale(value, 1.0 - rate),
            Self::Given(rate) => {
                let rest = builder.once(&format!("rest of {rate}"), |b| {
                    let one = b.scalar(1.0)?;
                    b.sub(&one, rate)
                })?;
                builder.mul(value, &rest)
            }
        }
    }
}

/// p, g, m, [v], lr, step, [grad_scale], [beta1 or momentum] -> p', m', [v']
pub(super) fn update(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    match node.operator.as_str() {
        "Sgd" => sgd(node, builder),
        _ => adam(node, builder, node.operator == "AdamW"),
    }
}

fn scaled_gradient(node: &Node, scale: usize, builder: &mut Builder) -> Result<String> {
    let gradient = node.required(1)?;
    match node.input(scale) {
        Some(scale) => builder.mul(gradient, scale),
        None => Ok(gradient.to_owned()),
    }
}

fn adam(node: &Node, builder: &mut Builder, decoupled: bool) -> Result<Vec<String>> {
    let (p, m, v, lr, step) =
        (node.required(0)?, node.required(2)?, node.required(3)?, node.required(4)?, node.required(5)?);
    let (beta1, beta2) = (Decay::of(node, 7, "beta1"), Decay::Fixed(meant(node, "beta2")));
    let decay = meant(node, "weight_decay");
    let mut gradient = scaled_gradient(node, 6, builder)?;
    let mut p = p.to_owned();
    if decay != 0.0 && decoupled {
        let key = format!("decay {lr} {decay}");
        let kept = builder.once(&key, |b| {
            let one = b.scalar(1.0)?;
            let lost = b.scale(lr, decay)?;
            b.sub(&one, &lost)
        })?;
        p = builder.mul(&p, &kept)?;
    } else if decay != 0.0 {
        let pull = builder.scale(&p, decay)?;
        gradient = builder.add(&gradient, &pull)?;
    }
    let m = average(m, &gradient, &beta1, builder)?;
    let square = builder.mul(&gradient, &gradient)?;
    let v = average(v, &square, &beta2, builder)?;
    let correction1 = bias_correction(step, &beta1, false, builder)?;
    let root2 = bias_correction(step, &beta2, true, builder)?;
    let rate = builder.once(&format!("rate {lr} {correction1}"), |b| b.div(lr, &correction1))?;
    let root = builder.op("Sqrt", &[&v])?;
    let root = builder.div(&root, &root2)?;
    let epsilon = builder.scalar(meant(node, "epsilon"))?;
    let divisor = builder.add(&root, &epsilon)?;
    let direction = builder.div(&m, &divisor)?;
    let change = builder.mul(&direction, &rate)?;
    Ok(vec![builder.sub(&p, &change)?, m, v])
}

/// old beta + new (1 - beta)
fn average(old: &str, new: &str, beta: &Decay<'_>, builder: &mut Builder) -> Result<String> {
    let kept = beta.times(old, builder)?;
    let came = beta.rest_times(new, builder)?;
    builder.add(&kept, &came)
}

/// 1 - beta^step, or its root, computed once per step and beta.
fn bias_correction(step: &str, beta: &Decay<'_>, root: bool, builder: &mut Builder) -> Result<String> {
    builder.once(&format!("correction {step} {} {root}", beta.key()), |b| {
        let double = |value: f64| {
            Tensor::new(vec![], Data::Bytes(DataType::F64, value.to_le_bytes().into()))
                .unwrap_or_else(|| Tensor::scalar(0.0))
        };
        let step = b.cast(step, DataType::F64)?;
        let beta = match beta {
            Decay::Fixed(rate) => b.constant(double(*rate))?,
            Decay::Given(rate) => b.cast(rate, DataType::F64)?,
        };
        let power = b.op("Pow", &[&beta, &step])?;
        let one = b.constant(double(1.0))?;
        let mut correction = b.sub(&one, &power)?;
        if root {
            correction = b.op("Sqrt", &[&correction])?;
        }
        b.cast(&correction, DataType::F32)
    })
}

fn sgd(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let (p, lr, step) = (node.required(0)?, node.required(3)?, node.required(4)?);
    let (dampening, decay) = (meant(node, "dampening"), meant(node, "weight_decay"));
    let momentum = Decay::of(node, 6, "momentum");
    let mut gradient = scaled_gradient(node, 5, builder)?;
    if decay != 0.0 {
        let pull = builder.scale(p, decay)?;
        gradient = builder.add(&gradient, &pull)?;
    }
    let mut outputs = Vec::new();
    let direction = match node.input(2) {
        None => gradient,
        Some(m) => {
            let kept = momentum.times(m, builder)?;
            let share = gradient_share(step, dampening, builder)?;
            let came = match &share {
                Some(share) => builder.mul(&gradient, share)?,
                None => gradient.clone(),
            };
            let m = builder.add(&kept, &came)?;
            outputs.push(m.clone());
            if node.int("nesterov", 0) == 0 {
                m
            } else {
                let ahead = momentum.times(&m, builder)?;
                builder.add(&gradient, &ahead)?
            }
        }
    };
    let change = builder.mul(&direction, lr)?;
    outputs.insert(0, builder.sub(p, &change)?);
    Ok(outputs)
}

/// The part of the gradient that enters the momentum: all of it at the first step, 1 - dampening from then on.
fn gradient_share(step: &str, dampening: f64, builder: &mut Builder) -> Result<Option<String>> {
    if dampening == 0.0 {
        return Ok(None);
    }
    let share = builder.once(&format!("share {step} {dampening}"), |b| {
        let step = b.cast(step, DataType::F32)?;
        let bound = b.scalar(1.5)?;
        let first = b.op("Less", &[&step, &bound])?;
        let (all, rest) = (b.scalar(1.0)?, b.scalar(1.0 - dampening)?);
        b.op("Where", &[&first, &all, &rest])
    })?;
    Ok(Some(share))
}
