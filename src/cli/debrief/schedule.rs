//! `firedrill debrief schedule`: the operator runs the experiment by itself until everything is proven, or no more.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use super::change::change;
use crate::{
    api::{Moment, names::STARTER},
    cli::{connect::Cluster, exit::Failure},
    debrief::stage,
    shell::call::call,
};

/// Arguments of `firedrill debrief schedule`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the debrief.
    name: String,
    /// No more: a run that has not begun breaks nothing then.
    #[arg(long)]
    off: bool,
}

/// Says whether the operator runs the experiment by itself.
pub async fn schedule(cluster: &Cluster, args: &Args, now: Moment) -> Result<String, Failure> {
    let lacks = if args.off { String::new() } else { lacks(cluster).await };
    change(cluster, &args.name, now, |seen, spec| {
        spec.schedule_proof = !args.off;
        if args.off {
            return Ok("the operator does not run its experiment any more".to_owned());
        }
        if !stage::is_open(&seen.debrief) {
            return Err(Failure::invalid(format!(
                "debrief {} is over, so no run proves anything more",
                args.name
            )));
        }
        Ok(format!(
            "the operator runs its experiment in working hours, once everything is done and until all is proven{lacks}"
        ))
    })
    .await
}

/// What the namespace has not granted yet, as far as people may see that.
async fn lacks(cluster: &Cluster) -> String {
    let (client, namespace) = (cluster.client.clone(), &cluster.namespace);
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
    match call("read the ServiceAccount", accounts.get_opt(STARTER)).await {
        Ok(None) => format!(
            "; but nothing may be started in namespace {namespace} without somebody yet, which who may start runs \
             can grant: firedrill enable {namespace} --scheduled"
        ),
        // The operator tells it, where it may not.
        Ok(Some(_)) | Err(_) => String::new(),
    }
}
