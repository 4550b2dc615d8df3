//! How a graph is to be run, and the record of how it was run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Device;

/// How a graph is to be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionOptions {
    /// Where to run. A device that cannot be used is an error.
    pub device: Device,
    /// Threads inside one operator, on the processor; `None` leaves it to ONNX Runtime (one per core).
    pub threads: Option<usize>,
    /// Ask ONNX Runtime for kernels that give the same bits in every run. On the processor a fixed number of threads
    /// already does.
    pub deterministic: bool,
    /// Let CUDA round the factors of convolutions and matrix products to TF32 (10 bits of mantissa). Faster, and off by
    /// default so that GPU and processor agree.
    pub tf32: bool,
    /// Let CUDA's convolutions run in NHWC layout where ONNX Runtime has such kernels.
    pub prefer_nhwc: bool,
    /// Keep freed memory in ONNX Runtime's arena between steps. Off returns each buffer to the system as soon as it is
    /// free: a fifth less peak memory and four tenths more time for a step of Unet-resnet18 (`benches/RESULTS.md`).
    pub arena: bool,
    /// Let idle threads of the pool spin for a moment before they sleep. Off leaves the cores to the loader, and costs a
    /// step nothing that was measurable.
    pub spin: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            threads: None,
            deterministic: false,
            tf32: false,
            prefer_nhwc: false,
            arena: true,
            spin: true,
        }
    }
}

/// What actually ran a graph: for the record of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Execution provider of ONNX Runtime, such as `CPUExecutionProvider`.
    pub provider: String,
    /// Device as it was asked for and used, such as `cpu` or `cuda:0`.
    pub device: Device,
    /// Threads inside one operator; 0 when ONNX Runtime chose.
    pub threads: usize,
    /// Version of ONNX Runtime, such as `1.31.1`.
    pub runtime_version: String,
    /// Library that was loaded.
    pub runtime_path: PathBuf,
    /// ONNX Runtime's own line on how it was built.
    pub runtime_build: String,
    /// Whether deterministic kernels were asked for.
    pub deterministic: bool,
    /// Whether TF32 was allowed.
    pub tf32: bool,
    /// Whether convolutions were to keep channels last.
    #[serde(default)]
    pub prefer_nhwc: bool,
    /// Smallest float type that the graph computes in: `float32`, `bfloat16` or `float16`.
    #[serde(default = "float32")]
    pub precision: String,
}

fn float32() -> String {
    "float32".to_owned()
}
