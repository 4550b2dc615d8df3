//! CQL2 JSON, read and written; and STAC's older query object, read.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{Expr, Operator, Place, check};

/// Reads an expression that stands `depth` levels deep.
pub(super) fn read(value: &Value, depth: usize) -> Result<Expr, String> {
    let depth = check::deeper(depth)?;
    match value {
        Value::Bool(truth) => Ok(Expr::Bool(*truth)),
        Value::Number(number) => number.as_f64().map(Expr::Number).ok_or_else(|| format!("{number} is no number")),
        Value::String(text) => Ok(Expr::Text(text.clone())),
        Value::Array(values) => values.iter().map(|value| read(value, depth)).collect::<Result<_, _>>().map(Expr::List),
        Value::Object(fields) => object(value, fields, depth),
        Value::Null => {
            Err("null is no value of CQL2: write {\"op\": \"isNull\", \"args\": [{\"property\": …}]}".to_owned())
        }
    }
}

fn object(value: &Value, fields: &Map<String, Value>, depth: usize) -> Result<Expr, String> {
    let text = |name: &str| {
        fields.get(name).map(|value| value.as_str().ok_or_else(|| format!("`{name}` is no text: {value}")))
    };
    if let Some(name) = text("op") {
        let name = name?;
        let operator = Operator::named(name).ok_or_else(|| unknown(name))?;
        let args =
            fields.get("args").and_then(Value::as_array).ok_or_else(|| format!("`{name}` has no list `args`"))?;
        let args = args.iter().map(|arg| read(arg, depth)).collect::<Result<Vec<_>, _>>()?;
        return check::call(operator, args);
    }
    if let Some(name) = text("property") {
        return Ok(Expr::Property(name?.to_owned()));
    }
    if let Some(day) = text("date") {
        return date(day?);
    }
    if let Some(moment) = text("timestamp") {
        return timestamp(moment?);
    }
    if let Some(ends) = fields.get("interval") {
        let [start, last] = ends.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err(format!("an interval has two ends: {ends}"));
        };
        let end_of = |value: &Value| match value {
            Value::String(text) => end(text),
            other => match read(other, depth)? {
                own @ (Expr::Property(_) | Expr::Date(_) | Expr::Timestamp(_)) => Ok(Some(Box::new(own))),
                _ => Err(format!("an interval begins and ends with a date, moment or property: {other}")),
            },
        };
        return Ok(Expr::Interval(end_of(start)?, end_of(last)?));
    }
    if let Some(bbox) = fields.get("bbox").filter(|_| !fields.contains_key("type")) {
        let numbers: Option<Vec<f64>> = bbox.as_array().and_then(|bbox| bbox.iter().map(Value::as_f64).collect());
        return of_bbox(&numbers.unwrap_or_default());
    }
    if fields.contains_key("type") {
        return Place::of_geojson(value).map(Expr::Geometry);
    }
    if let Some((name @ ("casei" | "accenti"), arg)) = fields.iter().next().map(|(name, arg)| (name.as_str(), arg)) {
        let operator = Operator::named(name).ok_or_else(|| unknown(name))?;
        return check::call(operator, vec![read(arg, depth)?]);
    }
    Err(format!("`{}` is nothing that CQL2 knows", value.to_string().chars().take(60).collect::<String>()))
}

pub(super) fn unknown(name: &str) -> String {
    format!("`{name}` is no operator or function of CQL2 that swath knows")
}

/// West, south, east, north, with or without heights.
pub(super) fn of_bbox(numbers: &[f64]) -> Result<Expr, String> {
    match *numbers {
        [west, south, east, north] | [west, south, _, east, north, _] => {
            Place::of_bbox([west, south, east, north]).map(Expr::Geometry).map_err(|reason| format!("bbox: {reason}"))
        }
        _ => Err("a bbox has four numbers: west, south, east, north".to_owned()),
    }
}

pub(super) fn date(text: &str) -> Result<Expr, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(Expr::Date)
        .map_err(|_| format!("`{text}` is no date: write 2020-02-02"))
}

