//! What is judged by live reads, before anything is broken.

use crate::{
    api::run::Reason,
    core::{
        cluster::{ClusterState, Intent, Namespace},
        decide::observed::Observed,
        guards::GuardInput,
        plan::Plan,
    },
};

/// What the guards of this run are given.
pub(super) fn guard_input<'a>(
    observed: &Observed<'a>,
    plan: &'a Plan,
    cluster: &'a ClusterState,
    round: i32,
) -> GuardInput<'a> {
    GuardInput {
        now: observed.now,
        uid: observed.run.uid(),
        alert_filter: observed.alert_filter(plan),
        config: observed.config,
        inside: observed.inside,
        protected: observed.own_namespace || observed.config.protects(observed.namespace()),
        cluster,
        signals: observed.signals,
        round,
    }
}

/// The guards that are read live before each batch of harmful calls.
pub(super) fn closed_since(
    observed: &Observed<'_>,
    cluster: &ClusterState,
) -> Option<(Reason, String)> {
    if let Some(why) = cluster.lever.refusal() {
        return Some((Reason::Lever, why));
    }
    if let Some((_, Intent::Refused(why))) = &cluster.intent {
        return Some((Reason::Guard, why.clone()));
    }
    match &cluster.namespace {
        Namespace::Found { terminating: true, .. } => {
            Some((Reason::Deleted, "the namespace is being deleted".to_owned()))
        }
        Namespace::Found { enabled: false, .. } if observed.config.opt_in => {
            Some((Reason::Guard, "the namespace has opted out".to_owned()))
        }
        Namespace::Found { protected: true, .. } => {
            Some((Reason::Guard, "the namespace is protected".to_owned()))
        }
        Namespace::Unreadable(error) => {
            Some((Reason::Guard, format!("the namespace cannot be read: {error}")))
        }
        Namespace::Found { .. } => None,
    }
}
