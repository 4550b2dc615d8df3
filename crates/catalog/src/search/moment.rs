//! Moments and intervals of time, as STAC's `datetime` parameter writes them.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::item::parse_datetime;

/// A span of time, both ends included; an open end has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first moment.
    pub start: Option<DateTime<Utc>>,
    /// The last moment.
    pub end: Option<DateTime<Utc>>,
}

impl Interval {
    /// Reads a moment, a date (all of that day), a month or year (all of it), or `START/END` with `..` or nothing for an
    /// open end.
    ///
    /// # Errors
    /// A sentence that says what cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (start, end) = match text.split_once('/') {
            Some((start, end)) => (
                open(start, |part| span(part).map(|(start, _)| start))?,
                open(end, |part| span(part).map(|(_, end)| end))?,
            ),
            None => span(text).map(|(start, end)| (Some(start), Some(end))).ok_or_else(|| unreadable(text))?,
        };
        match (start, end) {
            (None, None) => Err(format!("`{text}` is open at both ends: leave it out")),
            (Some(start), Some(end)) if start > end => Err(format!("`{text}` ends before it begins")),
            _ => Ok(Self { start, end }),
        }
    }

    /// Whether an item's first and last moment share a moment with this interval.
    #[must_use]
    pub fn meets(&self, (first, last): (DateTime<Utc>, DateTime<Utc>)) -> bool {
        self.start.is_none_or(|start| last >= start) && self.end.is_none_or(|end| first <= end)
    }
}

fn unreadable(text: &str) -> String {
    format!("`{text}` is no date: write 2020-02-02, 2020-02-02T10:50:00Z, 2020-01-01/2020-12-31 or 2020-01-01/..")
}

fn open(part: &str, read: impl Fn(&str) -> Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, String> {
    if part.is_empty() || part == ".." { Ok(None) } else { read(part).map(Some).ok_or_else(|| unreadable(part)) }
}

/// First and last moment of a year, month, day or moment.
fn span(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let numbers: Option<Vec<u32>> = text.split('-').map(|part| part.parse().ok()).collect();
    let (first, next) = match numbers.as_deref() {
        Some([year]) if text.len() == 4 => {
            let year = i32::try_from(*year).ok()?;
            (NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year + 1, 1, 1)?)
        }
        Some([year, month]) if text.len() == 7 => {
            let year = i32::try_from(*year).ok()?;
            let next = if *month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (NaiveDate::from_ymd_opt(year, *month, 1)?, NaiveDate::from_ymd_opt(next.0, next.1, 1)?)
        }
        Some([_, _, _]) if text.len() == 10 => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            (day, day.succ_opt()?)
        }
        _ => return parse_datetime(text).map(|moment| (moment, moment)),
    };
    let midnight = |day: NaiveDate| day.and_hms_opt(0, 0, 0).map(|moment| moment.and_utc());
    Some((midnight(first)?, midnight(next)? - Duration::nanoseconds(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> DateTime<Utc> {
        parse_datetime(text).unwrap()
    }

    #[test]
    fn dates_stand_for_all_of_themselves() {
        for (text, inside, outside) in [
            ("2020", "2020-12-31T23:59:59Z", "2021-01-01"),
            ("2020-02", "2020-02-29T12:00:00Z", "2020-03-01"),
            ("2020-02-02", "2020-02-02T23:59:59Z", "2020-02-03"),
            ("2020-02-02T10:00:00Z", "2020-02-02T10:00:00Z", "2020-02-02T10:00:01Z"),
            ("2020-01/2020-02", "2020-02-29T12:00:00Z", "2020-03-01"),
            ("../2020-02-02", "1999-01-01", "2020-02-03"),
            ("2020-02-02/", "2099-01-01", "2020-02-01T23:59:59Z"),
        ] {
            let interval = Interval::parse(text).unwrap();
            assert!(interval.meets((moment(inside), moment(inside))), "{text}");
            assert!(!interval.meets((moment(outside), moment(outside))), "{text}");
        }
    }

    #[test]
    fn items_with_an_interval_are_met_by_a_part_of_it() {
        let january = Interval::parse("2020-01").unwrap();
        assert!(january.meets((moment("2019-12-01"), moment("2020-01-01"))));
        assert!(!january.meets((moment("2019-12-01"), moment("2019-12-31"))));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "../..", "/", "yesterday", "2020-13", "2021/2020", "2020-02-30"] {
            assert!(Interval::parse(text).is_err(), "{text}");
        }
    }
}
