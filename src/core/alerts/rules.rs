//! Whether any alerting rule could ever fire what an experiment watches for.

use std::collections::BTreeMap;

use crate::{
    api::{
        Duration,
        run::{ContentState, Warning},
    },
    core::{
        alerts::{
            AlertFilter,
            filter::{Belongs, NAME},
            matcher::{Labels, Matchers},
        },
        hash,
        nearest::nearest,
        span::crop,
    },
};

/// One alerting rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name of its alert.
    pub alert: String,
    /// The labels that it sets; those of its series are not known beforehand.
    pub labels: Labels,
    /// How often it is evaluated.
    pub interval: Duration,
    /// How long its condition must be true before it fires.
    pub hold: Duration,
    /// Whether it could not be evaluated last. What the source says of that may speak of other namespaces.
    pub is_broken: bool,
    /// SHA-256 of all that it says, 16 hexadecimal digits.
    pub hash: String,
}

/// What can fire alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What people call the source, or the sources, whose rules these are.
    pub of: String,
    /// All of them.
    pub rules: Vec<Rule>,
}

impl Rule {
    /// The value that the label has on every alert of this rule, where that is certain: one with a template
    /// is not, nor one that only the series may have, or that is added on the way to Alertmanager.
    fn value(&self, label: &str) -> Option<&str> {
        if label == NAME {
            return Some(&self.alert);
        }
        let value = self.labels.get(label).map(String::as_str);
        value.filter(|value| !value.contains("{{"))
    }

    /// Whose its alerts are, as far as the rule itself says.
    fn belongs(&self, alert_filter: &AlertFilter<'_>) -> Belongs {
        alert_filter.belongs(self.value(alert_filter.labels.namespace))
    }

    /// Why no alert of this rule can be meant by the matchers; of what is not shown no value is told.
    fn refusal(&self, matchers: &Matchers, alert_filter: &AlertFilter<'_>) -> Option<String> {
        let label = matchers.conflict(|label| self.value(label))?;
        let shown = alert_filter.shows(label, self.belongs(alert_filter));
        let value = self.value(label).filter(|_| shown);
        Some(match value {
            Some(value) => format!("{} has {label}={value:?}", self.alert),
            None => format!("{} has another {label}", self.alert),
        })
    }

    /// Why it fires nothing, or nothing within that time, as the end of a sentence.
    fn too_late_or_broken(&self, within: Option<Duration>) -> Option<String> {
        let name = &self.alert;
        if self.is_broken {
            return Some(format!(": {name} cannot be evaluated; the source of the rule shows why"));
        }
        let within = within.filter(|within| self.hold >= *within)?;
        Some(format!(
            " in time: {name} waits {} before it fires (`for`), and detection.within is {within}",
            self.hold
        ))
    }

    fn is_named(&self, matchers: &Matchers) -> bool {
        matchers.conflict(|label| (label == NAME).then_some(self.alert.as_str())).is_none()
    }
}

/// So many rules are kept of those that can fire what an experiment expects.
const KEPT: usize = 16;

/// The rules that can fire what the experiment expects, by the names of their alerts; several of one name are as one.
#[must_use]
pub fn expected(alert_filter: &AlertFilter<'_>, rules: &[Rule]) -> Vec<ContentState> {
    let lists = alert_filter.plan.watched();
    let lists = lists.filter(|(about, ..)| about.starts_with("spec.detection"));
    let lists: Vec<_> = lists.map(|(_, _, matchers)| matchers).collect();
    let mut hashes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| rule.belongs(alert_filter) != Belongs::Elsewhere) {
        if lists.iter().any(|matchers| rule.refusal(matchers, alert_filter).is_none()) {
            hashes.entry(&rule.alert).or_default().push(&rule.hash);
        }
    }
    let content = |(name, mut hashes): (&str, Vec<&str>)| {
        hashes.sort_unstable();
        ContentState { name: name.to_owned(), hash: Some(hash::short(&hashes)) }
    };
    hashes.into_iter().map(content).take(KEPT).collect()
}

