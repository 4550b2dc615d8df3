//! What a kernel may refuse, said so that the operator, the tensor and the numbers are in the sentence.

use thiserror::Error;

/// Why an operator of domain `swath` could not be created or run.
#[derive(Debug, Error)]
pub enum KernelError {
    /// A required input was not given.
    #[error("swath.{operator}: input {index} is missing")]
    MissingInput {
        /// Operator name without domain.
        operator: &'static str,
        /// Position of the input.
        index: usize,
    },
    /// An input's shape does not follow from the others.
    #[error("swath.{operator}: {tensor} has shape {got:?}, expected {expected}")]
    Shape {
        /// Operator name without domain.
        operator: &'static str,
        /// Which tensor.
        tensor: &'static str,
        /// What the operator can take, in words or as a shape.
        expected: String,
        /// The shape that came.
        got: Vec<i64>,
    },
    /// An attribute is missing, or its value means nothing here.
    #[error("swath.{operator}: attribute `{name}` {problem}")]
    Attribute {
        /// Operator name without domain.
        operator: &'static str,
        /// Attribute name.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A label outside the classes, which is not the ignored value either.
    #[error("swath.{operator}: target holds class {class}, but logits have {classes} classes")]
    Class {
        /// Operator name without domain.
        operator: &'static str,
        /// The label found.
        class: i64,
        /// Number of classes.
        classes: usize,
    },
    /// A library of NVIDIA's that kernels on a GPU need cannot be loaded.
    #[error("{library} cannot be loaded, which operators of domain `swath` need on a GPU: {remedy}")]
    Library {
        /// File name.
        library: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A kernel's source does not compile for a GPU.
    #[error("{unit} does not compile for {element} and compute capability {capability}: {log}")]
    Compile {
        /// File name of the source.
        unit: &'static str,
        /// Element type of images.
        element: &'static str,
        /// 90 for 9.0.
        capability: i32,
        /// NVRTC's own words.
        log: String,
    },
    /// CUDA's driver, cuDNN or ONNX Runtime's CUDA provider refused a call.
    #[error("swath.{operator}: {call} failed on the GPU: {problem}")]
    Gpu {
        /// Operator name without domain.
        operator: &'static str,
        /// What was called.
        call: &'static str,
        /// The answer.
        problem: String,
    },
    /// ONNX Runtime refused a call (element type of an input, allocation of an output).
    #[error("swath.{operator}: ONNX Runtime refused tensor {index}")]
    Runtime {
        /// Operator name without domain.
        operator: &'static str,
        /// Position of the input or output.
        index: usize,
        /// ONNX Runtime's own words.
        #[source]
        source: ort::Error,
    },
}

impl From<KernelError> for ort::Error {
    fn from(error: KernelError) -> Self {
        match error {
            // ONNX Runtime carries one string: the linked cause joins it here, at the border, or it is lost.
            KernelError::Runtime { ref source, .. } => ort::Error::new(format!("{error}: {source}")),
            other => ort::Error::new(other.to_string()),
        }
    }
}
