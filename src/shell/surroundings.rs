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

use super::{
    Context, objects,
    registry::{Entry, Lookout},
    watched::watched,
};
use crate::{
    api::{
        ExperimentRun, ExperimentSpec,
        fault::{Egress, Fault},
    },
    faults::{self, Kind},
};

/// Starts the watches that the fault of `spec` needs; none for one that takes pods away.
pub fn watch(context: &Arc<Context>, entry: &Entry, run: &ExperimentRun, spec: &ExperimentSpec) {
    let Some(arming) = faults::of(&spec.fault).means.arming() else {
        return;
    };
    let namespace = entry.lookout.run.0.clone();
    let (kind, name) = arming.object(&spec.target);
    let run = Arc::new(run.clone());
    let stirs = Stirs { context: context.clone(), lookout: entry.lookout.clone(), run };
    let named = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let object = objects::api(&context.reads, kind, Some(&namespace));
    entry.keep(tokio::spawn(stirs.clone().of_object(object, named, kind)).abort_handle());
    let Fault::DependencyOutage(outage) = &spec.fault else {
        return;
    };
    if outage.egress.is_some() {
        let policies: Api<NetworkPolicy> = Api::namespaced(context.reads.clone(), &namespace);
        let all = watcher::Config::default();
        entry.keep(tokio::spawn(stirs.clone().of(policies, all.clone())).abort_handle());
        if matches!(outage.egress, Some(Egress::Service(_))) {
            let pods: Api<Pod> = Api::namespaced(context.reads.clone(), &namespace);
            entry.keep(tokio::spawn(stirs.of(pods, all)).abort_handle());
        }
    } else if let Some(service) = outage.service() {
        let slices: Api<EndpointSlice> = Api::namespaced(context.reads.clone(), &namespace);
        let label = format!("kubernetes.io/service-name={service}");
        let labelled = watcher::Config::default().labels(&label);
        entry.keep(tokio::spawn(stirs.of(slices, labelled)).abort_handle());
    }
}

/// Passes on that something stirred.
#[derive(Clone)]
struct Stirs {
    context: Arc<Context>,
    lookout: Arc<Lookout>,
    run: Arc<ExperimentRun>,
}

impl Stirs {
    async fn of_object(self, api: Api<DynamicObject>, config: watcher::Config, kind: Kind) {
        let mut events = watched(api, config);
        while let Some(event) = events.next().await {
            let now = self.context.clock.now();
            if let Event::InitApply(found) | Event::Apply(found) = event {
                let object = objects::object(kind, &found);
                self.lookout.see(|sight| {
                    sight.changes.see(&object, now);
                    sight.stirred_at = Some(now);
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
                let now = self.context.clock.now();
                self.lookout.see(|sight| sight.stirred_at = Some(now));
                self.context.trigger(&self.run);
            }
        }
    }
}
