//! Which fields of an item are wanted, as the fields extension of the STAC API says it.
//!
//! Names are paths (`properties.datetime`, `assets.image`). Where any are included, an item keeps those and what makes it an
//! item (`type`, `id`, `collection`); excluded ones are then taken out, whatever included them.

use serde_json::{Map, Value};

use crate::item::Item;

/// What an item is known by, and never goes without.
const KEPT: [&str; 3] = ["type", "id", "collection"];

/// Fields to keep and to leave out; the default keeps all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Fields that are wanted; empty for all.
    pub include: Vec<String>,
    /// Fields that are not wanted.
    pub exclude: Vec<String>,
}

impl Fields {
    /// Reads names of fields, `-name` for one that is not wanted.
    ///
    /// # Errors
    /// A sentence that says which name is none.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, String> {
        let mut fields = Self::default();
        for name in names {
            let name = name.as_ref();
            let (list, path) = match name.strip_prefix('-') {
                Some(path) => (&mut fields.exclude, path),
                None => (&mut fields.include, name.strip_prefix('+').unwrap_or(name)),
            };
            if path.split('.').any(str::is_empty) {
                return Err(format!("`{name}` is no field: write properties.datetime, or -assets to leave it out"));
            }
            list.push(path.to_owned());
        }
        Ok(fields)
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Takes out of an item what is not wanted.
    pub fn apply(&self, item: &mut Item) {
        let document = item.document_mut();
        if !self.include.is_empty() {
            let mut kept = Map::new();
            for path in KEPT.into_iter().chain(self.include.iter().map(String::as_str)) {
                copy(document, &mut kept, path);
            }
            *document = kept;
        }
        for path in self.exclude.iter().filter(|path| !KEPT.contains(&path.as_str())) {
            remove(document, path);
        }
    }
}

/// Splits a path at its first dot, unless the whole is a key: names of assets may have dots.
fn step<'a>(from: &Map<String, Value>, path: &'a str) -> Option<(&'a str, &'a str)> {
    if from.contains_key(path) { None } else { path.split_once('.') }
}

fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, path: &str) {
    match step(from, path) {
        None => {
            if let Some(value) = from.get(path) {
                to.insert(path.to_owned(), value.clone());
            }
        }
        Some((head, rest)) => {
            let Some(Value::Object(inner)) = from.get(head) else { return };
            let slot = to.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(slot) = slot {
                copy(inner, slot, rest);
            }
        }
    }
}

fn remove(from: &mut Map<String, Value>, path: &str) {
    match step(from, path) {
        None => drop(from.shift_remove(path)),
        Some((head, rest)) => {
            if let Some(Value::Object(inner)) = from.get_mut(head) {
                remove(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::href::Href;

    #[test]
    fn included_fields_stay_and_excluded_ones_go() {
        let document = json!({"type": "Feature", "id": "a", "collection": "c", "geometry": null, "links": [],
            "properties": {"datetime": "2020-01-01T00:00:00Z", "gsd": 10, "eo:cloud_cover": 3},
            "assets": {"b.tif": {"href": "x", "title": "t"}}});
        let apply = |names: &[&str]| {
            let mut item = Item::new(document.clone(), Href::parse("/a.json").unwrap()).unwrap();
            Fields::parse(names).unwrap().apply(&mut item);
            item.into_value()
        };
        assert_eq!(apply(&[]), document);
        assert_eq!(
            apply(&["properties.gsd", "assets.b.tif"]),
            json!({"type": "Feature", "id": "a", "collection": "c", "properties": {"gsd": 10}, "assets": document["assets"]})
        );
        let less = apply(&["-properties.datetime", "-assets", "-id", "-links"]);
        assert_eq!(
            less,
            json!({"type": "Feature", "id": "a", "collection": "c", "geometry": null,
                   "properties": {"gsd": 10, "eo:cloud_cover": 3}})
        );
        assert_eq!(apply(&["properties", "-properties.gsd"])["properties"].as_object().unwrap().len(), 2);
        assert!(Fields::parse(&["properties..x"]).is_err() && Fields::parse(&["-"]).is_err());
    }
}