/// A warning for each matcher list that no alert of these rules could ever match.
#[must_use]
pub fn unmatched(alert_filter: &AlertFilter<'_>, Rules { of, rules }: &Rules) -> Vec<Warning> {
    let lists = alert_filter.plan.watched();
    let within = alert_filter.plan.spec.detection.within;
    lists
        .filter_map(|(about, text, matchers)| {
            let within = about.starts_with("spec.detection").then_some(within);
            let why = why_never(matchers, within, alert_filter, rules)?;
            let message = format!("no alerting rule of {of} can fire {text}{why}");
            Some(Warning { about, message: crop(message, 1024) })
        })
        .collect()
}

/// Why none of the rules can fire it, as the end of a sentence; absent where one may. To whom alerts of other
/// namespaces count for nothing, their rules are not there at all.
fn why_never(
    matchers: &Matchers,
    within: Option<Duration>,
    alert_filter: &AlertFilter<'_>,
    rules: &[Rule],
) -> Option<String> {
    let namespace = alert_filter.namespace;
    if is_elsewhere(matchers, alert_filter) {
        return Some(format!(": only alerts of {namespace}, and of no namespace, count here"));
    }
    let is_known = |rule: &&Rule| rule.belongs(alert_filter) != Belongs::Elsewhere;
    let rules: Vec<&Rule> = rules.iter().filter(is_known).collect();
    let meant = rules.iter().filter(|rule| rule.refusal(matchers, alert_filter).is_none());
    let meant: Vec<Option<String>> = meant.map(|rule| rule.too_late_or_broken(within)).collect();
    if let Some(first) = meant.first() {
        return first.clone().filter(|_| meant.iter().all(Option::is_some));
    }
    let Some(wanted) = matchers.wanted(NAME) else {
        return Some(": every one of them has other labels".to_owned());
    };
    if let Some(rule) = rules.iter().find(|rule| rule.is_named(matchers)) {
        return rule.refusal(matchers, alert_filter).map(|refusal| format!(": {refusal}"));
    }
    let names = || rules.iter().map(|rule| rule.alert.as_str());
    let near = wanted.split('|').find_map(|wanted| nearest(wanted, names()));
    Some(near.map_or_else(
        || format!(": none that may count for {namespace} has that name"),
        |near| format!("; did you mean {near}?"),
    ))
}

