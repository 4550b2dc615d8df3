//! Whether a device computes the operators of domain `swath` as the processor does: each runs on both, on the same random
//! numbers, in every element type the device has.

mod cases;
mod model;

use ort::session::{Session, SessionInputValue};
use ort::value::Value;

use crate::error::{Result, TrainError};
use crate::session::{Device, SessionOptions, built};
use cases::Values;
#[cfg(test)]
pub(super) use cases::all as cases;
#[cfg(test)]
pub(super) use model::model;
pub(super) use {cases::Case, model::Precision};

/// How far one output of one case lies apart on the two sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Operators that ran, and what is particular about their sizes.
    pub case: &'static str,
    /// Element type of images on the device.
    pub element: &'static str,
    /// Name of the output.
    pub output: &'static str,
    /// Largest difference, relative to the largest number that the processor computed.
    pub difference: f64,
    /// What rounding explains.
    pub allowed: f64,
}

impl Agreement {
    /// Whether rounding explains the difference; NaN is explained by nothing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.difference <= self.allowed
    }
}

/// Runs every case on the processor and on `options.device`, and compares.
///
/// # Errors
/// When the device cannot be used, or a case cannot run on it.
pub fn agreement(options: &SessionOptions) -> Result<Vec<Agreement>> {
    let precisions: &[Precision] = match options.device {
        // The processor's operators are float32 alone.
        Device::Cpu => &[Precision::F32],
        Device::Cuda { .. } => &Precision::ALL,
    };
    let processor = SessionOptions { device: Device::Cpu, ..options.clone() };
    let mut found = Vec::new();
    for case in cases::all() {
        for &precision in precisions {
            let expected = outputs(&case, precision, &processor, false)?;
            let got = outputs(&case, precision, options, true)?;
            for ((output, _), (expected, got)) in case.outputs.iter().zip(expected.iter().zip(&got)) {
                let difference = difference(got, expected);
                let allowed = precision.allowed(case.roundings);
                found.push(Agreement { case: case.name, element: precision.name(), output, difference, allowed });
            }
        }
    }
    Ok(found)
}

/// Largest difference relative to the largest expected number.
fn difference(got: &[f32], expected: &[f32]) -> f64 {
    let largest = expected.iter().map(|x| f64::from(x.abs())).fold(f64::MIN_POSITIVE, f64::max);
    let apart = got.iter().zip(expected).map(|(a, b)| if a == b { 0.0 } else { f64::from(*a) - f64::from(*b) });
    // NaN is the largest of all.
    let apart = apart.fold(0.0, |most: f64, d| if d.abs() <= most || most.is_nan() { most } else { d.abs() });
    if got.len() == expected.len() { apart / largest } else { f64::NAN }
}

/// Every output of a case, as `float32`. On the device its images are of the low type itself (`native`), elsewhere they are
/// `float32` rounded to it.
fn outputs(case: &Case, precision: Precision, options: &SessionOptions, native: bool) -> Result<Vec<Vec<f32>>> {
    let model = model::model(case, precision, native)
        .and_then(|model| model.to_bytes())
        .map_err(TrainError::session(format!("the case `{}`", case.name)))?;
    let mut session = built(case.name, &model, options)?;
    run(case, &mut session).map_err(|source| TrainError::Run { what: case.name.to_owned(), source: Box::new(source) })
}

fn run(case: &Case, session: &mut Session) -> ort::Result<Vec<Vec<f32>>> {
    let mut inputs: Vec<(String, SessionInputValue)> = Vec::new();
    for (index, input) in case.inputs.iter().enumerate() {
        let count = input.shape.iter().product();
        let shape: Vec<i64> = input.shape.iter().map(|&size| size as i64).collect();
        let value = match input.values {
            Values::Image | Values::Vector => Value::from_array((shape, cases::numbers(count, index)))?.into_dyn(),
            Values::Positive => {
                let numbers: Vec<f32> = cases::numbers(count, index).iter().map(|x| 1.5 + x).collect();
                Value::from_array((shape, numbers))?.into_dyn()
            }
            Values::Classes(classes) => {
                let labels: Vec<i64> = (0..count).map(|i| (i * i % classes) as i64).collect();
                Value::from_array((shape, labels))?.into_dyn()
            }
            Values::Scalar(scalar) => Value::from_array((shape, vec![scalar]))?.into_dyn(),
            Values::Step(step) => Value::from_array((shape, vec![step]))?.into_dyn(),
        };
        inputs.push((model::fed(input.name), value.into()));
    }
    let outputs = session.run(inputs)?;
    let name = |(output, _): &(&'static str, _)| model::given_back(output);
    case.outputs
        .iter()
        .map(|output| Ok(outputs[name(output).as_str()].try_extract_tensor::<f32>()?.1.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_agrees_with_itself() {
        let found = agreement(&SessionOptions::default()).unwrap();
        let expected: usize = cases::all().iter().map(|case| case.outputs.len()).sum();
        assert_eq!(found.len(), expected);
        for one in found {
            assert_eq!(one.difference, 0.0, "{one:?}");
        }
    }

    #[test]
    fn differences_are_seen() {
        assert_eq!(difference(&[1.0, -2.5], &[1.0, -2.0]), 0.25);
        assert!(difference(&[f32::NAN, 1.0], &[1.0, 1.0]).is_nan());
        assert!(difference(&[1.0], &[]).is_nan());
        let one = Agreement { case: "", element: "", output: "", difference: f64::NAN, allowed: 1.0 };
        assert!(!one.holds());
    }
}
