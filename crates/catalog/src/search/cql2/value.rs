//! What an expression is worth on one item.

use std::{borrow::Cow, cmp::Ordering};

use chrono::{DateTime, Utc};

use crate::{
    item::{Item, parse_datetime},
    search::{Shape, is_moment},
};

/// A value. What is missing, or cannot be told, is null.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Truth(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Moment(DateTime<Utc>),
    Span(Span),
    Place(Cow<'a, Shape>),
    List(Vec<Value<'a>>),
    /// An object, of which can be told only that it is there.
    Object,
}

/// First and last moment; the earliest and latest that there are where it is open.
pub(super) type Span = (DateTime<Utc>, DateTime<Utc>);

impl<'a> Value<'a> {
    /// A field of an item.
    pub(super) fn of(item: &'a Item, name: &str) -> Self {
        let text = |text: &'a str| Self::Text(Cow::Borrowed(text));
        let name = name.strip_prefix("properties.").unwrap_or(name);
        match name {
            "id" => text(item.id()),
            "collection" => item.collection().map_or(Self::Null, text),
            "geometry" => Shape::of_item(item).map_or(Self::Null, |shape| Self::Place(Cow::Owned(shape))),
            "datetime" => item.datetime().map_or(Self::Null, Self::Moment),
            _ => match (property(item, name), is_moment(name)) {
                (Some(serde_json::Value::String(own)), true) => {
                    parse_datetime(own).map_or_else(|| text(own), Self::Moment)
                }
                (own, _) => own.map_or(Self::Null, Self::of_json),
            },
        }
    }

    fn of_json(value: &'a serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Truth(*truth),
            Json::Number(number) => number.as_f64().map_or(Self::Null, Self::Number),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(values) => Self::List(values.iter().map(Self::of_json).collect()),
            Json::Object(_) => Self::Object,
        }
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(*truth),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Which is greater; `None` where that cannot be told. A text beside a moment is read as one.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Truth(a), Self::Truth(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Moment(a), Self::Moment(b)) => Some(a.cmp(b)),
            (Self::Moment(a), Self::Text(b)) => Some(a.cmp(&parse_datetime(b)?)),
            (Self::Text(a), Self::Moment(b)) => Some(parse_datetime(a)?.cmp(b)),
            _ => None,
        }
    }

    pub(super) fn span(&self) -> Option<Span> {
        match self {
            Self::Span(span) => Some(*span),
            Self::Moment(moment) => Some((*moment, *moment)),
            Self::Text(text) => match text.split_once('/') {
                None => parse_datetime(text).map(|moment| (moment, moment)),
                Some((start, end)) => {
                    let end_of = |text: &str, open: DateTime<Utc>| {
                        if matches!(text, ".." | "") { Some(open) } else { parse_datetime(text) }
                    };
                    Some((end_of(start, DateTime::<Utc>::MIN_UTC)?, end_of(end, DateTime::<Utc>::MAX_UTC)?))
                }
            },
            _ => None,
        }
    }
}

/// A property, or what lies within one: `a.b` is the member `b` of `a` where there is no property of the whole name.
fn property<'a>(item: &'a Item, name: &str) -> Option<&'a serde_json::Value> {
    item.property(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(item.property(first)?, |value, key| value.get(key))
    })
}
