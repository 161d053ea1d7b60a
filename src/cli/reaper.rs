//! `firedrill reaper`: ends faults that nobody else ends, until it is asked to stop.

use super::{
    connect::Flags,
    exit::{Exit, Failure},
    operator,
};
use crate::shell::reaper;

/// Arguments of `firedrill reaper`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The namespace of its lease, where it runs outside a cluster.
    #[arg(long, value_name = "NAME")]
    lease_namespace: Option<String>,
}

/// Runs the reaper until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot be started.
pub async fn run(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let (cluster, context) = flags.config().await?;
    let inside = (context == "in-cluster").then(|| cluster.default_namespace.clone());
    let namespace = args.lease_namespace.clone().or(inside);
    let shutdown = operator::shutdown()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the reaper is looking");
    let ended = Box::pin(reaper::run(&cluster, namespace.as_deref(), shutdown)).await;
    ended.map(|()| Exit::Met).map_err(|error| Failure::new(Exit::Infrastructure, error.to_string()))
}
