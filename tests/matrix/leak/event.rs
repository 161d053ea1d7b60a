//! What may happen to a fault: each event, what it does, and what must be there in the end because of it.

use jiff::Timestamp;
use k8s_openapi::api::{core::v1::ResourceQuota, rbac::v1::RoleBinding};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::When;
use crate::{
    case::{Case, Outcome},
    scenario::{Changed, Scenario},
};

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    DeleteRun,
    StripFinalizer,
    DeleteTarget,
    RecreateTarget,
    DeleteNamespace,
    RevokeRunner,
    NoQuota,
    PersonEdits,
    GitOpsReverts,
    OperatorDown,
    DeleteKind,
    RevokeOperator,
    ApiServerDown,
}

impl Event {
    pub const ALL: [Self; 13] = [
        Self::DeleteRun,
        Self::StripFinalizer,
        Self::DeleteTarget,
        Self::RecreateTarget,
        Self::DeleteNamespace,
        Self::RevokeRunner,
        Self::NoQuota,
        Self::PersonEdits,
        Self::GitOpsReverts,
        Self::OperatorDown,
        Self::DeleteKind,
        Self::RevokeOperator,
        Self::ApiServerDown,
    ];

    pub const fn words(self) -> &'static str {
        match self {
            Self::DeleteRun => "the run is deleted",
            Self::StripFinalizer => "the run loses its finalizer and is deleted",
            Self::DeleteTarget => "the target is deleted",
            Self::RecreateTarget => "the target is made anew under its name",
            Self::DeleteNamespace => "the namespace is deleted",
            Self::RevokeRunner => "the runner's rights are revoked",
            Self::NoQuota => "the quota for pods becomes zero",
            Self::PersonEdits => "a person edits the faulted field",
            Self::GitOpsReverts => "GitOps applies what was, by force",
            Self::OperatorDown => "the operator dies; the reaper alone",
            Self::DeleteKind => "the CRD of runs is deleted",
            Self::RevokeOperator => "the operator's rights are revoked",
            Self::ApiServerDown => "the API server is down past the deadline",
        }
    }

    /// Whether it touches what other cases need.
    pub const fn is_alone(self) -> bool {
        matches!(self, Self::DeleteKind | Self::RevokeOperator | Self::ApiServerDown)
    }

    /// Whether it can happen to the fault of this scenario: nobody's repository has what a fault creates.
    pub fn concerns(self, scenario: &Scenario) -> bool {
        let created = scenario.changed.as_ref().is_some_and(|changed| changed.is_created);
        !created || !matches!(self, Self::RecreateTarget | Self::GitOpsReverts)
    }

    /// Makes it happen.
    pub async fn happen(self, case: &mut Case<'_>, when: When, outcome: &mut Outcome) {
        let lab = case.lab;
        match self {
            Self::DeleteRun => case.ground.delete_run().await,
            Self::StripFinalizer => {
                case.ground.free_run().await;
                case.ground.delete_run().await;
            }
            Self::DeleteTarget => delete_target(case).await,
            Self::RecreateTarget => recreate_target(case).await,
            Self::DeleteNamespace => {
                case.ground.delete().await;
                case.before = crate::judge::objects::Snapshot::default();
            }
            Self::RevokeRunner => {
                let bindings = case.ground.api::<RoleBinding>();
                bindings.delete("firedrill-runner", &DeleteParams::default()).await.unwrap();
                case.before.without("RoleBinding firedrill-runner");
            }
            Self::NoQuota => no_quota(case).await,
            Self::PersonEdits => edit(case).await,
            Self::GitOpsReverts => apply(case).await,
            Self::OperatorDown if when == When::Armed => case.operators[0].kill(),
            Self::OperatorDown => {}
            Self::DeleteKind => {
                lab.take("CustomResourceDefinition", "experimentruns.firedrill.dev").await;
            }
            Self::RevokeOperator => lab.take("ClusterRoleBinding", "firedrill-operator").await,
            Self::ApiServerDown => {
                lab.api_server.kill();
                let duration = case.scenario.duration();
                tokio::time::sleep(duration + std::time::Duration::from_secs(5)).await;
                lab.api_server.start().await;
                outcome.answered_again = Some(Timestamp::now());
            }
        }
    }

    /// What follows once the operator goes on.
    pub async fn follow(self, case: &Case<'_>) {
        match self {
            Self::OperatorDown => {
                case.deadline_passes().await;
                case.operators[0].restart();
            }
            Self::RevokeOperator => {
                case.deadline_passes().await;
                case.lab.restore().await;
            }
            Self::DeleteKind => {
                crate::patience::until(60, async || case.lab.is_taken().await).await;
                case.lab.restore().await;
            }
            _ => {}
        }
    }
}

fn changed(case: &Case<'_>) -> Changed {
    case.scenario.changed.clone().unwrap()
}

fn objects(case: &Case<'_>) -> Api<DynamicObject> {
    let kind = &changed(case).kind;
    Api::namespaced_with(case.lab.client.clone(), &case.ground.namespace, kind)
}

async fn delete_target(case: &mut Case<'_>) {
    let changed = changed(case);
    objects(case).delete(changed.name, &DeleteParams::default()).await.unwrap();
    case.before.without(&changed.called());
}

async fn recreate_target(case: &mut Case<'_>) {
    let called = changed(case).called();
    let mut object = case.before.object(&called).unwrap();
    delete_target(case).await;
    let metadata = &mut object.metadata;
    (metadata.uid, metadata.creation_timestamp) = (None, None);
    let created = objects(case).create(&PostParams::default(), &object).await.unwrap();
    case.before.with(&called, &created);
}

async fn no_quota(case: &mut Case<'_>) {
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    let quota: ResourceQuota = serde_json::from_value(quota).unwrap();
    let quotas = case.ground.api::<ResourceQuota>();
    let created = quotas.create(&PostParams::default(), &quota).await.unwrap();
    let created = serde_json::from_value(serde_json::to_value(created).unwrap()).unwrap();
    case.before.with("ResourceQuota none", &created);
}

/// As `kubectl edit` would.
async fn edit(case: &mut Case<'_>) {
    let changed = changed(case);
    let patch = json!([{"op": "add", "path": changed.field, "value": changed.mended}]);
    let patch: Patch<Value> = Patch::Json(serde_json::from_value(patch).unwrap());
    let params =
        PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    objects(case).patch(changed.name, &params, &patch).await.unwrap();
    case.before.with_field(&changed.called(), changed.field, changed.mended);
}

/// As a controller of a repository would.
async fn apply(case: &mut Case<'_>) {
    let changed = changed(case);
    let object = case.before.object(&changed.called()).unwrap();
    let manifest = json!({
        "apiVersion": changed.kind.api_version, "kind": changed.kind.kind,
        "metadata": {"name": object.name_any()}, "spec": object.data["spec"],
    });
    let params = PatchParams::apply("gitops").force();
    objects(case).patch(changed.name, &params, &Patch::Apply(&manifest)).await.unwrap();
}
