//! Kubernetes events: a courtesy for `kubectl describe`, on the run and on its target.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use super::call;
use crate::api::{
    ExperimentRun,
    run::{FactName, Verdict},
};

/// Writes events; a failed one is logged and nothing else.
pub struct Events(Recorder);

impl Events {
    /// Writes as `firedrill`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        let reporter = Reporter { controller: "firedrill.dev/operator".to_owned(), instance: None };
        Self(Recorder::new(client, reporter))
    }

    /// Tells what is new in `now` compared with `before`.
    pub async fn tell(&self, before: Option<&ExperimentRun>, now: &ExperimentRun) {
        let is_new = |name| fact(now, name) && !before.is_some_and(|before| fact(before, name));
        let status = now.status.as_ref();
        if is_new(FactName::Injected) {
            let detail = status.and_then(|status| status.fact(FactName::Injected));
            let detail = detail.map_or("", |fact| fact.detail.as_str());
            let note = format!("run {}: {detail}", name(now));
            if let Some(target) = target(now) {
                self.publish(EventType::Warning, "FaultInjected", "Inject", note, &target).await;
            }
        }
        let problem = |run: &ExperimentRun| run.status.as_ref()?.revert_problem.clone();
        if let Some(words) = problem(now).filter(|_| before.and_then(problem).is_none()) {
            let note = format!("run {}: {words}", name(now));
            for about in target(now).into_iter().chain([now.object_ref(&())]) {
                let note = note.clone();
                self.publish(EventType::Warning, "RevertFails", "Revert", note, &about).await;
            }
        }
        if let (true, Some(verdict)) =
            (is_new(FactName::Completed), status.and_then(|status| status.verdict))
        {
            let type_ = match verdict {
                Verdict::Passed => EventType::Normal,
                _ => EventType::Warning,
            };
            let summary = status.and_then(|status| status.summary.clone()).unwrap_or_default();
            let reference = now.object_ref(&());
            self.publish(type_, &verdict.to_string(), "Measure", summary, &reference).await;
        }
    }

    async fn publish(
        &self,
        type_: EventType,
        reason: &str,
        action: &str,
        note: String,
        about: &ObjectReference,
    ) {
        let note = crate::core::span::crop(note, 1000);
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: action.to_owned(),
            secondary: None,
        };
        if let Err(error) = call("write an event", self.0.publish(&event, about)).await {
            tracing::warn!(%error, reason, "an event could not be written");
        }
    }
}

fn fact(run: &ExperimentRun, name: FactName) -> bool {
    run.status.as_ref().is_some_and(|status| status.fact(name).is_some())
}

fn name(run: &ExperimentRun) -> &str {
    run.metadata.name.as_deref().unwrap_or_default()
}

fn target(run: &ExperimentRun) -> Option<ObjectReference> {
    let target = run.status.as_ref()?.plan.as_ref()?.target.clone()?;
    let version = if target.kind == "Service" { "v1" } else { "apps/v1" };
    Some(ObjectReference {
        api_version: Some(version.to_owned()),
        kind: Some(target.kind),
        name: Some(target.name),
        namespace: run.metadata.namespace.clone(),
        uid: Some(target.uid),
        ..ObjectReference::default()
    })
}
