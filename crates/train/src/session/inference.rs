//! A network run forward: images in, logits out.

use std::fmt;
use std::path::Path;

use ndarray::{ArrayD, ArrayView4, ArrayViewD};
use ort::session::Session;
use ort::value::TensorRef;

use super::build::{self, Built, Source};
use super::placement::{self, Allowance};
use super::{Execution, SessionOptions};
use crate::error::{Result, TrainError};

/// Length of an axis: fixed by the network, or free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Always this long.
    Fixed(usize),
    /// As long as the caller likes.
    Free,
}

/// A network on ONNX Runtime, for inference.
///
/// It takes one float32 array `[n, band, row, col]` and gives one float32 array, for segmentation the logits
/// `[n, class, row, col]`.
pub struct InferenceSession {
    session: Session,
    input: String,
    output: String,
    input_shape: Vec<Axis>,
    output_shape: Vec<Axis>,
    execution: Execution,
}

impl InferenceSession {
    /// Loads a network from a file. Data that the file keeps beside it is read as well.
    ///
    /// # Errors
    /// When ONNX Runtime is not found, the device cannot be used, or the file is no network that ONNX Runtime accepts.
    pub fn open(path: impl AsRef<Path>, options: &SessionOptions) -> Result<Self> {
        Self::load(&Source::File(path.as_ref()), options)
    }

    /// Loads a network from the bytes of an ONNX file.
    ///
    /// # Errors
    /// As [`InferenceSession::open`].
    pub fn from_bytes(model: &[u8], options: &SessionOptions) -> Result<Self> {
        Self::load(&Source::Bytes(model), options)
    }

    fn load(source: &Source<'_>, options: &SessionOptions) -> Result<Self> {
        let Built { session, execution } = build::build("the network", source, options)?;
        placement::check(&session, options.device, Allowance::Sizes)?;
        let (input, output) = match (session.inputs(), session.outputs()) {
            ([input], [output, ..]) => (input, output),
            (inputs, outputs) => {
                let expected = "one input and at least one output".to_owned();
                return Err(TrainError::Shape {
                    name: "the network".into(),
                    expected,
                    got: vec![inputs.len(), outputs.len()],
                });
            }
        };
        let shape = |outlet: &ort::value::Outlet| {
            let axes = outlet.dtype().tensor_shape().map(|shape| shape.iter().copied()).into_iter().flatten();
            axes.map(|n| usize::try_from(n).map_or(Axis::Free, Axis::Fixed)).collect::<Vec<_>>()
        };
        let (input_shape, output_shape) = (shape(input), shape(output));
        let (input, output) = (input.name().to_owned(), output.name().to_owned());
        Ok(Self { session, input, output, input_shape, output_shape, execution })
    }

    /// Axes that the network takes, `[n, band, row, col]`.
    pub fn input_shape(&self) -> &[Axis] {
        &self.input_shape
    }

    /// Axes that the network gives as far as the file states them, `[n, class, row, col]`; empty where it does not.
    pub fn output_shape(&self) -> &[Axis] {
        &self.output_shape
    }

    /// What runs this network, for the record.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// Runs a batch `[n, band, row, col]`.
    ///
    /// # Errors
    /// When the shape is not one that the network takes, or ONNX Runtime fails.
    pub fn run(&mut self, images: ArrayView4<'_, f32>) -> Result<ArrayD<f32>> {
        self.run_with(images, |logits| logits.to_owned())
    }

    /// Runs a batch `[n, band, row, col]` and hands the output to `use_output` without copying it.
    ///
    /// # Errors
    /// As [`InferenceSession::run`].
    pub fn run_with<R>(
        &mut self,
        images: ArrayView4<'_, f32>,
        use_output: impl FnOnce(ArrayViewD<'_, f32>) -> R,
    ) -> Result<R> {
        self.check(images.shape())?;
        let standard = images.as_standard_layout();
        let failed = || {
            let what = format!("the network on a batch of shape {:?}", images.shape());
            |source: ort::Error| TrainError::Run { what, source: Box::new(source) }
        };
        let tensor = TensorRef::from_array_view(standard.view()).map_err(failed())?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => tensor]).map_err(failed())?;
        let output = outputs.get(&self.output).ok_or(TrainError::UnknownTensor {
            role: "output",
            name: self.output.clone(),
            known: String::new(),
        })?;
        Ok(use_output(output.try_extract_array::<f32>().map_err(failed())?))
    }

    fn check(&self, shape: &[usize]) -> Result<()> {
        let fits = |(axis, &n): (&Axis, &usize)| n > 0 && (*axis == Axis::Free || *axis == Axis::Fixed(n));
        if self.input_shape.len() == shape.len() && self.input_shape.iter().zip(shape).all(fits) {
            return Ok(());
        }
        let axes = self.input_shape.iter().map(|axis| match axis {
            Axis::Fixed(n) => n.to_string(),
            Axis::Free => "?".to_owned(),
        });
        let expected = format!("[{}]", axes.collect::<Vec<_>>().join(", "));
        Err(TrainError::Shape { name: self.input.clone(), expected, got: shape.to_vec() })
    }
}

impl fmt::Debug for InferenceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InferenceSession").field("input", &self.input).finish_non_exhaustive()
    }
}
