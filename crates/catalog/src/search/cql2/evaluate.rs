//! Whether a condition holds for an item: true, false, or neither where something is missing.

mod spatial;
mod temporal;

use std::{borrow::Cow, cmp::Ordering};

use chrono::{DateTime, NaiveDate, Utc};

use super::{Expr, Operator, SetRelation, like, value::Value};
use crate::item::Item;

impl Expr {
    /// Whether an item is as the condition says. What cannot be told does not hold.
    #[must_use]
    pub fn matches(&self, item: &Item) -> bool {
        truth(self, item) == Some(true)
    }
}

fn truth(expr: &Expr, item: &Item) -> Option<bool> {
    value(expr, item).truth()
}

pub(super) fn value<'a>(expr: &'a Expr, item: &'a Item) -> Value<'a> {
    match expr {
        Expr::Bool(truth) => Value::Truth(*truth),
        Expr::Number(number) => Value::Number(*number),
        Expr::Text(text) => Value::Text(Cow::Borrowed(text)),
        Expr::Date(day) => Value::Moment(midnight(*day)),
        Expr::Timestamp(moment) => Value::Moment(*moment),
        Expr::Interval(start, end) => temporal::interval(start.as_deref(), end.as_deref(), item),
        Expr::Geometry(place) => Value::Place(Cow::Borrowed(place.shape())),
        Expr::Property(name) => Value::of(item, name),
        Expr::List(values) => Value::List(values.iter().map(|own| value(own, item)).collect()),
        Expr::Call(operator, args) => call(*operator, args, item),
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

fn call<'a>(operator: Operator, args: &'a [Expr], item: &'a Item) -> Value<'a> {
    let told = |truth: Option<bool>| truth.map_or(Value::Null, Value::Truth);
    match (operator, args) {
        (Operator::And, args) => told(all(args, item, false)),
        (Operator::Or, args) => told(all(args, item, true)),
        (Operator::Not, [arg]) => told(truth(arg, item).map(|truth| !truth)),
        (Operator::IsNull, [arg]) => Value::Truth(matches!(value(arg, item), Value::Null)),
        (Operator::Casei, [arg]) => text(arg, item, |text| text.to_lowercase()),
        (Operator::Accenti, [arg]) => text(arg, item, without_accents),
        (Operator::In, [arg, Expr::List(list)]) => told(is_among(&value(arg, item), list, item)),
        (Operator::Between, [arg, from, to]) => {
            let own = value(arg, item);
            let from = own.compare(&value(from, item)).map(Ordering::is_ge);
            let to = own.compare(&value(to, item)).map(Ordering::is_le);
            told(both(from, to))
        }
        (Operator::Temporal(relation), [a, b]) => told(temporal::holds(relation, a, b, item)),
        (operator, [a, b]) => binary(operator, &value(a, item), &value(b, item)),
        _ => Value::Null,
    }
}

fn binary<'a>(operator: Operator, a: &Value<'a>, b: &Value<'a>) -> Value<'a> {
    let told = |truth: Option<bool>| truth.map_or(Value::Null, Value::Truth);
    let compared = |is: fn(Ordering) -> bool| told(a.compare(b).map(is));
    match operator {
        Operator::Equal => compared(Ordering::is_eq),
        Operator::NotEqual => compared(Ordering::is_ne),
        Operator::Less => compared(Ordering::is_lt),
        Operator::LessOrEqual => compared(Ordering::is_le),
        Operator::Greater => compared(Ordering::is_gt),
        Operator::GreaterOrEqual => compared(Ordering::is_ge),
        Operator::Like => match (a, b) {
            (Value::Text(text), Value::Text(pattern)) => Value::Truth(like::matches(text, pattern)),
            _ => Value::Null,
        },
        Operator::Spatial(relation) => match (a, b) {
            (Value::Place(a), Value::Place(b)) => told(spatial::holds(relation, a, b)),
            _ => Value::Null,
        },
        Operator::Array(relation) => match (a, b) {
            (Value::List(a), Value::List(b)) => Value::Truth(lists(relation, a, b)),
            _ => Value::Null,
        },
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => computed(operator, a, b).map_or(Value::Null, Value::Number),
            _ => Value::Null,
        },
    }
}

/// Whether all hold, or for `deciding` true whether any does: as soon as one decides, nothing else matters.
fn all(args: &[Expr], item: &Item, deciding: bool) -> Option<bool> {
    let mut told = Some(!deciding);
    for arg in args {
        match truth(arg, item) {
            Some(truth) if truth == deciding => return Some(deciding),
            Some(_) => {}
            None => told = None,
        }
    }
    told
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn is_among(own: &Value<'_>, list: &[Expr], item: &Item) -> Option<bool> {
    let mut told = Some(false);
    for other in list {
        match own.compare(&value(other, item)) {
            Some(Ordering::Equal) => return Some(true),
            Some(_) => {}
            None => told = None,
        }
    }
    told
}

fn lists(relation: SetRelation, a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    let same = |a: &Value<'_>, b: &Value<'_>| a.compare(b) == Some(Ordering::Equal);
    let has = |list: &[Value<'_>], own: &Value<'_>| list.iter().any(|other| same(own, other));
    match relation {
        SetRelation::Contains => b.iter().all(|own| has(a, own)),
        SetRelation::ContainedBy => a.iter().all(|own| has(b, own)),
        SetRelation::Overlaps => a.iter().any(|own| has(b, own)),
        SetRelation::Equals => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
    }
}

fn computed(operator: Operator, a: f64, b: f64) -> Option<f64> {
    let number = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Remainder => a % b,
        Operator::Power => a.powf(b),
        Operator::WholeDivide => (a / b).trunc(),
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn text<'a>(arg: &'a Expr, item: &'a Item, change: impl Fn(&str) -> String) -> Value<'a> {
    match value(arg, item) {
        Value::Text(text) => Value::Text(Cow::Owned(change(&text))),
        _ => Value::Null,
    }
}

/// Letters decomposed, and the marks among the parts left out.
fn without_accents(text: &str) -> String {
    let is_mark = |character: char| {
        matches!(character,
            '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
    };
    let decomposed = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    decomposed.chars().filter(|character| !is_mark(*character)).collect()
}
