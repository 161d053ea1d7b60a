//! Every name that firedrill gives to something in the cluster, in one place.

/// API group of all resources.
pub const GROUP: &str = "firedrill.dev";
/// Field manager of every write of the operator.
pub const FIELD_MANAGER: &str = "firedrill";
/// Finalizer of a run whose fault may still be there.
pub const FINALIZER: &str = "firedrill.dev/revert";
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
/// Characters that a generated run name adds to its experiment's: a dash and five random ones.
pub const RUN_SUFFIX: usize = 6;

/// The mark that a revert leaves on a target, so that a late injection fails.
#[must_use]
pub fn revoked_mark(run_uid: &str, epoch: i32) -> String {
    format!("{run_uid}.{epoch}.revoked")
}

/// Whether a mark is that of a revert.
#[must_use]
pub fn is_revoked(mark: &str) -> bool {
    mark.ends_with(".revoked")
}
