//! An amount of money as people write it.

use crate::api::debrief::Cost;

/// The amount in whole units with its currency, in either order: `6900 EUR`, `EUR 6,900`.
///
/// # Errors
/// With what to write.
pub fn cost(text: &str) -> Result<Cost, String> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | ',' | '_')).collect();
    let digits = bare.trim_matches(|c: char| c.is_ascii_uppercase());
    let currency = bare.replacen(digits, "", 1);
    let is_number = digits.bytes().all(|c| c.is_ascii_digit());
    let is_currency = currency.len() == 3 && currency.bytes().all(|c| c.is_ascii_uppercase());
    match digits.parse() {
        Ok(amount) if is_number && is_currency => Ok(Cost { amount, currency }),
        _ => Err(format!(
            "\"{}\" is no amount of money; write whole units and a currency, such as 6900EUR",
            text.escape_debug()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_with_its_currency() {
        for text in ["6900EUR", "6900 EUR", "EUR 6,900"] {
            assert_eq!(cost(text), Ok(Cost { amount: 6900, currency: "EUR".to_owned() }));
        }
        for text in ["6900", "EUR", "-5EUR", "6900.50EUR", "6900€", "6900eur", "12EUR34"] {
            assert!(cost(text).is_err(), "{text}");
        }
    }
}
