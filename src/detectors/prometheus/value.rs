//! One value, by an instant query.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads the value of an instant query, which is a scalar or a vector of one sample.
pub(super) fn read(answer: &RawValue) -> Result<f64, String> {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    #[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
    enum Data {
        Scalar((f64, String)),
        Vector(Vec<Sampled>),
    }
    #[derive(Deserialize)]
    struct Sampled {
        value: (f64, String),
    }
    let answer: Answer = serde_json::from_str(answer.get())
        .map_err(|error| format!("Prometheus answered no scalar and no vector: {error}"))?;
    let value = match answer.data {
        Data::Scalar((_, value)) => value,
        Data::Vector(samples) => match <[Sampled; 1]>::try_from(samples) {
            Ok([sample]) => sample.value.1,
            Err(samples) => {
                return Err(format!("the query has {} values and must have one", samples.len()));
            }
        },
    };
    let number = value.parse().map_err(|_| format!("{value:?} is no number"))?;
    if f64::is_nan(number) { Err("the value is NaN".to_owned()) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_value_is_a_scalar_or_the_one_sample_of_a_vector() {
        let value = |data: Value| {
            let answer = json!({"status": "success", "data": data});
            read(&serde_json::value::to_raw_value(&answer).unwrap())
        };
        let sample = |value: &str| json!({"metric": {}, "value": [1.5, value]});
        assert_eq!(value(json!({"resultType": "scalar", "result": [1.5, "20.25"]})), Ok(20.25));
        let vector = |samples: Value| value(json!({"resultType": "vector", "result": samples}));
        assert_eq!(vector(json!([sample("-3")])), Ok(-3.0));
        let none = Err("the query has 0 values and must have one".to_owned());
        assert_eq!(vector(json!([])), none);
        let two = Err("the query has 2 values and must have one".to_owned());
        assert_eq!(vector(json!([sample("1"), sample("2")])), two);
        assert_eq!(vector(json!([sample("NaN")])), Err("the value is NaN".to_owned()));
        assert!(value(json!({"resultType": "matrix", "result": []})).is_err());
    }
}
