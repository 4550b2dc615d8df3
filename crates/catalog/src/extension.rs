//! What all extension structs share: their schema's address, their prefix, and how they get in and out of JSON objects.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    item::Item,
};

/// A STAC extension: the fields of one prefix, as a struct.
pub trait Extension: Serialize + DeserializeOwned {
    /// The address of the schema that is written.
    const SCHEMA: &'static str;
    /// The schema's address up to its version: whatever version an item names, it is this extension.
    const FAMILY: &'static str;
    /// The prefix of the extension's fields, with the colon.
    const PREFIX: &'static str;

    /// Whether the struct says what the extension allows: reading is lenient, what is written must be right.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self) -> std::result::Result<(), String> {
        Ok(())
    }
}

/// Whether the item names a version of the extension `E`; versions of STAC before 1.0 name it by its prefix.
#[must_use]
pub fn is_named<E: Extension>(item: &Item) -> bool {
    item.extensions().any(|schema| schema.starts_with(E::FAMILY) || schema == E::PREFIX.trim_end_matches(':'))
}

/// Reads an extension's fields out of an item's properties; `None` when there are none.
///
/// # Errors
/// [`Error::Field`] when a field has another shape than the struct's.
pub fn read<E: Extension>(item: &Item) -> Result<Option<E>> {
    match item.properties() {
        Some(properties) => read_fields(item.id(), properties),
        None => Ok(None),
    }
}

/// Reads an extension's fields out of any JSON object: an asset, a link, a band, properties. `owner` is named in errors.
///
/// # Errors
/// [`Error::Field`] when a field has another shape than the struct's.
pub fn read_fields<E: Extension>(owner: &str, fields: &Map<String, Value>) -> Result<Option<E>> {
    let own: Map<String, Value> = fields
        .iter()
        .filter(|(key, _)| key.starts_with(E::PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if own.is_empty() {
        return Ok(None);
    }
    serde_json::from_value(Value::Object(own)).map(Some).map_err(|error| Error::Field {
        item: owner.to_owned(),
        field: format!("{}*", E::PREFIX),
        reason: error.to_string(),
    })
}

/// Writes an extension's fields into a JSON object, over what is there.
///
/// # Errors
/// [`Error::Field`] when the struct says what the extension does not allow, or what JSON cannot say.
pub fn write_fields<E: Extension>(extension: &E, owner: &str, fields: &mut Map<String, Value>) -> Result<()> {
    let wrong = |reason| Error::Field { item: owner.to_owned(), field: format!("{}*", E::PREFIX), reason };
    extension.check().map_err(wrong)?;
    if let Value::Object(own) = serde_json::to_value(extension).map_err(|error| wrong(error.to_string()))? {
        fields.extend(own);
    }
    Ok(())
}
