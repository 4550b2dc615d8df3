//! How training windows are drawn, as a recipe says it: by a name alone, or by a table with settings.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::recipe::Recipe;

/// How training windows are drawn: `sampling = "grid"`, or `sampling = { method = "grid", overlap_px = 32 }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampling {
    /// Every position of the training part is equally likely, so that larger scenes give more windows.
    #[default]
    Random,
    /// Windows are drawn around a pixel of a class drawn evenly from those present in the training part.
    ClassBalanced,
    /// As `random` with a weight for each item, or as `class-balanced` with a weight for each class.
    Weighted {
        /// Weight of the positions in an item, by the pair's id; 1 where it is not named. 0 leaves an item out.
        #[serde(default)]
        items: BTreeMap<String, f64>,
        /// Weight of each class, by its name; 1 where it is not named. Empty: windows are drawn around ground, not classes.
        #[serde(default)]
        classes: BTreeMap<String, f64>,
    },
    /// The training part in a grid, shuffled: each window once an epoch. The last of a row or column is moved back inside.
    Grid {
        /// Pixels that neighbours share, at least.
        #[serde(default)]
        overlap_px: usize,
    },
    /// Images cut to size already: the training part of each image is one window, once an epoch.
    Chips,
}

impl Sampling {
    /// Whether windows are drawn around classes.
    pub(crate) fn is_by_class(&self) -> bool {
        match self {
            Sampling::ClassBalanced => true,
            Sampling::Weighted { classes, .. } => !classes.is_empty(),
            _ => false,
        }
    }

    /// The weight of an item's positions.
    pub(crate) fn item_weight(&self, id: &str) -> f64 {
        match self {
            Sampling::Weighted { items, .. } => items.get(id).copied().unwrap_or(1.0),
            _ => 1.0,
        }
    }

    /// The weight of a class.
    pub(crate) fn class_weight(&self, name: &str) -> f64 {
        match self {
            Sampling::Weighted { classes, .. } => classes.get(name).copied().unwrap_or(1.0),
            _ => 1.0,
        }
    }

    pub(crate) fn check(&self, recipe: &Recipe) -> Result<(), Error> {
        let wrong = |field: &str, reason: String| Err(Error::Recipe { field: format!("sampling.{field}"), reason });
        match self {
            Sampling::Grid { overlap_px } if *overlap_px >= recipe.window_px => {
                wrong("overlap_px", format!("must be below window_px = {}, not {overlap_px}", recipe.window_px))
            }
            Sampling::Weighted { items, classes } => {
                let weights =
                    items.iter().map(|pair| ("items", pair)).chain(classes.iter().map(|pair| ("classes", pair)));
                for (field, (name, weight)) in weights {
                    if !weight.is_finite() || *weight < 0.0 {
                        return wrong(field, format!("the weight of '{name}' must be 0 or more, not {weight}"));
                    }
                }
                if let Some(name) = classes.keys().find(|name| recipe.class_index(name).is_none()) {
                    return wrong("classes", format!("'{name}' is none of the classes {:?}", recipe.classes));
                }
                if recipe.classes.iter().all(|name| self.class_weight(name) == 0.0) {
                    return wrong("classes", "all weights are 0; give one class more".to_owned());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Reads a method by its name alone, or a table that names it.
pub(crate) fn name_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sampling, D::Error> {
    let table = match Value::deserialize(deserializer)? {
        Value::String(name) => serde_json::json!({ "method": name }),
        table => table,
    };
    serde_json::from_value(table).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(sampling: &str) -> Result<Recipe, String> {
        let text = format!("classes = [\"a\", \"b\"]\nsampling = {sampling}");
        let recipe: Recipe = toml::from_str(&text).map_err(|error| error.to_string())?;
        recipe.check().map_err(|error| error.to_string())?;
        Ok(recipe)
    }

    #[test]
    fn methods_are_read_by_name_and_by_table_and_written_back() {
        for (text, method) in [
            (r#""class-balanced""#, Sampling::ClassBalanced),
            (r#""grid""#, Sampling::Grid { overlap_px: 0 }),
            (r#"{ method = "grid", overlap_px = 32 }"#, Sampling::Grid { overlap_px: 32 }),
            (r#"{ method = "chips" }"#, Sampling::Chips),
        ] {
            let recipe = recipe(text).unwrap();
            assert_eq!(recipe.sampling, method);
            assert_eq!(toml::from_str::<Recipe>(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (text, words) in [
            (r#""rendom""#, ["rendom", "class-balanced"]),
            (r#"{ method = "grid", overlap_px = 256 }"#, ["overlap_px", "below window_px = 256"]),
            (r#"{ method = "weighted", classes = { c = 2 } }"#, ["'c'", "none of the classes"]),
            (r#"{ method = "weighted", classes = { a = 0, b = 0 } }"#, ["all weights are 0", "class"]),
            (r#"{ method = "weighted", items = { x = -1 } }"#, ["'x'", "0 or more"]),
        ] {
            let error = recipe(text).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
        }
    }
}
