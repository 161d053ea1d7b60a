//! `firedrill revoke --all`: ends every fault of the cluster by hand, with nobody else's help.

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    confirm::confirm,
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
    view::count,
};
use crate::{
    api::{Duration, ExperimentRun, Moment, names},
    shell::{
        call,
        clock::Clock,
        reaper::{Reaper, Swept, Which},
    },
};

/// Arguments of `firedrill revoke`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Every fault of the cluster, whatever its deadline.
    #[arg(long, required = true)]
    all: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Ends every fault, and says what could not be ended.
///
/// # Errors
/// When the cluster cannot be reached.
pub async fn revoke(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let place = format!("every fault of context {}", cluster.context);
    confirm(&format!("End {place}?"), &format!("this ends {place}"), args.yes)?;
    let (reads, writes) = (cluster.client.clone(), cluster.writes.clone());
    let reaper = Reaper::new(reads, writes, Clock::start(), names::REVOKE_MANAGER);
    let swept = reaper.sweep(if args.all { Which::All } else { Which::Due }).await;
    for object in &swept.disarmed {
        println!("disarmed   {object}");
    }
    for problem in &swept.failed {
        eprintln!("failed     {problem}");
    }
    // An operator that lives lets its runs go by itself.
    let freed = if has_operator(&cluster).await { 0 } else { free(&cluster).await? };
    println!("{}", sentence(&swept, freed));
    Ok(if swept.failed.is_empty() { Exit::Met } else { Exit::RevertIncomplete })
}

fn sentence(swept: &Swept, freed: usize) -> String {
    let (disarmed, failed) = (swept.disarmed.len(), swept.failed.len());
    let (live, freed) = (count(swept.armed, "live fault"), count(freed, "run"));
    format!("{live}: {disarmed} ended, {failed} failed; {freed} freed")
}

/// Whether an operator has renewed its lease lately.
async fn has_operator(cluster: &Cluster) -> bool {
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), names::OPERATOR_NAMESPACE);
    let lease = call("read the operator's lease", leases.get_opt(names::OPERATOR)).await;
    let renewed = lease.ok().flatten().and_then(|lease| lease.spec?.renew_time);
    renewed.is_some_and(|at| {
        Duration::between(Moment::new(at.0), Clock::start().now()) < Duration::seconds(30)
    })
}

/// Takes our finalizer off every run that still has it.
async fn free(cluster: &Cluster) -> Result<usize, Failure> {
    let runs: Api<ExperimentRun> = Api::all(cluster.client.clone());
    let listed = call("list the runs", runs.list_metadata(&ListParams::default())).await;
    let listed = match listed {
        Err(error) if error.code() == Some(404) => return Ok(0),
        other => other?,
    };
    let held = listed
        .items
        .iter()
        .filter(|run| run.finalizers().iter().any(|one| one == names::FINALIZER));
    let mut freed = 0;
    for run in held {
        let others: Vec<_> =
            run.finalizers().iter().filter(|one| *one != names::FINALIZER).collect();
        let patch = Patch::Merge(json!({"metadata": {
            "uid": run.uid(), "resourceVersion": run.resource_version(), "finalizers": others}}));
        let namespace = run.namespace().unwrap_or_default();
        let runs: Api<ExperimentRun> = Api::namespaced(cluster.writes.clone(), &namespace);
        let name = run.name_any();
        call("free the run", runs.patch_metadata(&name, &PatchParams::default(), &patch)).await?;
        freed += 1;
    }
    Ok(freed)
}
