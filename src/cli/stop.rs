//! `firedrill stop`: ends a run now.

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
    follow,
};
use crate::{api::ExperimentRun, shell::call::call};

/// Arguments of `firedrill stop`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the run.
    pub run: String,
    /// Do not wait until everything is reverted.
    #[arg(long)]
    pub no_wait: bool,
}

/// Ends a run and waits until everything is reverted.
///
/// # Errors
/// When the run cannot be reached.
pub async fn stop(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    ask(&cluster, &args.run).await?;
    println!("experimentrun/{} is asked to stop", args.run);
    if args.no_wait {
        return Ok(Exit::Met);
    }
    let run = follow::until_complete(&cluster, &args.run, |_| {}).await?;
    println!("{}", super::view::ending(&run, super::view::Style::detect()));
    Ok(match follow::ended(&run) {
        Exit::RevertIncomplete => Exit::RevertIncomplete,
        _ => Exit::Met,
    })
}

/// Sets `spec.stop`; it cannot be taken back.
///
/// # Errors
/// When the run cannot be reached.
pub async fn ask(cluster: &Cluster, run: &str) -> Result<(), Failure> {
    let runs: Api<ExperimentRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let patch = Patch::Merge(json!({"spec": {"stop": true}}));
    call("stop the run", runs.patch(run, &PatchParams::default(), &patch)).await?;
    Ok(())
}
