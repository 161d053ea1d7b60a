//! What a target was like before anything was broken, by hashes. Of a `ConfigMap` nothing else is kept than the hash of its
//! content; no Secret is read.

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;

use super::target::{Found, target};
use crate::{
    api::{
        ExperimentSpec,
        experiment::Target,
        run::{ContentState, TargetState, Workload},
    },
    core::{
        alerts::{
            AlertFilter,
            rules::{Rule, expected},
        },
        hash,
        plan::Plan,
    },
    detectors,
    shell::{context::Context, leadup, reader::Reader},
};

/// So many workloads, and so many `ConfigMap`s, are looked at.
const WORKLOADS: usize = 8;
/// See [`WORKLOADS`].
const CONFIG_MAPS: usize = 16;
/// How long a source of rules may take: whatever is to be broken waits for it.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(1);

/// The workloads that own the pods of the target, where it is none itself.
pub async fn owners(context: &Context, namespace: &str, workloads: &[Workload]) -> Vec<Found> {
    let read = workloads.iter().take(WORKLOADS).map(async |workload| {
        let name = workload.name.as_str().into();
        let workload = match workload.kind.as_str() {
            "Deployment" => Target::Deployment(name),
            "StatefulSet" => Target::StatefulSet(name),
            "DaemonSet" => Target::DaemonSet(name),
            _ => return None,
        };
        target(context, namespace, &workload).await.ok().flatten()
    });
    join_all(read).await.into_iter().flatten().collect()
}

/// What those workloads were like, with pods of these images.
pub async fn state(
    context: &Context,
    namespace: &str,
    spec: &ExperimentSpec,
    (workloads, images): (&[&Found], Vec<String>),
) -> TargetState {
    let (config_maps, rules) =
        futures::join!(config_maps(context, namespace, workloads), rules(context, namespace, spec));
    TargetState {
        workloads: workloads.iter().map(|found| found.workload()).collect(),
        images,
        config_maps: (!workloads.is_empty()).then_some(config_maps),
        rules,
    }
}

/// The `ConfigMap`s that the pods read, one after the other: each may have a megabyte.
async fn config_maps(
    context: &Context,
    namespace: &str,
    workloads: &[&Found],
) -> Vec<ContentState> {
    let templates = workloads.iter().filter_map(|found| found.template.as_ref()?.spec.as_ref());
    let names: BTreeSet<String> = templates.flat_map(leadup::config_maps).collect();
    let (mut contents, reader) = (Vec::new(), Reader::new(context.reads.clone()));
    let maps: Api<ConfigMap> = Api::namespaced(context.reads.clone(), namespace);
    for name in names.into_iter().take(CONFIG_MAPS) {
        let read_of = |map: ConfigMap| hash::short(&(map.data, map.binary_data));
        let read = reader.one("read the ConfigMap", (maps.resource_url(), &name), read_of).await;
        contents.push(ContentState { hash: read.ok().flatten(), name });
    }
    contents
}

/// The rules that can fire what is expected; absent where no source told its rules in time.
async fn rules(
    context: &Context,
    namespace: &str,
    spec: &ExperimentSpec,
) -> Option<Vec<ContentState>> {
    let plan = Plan::parse(spec).ok()?;
    let alert_filter =
        AlertFilter { plan: &plan, namespace, labels: context.config.alert_labels() };
    let sources = detectors::configured(&context.config);
    let told = sources.iter().filter(|(source, _)| source.rules.is_some());
    let told = told.map(async |(source, endpoint)| {
        let rules = context.checks.rules(&*context.net, source, endpoint);
        tokio::time::timeout(WITHIN, rules).await.ok()?.ok()
    });
    let told: Option<Vec<_>> = join_all(told).await.into_iter().collect();
    let rules: Vec<Rule> = told
        .filter(|told| !told.is_empty())?
        .iter()
        .flat_map(|rules| rules.iter().cloned())
        .collect();
    Some(expected(&alert_filter, &rules))
}
