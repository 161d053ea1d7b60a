//! Every name that firedrill gives to something in the cluster, in one place.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// API group of all resources.
pub const GROUP: &str = "firedrill.dev";
/// Field manager of every write of the operator; the reaper's own is [`REAPER`].
pub const FIELD_MANAGER: &str = "firedrill";
/// Field manager of what people create and grant by the command line.
pub const CLI_MANAGER: &str = "firedrill-cli";
/// Field manager of what `firedrill revoke` ends.
pub const REVOKE_MANAGER: &str = "firedrill-revoke";
/// Finalizer of a run whose fault may still be there.
pub const FINALIZER: &str = "firedrill.dev/revert";
/// Finalizer of a day that is not over.
pub const DAY_FINALIZER: &str = "firedrill.dev/gameday";
/// Label on a run that a day has started, and on its day: the plan it belongs to.
pub const GAME_DAY: &str = "firedrill.dev/gameday";
/// Label on everything created: the run it belongs to.
pub const RUN: &str = "firedrill.dev/run";
/// Label on everything created: the experiment it belongs to.
pub const EXPERIMENT: &str = "firedrill.dev/experiment";
/// Label on an armed or revoked target: `<run UID>.<epoch>.armed` or `….revoked`.
pub const FAULT: &str = "firedrill.dev/fault";
/// Label by which a namespace opts in; only the value `true` counts.
pub const ENABLED: &str = "firedrill.dev/enabled";
/// Label by which a namespace is never touched, whatever else says; only the value `true` counts.
pub const PROTECTED: &str = "firedrill.dev/protected";
/// Label on every debrief and every ticket that comes from one.
pub const DEBRIEF: &str = "debrief";
/// Name of the one `SafetyLever`.
pub const LEVER: &str = "cluster";
/// `ServiceAccount` of a namespace as which faults are injected there; also its Role and `RoleBinding`.
pub const RUNNER: &str = "firedrill-runner";
/// Role and `RoleBinding` of a namespace by which the operator may act as its runner.
pub const IMPERSONATOR: &str = "firedrill-impersonator";
/// `ServiceAccount` of a namespace as which days and their runs are created there; also its Role and `RoleBinding`.
pub const STARTER: &str = "firedrill-starter";
/// Role and `RoleBinding` of a namespace by which the operator may act as its starter.
pub const STARTER_IMPERSONATOR: &str = "firedrill-starter-impersonator";
/// `ServiceAccount` of the operator.
pub const OPERATOR: &str = "firedrill-operator";
/// Namespace that the operator is usually installed in.
pub const OPERATOR_NAMESPACE: &str = "firedrill-system";
/// Characters that a generated run name adds to its experiment's: a dash and five random ones.
pub const RUN_SUFFIX: usize = 6;

/// Annotation on an armed target: when it must be clean again.
pub const DEADLINE: &str = "firedrill.dev/deadline";
/// Annotation on an object that we created: since when it is revoked; the reaper deletes it later.
pub const REVOKED_AT: &str = "firedrill.dev/revoked-at";
/// Label that keeps a created `NetworkPolicy` from selecting anything; no pod carries it.
pub const INERT: &str = "firedrill.dev/inert";
/// Name of the reaper's lease, of the namespace that it is usually installed in, and its field manager.
pub const REAPER: &str = "firedrill-reaper";

const AT: &str = "firedrill.dev/at-";
const WAS: &str = "firedrill.dev/was-";
const SET: &str = "firedrill.dev/set-";

/// Annotation on an armed target: where the faulted field is.
#[must_use]
pub fn at(field: &str) -> String {
    format!("{AT}{field}")
}

/// Annotation on an armed target: the field's pre-image as JSON, `null` where it was absent.
#[must_use]
pub fn was(field: &str) -> String {
    format!("{WAS}{field}")
}

/// Annotation on an armed target: our value as JSON, `null` where the field was removed.
#[must_use]
pub fn set(field: &str) -> String {
    format!("{SET}{field}")
}

/// Whether an annotation belongs to a fault that is armed.
#[must_use]
pub fn is_of_fault(annotation: &str) -> bool {
    annotation == DEADLINE || [AT, WAS, SET].iter().any(|prefix| annotation.starts_with(prefix))
}

/// Whether a label or an annotation is one of firedrill's own.
#[must_use]
pub fn is_ours(key: &str) -> bool {
    key.split_once('/').is_some_and(|(group, _)| group == GROUP)
}

/// Whether a field manager is one of firedrill's own.
#[must_use]
pub fn is_our_manager(manager: &str) -> bool {
    [FIELD_MANAGER, REAPER, REVOKE_MANAGER].contains(&manager)
}

/// The field that an annotation names the place of.
#[must_use]
pub fn field_of(annotation: &str) -> Option<&str> {
    annotation.strip_prefix(AT)
}

/// The user name of a `ServiceAccount` of `namespace`.
#[must_use]
pub fn account_user(namespace: &str, account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{account}")
}

/// Whether that finalizer is among those of an object.
#[must_use]
pub fn is_held(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.finalizers.iter().flatten().any(|name| name == finalizer)
}

/// Whether a mark is that of a revert.
#[must_use]
pub fn is_revoked(mark: &str) -> bool {
    mark.ends_with(".revoked")
}
