//! Reads what the cluster still knows of the time before a run: only reads, each with an end to the
//! waiting; what cannot be read is named in the horizon and never an error.
//!
//! No Secret is read, and of a `ConfigMap` only the metadata.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use k8s_openapi::{
    api::{
        apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{ConfigMap, Event, PodSpec, Service},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::ListParams, core::Selector};

use super::{
    answers::with_managed_fields,
    reader::{Part, Reader as Pages},
};
use crate::{
    api::{
        ExperimentRun, ExperimentSpec,
        experiment::Target,
        run::{Journal, Workload as Owner},
    },
    debrief::leadup::{self, LeadUp, Period, Revision, Sources, Subjects, Workload},
    shell::call::{Error, Namespaced, call},
};

/// How long all reads together may take; what is not read by then is left out.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);
/// Events that are read at most.
const EVENTS_MAX: usize = 5_000;
/// Revisions of one workload that are kept at most; fifty times what a Deployment keeps of its own accord.
const REVISIONS_MAX: usize = 500;
/// Workloads, `ConfigMap`s and Services that are looked at, each.
const OBJECTS_MAX: usize = 16;

/// Collects what led up to `run` and what happened in `period`.
pub async fn collect(client: &Client, run: &ExperimentRun, period: &Period) -> LeadUp {
    let namespace = run.metadata.namespace.clone().unwrap_or_default();
    let client = with_managed_fields(client);
    let pages = Pages::new(client.clone());
    let mut reader = Reader { client, pages, namespace, sources: Sources::default() };
    if tokio::time::timeout(TOTAL_TIMEOUT, reader.read(run)).await.is_err() {
        reader
            .sources
            .unread
            .push(format!("the rest (no time left after {}s)", TOTAL_TIMEOUT.as_secs()));
    }
    leadup::collect(&reader.sources, period)
}

struct Reader {
    client: Client,
    pages: Pages,
    namespace: String,
    sources: Sources,
}

impl Reader {
    async fn read(&mut self, run: &ExperimentRun) {
        let Some(journal) = run.status.as_ref().and_then(|status| status.journal.as_ref()) else {
            return;
        };
        self.workloads(journal).await;
        self.services(journal.spec.as_ref()).await;
        self.config_maps().await;
        self.autoscalers().await;
        self.events(journal).await;
    }

    async fn workloads(&mut self, journal: &Journal) {
        for owner in journal.workloads.iter().take(OBJECTS_MAX) {
            let read = match owner.kind.as_str() {
                "Deployment" => self.workload::<Deployment>(owner).await,
                "StatefulSet" => self.workload::<StatefulSet>(owner).await,
                "DaemonSet" => self.workload::<DaemonSet>(owner).await,
                _ => {
                    self.sources
                        .unread
                        .push(format!("{} {} (a kind that is not known)", owner.kind, owner.name));
                    None
                }
            };
            let Some(workload) = read else { continue };
            if owner.kind == "Deployment" {
                self.revisions::<ReplicaSet>(&workload, "the ReplicaSets").await;
            } else {
                self.revisions::<ControllerRevision>(&workload, "the ControllerRevisions").await;
            }
            self.sources.workloads.push(workload);
        }
    }

    async fn workload<K: Namespaced + Into<Workload>>(
        &mut self,
        owner: &Owner,
    ) -> Option<Workload> {
        let what = format!("{} {}", owner.kind, owner.name);
        let read = call("read a workload", self.api::<K>().get(&owner.name)).await;
        self.keep(&what, read).map(Into::into)
    }

    async fn revisions<K: Namespaced + Into<Revision>>(&mut self, workload: &Workload, what: &str) {
        let Ok(selector) = Selector::try_from(workload.selector.clone()) else {
            return;
        };
        let (api, params) = (self.api::<K>(), ListParams::default().labels_from(&selector));
        let uid = workload.metadata.uid.as_deref().unwrap_or_default();
        let (mut found, mut are_more) = (Vec::new(), false);
        let take = |revision: K| {
            let revision: Revision = revision.into();
            are_more = found.len() == REVISIONS_MAX;
            if are_more {
                return ControlFlow::Break(());
            }
            found.extend(Some(revision).filter(|revision| revision.owner == uid));
            ControlFlow::Continue(())
        };
        let wanted = (Part::Typed, params);
        let read =
            self.pages.list_until("list the revisions", api.resource_url(), wanted, take).await;
        self.keep(what, read);
        self.sources.revisions.extend(found);
        if are_more {
            self.sources.unread.push(format!("more than {REVISIONS_MAX} of {what}"));
        }
    }

    async fn services(&mut self, spec: Option<&ExperimentSpec>) {
        for name in spec.map(services).unwrap_or_default().into_iter().take(OBJECTS_MAX) {
            if let Some(metadata) = self.metadata::<Service>("Service", &name).await {
                self.sources.services.push(metadata);
            }
        }
    }

    async fn config_maps(&mut self) {
        let templates =
            self.sources.workloads.iter().filter_map(|workload| workload.template.spec.as_ref());
        let names: BTreeSet<String> = templates.flat_map(config_maps).collect();
        for name in names.into_iter().take(OBJECTS_MAX) {
            if let Some(metadata) = self.metadata::<ConfigMap>("ConfigMap", &name).await {
                self.sources.config_maps.push(metadata);
            }
        }
    }

