//! `firedrill disable`: ends what is live in a namespace, then takes away what its owner granted.

use std::time::Duration;

use kube::{Api, ResourceExt, api::ListParams};

use super::{
    confirm::confirm,
    connect::{Cluster, Flags},
    enable::{OperatorFlags, opt},
    exit::{Exit, Failure},
    follow,
    grants::Grants,
    stop,
};
use crate::{api::ExperimentRun, shell::call::call};

/// How long a run has to revert and end.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// Arguments of `firedrill disable`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The namespace.
    #[arg(value_name = "NAMESPACE")]
    name: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    operator: OperatorFlags,
}

/// Stops every run, waits until what they broke is reverted, and removes the grants.
///
/// # Errors
/// When the answer is no, a run does not end, or the user may not.
pub async fn disable(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let mut cluster = flags.connect().await?;
    cluster.namespace.clone_from(&args.name);
    let live = live(&cluster).await?;
    let place = format!("namespace {} of context {}", args.name, cluster.context);
    let stopped = if live.is_empty() { "no run".to_owned() } else { live.join(", ") };
    confirm(
        &format!("Stop {stopped} and take the grants of {place} away?"),
        &format!("this ends every run in {place}"),
        args.yes,
    )?;
    // First the opt-in, so that no new run begins while the others end.
    let label = opt(&cluster.writes, &args.name, None).await;
    for run in &live {
        stop::ask(&cluster, run).await?;
    }
    for run in &live {
        end(&cluster, run).await?;
    }
    let operator = &args.operator.operator_namespace;
    Grants::scheduled(&args.name, operator).remove(&cluster.writes).await?;
    Grants::of(&args.name, operator).remove(&cluster.writes).await?;
    label?;
    println!("{place} is disabled: {stopped} stopped, the grants are gone");
    Ok(Exit::Met)
}

/// The runs that are not over.
async fn live(cluster: &Cluster) -> Result<Vec<String>, Failure> {
    let runs: Api<ExperimentRun> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = call("list the runs", runs.list(&ListParams::default())).await?;
    let live = found.items.iter().filter(|run| !run.is_complete());
    Ok(live.map(ResourceExt::name_any).collect())
}

/// Waits until the run is over and says so; the grants stay while a fault may be there.
async fn end(cluster: &Cluster, run: &str) -> Result<(), Failure> {
    let over =
        tokio::time::timeout(ENDS_WITHIN, follow::until_complete(cluster, run, |_| {})).await;
    match over {
        Ok(Ok(over)) if follow::is_clean(&over) => println!("experimentrun/{run} is over"),
        // Deleted meanwhile: its finalizer held it until everything was reverted.
        Ok(Err(_)) => println!("experimentrun/{run} is gone"),
        Ok(Ok(_)) | Err(_) => {
            return Err(Failure::new(
                Exit::RevertIncomplete,
                format!(
                    "run {run} has not ended within {}s, so the grants are left in place; is an \
                     operator running? See: kubectl describe experimentrun {run}",
                    ENDS_WITHIN.as_secs()
                ),
            ));
        }
    }
    Ok(())
}
