//! Reads what a fault that changes fields looks at: its object, what a rollout left behind, the
//! policy that blocks an egress, the dependency's endpoints, and whether a reaper lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use k8s_openapi::{
    api::{
        core::v1::{Pod, Service},
        discovery::v1::EndpointSlice,
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    core::{PartialObjectMeta, Selector, SelectorExt},
};
use serde_json::{Value, json};

use crate::{
    api::{ExperimentRun, ExperimentSpec, Moment, experiment::Target, names},
    core::{
        cluster::{Changeable, FaultReads, Reads},
        revert::leftovers::Revision,
    },
    faults::{
        self, Kind, Object, Sign,
        isolation::{self, Blocked, Cut},
    },
    shell::{
        call::{Error, call},
        context::Context,
        lease, objects,
        reader::{Part, Reader},
        revisions,
    },
};

/// What the fault of `spec` looks at; absent for one that takes pods away.
pub async fn fault_reads(
    context: &Context,
    run: &ExperimentRun,
    spec: &ExperimentSpec,
) -> Option<FaultReads> {
    let faults::Behaviour { means, sign, .. } = faults::behaviour(&spec.fault);
    let arming = means.arming()?;
    let namespace = run.namespace().unwrap_or_default();
    let ((kind, name), cut) = (arming.object(&spec.target), arming.cut());
    let reads = Reads::of(run.status.as_ref());
    let client = &context.reads;
    // What the reaper could not read it could not revert either, so nothing begins on that.
    let found = if reads.reaper {
        let reader = Reader::new(client.clone());
        objects::with(&reader, (kind, &namespace, &name), |object| object).await
    } else {
        objects::read(client, kind, &namespace, &name).await
    };
    let object = match found {
        Ok(Some(object)) => Changeable::Found(object),
        Ok(None) => Changeable::Missing,
        Err(error) => Changeable::Unreadable(error.to_string()),
    };
    let faulty = match &object {
        Changeable::Found(object) if reads.faulty_revisions => {
            faulty_revisions(client, run, object).await.map(Some)
        }
        _ => Ok(None),
    };
    // What the revisions are must be known before the fault can be said to be gone.
    let (object, faulty_revisions) = match faulty {
        Ok(revisions) => (object, revisions),
        Err(error) => (Changeable::Unreadable(error.to_string()), None),
    };
    let policy = match cut.filter(|_| !reads.faulty_revisions) {
        Some(cut) => Some(policy(client, &namespace, &name, (&spec.target, cut)).await),
        None => None,
    };
    let dependency_ready = match sign.filter(|_| reads.sign) {
        Some(sign) => ready(client, &namespace, sign, &object).await,
        None => None,
    };
    let reaper_seen = if reads.reaper { reaper_seen(context).await } else { None };
    Some(FaultReads { object, faulty_revisions, policy, dependency_ready, reaper_seen })
}

/// The revisions of the object whose template holds the fault.
async fn faulty_revisions(
    client: &Client,
    run: &ExperimentRun,
    object: &Object,
) -> Result<Vec<Revision>, Error> {
    let plan = run.status.as_ref().and_then(|status| status.journal.as_ref());
    let Some(image) = plan.and_then(|plan| plan.pre_image.as_ref()) else {
        return Ok(Vec::new());
    };
    revisions::faulty(&Reader::new(client.clone()), object, Some(&image.fields)).await
}

/// The spec of the policy that blocks the target's egress, or why there can be none.
async fn policy(
    client: &Client,
    namespace: &str,
    own: &str,
    (target, cut): (&Target, Cut<'_>),
) -> Result<Value, String> {
    let (selector, pods) = target_pods(client, namespace, target).await?;
    if let Some(name) = restricting(client, namespace, own, &pods).await? {
        return Err(isolation::barred(&name, target));
    }
    let blocked = match cut {
        Cut::Range(range) => Blocked::Range(range.to_owned()),
        Cut::Service(name) => blocked_service(client, namespace, name).await?,
    };
    Ok(isolation::armed(&json!(selector), namespace, &blocked))
}

/// The labels of one pod.
type Labels = BTreeMap<String, String>;

/// The label selector of the target, and the labels of its pods: of those that are there, and of those that its
/// template makes.
async fn target_pods(
    client: &Client,
    namespace: &str,
    target: &Target,
) -> Result<(LabelSelector, Vec<Labels>), String> {
    let (kind, name) = match target {
        Target::Deployment(name) => (Kind::Deployment, name),
        Target::StatefulSet(name) => (Kind::StatefulSet, name),
        Target::DaemonSet(name) => (Kind::DaemonSet, name),
        Target::Service(name) => (Kind::Service, name),
    };
    let found = objects::read(client, kind, namespace, name).await;
    let found = found.map_err(|error| error.to_string())?;
    let spec = &found.ok_or_else(|| format!("there is no {target}"))?.value["spec"];
    let selector = if kind == Kind::Service {
        let labels = serde_json::from_value(spec["selector"].clone()).unwrap_or_default();
        LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
    } else {
        serde_json::from_value(spec["selector"].clone()).map_err(|error| error.to_string())?
    };
    let selected = Selector::try_from(selector.clone()).map_err(|error| error.to_string())?;
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let wanted = (Part::Metadata, ListParams::default().labels_from(&selected));
    let template = &spec["template"]["metadata"]["labels"];
    let mut pods: Vec<Labels> = serde_json::from_value(template.clone()).ok().into_iter().collect();
    let take = |pod: PartialObjectMeta<Pod>| pods.push(pod.metadata.labels.unwrap_or_default());
    let reader = Reader::new(client.clone());
    let listed = reader.list("list the target's pods", api.resource_url(), wanted, take).await;
    listed.map_err(|error| error.to_string())?;
    Ok((selector, pods))
}

/// The policy of somebody else that restricts the egress of one of these pods.
async fn restricting(
    client: &Client,
    namespace: &str,
    own: &str,
    pods: &[Labels],
) -> Result<Option<String>, String> {
    let policies: Api<NetworkPolicy> = Api::namespaced(client.clone(), namespace);
    let mut found = None;
    let take = |policy: NetworkPolicy| {
        if policy.name_any() == own || !restricts(&policy, pods) {
            return ControlFlow::Continue(());
        }
        found = Some(policy.name_any());
        ControlFlow::Break(())
    };
    let (url, wanted) = (policies.resource_url(), (Part::Typed, ListParams::default()));
    let reader = Reader::new(client.clone());
    let listed = reader.list_until("list the NetworkPolicies", url, wanted, take).await;
    listed.map_err(|error| error.to_string())?;
    Ok(found)
}

/// Whether a policy restricts the egress of one of these pods. Each has labels beside those of the workload's
/// selector, and policies select by any of them.
fn restricts(policy: &NetworkPolicy, pods: &[Labels]) -> bool {
    let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.clone());
    // A selector that cannot be read may select every pod.
    let picked = Selector::try_from(selector.unwrap_or_default());
    let picks = |labels: &Labels| picked.as_ref().map_or(true, |picked| picked.matches(labels));
    pods.iter().any(picks) && isolation::restricts(&json!(policy))
}

