//! What is judged by live reads, before anything is broken.

use super::observed::Observed;
use crate::{
    api::run::Reason,
    core::{
        guards::Scene,
        plan::Plan,
        world::{Namespace, World},
    },
};

/// The scene for the guards of this run.
pub(super) fn scene<'a>(
    observed: &Observed<'a>,
    plan: &'a Plan,
    world: &'a World,
    round: i32,
) -> Scene<'a> {
    Scene {
        now: observed.now,
        uid: observed.run.uid(),
        watcher: observed.watcher(plan),
        config: observed.config,
        inside: observed.inside,
        protected: observed.own_namespace || observed.config.protects(observed.namespace()),
        world,
        sight: observed.sight,
        round,
    }
}

/// The guards that are read live before each batch of harmful calls.
pub(super) fn closed_since(observed: &Observed<'_>, world: &World) -> Option<(Reason, String)> {
    if let Some(why) = world.lever.refusal() {
        return Some((Reason::Lever, why));
    }
    match &world.namespace {
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
