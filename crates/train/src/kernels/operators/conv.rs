//! `swath.Conv`, `swath.ConvGradInput` and `swath.ConvGradWeight`: attributes as ONNX's Conv, images in two dimensions.

use super::attributes::{dims, expect, image, pads, pair, shape};
use crate::kernels::cpu::conv::{ConvShape, conv, conv_grad_input, conv_grad_weight};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::error::KernelError;
use crate::kernels::operator::{Attributes, Call, CpuOperator, F32, Slot, optional, required};

/// The attributes that all three have.
pub(in crate::kernels) struct Settings {
    operator: &'static str,
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 4],
    groups: usize,
}

impl Settings {
    fn new(operator: &'static str, attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let groups = attributes.int("group").unwrap_or(1);
        let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0).ok_or_else(|| {
            KernelError::Attribute { operator, name: "group", problem: format!("is {groups}, expected 1 or more") }
        })?;
        Ok(Self {
            operator,
            strides: pair(operator, attributes, "strides", 1)?,
            dilations: pair(operator, attributes, "dilations", 1)?,
            pads: pads(operator, attributes)?,
            groups,
        })
    }

    /// Sizes of the convolution from those of X and W.
    fn shape(&self, x: [usize; 4], w: [usize; 4]) -> Result<ConvShape, KernelError> {
        let [batch, in_channels, height, width] = x;
        let [out_channels, per_group, rows, cols] = w;
        let refused =
            |expected: String| KernelError::Shape { operator: self.operator, tensor: "W", expected, got: dims(&w) };
        let (in_size, kernel) = ([height, width], [rows, cols]);
        let out_size = ConvShape::out_size(in_size, kernel, self.strides, self.dilations, self.pads)
            .ok_or_else(|| refused(format!("a kernel within {in_size:?} px padded by {:?}", self.pads)))?;
        let shape = ConvShape {
            batch,
            in_channels,
            in_size,
            out_channels,
            out_size,
            kernel,
            strides: self.strides,
            dilations: self.dilations,
            pads: [self.pads[0], self.pads[1]],
            groups: self.groups,
        };
        if per_group.checked_mul(self.groups) != Some(in_channels) || !shape.is_sound() {
            return Err(refused(format!("channels that fit X of {x:?} in {} groups", self.groups)));
        }
        Ok(shape)
    }
}

/// Shape of Y.
pub(in crate::kernels) fn out_dims(sizes: &ConvShape) -> Vec<i64> {
    dims(&[sizes.batch, sizes.out_channels, sizes.out_size[0], sizes.out_size[1]])
}

/// `swath.Conv`.
pub(in crate::kernels) struct Conv(Settings);

impl Conv {
    /// Sizes from the shapes of X, W and, if there, B.
    pub(in crate::kernels) fn sizes(&self, x: &[i64], w: &[i64], b: Option<&[i64]>) -> Result<ConvShape, KernelError> {
        let sizes = self.0.shape(image(Self::NAME, "X", x)?, image(Self::NAME, "W", w)?)?;
        b.map_or(Ok(()), |b| expect(Self::NAME, "B", b, &[sizes.out_channels]))?;
        Ok(sizes)
    }
}

impl CpuOperator for Conv {
    const NAME: &'static str = "Conv";
    const INPUTS: &'static [Slot] = &[required(F32), required(F32), optional(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        Settings::new(Self::NAME, attributes).map(Self)
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (x, w, bias) = (call.input::<f32>(0)?, call.input::<f32>(1)?, call.optional::<f32>(2)?);
        let sizes = self.sizes(&x.shape, &w.shape, bias.as_ref().map(|bias| &bias.shape[..]))?;
        let y = call.output(0, &out_dims(&sizes))?;
        conv(call.threads(), Isa::detect(), &sizes, x.data, w.data, bias.map(|bias| bias.data), y);
        Ok(())
    }

    fn output_shapes(&self, inputs: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        let sizes = inputs.first().zip(inputs.get(1)).and_then(|(x, w)| {
            let sizes = self.0.shape(image(Self::NAME, "X", x).ok()?, image(Self::NAME, "W", w).ok()?).ok()?;
            Some(out_dims(&sizes))
        });
        vec![sizes]
    }
}

/// `swath.ConvGradInput`.
pub(in crate::kernels) struct ConvGradInput {
    settings: Settings,
    pub(in crate::kernels) input: [usize; 4],
}

impl ConvGradInput {
    /// Sizes from the shapes of dY and W.
    pub(in crate::kernels) fn sizes(&self, dy: &[i64], w: &[i64]) -> Result<ConvShape, KernelError> {
        let sizes = self.settings.shape(self.input, image(Self::NAME, "W", w)?)?;
        let out = [sizes.batch, sizes.out_channels, sizes.out_size[0], sizes.out_size[1]];
        expect(Self::NAME, "dY", dy, &out).map(|()| sizes)
    }
}

