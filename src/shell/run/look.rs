//! What a run's rules ask to see of the cluster is read live.

use std::sync::Arc;

use kube::ResourceExt;

use super::{
    lookout, observe,
    registry::{Entry, Memory},
    surroundings,
};
use crate::{
    api::ExperimentRun,
    core::{
        cluster::{ClusterState, Rival},
        decide::Need,
    },
    shell::{call::Error, context::Context},
};

/// Reads what is needed and keeps it in `memory`; the first complete look begins the watches of the run.
///
/// # Errors
/// When the other runs cannot be told; any other read that fails is an answer too.
pub async fn look(
    context: &Arc<Context>,
    entry: &Arc<Entry>,
    memory: &mut Memory,
    run: &ExperimentRun,
    need: Need,
) -> Result<(), Error> {
    memory.report = None;
    let (namespace, now) = (run.namespace().unwrap_or_default(), entry.lookout.clock.now());
    if need == Need::Marked {
        memory.marked = Some(observe::marked(context, run, now).await);
        return Ok(());
    }
    let Some(plan) = &entry.lookout.plan else {
        return Ok(());
    };
    match (need, &mut memory.cluster) {
        (Need::Rivals, Some(cluster)) => {
            cluster.rivals = observe::rivals(context, run).await?;
            cluster.rivals_read_at = Some(now);
        }
        (Need::Target, Some(cluster)) => {
            let read = observe::target(context, &namespace, &plan.spec.target).await;
            cluster.target = observe::with_pods(read, cluster.pods.len());
            cluster.target_read_at = now;
        }
        _ => {
            let known = memory.cluster.as_ref().and_then(|cluster| cluster.state_at(now));
            let (mut cluster, listed) =
                Box::pin(observe::cluster(context, run, &plan.spec, (now, known))).await;
            cluster.rivals = context.runs.heard().iter().filter_map(Rival::of).collect();
            if let Some(listed) = listed.filter(|_| !memory.is_watching) {
                watch(context, entry, run, listed, &cluster);
                surroundings::watch(context, entry, run, &plan.spec);
                memory.is_watching = true;
            }
            memory.cluster = Some(cluster);
        }
    }
    Ok(())
}

/// Begins to watch the pods from the list that was just read.
fn watch(
    context: &Arc<Context>,
    entry: &Entry,
    run: &ExperimentRun,
    (scope, version): (observe::Scope, String),
    cluster: &ClusterState,
) {
    let (pods, now) = (cluster.pods.clone(), cluster.read_at);
    entry.lookout.see(|signals| signals.pods.reset(pods, now));
    let lookout = entry.lookout.clone();
    let task = lookout::watch_pods(context.clone(), lookout, Arc::new(run.clone()), scope, version);
    entry.keep(tokio::spawn(task).abort_handle());
}
