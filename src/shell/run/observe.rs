//! Live reads of everything that guards look at, side by side; a read that fails is an answer too.

mod fault_reads;
mod intent;
mod marked;
mod state;
mod target;

pub use fault_reads::reaper_seen;
pub use marked::marked;
pub use target::{rollouts, target, with_pods};

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Namespace as KubeNamespace, Pod as KubePod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, ResourceExt,
    api::ListParams,
    core::{Selector, SelectorExt},
};
use tokio::time::timeout;

use crate::{
    api::{
        Moment, SafetyLever,
        experiment::ExperimentSpec,
        names,
        run::{ExperimentRun, TargetRef, TargetState, Workload},
    },
    core::{
        cluster::{Budget, ClusterState, Lever, Namespace, Rival},
        signals::pods::Pod,
        span::crop,
    },
    faults::{
        self,
        taking::{Amount, Method},
    },
    shell::{
        call::{Error, call},
        context::Context,
        controller::version,
        guarded::Guarded,
        reader::{Part, Reader},
    },
};

/// So long a watch is waited for to bring what was written just now.
const HEARD_WITHIN: Duration = Duration::from_millis(500);

/// So many images of a target's pods are kept.
const IMAGES: usize = 16;

/// Which pods belong to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The label selector that the target's pods carry.
    pub selector: String,
    /// Who must own a pod; a Service owns none.
    pub owner: Owner,
}

/// Who must own a pod so that it belongs to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Anybody: the target is a Service.
    Anybody,
    /// The workload with this UID.
    Uid(String),
    /// A ReplicaSet of the Deployment with this name.
    ReplicaSetOf(String),
}

impl Scope {
    /// Whether that pod belongs to the target.
    #[must_use]
    pub fn owns(&self, pod: &KubePod) -> bool {
        let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true));
        match (&self.owner, owner) {
            (Owner::Anybody, _) => true,
            (Owner::Uid(uid), Some(owner)) => owner.uid == *uid,
            (Owner::ReplicaSetOf(name), Some(owner)) => {
                let hash = pod.labels().get("pod-template-hash").map_or("", String::as_str);
                owner.kind == "ReplicaSet" && owner.name == format!("{name}-{hash}")
            }
            (_, None) => false,
        }
    }
}

/// Reads everything that guards look at, from `read_at` on; the other runs come from [`rivals`]. Where the pods
/// could be listed, also says which they are and the version of that list, from which a watch goes on.
pub async fn cluster(
    context: &Context,
    run: &ExperimentRun,
    spec: &ExperimentSpec,
    (read_at, known): (Moment, Option<(Moment, TargetState)>),
) -> (ClusterState, Option<(Scope, String)>) {
    let namespace = run.namespace().unwrap_or_default();
    let (read, lever, state, intent, fault_reads) = futures::join!(
        target(context, &namespace, &spec.target),
        lever(context, &namespace),
        opt_in(context, &namespace),
        intent::intent(context, &namespace, run),
        fault_reads::fault_reads(context, run, spec)
    );
    let scope = read.as_ref().ok().and_then(Option::as_ref).map(|found| found.scope.clone());
    let (listed, budgets) = match &scope {
        Some(scope) => {
            let (listed, budgets) = futures::join!(
                pods(context, &namespace, scope),
                budgets(context, &namespace, run, spec)
            );
            (listed.map(Some), budgets)
        }
        None => (Ok(None), Ok(Vec::new())),
    };
    let (read, pods, images, version) = match listed {
        Ok(Some((pods, images, version))) => (read, pods, images, Some(version)),
        Ok(None) => (read, Vec::new(), Vec::new(), None),
        Err(error) => (Err(error), Vec::new(), Vec::new(), None),
    };
    let workloads = workloads(context, &namespace, read.as_ref().ok(), &pods).await;
    let is_wanted = known.is_none() && !run.has_begun();
    let was = match read.as_ref().ok().and_then(Option::as_ref).filter(|_| is_wanted) {
        Some(found) => Some((read_at, was(context, run, spec, (found, &workloads, images)).await)),
        None => known,
    };
    let target = with_pods(read, pods.len());
    let budgets = budgets
        .map(|found| found.iter().map(|budget| protect(budget, &pods)).collect())
        .map_err(|error| error.to_string());
    let cluster = ClusterState {
        read_at,
        target_read_at: read_at,
        rivals_read_at: None,
        lever,
        namespace: state,
        intent,
        target,
        pods,
        workloads,
        budgets,
        rivals: Vec::new(),
        fault_reads,
        state: was,
    };
    (cluster, scope.zip(version))
}