impl CpuOperator for ConvGradInput {
    const NAME: &'static str = "ConvGradInput";
    const INPUTS: &'static [Slot] = &[required(F32), required(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let settings = Settings::new(Self::NAME, attributes)?;
        Ok(Self { settings, input: shape(Self::NAME, attributes, "input_shape")? })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, w) = (call.input::<f32>(0)?, call.input::<f32>(1)?);
        let sizes = self.sizes(&dy.shape, &w.shape)?;
        let dx = call.output(0, &dims(&self.input))?;
        conv_grad_input(call.threads(), Isa::detect(), &sizes, dy.data, w.data, dx);
        Ok(())
    }

    fn output_shapes(&self, _: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![Some(dims(&self.input))]
    }
}

/// `swath.ConvGradWeight`.
pub(in crate::kernels) struct ConvGradWeight {
    settings: Settings,
    pub(in crate::kernels) weight: [usize; 4],
}

impl ConvGradWeight {
    /// Sizes from the shapes of dY and X.
    pub(in crate::kernels) fn sizes(&self, dy: &[i64], x: &[i64]) -> Result<ConvShape, KernelError> {
        let sizes = self.settings.shape(image(Self::NAME, "X", x)?, self.weight)?;
        let out = [sizes.batch, sizes.out_channels, sizes.out_size[0], sizes.out_size[1]];
        expect(Self::NAME, "dY", dy, &out).map(|()| sizes)
    }
}

impl CpuOperator for ConvGradWeight {
    const NAME: &'static str = "ConvGradWeight";
    const INPUTS: &'static [Slot] = &[required(F32), required(F32)];
    const OUTPUTS: &'static [Slot] = &[required(F32)];

    fn new(attributes: &dyn Attributes) -> Result<Self, KernelError> {
        let settings = Settings::new(Self::NAME, attributes)?;
        Ok(Self { settings, weight: shape(Self::NAME, attributes, "weight_shape")? })
    }

    fn run(&mut self, call: &Call) -> Result<(), KernelError> {
        let (dy, x) = (call.input::<f32>(0)?, call.input::<f32>(1)?);
        let sizes = self.sizes(&dy.shape, &x.shape)?;
        let dw = call.output(0, &dims(&self.weight))?;
        conv_grad_weight(call.threads(), Isa::detect(), &sizes, dy.data, x.data, dw);
        Ok(())
    }

    fn output_shapes(&self, _: &[Vec<i64>]) -> Vec<Option<Vec<i64>>> {
        vec![Some(dims(&self.weight))]
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::test_model::{Attribute, Given, floats, run_node};

    /// X = 1..=9, one 2x2 kernel [1, 2; 3, 4] at stride 2 with a pad of one above and left: the four windows see
    /// 1 | 2, 3 | 4, 7 | 5, 6, 8, 9 and the numbers below are worked by hand.
    fn settings() -> Vec<(&'static str, Attribute)> {
        vec![
            ("kernel_shape", Attribute::Ints(vec![2, 2])),
            ("strides", Attribute::Ints(vec![2, 2])),
            ("pads", Attribute::Ints(vec![1, 1, 0, 0])),
            ("group", Attribute::Int(1)),
        ]
    }

    fn x() -> Given {
        Given::F32(vec![1, 1, 3, 3], (1..=9).map(|i| i as f32).collect())
    }

    fn w() -> Given {
        Given::F32(vec![1, 1, 2, 2], vec![1.0, 2.0, 3.0, 4.0])
    }

    fn dy() -> Given {
        Given::F32(vec![1, 1, 2, 2], vec![1.0, 10.0, 100.0, 1000.0])
    }

    #[test]
    fn conv_with_and_without_bias() {
        let out = run_node("Conv", &settings(), vec![x(), w(), Given::F32(vec![1], vec![0.5])], &[1]).unwrap();
        assert_eq!(floats(&out[0]), [4.5, 18.5, 36.5, 77.5]);
        let out = run_node("Conv", &settings(), vec![x(), w(), Given::None], &[1]).unwrap();
        assert_eq!(floats(&out[0]), [4.0, 18.0, 36.0, 77.0]);
    }

    #[test]
    fn gradients() {
        let mut attributes = settings();
        attributes.push(("input_shape", Attribute::Ints(vec![1, 1, 3, 3])));
        let out = run_node("ConvGradInput", &attributes, vec![dy(), w()], &[1]).unwrap();
        assert_eq!(floats(&out[0]), [4.0, 30.0, 40.0, 200.0, 1000.0, 2000.0, 400.0, 3000.0, 4000.0]);
        attributes.pop();
        attributes.push(("weight_shape", Attribute::Ints(vec![1, 1, 2, 2])));
        let out = run_node("ConvGradWeight", &attributes, vec![dy(), x()], &[1]).unwrap();
        assert_eq!(floats(&out[0]), [5000.0, 6400.0, 8020.0, 9731.0]);
    }

    #[test]
    fn says_which_shapes_do_not_fit() {
        let w = Given::F32(vec![1, 2, 2, 2], vec![0.0; 8]);
        let error = run_node("Conv", &settings(), vec![x(), w], &[1]).unwrap_err().to_string();
        assert!(error.contains("swath.Conv: W has shape [1, 2, 2, 2]"), "{error}");
        let error = run_node("ConvGradInput", &settings(), vec![dy(), self::w()], &[1]).unwrap_err().to_string();
        assert!(error.contains("attribute `input_shape`"), "{error}");
    }
}
