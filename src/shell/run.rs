//! What serves runs alone: their loop, what they observe, and what is written of them.

pub mod alerts;
pub mod create;
pub mod events;
pub mod line;
pub mod look;
pub mod lookout;
pub mod notifications;
pub mod observe;
pub mod probes;
pub mod reconcile;
pub mod registry;
pub mod salvage;
pub mod services;
pub mod starts;
pub mod subject;
pub mod surroundings;
pub mod turns;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{
    Api,
    api::DynamicObject,
    runtime::{reflector::ObjectRef, watcher},
};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use super::controller::{self, Feed};
use crate::{
    api::{ExperimentRun, SafetyLever},
    core::outcome::history,
    shell::context::Context,
};
use reconcile::reconcile;

/// After an error a run is looked at again so soon; each look is bounded.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at every run, or at `only` the one of that namespace and name: when it changes, when something is
/// seen, when its time has come, and when the lever is moved.
pub async fn control(
    context: Arc<Context>,
    feed: Feed<ExperimentRun>,
    only: Option<&(String, String)>,
    lever: watch::Receiver<Option<SafetyLever>>,
) {
    let (api, config) = match only {
        Some((namespace, name)) => (
            Api::namespaced(context.reads.clone(), namespace),
            watcher::Config::default().fields(&format!("metadata.name={name}")),
        ),
        None => (Api::all(context.reads.clone()), watcher::Config::default()),
    };
    let controller = feed
        .controller(api, config, history::forget_details)
        .reconcile_all_on(WatchStream::from_changes(lever).map(drop));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the operator is looking");
    let known = context.clone();
    let gone = move |run: &ObjectRef<DynamicObject>| {
        known.registry.forget_named(run.namespace.as_deref().unwrap_or_default(), &run.name);
    };
    controller::run(controller, reconcile, gone, PAUSE, context).await;
}
