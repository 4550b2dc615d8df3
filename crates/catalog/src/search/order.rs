//! The order of an answer.

use std::cmp::Ordering;

use serde_json::Value;

use crate::{item::Item, item::parse_datetime};

/// A field to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// `id`, `collection`, or the name of a property without `properties.`.
    pub field: String,
    /// Greatest first.
    pub descending: bool,
}

impl SortKey {
    /// Reads `field`, `+field` or `-field`; what is no field of an item is one of its properties.
    ///
    /// # Errors
    /// A sentence that says that there is no name.
    pub fn parse(key: &str) -> Result<Self, String> {
        let (name, descending) = match key.strip_prefix('-') {
            Some(name) => (name, true),
            None => (key.strip_prefix('+').unwrap_or(key), false),
        };
        let field = name.strip_prefix("properties.").unwrap_or(name);
        if field.is_empty() {
            return Err(format!("`{key}` names no field: write datetime, or -datetime for the newest first"));
        }
        Ok(Self { field: field.to_owned(), descending })
    }

    /// The path of the field within an item: `properties.datetime`.
    #[must_use]
    pub fn path(&self) -> String {
        if matches!(self.field.as_str(), "id" | "collection") {
            self.field.clone()
        } else {
            format!("properties.{}", self.field)
        }
    }
}

/// Compares two items key by key. Ties are left in the order in which they came.
pub(super) fn order(keys: &[SortKey], a: &Item, b: &Item) -> Ordering {
    keys.iter().fold(Ordering::Equal, |order, key| {
        let next = || {
            let order = compare(field_of(a, &key.field).as_ref(), field_of(b, &key.field).as_ref());
            if key.descending { order.reverse() } else { order }
        };
        order.then_with(next)
    })
}

/// A value to sort by.
enum Rank<'a> {
    Number(f64),
    Moment(chrono::DateTime<chrono::Utc>),
    Text(&'a str),
    Other(String),
}

fn field_of<'a>(item: &'a Item, field: &str) -> Option<Rank<'a>> {
    if field == "datetime" {
        return item.datetime().map(Rank::Moment);
    }
    let value = if matches!(field, "id" | "collection") { item.document().get(field) } else { item.property(field) };
    Some(match value? {
        Value::Number(number) => Rank::Number(number.as_f64()?),
        Value::String(text) if super::is_moment(field) => match parse_datetime(text) {
            Some(moment) => Rank::Moment(moment),
            None => Rank::Text(text),
        },
        Value::String(text) => Rank::Text(text),
        other => Rank::Other(other.to_string()),
    })
}

/// Numbers before moments before texts, and what is missing last, so that it is first where the order is descending: as
/// databases have it.
fn compare(a: Option<&Rank<'_>>, b: Option<&Rank<'_>>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none().cmp(&b.is_none()) };
    let kind = |rank: &Rank<'_>| match rank {
        Rank::Number(_) => 0,
        Rank::Moment(_) => 1,
        Rank::Text(_) => 2,
        Rank::Other(_) => 3,
    };
    match (a, b) {
        (Rank::Number(a), Rank::Number(b)) => a.total_cmp(b),
        (Rank::Moment(a), Rank::Moment(b)) => a.cmp(b),
        (Rank::Text(a), Rank::Text(b)) => a.cmp(b),
        (Rank::Other(a), Rank::Other(b)) => a.cmp(b),
        _ => kind(a).cmp(&kind(b)),
    }
}
