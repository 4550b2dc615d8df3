//! Which features of a label file count: a small language over their properties.
//!
//! ```text
//! tasks contains segmentation
//! kind in (lake, river) and confidence != low
//! ```
//! A condition is `PROPERTY contains VALUE`, `PROPERTY = VALUE`, `PROPERTY != VALUE` or `PROPERTY in (VALUE, …)`;
//! conditions are joined by `and`. `contains` looks into a list, or for a part of a text. Values are compared as text
//! (`3` matches both 3 and "3"); quotes (`'…'` or `"…"`) keep spaces, commas and keywords together.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A parsed filter; the default lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    property: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Contains(String),
    Equals(String),
    Differs(String),
    In(Vec<String>),
}

impl Filter {
    /// Reads a filter; blank text lets everything through.
    ///
    /// # Errors
    /// [`Error::BadFilter`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader { words: words(text)?, at: 0, text };
        let mut conditions = Vec::new();
        while reader.at < reader.words.len() {
            if !conditions.is_empty() {
                reader.keyword("and")?;
            }
            conditions.push(reader.condition()?);
        }
        Ok(Self { text: text.trim().to_owned(), conditions })
    }

    /// The filter as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether a feature with these properties passes all conditions. A property that is absent passes only `!=`.
    #[must_use]
    pub fn matches(&self, properties: &Map<String, Value>) -> bool {
        self.conditions.iter().all(|condition| condition.test.holds(properties.get(&condition.property)))
    }

    /// The properties that the filter looks at, in order.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.property.as_str())
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let value = value.unwrap_or(&Value::Null);
        match self {
            Self::Contains(wanted) => match value {
                Value::Array(list) => list.iter().any(|element| as_text(element) == *wanted),
                Value::String(text) => text.contains(wanted.as_str()),
                _ => false,
            },
            Self::Equals(wanted) => as_text(value) == *wanted,
            Self::Differs(unwanted) => as_text(value) != *unwanted,
            Self::In(list) => list.contains(&as_text(value)),
        }
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
    Sign(&'static str),
}

/// Splits a filter into words, quoted texts and the signs `=`, `!=`, `(`, `)`, `,`.
fn words(text: &str) -> Result<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, taken) =
            if let Some(sign) = ["!=", "=", "(", ")", ","].into_iter().find(|sign| rest.starts_with(sign)) {
                (Word::Sign(sign), sign.len())
            } else if matches!(first, '\'' | '"') {
                let inner = rest.get(1..).unwrap_or_default();
                let length = inner.find(first).ok_or_else(|| bad(text, rest))?;
                (Word::Quoted(inner.get(..length).unwrap_or_default().to_owned()), length + 2)
            } else {
                let ends = |c: char| c.is_whitespace() || matches!(c, '=' | '!' | '(' | ')' | ',' | '\'' | '"');
                let length = rest.find(ends).unwrap_or(rest.len());
                if length == 0 {
                    return Err(bad(text, rest));
                }
                (Word::Plain(rest.get(..length).unwrap_or_default().to_owned()), length)
            };
        words.push(word);
        rest = rest.get(taken..).unwrap_or_default().trim_start();
    }
    Ok(words)
}

fn bad(text: &str, at: &str) -> Error {
    Error::BadFilter { text: text.to_owned(), at: if at.is_empty() { "the end".to_owned() } else { at.to_owned() } }
}

struct Reader<'a> {
    words: Vec<Word>,
    at: usize,
    text: &'a str,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    fn wrong(&self) -> Error {
        let at = match self.words.get(self.at.saturating_sub(1)) {
            Some(Word::Plain(word) | Word::Quoted(word)) => word.as_str(),
            Some(Word::Sign(sign)) => sign,
            None => "",
        };
        bad(self.text, at)
    }

    fn keyword(&mut self, keyword: &str) -> Result<()> {
        match self.next() {
            Some(Word::Plain(word)) if word.eq_ignore_ascii_case(keyword) => Ok(()),
            _ => Err(self.wrong()),
        }
    }

    fn value(&mut self) -> Result<String> {
        match self.next() {
            Some(Word::Plain(word) | Word::Quoted(word)) => Ok(word),
            _ => Err(self.wrong()),
        }
    }

    fn condition(&mut self) -> Result<Condition> {
        let property = self.value()?;
        let test = match self.next() {
            Some(Word::Sign("=")) => Test::Equals(self.value()?),
            Some(Word::Sign("!=")) => Test::Differs(self.value()?),
            Some(Word::Plain(word)) if word.eq_ignore_ascii_case("contains") => Test::Contains(self.value()?),
            Some(Word::Plain(word)) if word.eq_ignore_ascii_case("in") => Test::In(self.list()?),
            _ => return Err(self.wrong()),
        };
        Ok(Condition { property, test })
    }

    fn list(&mut self) -> Result<Vec<String>> {
        if self.next() != Some(Word::Sign("(")) {
            return Err(self.wrong());
        }
        let mut list = vec![self.value()?];
        loop {
            match self.next() {
                Some(Word::Sign(",")) => list.push(self.value()?),
                Some(Word::Sign(")")) => return Ok(list),
                _ => return Err(self.wrong()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(filter: &str, properties: Value) -> bool {
        Filter::parse(filter).unwrap().matches(properties.as_object().unwrap())
    }

    #[test]
    fn each_condition_means_what_it_says() {
        assert!(passes("tasks contains segmentation", json!({"tasks": ["prompts", "segmentation"]})));
        assert!(!passes("tasks contains segmentation", json!({"tasks": ["segmentation-prompts"]})));
        assert!(passes("name contains lake", json!({"name": "big lake"})));
        assert!(passes("level = 3", json!({"level": 3})) && passes("level=3", json!({"level": "3"})));
        assert!(!passes("level = 3", json!({})) && passes("level != 3", json!({})));
        assert!(passes("kind in (lake, 'slow river')", json!({"kind": "slow river"})));
        assert!(passes("", json!({})));
    }

    #[test]
    fn conditions_are_joined_by_and() {
        let filter = "tasks contains segmentation AND prompt != true";
        assert!(passes(filter, json!({"tasks": ["segmentation"]})));
        assert!(!passes(filter, json!({"tasks": ["segmentation"], "prompt": true})));
    }

    #[test]
    fn what_does_not_parse_says_where() {
        for (text, at) in [
            ("tasks", "the end"),
            ("tasks like x", "like"),
            ("a = 1 or b = 2", "or"),
            ("kind in lake", "lake"),
            ("kind in (lake", "the end"),
            ("name = 'open", "'open"),
            ("a = ! b", "! b"),
        ] {
            match Filter::parse(text) {
                Err(Error::BadFilter { at: stopped, .. }) => assert_eq!(stopped, at, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_text_survives_for_storing() {
        let filter = Filter::parse("  a = 'b c' ").unwrap();
        assert_eq!(Filter::parse(filter.as_str()).unwrap(), filter);
    }
}
