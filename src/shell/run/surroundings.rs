//! Watches what a fault that changes fields depends on: its object, and whatever else would make a
//! live read tell something new.

use std::{fmt::Debug, sync::Arc};

use futures::StreamExt;
use k8s_openapi::api::{
    core::v1::Pod, discovery::v1::EndpointSlice, networking::v1::NetworkPolicy,
};
use kube::{
    Api,
    api::DynamicObject,
    runtime::watcher::{self, Event},
};
use serde::de::DeserializeOwned;

use super::registry::{Entry, Lookout};
use crate::{
    api::{ExperimentRun, ExperimentSpec},
    faults::{self, Kind, arming::Related},
    shell::{answers::with_managed_fields, context::Context, objects, watched::watched},
};

/// Starts the watches that the fault of `spec` needs; none for one that takes pods away.
pub fn watch(context: &Arc<Context>, entry: &Entry, run: &ExperimentRun, spec: &ExperimentSpec) {
    let Some(arming) = faults::behaviour(&spec.fault).means.arming() else {
        return;
    };
    let namespace = entry.lookout.run.0.clone();
    let (kind, name) = arming.object(&spec.target);
    let run = Arc::new(run.clone());
    let watch_of = ChangeWatch { context: context.clone(), lookout: entry.lookout.clone(), run };
    let named = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let reads = &context.reads;
    // Who ends the fault is told by that.
    let object = objects::api(&with_managed_fields(reads), kind, Some(&namespace));
    entry.keep(tokio::spawn(watch_of.clone().of_object(object, named, kind)).abort_handle());
    for related in arming.related() {
        let (watch_of, all) = (watch_of.clone(), watcher::Config::default());
        let task = match related {
            Related::NetworkPolicies => {
                let policies: Api<NetworkPolicy> = Api::namespaced(reads.clone(), &namespace);
                tokio::spawn(watch_of.of(policies, all))
            }
            Related::Pods => {
                let pods: Api<Pod> = Api::namespaced(reads.clone(), &namespace);
                tokio::spawn(watch_of.of(pods, all))
            }
            Related::Endpoints(service) => {
                let slices: Api<EndpointSlice> = Api::namespaced(reads.clone(), &namespace);
                let label = format!("kubernetes.io/service-name={service}");
                tokio::spawn(watch_of.of(slices, all.labels(&label)))
            }
        };
        entry.keep(task.abort_handle());
    }
}

/// Passes on that something changed.
#[derive(Clone)]
struct ChangeWatch {
    context: Arc<Context>,
    lookout: Arc<Lookout>,
    run: Arc<ExperimentRun>,
}

impl ChangeWatch {
    async fn of_object(self, api: Api<DynamicObject>, config: watcher::Config, kind: Kind) {
        let mut events = watched(api, config);
        while let Some(event) = events.next().await {
            let now = self.lookout.clock.now();
            if let Event::InitApply(found) | Event::Apply(found) = event {
                let object = objects::object(kind, &found);
                self.lookout.see(|signals| {
                    signals.changes.see(&object, now);
                    signals.changed_at = Some(now);
                });
                self.context.trigger(&self.run);
            }
        }
    }

    async fn of<K>(self, api: Api<K>, config: watcher::Config)
    where
        K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let mut events = watched(api, config);
        while let Some(event) = events.next().await {
            // A new list may lack what was deleted while nobody watched.
            if let Event::InitDone | Event::Apply(_) | Event::Delete(_) = event {
                let now = self.lookout.clock.now();
                self.lookout.see(|signals| signals.changed_at = Some(now));
                self.context.trigger(&self.run);
            }
        }
    }
}
