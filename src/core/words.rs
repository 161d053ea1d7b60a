//! How what was seen and measured is called, wherever people read it: on a terminal, in summaries and events, in
//! Markdown.

use std::{collections::BTreeMap, fmt::Display};

use super::span::crop;
use crate::{
    api::{
        Duration,
        run::{Chain, Fact, FactName, Impact, ProbeCounts, RecoveredBy},
    },
    core::alerts::matcher,
};

/// A fact's name in words.
#[must_use]
pub const fn fact(name: FactName) -> &'static str {
    match name {
        FactName::Accepted => "accepted",
        FactName::Journaled => "journaled",
        FactName::Injected => "injected",
        FactName::EffectObserved => "effect",
        FactName::ImpactStarted => "impact",
        FactName::ConditionTrue => "condition true",
        FactName::Firing => "firing",
        FactName::Notified => "notified",
        FactName::Mitigated => "mitigated",
        FactName::Restored => "restored",
        FactName::Recovered => "recovered",
        FactName::RevertStarted => "reverting",
        FactName::Reverted => "reverted",
        FactName::Completed => "completed",
    }
}

/// What it was, in a few words: its reason, what is special about it, and what else is known.
#[must_use]
pub fn said(fact: &Fact) -> String {
    let reason = fact.reason.map(|reason| reason.to_string());
    let partial = fact.partial.then(|| "partial".to_owned());
    let alert = (!fact.labels.is_empty()).then(|| matcher::print(&fact.labels));
    let detail = (!fact.detail.is_empty()).then(|| fact.detail.clone());
    let parts: Vec<String> = [reason, partial, alert, detail].into_iter().flatten().collect();
    crop(parts.join(": "), 512)
}

/// The steps of an alert by their names, each with how long after the injection it was.
#[must_use]
pub const fn steps(chain: &Chain) -> [(&'static str, Option<Duration>); 3] {
    [
        (fact(FactName::ConditionTrue), chain.condition_true),
        (fact(FactName::Firing), chain.firing),
        (fact(FactName::Notified), chain.notified),
    ]
}

/// How the service came back, as in `back by itself`.
#[must_use]
pub const fn recovered(by: RecoveredBy) -> &'static str {
    match by {
        RecoveredBy::Automatic => "by itself",
        RecoveredBy::Rollback => "by a rollback",
        RecoveredBy::Scale => "by scaling",
        RecoveredBy::Restart => "by a restart",
        RecoveredBy::Manual => "by another change",
        RecoveredBy::FaultEnded => "when the fault ended",
    }
}

/// What people call an alert with these labels.
#[must_use]
pub fn alert(labels: &BTreeMap<String, String>) -> &str {
    labels.get("alertname").map_or("an alert without a name", String::as_str)
}

/// `26 of 27 probes failed`.
#[must_use]
pub fn probes(counts: &ProbeCounts) -> String {
    format!("{} of {} probes failed", counts.failed, counts.total)
}

/// `12.5 pod-seconds unavailable`, the least that it can have been where nobody looked for some time.
#[must_use]
pub fn unavailable(impact: &Impact) -> String {
    let unseen = if impact.is_partly_unseen() { "at least " } else { "" };
    let tenths = (impact.unavailable_pod_seconds * 10.0).round() / 10.0;
    format!("{unseen}{tenths} pod-seconds unavailable")
}

/// Which guard refused a run.
#[must_use]
pub fn refused(guard: &impl Display) -> String {
    format!("refused by guard {guard}")
}

/// A number of things: `1 pod`, `2 pods`.
#[must_use]
pub fn count<N: Copy + Display + From<u8> + PartialEq>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The text as it may stand in a chat: what others wrote is no line, no link and no mention there, and turns no letters
/// round.
#[must_use]
pub fn harmless(line: &str) -> String {
    let letter = |c: char| match c {
        '<' => "(".to_owned(),
        '>' => ")".to_owned(),
        '@' => "(at)".to_owned(),
        c if c.is_control() => " ".to_owned(),
        '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' => String::new(),
        c => c.to_string(),
    };
    line.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::run::{Gap, Reason, Unobserved},
        core::{signals::pods::tests::at, span::Span},
    };

    #[test]
    fn what_is_unavailable_is_told_in_tenths_and_as_the_least_where_nobody_looked() {
        let mut impact = Impact { unavailable_pod_seconds: 119.874, ..Impact::default() };
        assert_eq!(unavailable(&impact), "119.9 pod-seconds unavailable");
        impact.gaps = vec![Gap { from: at(1.0), to: at(2.0), of: Unobserved::Probes }];
        assert_eq!(unavailable(&impact), "at least 119.9 pod-seconds unavailable");
        assert_eq!(unavailable(&Impact::default()), "0 pod-seconds unavailable");
    }

    #[test]
    fn one_thing_is_singular_and_an_alert_has_a_name() {
        let counted = [count(0, "pod"), count(1_i64, "pod"), count(2_usize, "live fault")];
        assert_eq!(counted, ["0 pods", "1 pod", "2 live faults"]);
        let labels = |label: &str| [(label.to_owned(), "Down".to_owned())].into();
        assert_eq!(alert(&labels("alertname")), "Down");
        assert_eq!(alert(&labels("team")), "an alert without a name");
    }

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
        for (fact, expected) in [
            (fact(FactName::Accepted, ""), ""),
            (fact(FactName::Journaled, "2 of 3 pods"), "2 of 3 pods"),
            (reverting(""), "Guard"),
            (reverting("the namespace is protected"), "Guard: the namespace is protected"),
            (partial, "partial: 1 of 2 × evict accepted"),
            (firing, "{alertname=\"Down\",severity=\"page\"}"),
        ] {
            assert_eq!(said(&fact), expected);
        }
    }
}
