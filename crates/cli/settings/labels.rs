//! The `[labels]` table: what the config says about labels that the catalog does not, or says wrongly.

use anyhow::{Context, Result};
use regex::Regex;
use serde::{Deserialize, Serialize};
use swath_catalog::{Filter, pairing::Rules};

/// How labels are read and find their images, in place of what the catalog says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Labels {
    /// The class of every feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<String>,
    /// The property that holds each feature's class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class_property: Option<String>,
    /// Which features count.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
    /// The class of pixels that no feature covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) background: Option<String>,
    /// Never pair by footprint and date alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) links_only: bool,
    /// A regular expression: a label belongs to the images in whose ids it captures the same.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<String>,
}

impl Labels {
    /// The rules of pairing.
    pub(crate) fn rules(&self) -> Result<Rules> {
        let pattern = self.pattern.as_deref().map(Regex::new).transpose();
        Ok(Rules {
            class: self.class.clone(),
            class_property: self.class_property.clone(),
            filter: self.condition.as_deref().map(Filter::parse).transpose()?,
            background: self.background.clone(),
            links_only: self.links_only,
            matching: pattern.context("labels.match is no regular expression")?,
        })
    }

    /// Whether the table says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
