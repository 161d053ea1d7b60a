//! Kubernetes events about the target, its pods, its Services and what scales it.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Event;

use super::{Sources, kind, moment};
use crate::api::{Moment, debrief::TimelineEntry, run::Victim};

/// What events must be about.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    objects: BTreeSet<(String, String)>,
    pod_prefixes: BTreeSet<String>,
}

impl Subjects {
    /// Everything that was read, and the victims, which are gone by now.
    #[must_use]
    pub fn of(sources: &Sources, victims: &[Victim]) -> Self {
        let mut subjects = Self::default();
        for workload in &sources.workloads {
            subjects.add(&workload.source);
            subjects.own_pods(&workload.source);
        }
        for revision in &sources.revisions {
            subjects.add(&revision.source);
            subjects.own_pods(&revision.source);
        }
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let named = |kind: &str, name| (kind.to_owned(), name);
        let services = sources.services.iter().map(|found| named("service", name(&found.name)));
        let autoscalers = sources.autoscalers.iter();
        let autoscalers =
            autoscalers.map(|found| named("horizontalpodautoscaler", name(&found.metadata.name)));
        let victims =
            victims.iter().map(|victim| named(&victim.kind.to_lowercase(), victim.name.clone()));
        subjects.objects.extend(services.chain(autoscalers).chain(victims));
        subjects
    }

    fn add(&mut self, source: &str) {
        if let Some((kind, name)) = source.split_once('/') {
            self.objects.insert((kind.to_owned(), name.to_owned()));
        }
    }

    fn own_pods(&mut self, source: &str) {
        if let Some(("replicaset" | "statefulset" | "daemonset", name)) = source.split_once('/') {
            self.pod_prefixes.insert(format!("{name}-"));
        }
    }

    /// Whether the event is about one of them; pods are known by their owner's name.
    #[must_use]
    pub fn hold(&self, event: &Event) -> bool {
        let kind = event.involved_object.kind.as_deref().unwrap_or_default().to_lowercase();
        let name = event.involved_object.name.as_deref().unwrap_or_default();
        let is_pod = |prefix: &String| {
            name.strip_prefix(prefix.as_str())
                .is_some_and(|rest| !rest.is_empty() && !rest.contains('-'))
        };
        self.objects.contains(&(kind.clone(), name.to_owned()))
            || (kind == "pod" && self.pod_prefixes.iter().any(is_pod))
    }
}

/// When the event was first seen, by the finest clock that it carries.
#[must_use]
pub fn at(event: &Event) -> Option<Moment> {
    let precise = event.event_time.as_ref().map(|time| Moment::new(time.0));
    precise.or_else(|| event.first_timestamp.as_ref().map(moment)).or_else(|| last(event))
}

fn last(event: &Event) -> Option<Moment> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let series = series.map(|time| Moment::new(time.0));
    series.or_else(|| event.last_timestamp.as_ref().map(moment))
}

/// The reasons of events that tell of scaling: the API server notes who scaled, but not when.
const SCALING: [&str; 2] = ["ScalingReplicaSet", "SuccessfulRescale"];

/// The event as an entry: at its first sighting, or its last where the first lies before `since`.
pub fn entry(event: &Event, since: Moment) -> Option<TimelineEntry> {
    if is_ours(event) {
        return None;
    }
    let first = at(event)?;
    let last = last(event).filter(|last| *last > first);
    let at = if first < since { last? } else { first };
    let object = &event.involved_object;
    let of = object.kind.as_deref().unwrap_or_default().to_lowercase();
    let source = format!("{of}/{}", object.name.as_deref().unwrap_or_default());
    let reason = event.reason.as_deref().unwrap_or("Event");
    let message = event.message.as_deref().unwrap_or_default();
    let text = format!("{reason}{}: {message}", repeats(event, last));
    let kind = if SCALING.contains(&reason) { kind::SCALE } else { kind::EVENT };
    Some(super::entry(at, kind, &source, text))
}

/// The run's facts tell what we did ourselves.
fn is_ours(event: &Event) -> bool {
    let component = event.source.as_ref().and_then(|source| source.component.as_deref());
    let reporter = event.reporting_component.as_deref().or(component);
    reporter.is_some_and(|reporter| reporter.starts_with("firedrill"))
}

fn repeats(event: &Event, last: Option<Moment>) -> String {
    let series = event.series.as_ref().and_then(|series| series.count);
    match (series.or(event.count), last) {
        (Some(count), Some(last)) if count > 1 => {
            format!(" ({count} times until {})", last.timestamp().strftime("%H:%M:%S"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Revision, Workload};
    use super::*;
    use serde_json::{Value, json};

    fn event(kind: &str, name: &str, more: &Value) -> Event {
        let mut event = json!({
            "metadata": {"name": format!("{name}.1")}, "involvedObject": {"kind": kind, "name": name},
            "reason": "BackOff", "message": "restarting",
            "firstTimestamp": "2026-11-24T09:00:00Z", "lastTimestamp": "2026-11-24T09:00:00Z",
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    fn since() -> Moment {
        serde_json::from_str("\"2026-11-24T08:00:00Z\"").unwrap()
    }

    #[test]
    fn pods_are_known_by_their_owners_name_and_strangers_are_left_out() {
        let source = |text: &str| text.to_owned();
        let sources = Sources {
            workloads: vec![Workload {
                source: source("deployment/checkout"),
                ..Workload::default()
            }],
            revisions: vec![Revision {
                source: source("replicaset/checkout-6c9f7d"),
                ..Revision::default()
            }],
            ..Sources::default()
        };
        let subjects = Subjects::of(&sources, &[]);
        let holds = |kind, name| subjects.hold(&event(kind, name, &json!({})));
        assert!(holds("Pod", "checkout-6c9f7d-x2lqp"));
        assert!(holds("Deployment", "checkout"));
        assert!(!holds("Pod", "checkout-worker-77aa-abcde"));
        assert!(!holds("Pod", "payments-6c9f7d-x2lqp"));
        assert!(!holds("Deployment", "payments"));
    }

    #[test]
    fn an_event_that_began_before_the_period_is_told_at_its_last_time() {
        let more = json!({"firstTimestamp": "2026-11-24T07:00:00Z", "count": 12});
        let told = entry(&event("Pod", "p", &more), since()).unwrap();
        assert_eq!(told.at.to_string(), "2026-11-24T09:00:00.000000Z");
        assert_eq!(told.text, "BackOff (12 times until 09:00:00): restarting");
    }

    #[test]
    fn our_own_events_are_left_out() {
        let more = json!({"reportingComponent": "firedrill.dev/operator"});
        assert_eq!(entry(&event("Pod", "p", &more), since()), None);
    }
}