/// Whether the matchers ask for another namespace.
fn is_elsewhere(matchers: &Matchers, alert_filter: &AlertFilter<'_>) -> bool {
    let asked = alert_filter.labels.namespace;
    let refuse = |value| matchers.conflict(|label| (label == asked).then_some(value)).is_some();
    !asked.is_empty() && refuse(alert_filter.namespace) && refuse("")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{guards::abort::tests::alert_filter, plan::Plan};

    fn rules() -> Vec<Rule> {
        let rule = |alert: &str, labels: &[(&str, &str)]| Rule {
            alert: alert.to_owned(),
            labels: labels.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            interval: Duration::seconds(5),
            hold: Duration::minutes(1),
            is_broken: false,
            hash: String::new(),
        };
        vec![
            rule("CheckoutDown", &[("severity", "page"), ("namespace", "shop")]),
            rule("GatewayErrors", &[("severity", "page"), ("namespace", "edge")]),
            rule("Slow", &[("severity", "{{ $labels.tier }}"), ("customer", "acme-corp")]),
        ]
    }

    fn of(rules: &[Rule]) -> Rules {
        Rules { of: "Prometheus".to_owned(), rules: rules.to_owned() }
    }

    /// What is said of an experiment in namespace shop that watches for this.
    fn said(matchers: &str, rules: &[Rule]) -> Option<String> {
        let spec = json!({
            "hypothesis": "h", "owner": "o", "target": {"deployment": "web"},
            "fault": {"podKill": {"count": 1}}, "duration": "1m",
            "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"alerts": [matchers]}, "guards": {"abortOn": [r#"{alertname="Slow"}"#]},
        });
        let plan = Plan::parse(&serde_json::from_value(spec).unwrap()).unwrap();
        let warnings = unmatched(&alert_filter(&plan), &of(rules));
        let first = warnings.into_iter().find(|found| found.about == "spec.detection.alerts[0]");
        let prefix = format!("no alerting rule of Prometheus can fire {matchers}");
        first.map(|found| found.message.strip_prefix(&prefix).unwrap().to_owned())
    }

    #[test]
    fn only_what_no_rule_can_ever_fire_is_warned_of_with_the_nearest_name() {
        for (matchers, expected) in [
            (r#"{alertname="CheckoutDown"}"#, None),
            (r#"{alertname=~"Checkout.*"}"#, None),
            (r#"{alertname="CheckoutDown",severity="page",team="any"}"#, None),
            (r#"{alertname="Slow",severity="critical"}"#, None),
            (r#"{severity="critical"}"#, None),
            (r#"{alertname!="CheckoutDown"}"#, None),
            (r#"{alertname="CheckoutDwn"}"#, Some("; did you mean CheckoutDown?")),
            (r#"{alertname="checkoutdown"}"#, Some("; did you mean CheckoutDown?")),
            (r#"{alertname=~"Other|ChekoutDown"}"#, Some("; did you mean CheckoutDown?")),
            (r#"{alertname="NodeFull"}"#, Some(": none that may count for shop has that name")),
            (
                r#"{alertname="CheckoutDown",severity="critical"}"#,
                Some(r#": CheckoutDown has severity="page""#),
            ),
            (r#"{alertname="Slow",customer="acme"}"#, Some(": Slow has another customer")),
            (
                r#"{alertname="Slow",namespace="edge"}"#,
                Some(": only alerts of shop, and of no namespace, count here"),
            ),
            (r#"{alertname="Slow",namespace=~"shop|edge"}"#, None),
            (r#"{alertname="Slow",namespace=""}"#, None),
        ] {
            assert_eq!(said(matchers, &rules()).as_deref(), expected, "{matchers}");
        }
    }

    #[test]
    fn a_rule_that_is_broken_or_waits_too_long_fires_nothing_in_time() {
        let asked = r#"{alertname="CheckoutDown"}"#;
        let said = |hold: u64, is_broken: bool, also: Option<Rule>| {
            let mut rules = rules();
            rules[0].hold = Duration::seconds(hold);
            rules[0].is_broken = is_broken;
            rules.extend(also);
            self::said(asked, &rules)
        };
        assert_eq!(said(299, false, None), None);
        let late =
            " in time: CheckoutDown waits 5m before it fires (`for`), and detection.within is 5m";
        assert_eq!(said(300, false, None).as_deref(), Some(late));
        let broken = ": CheckoutDown cannot be evaluated; the source of the rule shows why";
        assert_eq!(said(0, true, None).as_deref(), Some(broken));
        assert_eq!(said(300, false, Some(rules().remove(0))), None, "another rule fires in time");
    }

    #[test]
    fn of_a_rule_of_another_namespace_nothing_is_told_however_it_is_asked_for() {
        for asked in [
            r#"{alertname="GatewayErrors"}"#,
            r#"{alertname="GatewayErors"}"#,
            r#"{alertname=~"Gateway.*"}"#,
            r#"{alertname="GatewayErrors",severity="info"}"#,
        ] {
            let expected = ": none that may count for shop has that name";
            assert_eq!(said(asked, &rules()).as_deref(), Some(expected), "{asked}");
        }
        let said = said(r#"{severity="none",alertname=~".+"}"#, &rules()[1..2]);
        assert_eq!(said.as_deref(), Some(": none that may count for shop has that name"));
    }

    #[test]
    fn where_there_is_no_rule_or_each_has_other_labels_that_is_said() {
        let none = said(r#"{alertname="CheckoutDown"}"#, &[]);
        assert_eq!(none.as_deref(), Some(": none that may count for shop has that name"));
        let others = said(r#"{severity="critical"}"#, &rules()[..2]);
        assert_eq!(others.as_deref(), Some(": every one of them has other labels"));
    }

    #[test]
    fn an_alert_that_is_to_end_the_run_is_judged_too() {
        let spec = json!({
            "hypothesis": "h", "owner": "o", "target": {"deployment": "web"},
            "fault": {"podKill": {"count": 1}}, "duration": "1m",
            "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"alerts": [r#"{alertname="Slow"}"#]},
            "guards": {"abortOn": [r#"{alertname="Slow"}"#, r#"{alertname="Sloow"}"#]},
        });
        let plan = Plan::parse(&serde_json::from_value(spec).unwrap()).unwrap();
        let expected = "spec.guards.abortOn[1]: no alerting rule of Prometheus can fire \
                        {alertname=\"Sloow\"}; did you mean Slow?";
        let warnings = unmatched(&alert_filter(&plan), &of(&rules()));
        assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }
}
