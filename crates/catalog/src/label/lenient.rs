//! Label fields as they are met in published items, each in a shape of its own.

use serde_json::{Map, Value};

use super::{ClassName, Classes, Label, LabelType};
use crate::item::Item;

/// A field that is not as the extension says, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// The field, with its prefix.
    pub field: &'static str,
    /// What was found and what was assumed.
    pub message: String,
}

/// Reads the label fields of an item in whatever shape they are, and says what was assumed. `None` when it has none.
#[must_use]
pub fn read(item: &Item) -> Option<(Label, Vec<Assumption>)> {
    let fields = item.properties()?;
    if !fields.keys().any(|key| key.starts_with("label:")) {
        return None;
    }
    let mut reader = Reader { fields, assumptions: Vec::new() };
    let properties = reader.properties();
    let classes = reader.classes(properties.as_deref());
    let label = Label {
        properties,
        classes,
        description: fields.get("label:description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        label_type: reader.label_type(item),
        tasks: reader.texts("label:tasks", "label:task"),
        methods: reader.texts("label:methods", "label:method"),
        overviews: reader.overviews(),
        other: Map::new(),
    };
    Some((label, reader.assumptions))
}

struct Reader<'a> {
    fields: &'a Map<String, Value>,
    assumptions: Vec<Assumption>,
}

impl<'a> Reader<'a> {
    fn assume(&mut self, field: &'static str, message: impl Into<String>) {
        self.assumptions.push(Assumption { field, message: message.into() });
    }

    fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Names as a list; a lone name counts as a list of one. `old` is the field's name before version 1.
    fn texts(&mut self, field: &'static str, old: &'static str) -> Vec<String> {
        let value = match (self.get(field), self.get(old)) {
            (Some(value), _) => value,
            (None, Some(value)) => {
                self.assume(field, format!("`{old}` of an older version stands in its place; it was read"));
                value
            }
            (None, None) => return Vec::new(),
        };
        match value {
            Value::String(text) => {
                self.assume(field, "it is one text; it was read as a list of one");
                vec![text.clone()]
            }
            other => strings(other),
        }
    }

    fn properties(&mut self) -> Option<Vec<String>> {
        let properties = self.texts("label:properties", "label:property");
        (!properties.is_empty()).then_some(properties)
    }

    fn classes(&mut self, properties: Option<&[String]>) -> Vec<Classes> {
        const FIELD: &str = "label:classes";
        let property = || properties.and_then(|properties| properties.first().cloned());
        match self.get(FIELD) {
            None => Vec::new(),
            Some(Value::Array(entries)) if entries.iter().any(Value::is_object) => {
                entries.iter().filter_map(|entry| self.entry(entry, property())).collect()
            }
            Some(Value::Array(names)) => {
                self.assume(
                    FIELD,
                    "it is a plain list of classes; they were read as the classes of the first property",
                );
                vec![Classes { name: property(), classes: class_names(names) }]
            }
            Some(entry @ Value::Object(_)) => {
                self.assume(FIELD, "it is one entry and no list; it was read as a list of one");
                self.entry(entry, property()).into_iter().collect()
            }
            Some(other) => {
                self.assume(FIELD, format!("it is {other}, which names no classes; it was left out"));
                Vec::new()
            }
        }
    }

    /// One entry of `label:classes`: `{name, classes}`, or class names with their values.
    fn entry(&mut self, entry: &Value, property: Option<String>) -> Option<Classes> {
        const FIELD: &str = "label:classes";
        let fields = entry.as_object()?;
        let Some(listed) = fields.get("classes") else {
            self.assume(
                FIELD,
                "an entry has no `classes`; its keys were read as class names and its values as their numbers",
            );
            let mut names: Vec<(&String, i64)> = fields
                .iter()
                .filter(|(key, _)| *key != "name")
                .map(|(key, value)| (key, value.as_i64().unwrap_or(i64::MAX)))
                .collect();
            names.sort_by_key(|(_, value)| *value);
            return Some(Classes {
                name: property,
                classes: names.into_iter().map(|(name, _)| ClassName::Name(name.clone())).collect(),
            });
        };
        let name = match fields.get("name") {
            Some(Value::String(name)) => Some(name.clone()),
            Some(Value::Array(names)) => {
                self.assume(FIELD, "`name` is a list; its first element was read");
                names.first().and_then(Value::as_str).map(str::to_owned)
            }
            _ => None,
        };
        let classes = match listed {
            Value::Array(list) if list.iter().any(Value::is_array) => {
                self.assume(FIELD, "`classes` is a list of lists; they were read as one list");
                list.iter().flat_map(|inner| class_names(inner.as_array().map_or(&[][..], Vec::as_slice))).collect()
            }
            Value::Array(list) => class_names(list),
            Value::Object(classes) => {
                self.assume(FIELD, "`classes` is an object; its keys were read as class names");
                classes.keys().cloned().map(ClassName::Name).collect()
            }
            other => class_names(std::slice::from_ref(other)),
        };
        Some(Classes { name, classes })
    }

