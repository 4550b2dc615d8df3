//! Losses as `swath.toml` names them, each with its weight and its own settings.

use serde::{Deserialize, Serialize};
use swath_autodiff::Loss;

/// A loss and its weight in the sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Table")]
pub(crate) struct WeightedLoss {
    /// Factor of this loss in the sum, 1 where it is left out.
    pub(crate) weight: f64,
    /// The loss and its own settings.
    #[serde(flatten)]
    pub(crate) loss: LossName,
}

impl TryFrom<toml::Table> for WeightedLoss {
    type Error = String;

    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let weight = match table.remove("weight") {
            None => 1.0,
            Some(toml::Value::Float(weight)) => weight,
            Some(toml::Value::Integer(weight)) => weight as f64,
            Some(other) => return Err(format!("the weight of a loss is a number, not {other}")),
        };
        Ok(Self { weight, loss: table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())? })
    }
}

/// A loss by name, with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum LossName {
    CrossEntropy {
        #[serde(default)]
        label_smoothing: f64,
    },
    Dice {
        #[serde(default)]
        smooth: f64,
    },
    Jaccard {
        #[serde(default)]
        smooth: f64,
    },
    Tversky {
        #[serde(default)]
        smooth: f64,
        #[serde(default = "half")]
        alpha: f64,
        #[serde(default = "half")]
        beta: f64,
        #[serde(default = "one")]
        gamma: f64,
    },
    Focal {
        #[serde(default = "two")]
        gamma: f64,
        alpha: Option<f64>,
    },
    BinaryCrossEntropy {
        #[serde(default)]
        label_smoothing: f64,
    },
    Lovasz,
}

fn half() -> f64 {
    0.5
}

pub(super) fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

impl From<LossName> for Loss {
    fn from(name: LossName) -> Self {
        match name {
            LossName::CrossEntropy { label_smoothing } => Self::CrossEntropy { label_smoothing },
            LossName::Dice { smooth } => Self::Dice { smooth },
            LossName::Jaccard { smooth } => Self::Jaccard { smooth },
            LossName::Tversky { smooth, alpha, beta, gamma } => Self::Tversky { smooth, alpha, beta, gamma },
            LossName::Focal { gamma, alpha } => Self::Focal { gamma, alpha },
            LossName::BinaryCrossEntropy { label_smoothing } => Self::BinaryCrossEntropy { label_smoothing },
            LossName::Lovasz => Self::Lovasz,
        }
    }
}
