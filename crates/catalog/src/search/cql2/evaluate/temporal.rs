//! How two spans of time lie to each other. The property `datetime` stands for all of the item's time, from
//! `start_datetime` to `end_datetime` where it has those.

use chrono::{DateTime, Utc};

use super::value;
use crate::{
    item::Item,
    search::cql2::{Expr, TimeRelation, value::Span, value::Value},
};

pub(super) fn holds(relation: TimeRelation, a: &Expr, b: &Expr, item: &Item) -> Option<bool> {
    let ((a_first, a_last), (b_first, b_last)) = (span(a, item)?, span(b, item)?);
    let meets = a_first <= b_last && a_last >= b_first;
    Some(match relation {
        TimeRelation::After => a_first > b_last,
        TimeRelation::Before => a_last < b_first,
        TimeRelation::Contains => a_first < b_first && a_last > b_last,
        TimeRelation::During => a_first > b_first && a_last < b_last,
        TimeRelation::Disjoint => !meets,
        TimeRelation::Intersects => meets,
        TimeRelation::Equals => a_first == b_first && a_last == b_last,
        TimeRelation::FinishedBy => a_first < b_first && a_last == b_last,
        TimeRelation::Finishes => a_first > b_first && a_last == b_last,
        TimeRelation::Meets => a_last == b_first,
        TimeRelation::MetBy => a_first == b_last,
        TimeRelation::Overlaps => a_first < b_first && b_first < a_last && a_last < b_last,
        TimeRelation::OverlappedBy => b_first < a_first && a_first < b_last && a_last > b_last,
        TimeRelation::StartedBy => a_first == b_first && a_last > b_last,
        TimeRelation::Starts => a_first == b_first && a_last < b_last,
    })
}

fn span(expr: &Expr, item: &Item) -> Option<Span> {
    match expr {
        Expr::Property(name) if matches!(name.as_str(), "datetime" | "properties.datetime") => item.interval(),
        other => value(other, item).span(),
    }
}

pub(super) fn interval<'a>(start: Option<&'a Expr>, end: Option<&'a Expr>, item: &'a Item) -> Value<'a> {
    let moment = |expr: Option<&'a Expr>, open: DateTime<Utc>| match expr {
        None => Some(open),
        Some(expr) => value(expr, item).span().map(|(first, _)| first),
    };
    match (moment(start, DateTime::<Utc>::MIN_UTC), moment(end, DateTime::<Utc>::MAX_UTC)) {
        (Some(first), Some(last)) => Value::Span((first, last)),
        _ => Value::Null,
    }
}