    fn label_type(&mut self, item: &Item) -> LabelType {
        match self.get("label:type").and_then(Value::as_str) {
            Some("vector") => LabelType::Vector,
            Some("raster") => LabelType::Raster,
            other => {
                let raster = item.assets().any(|asset| asset.has_role("labels-raster"))
                    || !item.assets().any(|asset| asset.is_geojson()) && item.assets().any(|asset| asset.is_raster());
                let (label_type, name) =
                    if raster { (LabelType::Raster, "raster") } else { (LabelType::Vector, "vector") };
                let said = other.map_or_else(|| "it is missing".to_owned(), |other| format!("it is `{other}`"));
                self.assume("label:type", format!("{said}; `{name}` was assumed from the assets"));
                label_type
            }
        }
    }

    fn overviews(&mut self) -> Vec<super::Overview> {
        const FIELD: &str = "label:overviews";
        let Some(value) = self.get(FIELD).or_else(|| self.get("label:overview")) else { return Vec::new() };
        let list = if value.is_object() { Value::Array(vec![value.clone()]) } else { value.clone() };
        serde_json::from_value(list).unwrap_or_else(|error| {
            self.assume(FIELD, format!("it cannot be read ({error}); counts are taken as unknown"));
            Vec::new()
        })
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn class_names(list: &[Value]) -> Vec<ClassName> {
    let name = |value: &Value| match value {
        Value::String(name) => Some(ClassName::Name(name.clone())),
        Value::Number(number) => Some(ClassName::Number(number.clone())),
        _ => None,
    };
    list.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::href::Href;

    fn lenient(properties: Value) -> (Label, Vec<Assumption>) {
        let assets = json!({"labels": {"href": "a.geojson"}});
        let document = json!({"type": "Feature", "id": "a", "properties": properties, "assets": assets});
        read(&Item::new(document, Href::parse("/a.json").unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn classes_are_read_in_every_shape_that_was_met() {
        let properties = json!(["kind"]);
        for (classes, assumptions) in [
            (json!([{"name": "kind", "classes": ["land", "water"]}]), 0),
            (json!({"name": "kind", "classes": ["land", "water"]}), 1),
            (json!(["land", "water"]), 1),
            (json!([{"water": 1, "land": 0}]), 1),
            (json!([{"name": ["kind"], "classes": [["land", "water"]]}]), 2),
            (json!([{"name": "kind", "classes": {"land": 0, "water": 1}}]), 1),
        ] {
            let fields = json!({"label:type": "vector", "label:properties": properties, "label:classes": classes});
            let (label, assumed) = lenient(fields);
            assert_eq!(label.class_names(), ["land", "water"], "{classes}");
            assert_eq!(label.classes[0].name.as_deref(), Some("kind"), "{classes}");
            assert_eq!(assumed.len(), assumptions, "{classes}: {assumed:?}");
        }
    }

    #[test]
    fn fields_of_older_versions_are_read() {
        let (label, assumed) = lenient(json!({"label:property": ["kind"], "label:task": "segmentation"}));
        assert_eq!(label.properties, Some(vec!["kind".to_owned()]));
        assert_eq!((label.tasks, label.label_type), (vec!["segmentation".to_owned()], LabelType::Vector));
        let fields: Vec<_> = assumed.iter().map(|assumption| assumption.field).collect();
        assert_eq!(fields, ["label:properties", "label:type", "label:tasks", "label:tasks"]);
    }
}
