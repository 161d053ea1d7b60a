//! What a fact says to people, made of its fields: the one place for that.

use super::{matcher, span::crop};
use crate::api::run::Fact;

/// What it was, in a few words: its reason, what is special about it, and what else is known.
#[must_use]
pub fn words(fact: &Fact) -> String {
    let reason = fact.reason.map(|reason| reason.to_string());
    let partial = fact.partial.then(|| "partial".to_owned());
    let alert = (!fact.labels.is_empty()).then(|| matcher::print(&fact.labels));
    let detail = (!fact.detail.is_empty()).then(|| fact.detail.clone());
    let parts: Vec<String> = [reason, partial, alert, detail].into_iter().flatten().collect();
    crop(parts.join(": "), 512)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::run::{FactName, Reason},
        core::{pods::tests::at, span::Span},
    };

    #[test]
    fn the_words_are_made_of_the_fields() {
        let fact = |name, detail: &str| Span::new(at(0.0), at(0.0)).fact(name, "x", detail);
        let reverting =
            |detail| Fact { reason: Some(Reason::Guard), ..fact(FactName::RevertStarted, detail) };
        let partial =
            Fact { partial: true, ..fact(FactName::Injected, "1 of 2 × evict accepted") };
        let labels = [("alertname", "Down"), ("severity", "page")];
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
        let firing = Fact { labels, ..fact(FactName::Firing, "") };
        for (fact, said) in [
            (fact(FactName::Accepted, ""), ""),
            (fact(FactName::Journaled, "2 of 3 pods"), "2 of 3 pods"),
            (reverting(""), "Guard"),
            (reverting("the namespace is protected"), "Guard: the namespace is protected"),
            (partial, "partial: 1 of 2 × evict accepted"),
            (firing, "{alertname=\"Down\",severity=\"page\"}"),
        ] {
            assert_eq!(words(&fact), said);
        }
    }
}
