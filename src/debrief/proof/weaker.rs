//! Whether an experiment asks for less than the one that missed: another target, a smaller fault, more time, other alerts.

use crate::{
    api::{
        ExperimentSpec,
        debrief::Evidence,
        experiment::{DetectionFrom, DetectionUntil},
        run::Victim,
    },
    core::alerts::{expression::Room, matcher::Matchers},
    faults::{
        self, Means,
        taking::{Amount, Method, Taking},
    },
};

/// The label that names an alert.
const ALERTNAME: &str = "alertname";

/// How another spec compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Where it asks for less: the field, what it is, what it was.
    pub refused: Vec<String>,
    /// Where it asks for something else that may count all the same.
    pub notes: Vec<String>,
}

/// Holds the spec of a run, which broke `victims` of `pods` pods, against the one that missed.
#[must_use]
pub fn weaker(
    evidence: &Evidence,
    spec: &ExperimentSpec,
    victims: &[Victim],
    pods: Option<i32>,
) -> Compared {
    let (was, mut compared) = (&evidence.spec, Compared::default());
    let mut refuse = |field: &str, now: &dyn std::fmt::Display, then: &dyn std::fmt::Display| {
        compared.refused.push(format!("{field}: {now}, and it was {then}"));
    };
    if spec.target != was.target {
        refuse("target", &spec.target, &was.target);
    }
    let broken = |victims: &[Victim]| victims.iter().filter(|victim| victim.round <= 1).count();
    let (now, then) =
        ((broken(victims), pods.unwrap_or_default()), (broken(&evidence.victims), evidence.pods));
    for (field, now, then) in smaller(spec, was, now, then) {
        refuse(&field, &now, &then);
    }
    if spec.duration < was.duration {
        refuse("duration", &spec.duration, &was.duration);
    }
    if was.tolerates && !spec.tolerates {
        refuse("tolerates", &spec.tolerates, &was.tolerates);
    }
    let (now, then) = (&spec.detection, &was.detection);
    if now.within > then.within {
        refuse("detection.within", &now.within, &then.within);
    }
    if (now.from, then.from) == (DetectionFrom::Impact, DetectionFrom::Injection) {
        refuse("detection.from", &now.from, &then.from);
    }
    if (now.until, then.until) == (DetectionUntil::Firing, DetectionUntil::Notified) {
        refuse("detection.until", &now.until, &then.until);
    }
    let (now, then) = (&spec.recovery, &was.recovery);
    if now.within > then.within {
        refuse("recovery.within", &now.within, &then.within);
    }
    if now.stable_for < then.stable_for {
        refuse("recovery.stableFor", &now.stable_for, &then.stable_for);
    }
    if now.count_fault_ended && !then.count_fault_ended {
        refuse("recovery.countFaultEnded", &now.count_fault_ended, &then.count_fault_ended);
    }
    for probe in &was.steady_state {
        let now = spec.steady_state.iter().find(|now| now.name == probe.name);
        if now != Some(probe) {
            let now = if now.is_some() { "another probe" } else { "gone" };
            refuse(&format!("steadyState[{}]", probe.name), &now, &"one that was asked too");
        }
    }
    alerts(&mut compared, &spec.detection.alerts, &was.detection.alerts);
    compared
}

/// Other alerts may notice, where each is named: a matcher that anything fits would notice everything.
fn alerts(compared: &mut Compared, now: &[String], then: &[String]) {
    for text in now.iter().filter(|text| !then.contains(text)) {
        let named = Matchers::parse(text, &mut Room::default()).is_ok_and(|matchers| {
            matchers.labels().get(ALERTNAME).is_some_and(|name| !name.is_empty())
        });
        if named {
            compared.notes.push(format!("{text} counts here, and did not when it was missed"));
        } else {
            compared.refused.push(format!(
                "detection.alerts: {text} was not expected when it was missed, and names no alertname"
            ));
        }
    }
}

/// Where the fault is smaller: what, how it is now and how it was.
fn smaller(
    now: &ExperimentSpec,
    then: &ExperimentSpec,
    victims: (usize, i32),
    were: (usize, i32),
) -> Vec<(String, String, String)> {
    let means = |spec| faults::behaviour(spec).means;
    if now.fault.name() != then.fault.name() {
        return vec![(
            "fault".to_owned(),
            now.fault.name().to_owned(),
            then.fault.name().to_owned(),
        )];
    }
    match (means(&now.fault), means(&then.fault)) {
        (Means::Take(taking), Means::Take(took)) => {
            fewer(now.fault.name(), (taking, victims), (took, were))
        }
        _ if now.fault == then.fault => Vec::new(),
        _ => vec![(
            format!("fault.{}", now.fault.name()),
            "with other parameters".to_owned(),
            "the one in the evidence".to_owned(),
        )],
    }
}

fn fewer(
    fault: &str,
    (now, victims): (Taking, (usize, i32)),
    (then, were): (Taking, (usize, i32)),
) -> Vec<(String, String, String)> {
    let mut smaller = Vec::new();
    let mut put = |field: &str, now: String, then: String| {
        smaller.push((format!("fault.{fault}.{field}"), now, then));
    };
    let pods = |(broken, of): (usize, i32)| format!("{broken} of {of} pods");
    let is_less = match (now.amount, then.amount) {
        (Amount::Count(now), Amount::Count(then))
        | (Amount::Percent(now), Amount::Percent(then)) => now < then,
        // A count and a share are compared by the pods that they broke.
        _ => {
            let share = |(broken, of): (usize, i32), other: i32| {
                i128::try_from(broken)
                    .unwrap_or(i128::MAX)
                    .saturating_mul(i128::from(other.max(of)))
            };
            victims.0 < were.0 || share(victims, were.1) < share(were, victims.1)
        }
    };
    if is_less {
        put("count", pods(victims), pods(were));
    }
    if (now.method, then.method) == (Method::Evict, Method::Delete) {
        put("method", "Evict".to_owned(), "Delete".to_owned());
    }
    let told = |period: Option<crate::api::Duration>, none: &str| {
        period.map_or_else(|| none.to_owned(), |period| period.to_string())
    };
    let gentler = match (now.grace_period, then.grace_period) {
        (None, Some(_)) => true,
        (Some(now), Some(then)) => now > then,
        (_, None) => false,
    };
    if gentler {
        let own = "the pod's own";
        put("gracePeriod", told(now.grace_period, own), told(then.grace_period, own));
    }
    let rarer = match (now.every, then.every) {
        (None, Some(_)) => true,
        (Some(now), Some(then)) => now > then,
        (_, None) => false,
    };
    if rarer {
        put("every", told(now.every, "once"), told(then.every, "once"));
    }
    if now.order != then.order {
        put("order", format!("{:?}", now.order), format!("{:?}", then.order));
    }
    smaller
}