pub(super) fn timestamp(text: &str) -> Result<Expr, String> {
    let moment = DateTime::parse_from_rfc3339(text);
    let moment = moment.map_err(|_| format!("`{text}` is no moment: write 2020-02-02T10:50:00Z"))?;
    Ok(Expr::Timestamp(moment.with_timezone(&Utc)))
}

/// An end of an interval: `..`, a date or a moment.
pub(super) fn end(text: &str) -> Result<Option<Box<Expr>>, String> {
    if matches!(text, ".." | "") {
        return Ok(None);
    }
    let own = if text.len() == 10 { date(text) } else { timestamp(text) };
    own.map(|own| Some(Box::new(own)))
}

pub(super) fn moment_text(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl Expr {
    /// Reads CQL2 JSON.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn of_json(value: &Value) -> Result<Self, String> {
        check::condition(read(value, 0)?)
    }

    /// As CQL2 JSON, as servers take it with `filter-lang=cql2-json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let end = |end: &Option<Box<Self>>| match end.as_deref() {
            None => json!(".."),
            Some(Self::Date(day)) => json!(day.to_string()),
            Some(Self::Timestamp(moment)) => json!(moment_text(*moment)),
            Some(other) => other.to_json(),
        };
        match self {
            Self::Bool(truth) => json!(truth),
            Self::Number(number) => number_json(*number),
            Self::Text(text) => json!(text),
            Self::Date(day) => json!({"date": day.to_string()}),
            Self::Timestamp(moment) => json!({"timestamp": moment_text(*moment)}),
            Self::Interval(start, last) => json!({"interval": [end(start), end(last)]}),
            Self::Geometry(place) => place.to_geojson(),
            Self::Property(name) => json!({"property": name}),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Call(operator, args) => {
                json!({"op": operator.name(), "args": args.iter().map(Self::to_json).collect::<Value>()})
            }
        }
    }

    /// Reads STAC's older query object, as in `{"eo:cloud_cover": {"lt": 10}}`, as the condition it means.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn of_query(query: &Value) -> Result<Self, String> {
        let fields = query.as_object().ok_or("it is no JSON object")?;
        let mut conditions = Vec::new();
        for (property, tests) in fields {
            let tests =
                tests.as_object().ok_or_else(|| format!("`{property}` has no conditions: write {{\"eq\": 1}}"))?;
            for (name, value) in tests {
                conditions.push(older(property, name, value)?);
            }
        }
        match conditions.len() {
            0 => Err("it holds no condition".to_owned()),
            1 => Ok(conditions.remove(0)),
            _ => check::call(Operator::And, conditions),
        }
    }
}

/// One condition of the older query object.
fn older(property: &str, name: &str, value: &Value) -> Result<Expr, String> {
    let own = || Expr::Property(property.to_owned());
    let like = |before: &str, after: &str| {
        let text = value.as_str().ok_or_else(|| format!("`{name}` takes a text and not {value}"))?;
        let pattern = format!("{before}{}{after}", super::like::escaped(text));
        check::call(Operator::Like, vec![own(), Expr::Text(pattern)])
    };
    if value.is_null() && matches!(name, "eq" | "neq") {
        let absent = check::call(Operator::IsNull, vec![own()])?;
        return if name == "eq" { Ok(absent) } else { check::call(Operator::Not, vec![absent]) };
    }
    match name {
        "startsWith" => like("", "%"),
        "endsWith" => like("%", ""),
        "contains" => like("%", "%"),
        "eq" | "neq" | "lt" | "lte" | "gt" | "gte" | "in" => {
            let operator = Operator::named(name).ok_or_else(|| unknown(name))?;
            check::call(operator, vec![own(), read(value, 0)?])
        }
        _ => Err(format!(
            "`{name}` is no condition: write eq, neq, lt, lte, gt, gte, in, startsWith, endsWith or contains"
        )),
    }
}

/// A whole number as one.
fn number_json(number: f64) -> Value {
    /// Up to here every whole number is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT { json!(number as i64) } else { json!(number) }
}
