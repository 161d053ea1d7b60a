//! Begins to look at a run: at what the alert sources tell it, its probes and its pods, each in a task of its own.

use std::{pin::pin, sync::Arc};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{WatchEvent, WatchParams},
    runtime::watcher::{self, Event},
};

use super::{
    alerts,
    observe::{Scope, read_pod},
    probes,
    registry::{Entry, Lookout, Memory},
};
use crate::{
    api::{ExperimentRun, ExperimentSpec},
    shell::{
        call::call,
        context::Context,
        watched::{WATCH_SECONDS, watched},
    },
};

/// Starts the tasks that look, once per run and process; those that probe as soon as there is room for them.
pub fn start(
    context: &Arc<Context>,
    entry: &Entry,
    memory: &mut Memory,
    run: &ExperimentRun,
    spec: &ExperimentSpec,
) {
    if !memory.is_listening {
        memory.is_listening = true;
        for task in alerts::follow(context, &entry.lookout, &Arc::new(run.clone())) {
            entry.keep(tokio::spawn(task).abort_handle());
        }
    }
    if !memory.is_probing {
        memory.is_probing = probes::start(context, entry, run, spec);
    }
}

/// Watches the target's pods from that version on, until the task is aborted.
pub async fn watch_pods(
    context: Arc<Context>,
    lookout: Arc<Lookout>,
    run: Arc<ExperimentRun>,
    scope: Scope,
    version: String,
) {
    let pods: Api<Pod> = Api::namespaced(context.reads.clone(), &lookout.run.0);
    // The list that the run was decided on is the start of this watch: one read less, nothing missed.
    let params = WatchParams::default().labels(&scope.selector).timeout(WATCH_SECONDS);
    let first = match call("watch the pods", pods.watch(&params, &version)).await {
        Ok(events) => events.left_stream(),
        Err(_) => stream::empty().right_stream(),
    };
    let usable = |event: &_| {
        std::future::ready(matches!(event, Ok(event) if !matches!(event, WatchEvent::Error(_))))
    };
    let first = first.take_while(usable).filter_map(async |event| match event {
        Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod)) => Some(Event::Apply(pod)),
        Ok(WatchEvent::Deleted(pod)) => Some(Event::Delete(pod)),
        _ => None,
    });
    let again = watched(pods.clone(), watcher::Config::default().labels(&scope.selector));
    let mut events = pin!(first.chain(again));
    let mut listed = Vec::new();
    while let Some(event) = events.next().await {
        let now = lookout.clock.now();
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(pod) => listed.extend(scope.owns(&pod).then(|| read_pod(&pod))),
            Event::InitDone => {
                let pods = std::mem::take(&mut listed);
                lookout.see(|signals| signals.pods.reset(pods, now));
            }
            Event::Apply(pod) if scope.owns(&pod) => {
                lookout.see(|signals| signals.pods.apply(read_pod(&pod), now));
            }
            Event::Apply(_) => continue,
            Event::Delete(pod) => {
                let uid = pod.metadata.uid.unwrap_or_default();
                lookout.see(|signals| signals.pods.remove(&uid, now));
            }
        }
        context.trigger(&run);
    }
}
