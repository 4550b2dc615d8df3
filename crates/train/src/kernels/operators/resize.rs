//! `swath.ResizeGrad`: attributes as ONNX's Resize, with `input_shape` and `scales`; images in two dimensions.

use std::sync::OnceLock;

use super::attributes::{dims, flag, shape, size_of_gradient};
use crate::kernels::cpu::resize::{Axis, Coordinates, Interpolation, Rounding, resize_grad};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Slot, required};

/// `swath.ResizeGrad`.
pub(in crate::kernels) struct ResizeGrad {
    pub(in crate::kernels) input: [usize; 4],
    scales: Option<[f32; 2]>,
    coordinates: Coordinates,
    reading: Interpolation,
    /// Rows and columns for the size of dY seen first, which in a training graph is the only one.
    axes: OnceLock<([usize; 2], [Axis; 2])>,
}

impl ResizeGrad {
    /// Rows and columns for dY of this height and width.
    pub(in crate::kernels) fn axes(&self, out: [usize; 2]) -> [Axis; 2] {
        [0, 1].map(|axis| {
            let (input, output) = (self.input[axis + 2], out[axis]);
            let scale = self.scales.map_or(output as f32 / input as f32, |scales| scales[axis]);
            Axis::new(input, output, scale, self.coordinates, self.reading)
        })
    }
}

/// The value of a `STRING` attribute among those that are known.
fn choice<T: Copy>(
    attributes: &dyn Attributes,
    name: &'static str,
    default: T,
    known: &[(&str, T)],
) -> Result<T, KernelError> {
    let Some(text) = attributes.string(name) else { return Ok(default) };
    known.iter().find(|(known, _)| *known == text).map(|(_, value)| *value).ok_or_else(|| KernelError::Attribute {
        operator: ResizeGrad::NAME,
        name,
        problem: format!("is {text}, which this kernel does not know"),
    })
}

impl CpuOperator for ResizeGrad {
    const NAME: &'static str = "ResizeGrad";
    const INPUTS: &'static [Slot] = &[required(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let operator = Self::NAME;
        for name in ["antialias", "exclude_outside"] {
            if flag(attributes, name) {
                return Err(KernelError::Attribute { operator, name, problem: "is set, expected 0".into() });
            }
        }
        let scales = match attributes.floats("scales").as_deref() {
            None | Some([]) => None,
            Some([n, c, rows, cols]) if *n == 1.0 && *c == 1.0 && *rows > 0.0 && *cols > 0.0 => Some([*rows, *cols]),
            Some(other) => {
                let problem = format!("is {other:?}, expected [1, 1, rows, columns]");
                return Err(KernelError::Attribute { operator, name: "scales", problem });
            }
        };
        let coordinates = [
            ("half_pixel", Coordinates::HalfPixel),
            ("half_pixel_symmetric", Coordinates::HalfPixelSymmetric),
            ("pytorch_half_pixel", Coordinates::PytorchHalfPixel),
            ("align_corners", Coordinates::AlignCorners),
            ("asymmetric", Coordinates::Asymmetric),
        ];
        let roundings = [
            ("round_prefer_floor", Rounding::HalfDown),
            ("round_prefer_ceil", Rounding::HalfUp),
            ("floor", Rounding::Floor),
            ("ceil", Rounding::Ceil),
        ];
        let rounding = choice(attributes, "nearest_mode", Rounding::HalfDown, &roundings)?;
        let nearest = Interpolation::Nearest(rounding);
        let cubic = Interpolation::Cubic(attributes.float("cubic_coeff_a").unwrap_or(-0.75));
        let modes = [("nearest", nearest), ("linear", Interpolation::Linear), ("cubic", cubic)];
        Ok(Self {
            input: shape(operator, attributes, "input_shape")?,
            scales,
            coordinates: choice(attributes, "coordinate_transformation_mode", Coordinates::HalfPixel, &coordinates)?,
            reading: choice(attributes, "mode", nearest, &modes)?,
            axes: OnceLock::new(),
        })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let dy = call.input::<f32>(0)?;
        let size = size_of_gradient(Self::NAME, &dy.shape, &self.input)?;
        let (first, kept) = self.axes.get_or_init(|| (size, self.axes(size)));
        let made;
        let [row_axis, col_axis] = if *first == size {
            kept
        } else {
            made = self.axes(size);
            &made
        };
        let dx = call.output(0, &dims(&self.input))?;
        resize_grad(call.threads(), Isa::detect(), row_axis, col_axis, dy.data, dx);
        Ok(())
    }

    fn output_shapes(&self, _: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![Some(dims(&self.input))]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Attribute, Given, floats, run_node};

    #[test]
    fn nearest_doubling() {
        let attributes = [
            ("input_shape", Attribute::Ints(vec![1, 1, 1, 2])),
            ("scales", Attribute::Floats(vec![1.0, 1.0, 2.0, 2.0])),
            ("mode", Attribute::Text("nearest")),
            ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
            ("nearest_mode", Attribute::Text("floor")),
        ];
        let dy = Given::F32(vec![1, 1, 2, 4], (1..=8).map(|i| i as f32).collect());
        let out = run_node("ResizeGrad", &attributes, vec![dy], &[1]).unwrap();
        assert_eq!(floats(&out[0]), [14.0, 22.0]);
    }

    #[test]
    fn says_what_it_does_not_know() {
        let attributes = [("input_shape", Attribute::Ints(vec![1, 1, 1, 2])), ("mode", Attribute::Text("lanczos"))];
        let dy = Given::F32(vec![1, 1, 2, 4], vec![0.0; 8]);
        let error = run_node("ResizeGrad", &attributes, vec![dy], &[1]).unwrap_err().to_string();
        assert!(error.contains("attribute `mode` is lanczos"), "{error}");
    }
}
