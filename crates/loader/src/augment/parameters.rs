//! Parameters of an augmentation, out of a recipe or out of what albumentations saved: checked, each read once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Step;
use crate::error::Error;

/// Hands out parameters by name and in the end refuses those that nobody asked for.
pub(crate) struct Reader<'a> {
    name: &'a str,
    parameters: &'a Map<String, Value>,
    read: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'a str, parameters: &'a Map<String, Value>) -> Self {
        Self { name, parameters, read: BTreeSet::new() }
    }

    /// The error for a parameter that is not what it must be.
    pub(crate) fn wrong(&self, parameter: &str, expected: &str) -> Error {
        let got = self.parameters.get(parameter).map_or("nothing".to_owned(), Value::to_string);
        Error::Augmentation { name: self.name.to_owned(), reason: format!("{parameter} must be {expected}, not {got}") }
    }

    /// The value as written; null counts as absent, as in Python's `None`.
    pub(crate) fn value(&mut self, parameter: &'static str) -> Option<&'a Value> {
        self.read.insert(parameter);
        self.parameters.get(parameter).filter(|value| !value.is_null())
    }

    /// Notes parameters that are understood and change nothing here.
    pub(crate) fn accept(&mut self, parameters: &[&'static str]) {
        self.read.extend(parameters);
    }

    pub(crate) fn number(&mut self, parameter: &'static str, default: f64) -> Result<f64, Error> {
        match self.value(parameter).map(Value::as_f64) {
            None => Ok(default),
            Some(Some(number)) => Ok(number),
            Some(None) => Err(self.wrong(parameter, "a number")),
        }
    }

    pub(crate) fn flag(&mut self, parameter: &'static str, default: bool) -> Result<bool, Error> {
        match self.value(parameter).map(Value::as_bool) {
            None => Ok(default),
            Some(Some(flag)) => Ok(flag),
            Some(None) => Err(self.wrong(parameter, "true or false")),
        }
    }

    pub(crate) fn text(&mut self, parameter: &'static str, default: &'static str) -> Result<&'a str, Error> {
        match self.value(parameter).map(Value::as_str) {
            None => Ok(default),
            Some(Some(text)) => Ok(text),
            Some(None) => Err(self.wrong(parameter, "text")),
        }
    }

    /// A number of pixels, at least 1.
    pub(crate) fn pixels(&mut self, parameter: &'static str) -> Result<usize, Error> {
        let expected = "a number of pixels from 1 to 16384";
        let value = self.value(parameter).and_then(Value::as_u64).filter(|px| (1..=16_384).contains(px));
        value.and_then(|px| usize::try_from(px).ok()).ok_or_else(|| self.wrong(parameter, expected))
    }

    /// Two numbers, smaller first; one number `v` stands for `spread(v)`.
    pub(crate) fn range(
        &mut self,
        parameter: &'static str,
        default: (f64, f64),
        spread: fn(f64) -> (f64, f64),
    ) -> Result<(f64, f64), Error> {
        let Some(value) = self.value(parameter) else { return Ok(default) };
        let range = match value {
            Value::Number(number) => number.as_f64().map(spread),
            Value::Array(pair) if pair.len() == 2 => pair[0].as_f64().zip(pair[1].as_f64()),
            _ => None,
        };
        range
            .filter(|(low, high)| low.is_finite() && high.is_finite() && low <= high)
            .ok_or_else(|| self.wrong(parameter, "a number, or two with the smaller first"))
    }

    /// A list of augmentations, in a recipe's form or in albumentations'.
    pub(crate) fn steps(&mut self, parameter: &'static str) -> Result<Vec<Step>, Error> {
        let Some(Value::Array(list)) = self.value(parameter) else {
            return Err(self.wrong(parameter, "a list of augmentations"));
        };
        list.iter()
            .map(|value| {
                serde_json::from_value(value.clone()).map_err(|source| Error::Augmentation {
                    name: self.name.to_owned(),
                    reason: format!("{parameter}: {source}"),
                })
            })
            .collect()
    }

    /// The parameters inside a table; an absent one is empty. What is in it that nobody asks for is not refused.
    pub(crate) fn nested(&mut self, parameter: &'static str) -> Result<Reader<'a>, Error> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match self.value(parameter) {
            None => Ok(Reader::new(self.name, &EMPTY)),
            Some(Value::Object(inner)) => Ok(Reader::new(self.name, inner)),
            Some(_) => Err(self.wrong(parameter, "a table")),
        }
    }

    /// An error of the augmentation as a whole.
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::Augmentation { name: self.name.to_owned(), reason: reason.into() }
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        let known: Vec<&str> = self.read.iter().copied().collect();
        match self.parameters.keys().find(|key| !self.read.contains(key.as_str())) {
            None => Ok(()),
            Some(key) => Err(Error::Augmentation {
                name: self.name.to_owned(),
                reason: format!("there is no parameter '{key}'; there are {}", known.join(", ")),
            }),
        }
    }
}
