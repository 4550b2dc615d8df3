//! Numbers of `metrics.json` on the page: rounded for the eye, exact for a program.

use crate::scores::Interval;

/// A score with three decimals, or a dash where it is not defined.
pub(super) fn score(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

/// A difference of scores with three decimals and its sign.
pub(super) fn signed(difference: f64) -> String {
    format!("{difference:+.3}").replace('-', "\u{2212}")
}

/// Digits in groups of three.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join("\u{202f}")
}

/// Whose scores the numbers are: the run's place in the report, and the path within its `metrics.json`.
#[derive(Debug, Clone)]
pub(super) struct Source {
    run: usize,
    path: String,
}

impl Source {
    /// The scores of a run.
    pub(super) fn of_run(run: usize) -> Self {
        Self { run, path: String::new() }
    }

    /// What lies under a key of it.
    pub(super) fn at(&self, key: impl std::fmt::Display) -> Self {
        Self { run: self.run, path: format!("{}/{key}", self.path) }
    }

    /// A score under a key.
    pub(super) fn score(&self, key: &str, value: Option<f64>) -> String {
        value.map_or("–".to_owned(), |value| self.at(key).data(value, &format!("{value:.3}")))
    }

    /// A count under a key.
    pub(super) fn count(&self, key: &str, value: u64) -> String {
        self.at(key).data(value, &grouped(value))
    }

    /// Both ends of an interval under a key, smaller than what they belong to; nothing where there is none.
    pub(super) fn interval(&self, key: &str, interval: Interval) -> String {
        let Some([low, high]) = interval else { return String::new() };
        let end = |index: usize, value: f64| self.at(key).at(index).data(value, &format!("{value:.3}"));
        format!("<small>{} – {}</small>", end(0, low), end(1, high))
    }

    fn data(&self, value: impl std::fmt::Display, shown: &str) -> String {
        format!(r#"<data value="{value}" data-run="{}" data-path="{}">{shown}</data>"#, self.run, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn a_number_carries_its_exact_value_and_its_place() {
        let html = Source::of_run(1).at("classes").at(0).score("iou", Some(2.0 / 3.0));
        assert_eq!(html, r#"<data value="0.6666666666666666" data-run="1" data-path="/classes/0/iou">0.667</data>"#);
        assert_eq!(Source::of_run(0).interval("kappa", None), "");
        assert_eq!([signed(-0.5), signed(0.25)], ["\u{2212}0.500", "+0.250"]);
    }
}
