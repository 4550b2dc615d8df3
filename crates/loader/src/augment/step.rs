//! Augmentations as they are written: in a recipe, or as albumentations saves a pipeline.

use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::Error;

/// One augmentation as written in a recipe: `{ name = "RandomCrop", height = 224, width = 224, p = 1.0 }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Name as in albumentations.
    pub name: String,
    /// All other keys: parameters as in albumentations, and `p`, the probability that the step happens. No value is null.
    pub parameters: Map<String, Value>,
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = ("name".to_owned(), Value::String(self.name.clone()));
        let all: Map<String, Value> = std::iter::once(name).chain(self.parameters.clone()).collect();
        all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parameters = Map::deserialize(deserializer)?;
        // albumentations writes its own key, with the module in front where the class is not one of its own.
        let name = parameters.remove("name").or_else(|| parameters.remove("__class_fullname__"));
        let Some(Value::String(name)) = name else { return Err(D::Error::custom("an augmentation needs a `name`")) };
        // Python's `None` is a parameter that is not given; TOML, in which recipes are kept, has no word for it.
        let parameters = parameters.into_iter().filter(|(_, value)| !value.is_null());
        let parameters = parameters.map(|(key, value)| (key, without_nulls(value))).collect();
        Ok(Step { name: name.rsplit('.').next().unwrap_or_default().to_owned(), parameters })
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let given = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

impl Step {
    /// A step with default parameters.
    pub fn new(name: &str) -> Step {
        Step { name: name.to_owned(), parameters: Map::new() }
    }

    /// The same step with one parameter set.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: impl Into<Value>) -> Step {
        self.parameters.insert(parameter.to_owned(), value.into());
        self
    }

    /// The steps inside, where this is a plain sequence of them that always happens.
    fn inner(&self) -> Option<Vec<Step>> {
        let plain = matches!(self.name.as_str(), "Compose" | "ReplayCompose" | "Sequential");
        let given = self.parameters.get("p").map_or(self.name != "Sequential", |p| p.as_f64() == Some(1.0));
        let steps = self.parameters.get("transforms").filter(|_| plain && given)?;
        serde_json::from_value(steps.clone()).ok()
    }
}

/// Steps out of what albumentations saved (`A.to_dict`, `A.save`), or out of a list of steps.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Saved { transform: Step },
    List(Vec<Step>),
    One(Step),
}

/// Reads a list of augmentations: a recipe's `augment`, or all that `A.to_dict` gives (`{"__version__": …, "transform": …}`).
/// What stands in a `Compose` that always happens stands for itself.
///
/// # Errors
/// Says what is not understood.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_string() {
        let reason = "expected a list of augmentations; read those of a file with swath_loader::augment::read";
        return Err(D::Error::custom(reason));
    }
    steps(value).map_err(D::Error::custom)
}

fn steps(value: Value) -> serde_json::Result<Vec<Step>> {
    // An untagged enum forgets what was wrong, so the shape is looked at first.
    let written = match &value {
        Value::Array(_) => Written::List(serde_json::from_value(value)?),
        Value::Object(map) if map.contains_key("transform") => {
            Written::Saved { transform: serde_json::from_value(value["transform"].clone())? }
        }
        _ => Written::One(serde_json::from_value(value)?),
    };
    Ok(match written {
        Written::List(steps) => steps,
        Written::Saved { transform: step } | Written::One(step) => step.inner().unwrap_or_else(|| vec![step]),
    })
}

/// Reads augmentations from JSON text, as [`deserialize`] does.
///
/// # Errors
/// [`Error::ParseAugmentations`] where it is no JSON, or no list of augmentations.
pub fn parse(text: &str, origin: &str) -> Result<Vec<Step>, Error> {
    let failed = |source| Error::ParseAugmentations { path: origin.to_owned(), source };
    serde_json::from_str(text).and_then(steps).map_err(failed)
}

/// Reads augmentations from a JSON file, such as `A.save` writes.
///
/// # Errors
/// [`Error::ReadAugmentations`], [`Error::ParseAugmentations`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Step>, Error> {
    let path = path.as_ref();
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path);
    parse(&text.map_err(|source| Error::ReadAugmentations { path: origin.clone(), source })?, &origin)
}

/// The error for a name that is none of `names`: what was meant, where that can be guessed.
pub(super) fn unknown(name: &str, names: &[&str]) -> Error {
    let elsewhere = match name {
        "Normalize" | "ToFloat" | "FromFloat" => Some("values are scaled by the recipe's `normalise`: leave it out"),
        "ToTensorV2" | "ToTensor3D" => Some("batches are arrays already: leave it out"),
        "MixUp" | "CutMix" | "Mosaic" => Some("samples are mixed by the recipe's `mix`"),
        "Lambda" => Some("it is a function of Python and cannot be saved: leave it out"),
        _ => None,
    };
    let nearest = names.iter().map(|known| (distance(name, known), *known)).min();
    let suggestion = match (elsewhere, nearest) {
        (Some(elsewhere), _) => elsewhere.to_owned(),
        // A third of the letters may be wrong or missing; what is further away is another word.
        (None, Some((away, known))) if away * 3 <= known.len() => format!("did you mean {known}?"),
        _ => format!("there are {}", names.join(", ")),
    };
    Error::UnknownAugmentation { name: name.to_owned(), suggestion }
}

/// Letters to insert, remove or replace to get from one word to another, upper and lower case being the same.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
