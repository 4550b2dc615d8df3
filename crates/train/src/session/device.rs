//! Which device runs the graph, as asked for and as found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// A device as asked for: `cpu`, `cuda` (the first GPU) or `cuda:INDEX`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The processor, with ONNX Runtime's own threads.
    #[default]
    Cpu,
    /// An NVIDIA GPU, through ONNX Runtime's CUDA execution provider.
    Cuda {
        /// Index as CUDA counts the GPUs that are visible.
        index: u32,
    },
}

impl Device {
    /// Name of ONNX Runtime's execution provider for this device.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::Cuda { .. } => "CUDAExecutionProvider",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda { index } => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || TrainError::DeviceName { text: text.to_owned() };
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda { index: 0 }),
            Some(("cuda", index)) => Ok(Self::Cuda { index: index.parse().map_err(|_| unknown())? }),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        for text in ["cpu", "cuda:0", "cuda:3"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda { index: 0 });
    }

    #[test]
    fn another_word_is_refused_with_the_choices() {
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:0:1", "CPU", ""] {
            let message = text.parse::<Device>().unwrap_err().to_string();
            assert!(message.contains("`cpu`, `cuda` or `cuda:INDEX`"), "{message}");
        }
    }
}
