//! In which types and layouts a graph is computed: settings and flags that several commands share.

use clap::Args;
use serde::{Deserialize, Serialize};
use swath_train::SessionOptions;

/// Type of convolutions and matrix products in training; everything else is float32 whatever the type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Precision {
    /// float32.
    #[default]
    F32,
    /// bfloat16.
    Bf16,
    /// float16, the loss scaled as its gradients allow.
    F16,
}

impl From<Precision> for swath_autodiff::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::Float32,
            Precision::Bf16 => Self::BFloat16,
            Precision::F16 => Self::Float16,
        }
    }
}

/// How a graph is computed on a GPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(crate) struct ComputeArgs {
    /// Type of convolutions and matrix products while training; bf16 and f16 need a GPU.
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) precision: Option<Precision>,
    /// Let a GPU round the factors of float32 products to 10 bits of mantissa (TF32): faster.
    #[arg(long)]
    pub(crate) tf32: bool,
    /// Let a GPU's convolutions keep channels last where ONNX Runtime has such kernels.
    #[arg(long)]
    pub(crate) prefer_nhwc: bool,
}

impl ComputeArgs {
    /// The options of a session with these flags.
    pub(crate) fn session(self, options: SessionOptions) -> SessionOptions {
        SessionOptions {
            tf32: options.tf32 || self.tf32,
            prefer_nhwc: options.prefer_nhwc || self.prefer_nhwc,
            ..options
        }
    }
}