/// The lever, live; a 404 of the API server is an open lever, one without its words is not.
pub async fn lever(context: &Context, namespace: &str) -> Lever {
    let levers: Api<SafetyLever> = Api::all(context.reads.clone());
    match call("read the lever", levers.get(names::LEVER)).await {
        Ok(lever) => judge_lever(&lever, namespace),
        Err(error) if is_absent(&error) => Lever::Open,
        Err(error) => Lever::Unreadable(error.to_string()),
    }
}

/// Whether a `404` speaks of the object; one without a reason means that the definition is gone.
fn is_absent(error: &Error) -> bool {
    let Error::Call { source, .. } = error else {
        return false;
    };
    matches!(&**source, kube::Error::Api(status) if status.code == 404 && status.reason == "NotFound" && status.details.is_some())
}

/// What the lever means for the runs of `namespace`.
#[must_use]
pub fn judge_lever(lever: &SafetyLever, namespace: &str) -> Lever {
    if !lever.spec.stops(namespace) {
        return Lever::Open;
    }
    Lever::Engaged {
        by: lever.spec.by.clone().unwrap_or_else(|| "somebody".to_owned()),
        reason: lever.spec.reason.clone().unwrap_or_else(|| "no reason given".to_owned()),
    }
}

async fn opt_in(context: &Context, namespace: &str) -> Namespace {
    let namespaces: Api<KubeNamespace> = Api::all(context.reads.clone());
    match call("read the namespace", namespaces.get_metadata(namespace)).await {
        Ok(found) => {
            let says = |label| found.labels().get(label).is_some_and(|value| value == "true");
            Namespace::Found {
                enabled: says(names::ENABLED),
                protected: says(names::PROTECTED),
                terminating: found.metadata.deletion_timestamp.is_some(),
            }
        }
        Err(error) => Namespace::Unreadable(error.to_string()),
    }
}

async fn pods(
    context: &Context,
    namespace: &str,
    scope: &Scope,
) -> Result<(Vec<Pod>, Vec<String>, String), Error> {
    let pods: Api<KubePod> = Api::namespaced(context.reads.clone(), namespace);
    let (url, selected) = (pods.resource_url(), ListParams::default().labels(&scope.selector));
    let (mut found, mut images) = (Vec::new(), BTreeSet::new());
    let take = |pod: KubePod| {
        if scope.owns(&pod) {
            found.push(read_pod(&pod));
            if images.len() < IMAGES {
                images.extend(images_of(pod));
            }
        }
    };
    let reader = Reader::new(context.reads.clone());
    let version = reader.list("list the target's pods", url, (Part::Typed, selected), take).await?;
    Ok((found, images.into_iter().take(IMAGES).collect(), version))
}

/// The images of the pod as its node has them, by digest.
fn images_of(pod: KubePod) -> impl Iterator<Item = String> {
    let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
    let images = statuses.into_iter().map(|status| status.image_id);
    images.filter(|image| !image.is_empty()).map(|image| crop(image, 512))
}

/// What the target was like, with its owners where it is a Service.
async fn was(
    context: &Context,
    run: &ExperimentRun,
    spec: &ExperimentSpec,
    (found, workloads, images): (&target::Found, &[Workload], Vec<String>),
) -> TargetState {
    let namespace = run.namespace().unwrap_or_default();
    if found.template.is_some() {
        return state::state(context, &namespace, spec, (&[found], images)).await;
    }
    let owners = state::owners(context, &namespace, workloads).await;
    let owners: Vec<_> = owners.iter().collect();
    state::state(context, &namespace, spec, (&owners, images)).await
}

/// What the rules need to know of a pod.
#[must_use]
pub fn read_pod(pod: &KubePod) -> Pod {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let ending =
        pod.metadata.deletion_timestamp.is_some() || matches!(phase, "Succeeded" | "Failed");
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions
        .iter()
        .find(|condition| condition.type_ == "Ready" && condition.status == "True");
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true));
    Pod {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        resource_version: pod.resource_version().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ready: ready.is_some() && !ending,
        ready_since: ready
            .and_then(|ready| ready.last_transition_time.as_ref())
            .map(|time| Moment::new(time.0)),
        ending,
        created_at: pod.creation_timestamp().map(|time| Moment::new(time.0)),
        owner: owner.map(|owner| (owner.uid.clone(), owner.kind.clone(), owner.name.clone())),
        labels: pod.labels().clone(),
    }
}

