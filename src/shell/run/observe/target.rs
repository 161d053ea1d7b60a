//! Reads a target, live: what it is, how many pods it should have, whether a rollout is under way.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        core::v1::{PodTemplateSpec, Service},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use kube::{
    Api,
    api::ListParams,
    core::{NamespaceResourceScope, Selector},
};
use serde::de::DeserializeOwned;

use super::{Owner, Scope};
use crate::{
    api::{
        experiment, names,
        run::{TargetRef, WorkloadState},
    },
    core::{cluster::Target, gameday::day::Rollout, hash},
    shell::{
        call::{Error, Namespaced, call},
        context::Context,
        reader::{Part, Reader},
    },
};

/// What `kubectl rollout restart` writes into a template.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// A target as it was read, its pods not yet.
pub struct Found {
    /// The target as it is.
    pub reference: TargetRef,
    /// How many pods it should have; a Service does not say.
    desired: Option<i32>,
    rollout: Option<String>,
    /// How its pods are made; a Service makes none.
    pub template: Option<PodTemplateSpec>,
    /// Which pods belong to it.
    pub scope: Scope,
}

/// The target, live; none where there is none of that name.
///
/// # Errors
/// When the API server refuses or does not answer.
pub async fn target(
    context: &Context,
    namespace: &str,
    target: &experiment::Target,
) -> Result<Option<Found>, Error> {
    match target {
        experiment::Target::Deployment(name) => {
            get(context, namespace, name).await.map(|found| found.map(deployment))
        }
        experiment::Target::StatefulSet(name) => {
            get(context, namespace, name).await.map(|found| found.map(stateful_set))
        }
        experiment::Target::DaemonSet(name) => {
            get(context, namespace, name).await.map(|found| found.map(daemon_set))
        }
        experiment::Target::Service(name) => {
            get(context, namespace, name).await.map(|found| found.map(service))
        }
    }
}

impl Found {
    /// What it was like, by hashes.
    #[must_use]
    pub fn workload(&self) -> WorkloadState {
        WorkloadState {
            kind: self.reference.kind.clone(),
            name: self.reference.name.clone(),
            replicas: self.desired,
            template_hash: self.template.clone().map(|template| hash::short(&lasting(template))),
        }
    }
}

/// The template without what a restart writes into it, and without what is firedrill's own.
fn lasting(mut template: PodTemplateSpec) -> PodTemplateSpec {
    let annotations = template.metadata.as_mut().and_then(|metadata| metadata.annotations.as_mut());
    if let Some(annotations) = annotations {
        annotations.retain(|key, _| key != RESTARTED_AT && !names::is_ours(key));
    }
    let is_empty =
        |metadata: &ObjectMeta| metadata.annotations.as_ref().is_some_and(BTreeMap::is_empty);
    if let Some(metadata) = template.metadata.as_mut().filter(|metadata| is_empty(metadata)) {
        metadata.annotations = None;
    }
    template
}

/// The target with that many pods: a Service should have as many as it selects.
#[must_use]
pub fn with_pods(read: Result<Option<Found>, Error>, pods: usize) -> Target {
    match read {
        Ok(Some(Found { reference, desired, rollout, .. })) => {
            let selected = || i32::try_from(pods).unwrap_or(i32::MAX);
            Target::Found { reference, desired: desired.unwrap_or_else(selected), rollout }
        }
        Ok(None) => Target::Missing,
        Err(error) => Target::Unreadable(error.to_string()),
    }
}

async fn get<K>(context: &Context, namespace: &str, name: &str) -> Result<Option<K>, Error>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let objects: Api<K> = Api::namespaced(context.reads.clone(), namespace);
    call("read the target", objects.get_opt(name)).await
}

/// The workloads of the namespace in the middle of a rollout, those apart whose rollout somebody has paused.
///
/// # Errors
/// What the API server says.
pub async fn rollouts(context: &Context, namespace: &str) -> Result<Vec<Rollout>, Error> {
    let running = |found: Deployment| {
        let is_paused = found.spec.as_ref().and_then(|spec| spec.paused).unwrap_or(false);
        (!is_paused).then(|| deployment(found))
    };
    let (deployments, stateful_sets, daemon_sets) = futures::try_join!(
        rolling(context, namespace, running),
        rolling(context, namespace, |found| Some(stateful_set(found))),
        rolling(context, namespace, |found| Some(daemon_set(found))),
    )?;
    Ok([deployments, stateful_sets, daemon_sets].concat())
}

