//! The chain from the condition to the notification, and which part of the delay was whose.

use super::super::{
    markdown::{Table, code, paragraph, text},
    phrase::{fact, fine, is_near_miss, length, watched},
};
use crate::{
    api::{
        Duration,
        debrief::Evidence,
        run::{AlertRef, Chain, FactName},
    },
    core::{alerts::matcher, words},
    detectors,
};

/// How detection came about; absent where the run did not ask.
pub fn section(evidence: &Evidence) -> Option<String> {
    if is_near_miss(evidence) {
        return None;
    }
    let chain = evidence.chain.clone().unwrap_or_default();
    if chain == Chain::default() {
        let watched = watched(evidence)?;
        let alerts: Vec<_> = evidence.objectives.alerts.iter().map(|alert| code(alert)).collect();
        let silence = format!("No alert that matches {} fired", alerts.join(" or "));
        return Some(paragraph(&format!(
            "{silence} in the {} that the run lasted.",
            length(watched)
        )));
    }
    let mut table = Table::new(["Step", "After the injection", "Took", "What takes that long"]);
    let mut before = Duration::ZERO;
    let notified = fact(evidence, FactName::Notified);
    let by = text(notified.map_or("", |fact| detectors::called(&fact.source)));
    let delivery = format!("grouping and delivery by {by}");
    let reasons = [
        "until the metrics show it: scrape and rule evaluation",
        waited(&chain),
        delivery.as_str(),
    ];
    for ((step, after), what) in words::steps(&chain).into_iter().zip(reasons) {
        let Some(after) = after else { continue };
        let took = after.std().saturating_sub(before.std()).into();
        table.row([step.to_owned(), format!("+{}", length(after)), fine(took), what.to_owned()]);
        before = after;
    }
    let who =
        evidence.alert.as_ref().map(|alert| format!("{}\n\n", told_by(alert))).unwrap_or_default();
    Some(format!("{who}{}", table.print()))
}

const fn waited(chain: &Chain) -> &'static str {
    match chain.condition_true {
        Some(_) => "the rule's `for`, and its next evaluation",
        None => "scrape, rule evaluation and the rule's `for`",
    }
}

fn told_by(alert: &AlertRef) -> String {
    let labels = labels(alert).map(|labels| format!(": {}", code(&labels)));
    let (name, source) = (code(words::alert(&alert.labels)), text(&alert.source));
    format!("{name} told by {source}{}", labels.unwrap_or_default())
}

/// The alert's labels but its name, as a matcher has them; absent where it has no others.
pub fn labels(alert: &AlertRef) -> Option<String> {
    let mut others = alert.labels.clone();
    others.remove("alertname");
    (!others.is_empty()).then(|| matcher::print(&others))
}