    async fn metadata<K: Namespaced>(&mut self, kind: &str, name: &str) -> Option<ObjectMeta> {
        let read = call("read metadata", self.api::<K>().get_metadata(name)).await;
        self.keep(&format!("{kind} {name}"), read).map(|found| found.metadata)
    }

    async fn autoscalers(&mut self) {
        let api = self.api::<HorizontalPodAutoscaler>();
        let workloads = &self.sources.workloads;
        let scales = |scaler: &HorizontalPodAutoscaler| {
            let target = scaler.spec.as_ref().map(|spec| &spec.scale_target_ref);
            let target =
                target.map(|target| format!("{}/{}", target.kind.to_lowercase(), target.name));
            workloads.iter().any(|workload| Some(&workload.source) == target.as_ref())
        };
        let (mut found, wanted) = (Vec::new(), (Part::Typed, ListParams::default()));
        let take = |scaler| found.extend(Some(scaler).filter(scales));
        let read = self.pages.list("list the autoscalers", api.resource_url(), wanted, take).await;
        self.keep("the autoscalers", read);
        self.sources.autoscalers = found;
    }

    /// Page by page, keeping only what is about the target.
    async fn events(&mut self, journal: &Journal) {
        let subjects = Subjects::of(&self.sources, &journal.victims);
        let (api, wanted) = (self.api::<Event>(), (Part::Typed, ListParams::default()));
        let (mut found, mut oldest, mut count, mut are_more) = (Vec::new(), None, 0, false);
        let take = |event: Event| {
            are_more = count == EVENTS_MAX;
            if are_more {
                return ControlFlow::Break(());
            }
            count += 1;
            oldest = oldest.into_iter().chain(leadup::event_at(&event)).min();
            found.extend(Some(event).filter(|event| subjects.hold(event)));
            ControlFlow::Continue(())
        };
        let read = self.pages.list_until("list the events", api.resource_url(), wanted, take).await;
        self.keep("the events", read);
        self.sources.events.extend(found);
        self.sources.oldest_event = oldest;
        if are_more {
            self.sources.unread.push(format!("more than {EVENTS_MAX} events"));
        }
    }

    fn api<K: Namespaced>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What was read; a failure is noted with its reason.
    fn keep<T>(&mut self, what: &str, read: Result<T, Error>) -> Option<T> {
        match read {
            Ok(found) => Some(found),
            Err(error) => {
                self.sources.unread.push(format!("{what} ({})", reason(&error)));
                None
            }
        }
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::Timeout(_) => "no answer in time".to_owned(),
        Error::Call { source, .. } => match &**source {
            kube::Error::Api(status) if !status.reason.is_empty() => status.reason.clone(),
            kube::Error::Api(status) => format!("status {}", status.code),
            _ => "no connection".to_owned(),
        },
        other => other.reason(),
    }
}

/// The Services through which the target is reached and probed.
fn services(spec: &ExperimentSpec) -> BTreeSet<String> {
    let target = match &spec.target {
        Target::Service(name) => Some(name),
        _ => None,
    };
    let http =
        spec.steady_state.iter().filter_map(|probe| probe.http.as_ref()).map(|http| &http.service);
    let tcp =
        spec.steady_state.iter().filter_map(|probe| probe.tcp.as_ref()).map(|tcp| &tcp.service);
    target.into_iter().chain(http).chain(tcp).map(ToString::to_string).collect()
}

/// The `ConfigMap`s that a pod names: in its variables, and in its volumes.
#[must_use]
pub fn config_maps(pod: &PodSpec) -> BTreeSet<String> {
    let containers = || pod.containers.iter().chain(pod.init_containers.iter().flatten());
    let keys = containers().flat_map(|container| container.env.iter().flatten());
    let keys =
        keys.filter_map(|variable| variable.value_from.as_ref()?.config_map_key_ref.as_ref());
    let whole = containers().flat_map(|container| container.env_from.iter().flatten());
    let whole = whole.filter_map(|source| source.config_map_ref.as_ref());
    let volumes = || pod.volumes.iter().flatten();
    let mounted = volumes().filter_map(|volume| volume.config_map.as_ref());
    let projected = volumes().filter_map(|volume| volume.projected.as_ref());
    let projected = projected.flat_map(|volume| volume.sources.iter().flatten());
    let projected = projected.filter_map(|source| source.config_map.as_ref());
    keys.map(|key| key.name.clone())
        .chain(whole.map(|source| source.name.clone()))
        .chain(mounted.map(|volume| volume.name.clone()))
        .chain(projected.map(|source| source.name.clone()))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_config_map_is_found_and_secrets_are_not() {
        let pod: PodSpec = serde_json::from_value(serde_json::json!({
            "containers": [{
                "name": "shop",
                "env": [
                    {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "by-key", "key": "a"}}},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "b"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "whole"}}, {"secretRef": {"name": "secret"}}],
            }],
            "initContainers": [{"name": "init", "envFrom": [{"configMapRef": {"name": "initial"}}]}],
            "volumes": [
                {"name": "v", "configMap": {"name": "mounted"}},
                {"name": "w", "secret": {"secretName": "secret"}},
                {"name": "p", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
            ],
        }))
        .unwrap();
        let names: Vec<_> = config_maps(&pod).into_iter().collect();
        assert_eq!(names, ["by-key", "initial", "mounted", "projected", "whole"]);
    }
}
