//! Dates that cannot be true, or that something else in the catalog contradicts.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use regex::Regex;
use serde_json::Value;

use super::{Finding, FindingKind, Severity};
use crate::{
    item::{Item, parse_datetime},
    source::tree::Tree,
};

/// Missions by how items spell them, and the day of their first satellite's launch.
const LAUNCHES: [(&str, (i32, u32, u32)); 6] = [
    ("sentinel-1", (2014, 4, 3)),
    ("sentinel-2", (2015, 6, 23)),
    ("sentinel-3", (2016, 2, 16)),
    ("landsat-8", (2013, 2, 11)),
    ("landsat-9", (2021, 9, 27)),
    ("landsat", (1972, 7, 23)),
];

pub(super) fn examine(tree: &Tree, item: &Item, findings: &mut Vec<Finding>) {
    let field = "properties.datetime";
    let Some(moment) = item.datetime() else {
        let message = match item.property("datetime") {
            Some(text) => format!("{text} is no date; the item is taken to have none"),
            None => "there is none, and no start_datetime; the item is found by no question about time".to_owned(),
        };
        findings.push(Finding::of(item, FindingKind::InvalidField, Severity::Error, field, message));
        return;
    };
    let mut doubt = |kind, severity, message: String| findings.push(Finding::of(item, kind, severity, field, message));
    if let Some((mission, launch)) = launch(item).filter(|(_, launch)| moment.date_naive() < *launch) {
        let message = format!("{} is before {mission} was launched ({launch}); it was kept", moment.date_naive());
        doubt(FindingKind::ImpossibleDatetime, Severity::Error, message);
    }
    if let Some(named) = date_in(item.id()).filter(|named| *named != moment.date_naive()) {
        let message = format!("it says {} and the id says {named}; the field was kept", moment.date_naive());
        doubt(FindingKind::DoubtfulDatetime, Severity::Warning, message);
    }
    if let Some((first, last)) = extent(tree, item)
        && (first.is_some_and(|first| moment < first) || last.is_some_and(|last| moment > last))
    {
        let message = format!("{} is outside of its collection's temporal extent; it was kept", moment.date_naive());
        doubt(FindingKind::DoubtfulDatetime, Severity::Warning, message);
    }
}

fn launch(item: &Item) -> Option<(String, NaiveDate)> {
    let said = ["constellation", "platform"].iter().find_map(|field| item.property(field)?.as_str())?;
    let said = said.to_ascii_lowercase();
    let (_, (year, month, day)) = LAUNCHES.iter().find(|(mission, _)| said.starts_with(mission))?;
    Some((said, NaiveDate::from_ymd_opt(*year, *month, *day)?))
}

/// A date with dashes in an id.
fn date_in(id: &str) -> Option<NaiveDate> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?:^|\D)((?:19|20)\d{2}-\d{2}-\d{2})(?:\D|$)").ok());
    NaiveDate::parse_from_str(PATTERN.as_ref()?.captures(id)?.get(1)?.as_str(), "%Y-%m-%d").ok()
}

type Moment = Option<DateTime<Utc>>;

fn extent(tree: &Tree, item: &Item) -> Option<(Moment, Moment)> {
    let collection = tree.collections.get(item.collection()?)?;
    let interval = collection.get("extent")?.get("temporal")?.get("interval")?.get(0)?;
    let end = |at: usize| interval.get(at).and_then(Value::as_str).and_then(parse_datetime);
    Some((end(0), end(1)))
}