/// The disruption budgets, where more than one pod is taken: for a single eviction the API server's
/// own answer is the guard.
async fn budgets(
    context: &Context,
    namespace: &str,
    run: &ExperimentRun,
    spec: &ExperimentSpec,
) -> Result<Vec<PodDisruptionBudget>, Error> {
    let Some(taking) = faults::behaviour(&spec.fault).means.taking() else {
        return Ok(Vec::new());
    };
    let alone = taking.amount == Amount::Count(1) && !run.spec.dry_run;
    if taking.method == Method::Delete || alone {
        return Ok(Vec::new());
    }
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(context.reads.clone(), namespace);
    let listed = call("list the disruption budgets", budgets.list(&ListParams::default())).await?;
    Ok(listed.items)
}

fn protect(budget: &PodDisruptionBudget, pods: &[Pod]) -> Budget {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
    let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
    let covered =
        |pod: &&Pod| selector.as_ref().is_some_and(|selector| selector.matches(&pod.labels));
    Budget {
        name: budget.name_any(),
        allowed: budget.status.as_ref().map_or(0, |status| status.disruptions_allowed),
        pods: pods.iter().filter(covered).map(|pod| pod.uid.clone()).collect(),
    }
}

/// The workloads that own the pods: the target itself, or for a Service the owners of its pods.
async fn workloads(
    context: &Context,
    namespace: &str,
    target: Option<&Option<target::Found>>,
    pods: &[Pod],
) -> Vec<Workload> {
    let Some(Some(target::Found { reference, .. })) = target else {
        return Vec::new();
    };
    if reference.kind != "Service" {
        let TargetRef { kind, name, uid, .. } = reference.clone();
        return vec![Workload { kind, name, uid }];
    }
    let mut owners: Vec<_> = pods.iter().filter_map(|pod| pod.owner.clone()).collect();
    owners.sort();
    owners.dedup();
    let mut workloads = Vec::new();
    for (uid, kind, name) in owners {
        let owner = if kind == "ReplicaSet" {
            deployment_of(context, namespace, &name).await
        } else {
            None
        };
        let workload = owner.unwrap_or(Workload { kind, name, uid });
        if !workloads.contains(&workload) {
            workloads.push(workload);
        }
    }
    workloads
}

async fn deployment_of(context: &Context, namespace: &str, replica_set: &str) -> Option<Workload> {
    let sets: Api<ReplicaSet> = Api::namespaced(context.reads.clone(), namespace);
    let set = call("read the ReplicaSet", sets.get_metadata(replica_set)).await.ok()?;
    let owner = set.owner_references().iter().find(|owner| owner.controller == Some(true))?;
    Some(Workload { kind: owner.kind.clone(), name: owner.name.clone(), uid: owner.uid.clone() })
}

/// The runs that have journaled and are not over as of the version of this one, which has journaled, or later: who
/// journals later sees this one too. As heard by watch, which costs no call; where that does not bring the version
/// soon, those of the namespace are listed live.
///
/// # Errors
/// When they are neither heard of nor can be listed.
pub async fn rivals(context: &Context, run: &ExperimentRun) -> Result<Vec<Rival>, Error> {
    let namespace = run.namespace().unwrap_or_default();
    if let Some(version) = version(run).filter(|_| context.hears_all_runs) {
        let name = run.name_any();
        let heard = context.runs.heard_of(&namespace, &name, version);
        if timeout(HEARD_WITHIN, heard).await.is_ok() {
            return Ok(context.runs.heard().iter().filter_map(Rival::of).collect());
        }
    }
    let runs: Api<Guarded<ExperimentRun>> = Api::namespaced(context.reads.clone(), &namespace);
    // Finished runs are kept, and grow in number.
    let under_way = ListParams::default().fields("status.completionTime=");
    let mut rivals = Vec::new();
    let take = |run: Guarded<ExperimentRun>| rivals.extend(run.0.ok().as_ref().and_then(Rival::of));
    let reader = Reader::new(context.reads.clone());
    reader.list("list the runs", runs.resource_url(), (Part::Typed, under_way), take).await?;
    Ok(rivals)
}
