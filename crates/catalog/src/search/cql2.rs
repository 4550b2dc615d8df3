//! Conditions in CQL2, the OGC's Common Query Language: read from text or JSON, decided on items, written for servers.
//!
//! What is missing is neither true nor false, as in SQL: `eo:cloud_cover < 10` and `not (eo:cloud_cover < 10)` both leave
//! out items that do not say it. So does a comparison of a text with a number.

mod check;
mod evaluate;
mod json;
mod like;
mod operator;
mod place;
mod read;
mod token;
mod value;
mod write;

use chrono::{DateTime, NaiveDate, Utc};

pub use operator::{Operator, Relation, SetRelation, TimeRelation};
pub use place::Place;

/// A condition or a value in one. Made by [`Expr::parse`], [`Expr::of_json`] and [`Expr::of_query`], which validate it.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A truth.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
    /// A day; compared as its first moment.
    Date(NaiveDate),
    /// A moment.
    Timestamp(DateTime<Utc>),
    /// A span of time, each end a date, a moment or a property, or open.
    Interval(Option<Box<Expr>>, Option<Box<Expr>>),
    /// A geometry.
    Geometry(Place),
    /// A field of an item: `id`, `collection`, `geometry`, or a property, with or without `properties.`.
    Property(String),
    /// Several values: what `in` and the array functions take.
    List(Vec<Expr>),
    /// An operator and what it is applied to.
    Call(Operator, Vec<Expr>),
}

impl Expr {
    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut all = Vec::new();
        for part in [self, other] {
            match part {
                Self::Call(Operator::And, parts) => all.extend(parts),
                part => all.push(part),
            }
        }
        Self::Call(Operator::And, all)
    }

    /// The conditions that must all hold, each by itself: a server may be asked for some of them.
    #[must_use]
    pub fn conjuncts(&self) -> &[Self] {
        match self {
            Self::Call(Operator::And, parts) => parts,
            one => std::slice::from_ref(one),
        }
    }
}
