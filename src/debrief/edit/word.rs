//! One word of those that a field may have.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::debrief::phrase::capitalized;

/// The value of that name, also without its capital letter.
///
/// # Errors
/// With the names that there are.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let name = Value::String(capitalized(text.trim()));
    serde_json::from_value(name).map_err(|error| {
        let told = error.to_string();
        let allowed = told.split_once("expected ").map_or(told.as_str(), |(_, allowed)| allowed);
        let allowed = allowed.trim_start_matches("one of ").replace('`', "");
        format!("\"{}\" is not one of {allowed}", text.trim().escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::debrief::{Horizon, Severity};

    #[test]
    fn a_word_that_there_is_not_is_answered_with_those_that_there_are() {
        assert_eq!(word("minor"), Ok(Severity::Minor));
        assert_eq!(
            word::<Horizon>("soon"),
            Err("\"soon\" is not one of Immediate, Short, Long".to_owned())
        );
    }
}
