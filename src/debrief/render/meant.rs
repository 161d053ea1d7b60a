//! What it meant for people, in their terms.

use super::prose::prose;
use crate::api::debrief::PeopleImpact;

/// The impact as people wrote it.
pub fn section(impact: &PeopleImpact) -> Option<String> {
    if impact.none {
        return Some("Nobody noticed anything.".to_owned());
    }
    let many = |number: i64, one: &str, more: &str| {
        format!("{} {}", grouped(number), if number == 1 { one } else { more })
    };
    let numbers = [
        impact.customers_affected.map(|n| many(n, "customer affected", "customers affected")),
        impact.complaints.map(|n| many(n, "complaint", "complaints")),
        impact.estimated_cost.as_ref().map(|cost| {
            let currency = cost.currency.chars().filter(char::is_ascii_alphabetic);
            format!("{} {}", grouped(cost.amount), currency.collect::<String>())
        }),
    ];
    let numbers: Vec<_> = numbers.into_iter().flatten().collect();
    let numbers = (!numbers.is_empty()).then(|| format!("{}.", numbers.join(" · ")));
    let parts: Vec<_> = impact.narrative.as_deref().map(prose).into_iter().chain(numbers).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The number with a comma after each three digits.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (41_208, "41,208"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), shown);
        }
    }
}