async fn blocked_service(client: &Client, namespace: &str, name: &str) -> Result<Blocked, String> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let found = call("read the Service", services.get_opt(name)).await;
    let service = found.map_err(|error| error.to_string())?.and_then(|service| service.spec);
    let service = service.ok_or_else(|| format!("there is no Service {name} to be blocked"))?;
    let selector = service.selector.unwrap_or_default();
    if selector.is_empty() {
        return Err(isolation::unselected(name));
    }
    let pairs: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let wanted = (Part::Typed, ListParams::default().labels(&pairs.join(",")));
    let own = service.cluster_ips.unwrap_or_default().into_iter().filter(|ip| ip != "None");
    let mut addresses: BTreeSet<String> = own.collect();
    let take = |pod: Pod| {
        let found = pod.status.and_then(|status| status.pod_ips).unwrap_or_default();
        addresses.extend(found.into_iter().map(|ip| ip.ip));
    };
    let reader = Reader::new(client.clone());
    let listed = reader.list("list the dependency's pods", pods.resource_url(), wanted, take).await;
    listed.map_err(|error| error.to_string())?;
    Ok(Blocked::Service { selector, addresses })
}

/// How many ready pods there are, where their absence is the sign of the fault.
async fn ready(
    client: &Client,
    namespace: &str,
    sign: Sign<'_>,
    object: &Changeable,
) -> Option<usize> {
    match sign {
        Sign::NoEndpoints(service) => ready_endpoints(client, namespace, service).await,
        Sign::NoReplicas => ready_replicas(object),
        Sign::PodEnding | Sign::NewRevision | Sign::ProbeFails(_) => None,
    }
}

/// As its controller counts them, once it has seen the present spec.
fn ready_replicas(object: &Changeable) -> Option<usize> {
    let Changeable::Found(object) = object else { return None };
    let (status, metadata) = (&object.value["status"], &object.value["metadata"]);
    let current = status["observedGeneration"] == metadata["generation"];
    let ready = status["readyReplicas"].as_u64().unwrap_or(0);
    current.then_some(usize::try_from(ready).ok()).flatten()
}

async fn ready_endpoints(client: &Client, namespace: &str, service: &str) -> Option<usize> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let label = format!("kubernetes.io/service-name={service}");
    let (url, wanted) =
        (slices.resource_url(), (Part::Typed, ListParams::default().labels(&label)));
    let mut ready = 0;
    let take = |slice: EndpointSlice| {
        let is_ready = |endpoint: &&k8s_openapi::api::discovery::v1::Endpoint| {
            endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
        };
        ready += slice.endpoints.iter().filter(is_ready).count();
    };
    Reader::new(client.clone()).list("list the endpoints", url, wanted, take).await.ok()?;
    Some(ready)
}

/// When a reaper last renewed its lease.
pub async fn reaper_seen(context: &Context) -> Option<Moment> {
    let namespace = &context.config.reaper_namespace;
    lease::renewed_at(&context.reads, namespace, names::REAPER).await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_bars_an_outage_where_it_restricts_the_egress_of_any_pod_by_any_of_its_labels() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let pods: Vec<Labels> = vec![
            labels(&[("app", "web")]),
            labels(&[("app", "web"), ("tier", "secure"), ("pod-template-hash", "5d4")]),
        ];
        let closed = json!(["Egress"]);
        for (selector, types, bars) in [
            (json!({}), &closed, true),
            (json!({"matchLabels": {"app": "web"}}), &closed, true),
            // A label that the workload's selector does not name.
            (json!({"matchLabels": {"tier": "secure"}}), &closed, true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), &closed, true),
            (json!({"matchLabels": {"app": "db"}}), &closed, false),
            (json!({"matchLabels": {"tier": "open"}}), &closed, false),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
                &closed,
                false,
            ),
            (json!({"matchLabels": {"tier": "secure"}}), &json!(["Ingress"]), false),
        ] {
            let spec = json!({"podSelector": selector, "policyTypes": types});
            let policy = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            assert_eq!(restricts(&policy, &pods), bars, "{spec}");
        }
    }
}
