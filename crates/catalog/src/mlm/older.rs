//! How versions 1.0 to 1.2 of the extension said what is done to pixel values.

use serde_json::{Map, Value};

use super::ValueScaling;

/// `norm_type` with one entry of `statistics` per band, or one for all; `None` where they say nothing that can be carried out.
pub(super) fn scaling(input: &Map<String, Value>) -> Option<Vec<ValueScaling>> {
    let kind = input.get("norm_type")?.as_str()?;
    let statistics = input.get("statistics")?.as_array().filter(|list| !list.is_empty())?;
    let of = |entry: &Value| {
        let number = |name: &str| entry.get(name)?.as_f64();
        match kind {
            "min-max" => Some(ValueScaling::MinMax { minimum: number("minimum")?, maximum: number("maximum")? }),
            "z-score" => Some(ValueScaling::ZScore { mean: number("mean")?, stddev: number("stddev")? }),
            _ => None,
        }
    };
    statistics.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ValueScaling, scaling};

    fn read(input: &Value) -> Option<Vec<ValueScaling>> {
        scaling(input.as_object().unwrap())
    }

    #[test]
    fn statistics_become_scaling_where_they_suffice() {
        let z = json!({"norm_type": "z-score", "statistics": [{"mean": 1, "stddev": 2}, {"mean": 3.5, "stddev": 4}]});
        let expected = [(1.0, 2.0), (3.5, 4.0)].map(|(mean, stddev)| ValueScaling::ZScore { mean, stddev });
        assert_eq!(read(&z), Some(expected.to_vec()));
        assert_eq!(read(&json!({"norm_type": "l2", "statistics": [{"mean": 1}]})), None);
        assert_eq!(read(&json!({"norm_type": "min-max", "statistics": [{"minimum": 0}]})), None);
        assert_eq!(read(&json!({"norm_type": null, "statistics": []})), None);
    }
}