async fn rolling<K: Namespaced>(
    context: &Context,
    namespace: &str,
    read: impl Fn(K) -> Option<Found>,
) -> Result<Vec<Rollout>, Error> {
    let workloads: Api<K> = Api::namespaced(context.reads.clone(), namespace);
    let mut rollouts = Vec::new();
    let take = |workload: K| {
        let Some(Found { reference, rollout: Some(progress), .. }) = read(workload) else { return };
        let TargetRef { kind, name, uid, .. } = reference;
        rollouts.push(Rollout { uid, workload: format!("{kind} {name}"), progress });
    };
    let reader = Reader::new(context.reads.clone());
    let wanted = (Part::Typed, ListParams::default());
    reader.list("list the workloads", workloads.resource_url(), wanted, take).await?;
    Ok(rollouts)
}

fn deployment(found: Deployment) -> Found {
    let spec = found.spec.unwrap_or_default();
    let status = found.status.unwrap_or_default();
    let desired = spec.replicas.unwrap_or(1);
    let behind = status.observed_generation < found.metadata.generation
        || status.updated_replicas.unwrap_or(0) < desired
        || status.replicas.unwrap_or(0) > status.updated_replicas.unwrap_or(0);
    let updated = status.updated_replicas.unwrap_or(0);
    let rollout = match spec.paused {
        Some(true) => Some("its rollout is paused, so nothing would be rolled back".to_owned()),
        _ => behind.then(|| {
            format!("a rollout is under way: {updated} of {desired} replicas are updated")
        }),
    };
    let name = found.metadata.name.clone().unwrap_or_default();
    let scope = Scope { selector: print(&spec.selector), owner: Owner::ReplicaSetOf(name) };
    let reference = reference("Deployment", &found.metadata, &spec.template);
    Found { reference, desired: Some(desired), rollout, template: Some(spec.template), scope }
}

fn stateful_set(found: StatefulSet) -> Found {
    let spec = found.spec.unwrap_or_default();
    let status = found.status.unwrap_or_default();
    let behind = status.observed_generation < found.metadata.generation
        || status.current_revision != status.update_revision;
    let rollout = behind.then(|| {
        format!(
            "a rollout is under way: {} replicas are updated",
            status.updated_replicas.unwrap_or(0)
        )
    });
    let scope = Scope {
        selector: print(&spec.selector),
        owner: Owner::Uid(found.metadata.uid.clone().unwrap_or_default()),
    };
    let reference = reference("StatefulSet", &found.metadata, &spec.template);
    let desired = Some(spec.replicas.unwrap_or(1));
    Found { reference, desired, rollout, template: Some(spec.template), scope }
}

fn daemon_set(found: DaemonSet) -> Found {
    let spec = found.spec.unwrap_or_default();
    let status = found.status.unwrap_or_default();
    let desired = status.desired_number_scheduled;
    let updated = status.updated_number_scheduled.unwrap_or(0);
    let behind = status.observed_generation < found.metadata.generation || updated < desired;
    let rollout =
        behind.then(|| format!("a rollout is under way: {updated} of {desired} pods are updated"));
    let scope = Scope {
        selector: print(&spec.selector),
        owner: Owner::Uid(found.metadata.uid.clone().unwrap_or_default()),
    };
    let reference = reference("DaemonSet", &found.metadata, &spec.template);
    Found { reference, desired: Some(desired), rollout, template: Some(spec.template), scope }
}

fn service(found: Service) -> Found {
    let labels = found.spec.and_then(|spec| spec.selector).unwrap_or_default();
    let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let reference = TargetRef {
        kind: "Service".to_owned(),
        name: found.metadata.name.unwrap_or_default(),
        uid: found.metadata.uid.unwrap_or_default(),
        ..TargetRef::default()
    };
    // Without a selector it selects nothing; an empty list option would select everything.
    let selector = if pairs.is_empty() {
        "firedrill.dev/none,!firedrill.dev/none".to_owned()
    } else {
        pairs.join(",")
    };
    let scope = Scope { selector, owner: Owner::Anybody };
    Found { reference, desired: None, rollout: None, template: None, scope }
}

fn print(selector: &LabelSelector) -> String {
    Selector::try_from(selector.clone()).map(|selector| selector.to_string()).unwrap_or_default()
}

fn reference(kind: &str, metadata: &ObjectMeta, template: &PodTemplateSpec) -> TargetRef {
    let annotations = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
    TargetRef {
        kind: kind.to_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        generation: metadata.generation,
        template_hash: Some(hash::short(template)),
        restarted_at: annotations.and_then(|annotations| annotations.get(RESTARTED_AT).cloned()),
    }
}
