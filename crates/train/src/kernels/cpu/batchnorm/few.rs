//! Batch normalisation over a few values per channel, in `f64` from the values themselves.
//!
//! Two values that their own mean and deviation normalise come out as plus and minus one, whatever they were: their gradient is
//! what epsilon leaves of it, the difference of nearly equal numbers. Layers after a global pool are like that. Rounded statistics
//! would take most digits of it.

use super::{Activation, NormGradInputs};

/// Most values per channel that are worth it; with more the difference keeps its digits.
pub(super) const FEW: usize = 64;

/// Mean, and mean of the squared differences to it.
pub(super) fn statistics<'a>(planes: impl Iterator<Item = &'a [f32]> + Clone) -> (f64, f64) {
    let values = || planes.clone().flatten().map(|&x| f64::from(x));
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    (mean, values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count)
}

/// `(x - mean) · scale + bias`, then the activation.
pub(super) fn write(x: &[f32], [mean, scale, bias]: [f64; 3], activation: Activation, y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        let value = (f64::from(*x) - mean) * scale + bias;
        *y = (value as f32).max(activation.floor()).min(activation.ceiling());
    }
}

/// Writes dX plane by plane; `dscale` and `dbias`.
pub(super) fn gradient<'d>(
    inputs: &NormGradInputs,
    channel: usize,
    planes: &[usize],
    plane: usize,
    mut dx: impl FnMut(usize) -> &'d mut [f32],
) -> [f64; 2] {
    let (mean, biased) = statistics(planes.iter().map(|&start| &inputs.x[start..start + plane]));
    let inv_std = 1.0 / (biased + f64::from(inputs.epsilon)).sqrt();
    let (floor, ceiling) = (inputs.activation.floor(), inputs.activation.ceiling());
    let operands = |start: usize| {
        (start..start + plane).map(move |at| {
            // Without an activation there is no Y.
            let passes = inputs.y.get(at).is_none_or(|&y| y > floor && y < ceiling);
            let dy = if passes { f64::from(inputs.dy[at]) } else { 0.0 };
            (dy, (f64::from(inputs.x[at]) - mean) * inv_std)
        })
    };
    let all = || planes.iter().flat_map(|&start| operands(start));
    let (sum, product) = all().fold((0.0, 0.0), |(sum, product), (dy, normal)| (sum + dy, product + dy * normal));
    let count = (planes.len() * plane) as f64;
    let factor = f64::from(inputs.scale[channel]) * inv_std;
    for &start in planes {
        for (dx, (dy, normal)) in dx(start).iter_mut().zip(operands(start)) {
            *dx = (factor * (dy - sum / count - normal * product / count)) as f32;
        }
    }
    [product, sum]
}
