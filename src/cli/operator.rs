//! `firedrill operator`: runs the operator until it is asked to end; and the one of `run --local`.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use super::{
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
};
use crate::{
    api::Duration,
    config::Config,
    shell::operator::{self, Options},
};

/// Arguments of `firedrill operator`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; every key has a default.
    #[arg(long, env = "FIREDRILL_CONFIG")]
    config: Option<PathBuf>,
    /// A port that is open once everything is listed that is watched, for a readiness probe (TCP); it says
    /// nothing.
    #[arg(long, value_name = "PORT")]
    ready_port: Option<u16>,
}

/// Runs the operator until SIGTERM or Ctrl-C; nothing is reverted then, the next one continues.
///
/// # Errors
/// When it cannot be started.
pub async fn run(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let config = read(args.config.as_deref())?;
    let (cluster, context) = flags.config().await?;
    let own_namespace = (context == "in-cluster").then(|| cluster.default_namespace.clone());
    let asked = shutdown()?;
    let shutdown = async move {
        asked.await;
        tracing::info!("the operator ends; runs under way continue with the next one");
    };
    let ready_port = args.ready_port;
    let options = Options {
        cluster,
        config,
        only: None,
        impersonates: true,
        own_namespace,
        ready_port,
        calendar_ahead: Duration::ZERO,
    };
    let ended = Box::pin(operator::run(options, shutdown)).await;
    ended.map(|()| Exit::Met).map_err(|error| Failure::new(Exit::Infrastructure, error.to_string()))
}

/// Resolves when the process is asked to end.
///
/// # Errors
/// When signals cannot be listened for.
pub fn shutdown() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            Failure::new(Exit::Infrastructure, format!("cannot listen for signals: {error}"))
        })
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}

/// Runs the operator for one run inside the CLI; it only returns when it cannot.
pub async fn local(cluster: &Cluster, config: Option<&Path>, run: &str) -> Failure {
    let mut config = match read(config) {
        Ok(config) => config,
        Err(failure) => return failure,
    };
    // Notifications go to the operators that stay; this one asks.
    config.webhook = None;
    let options = Options {
        cluster: cluster.config.clone(),
        config,
        only: Some((cluster.namespace.clone(), run.to_owned())),
        impersonates: false,
        own_namespace: None,
        ready_port: None,
        calendar_ahead: Duration::ZERO,
    };
    match Box::pin(operator::run(options, std::future::pending())).await {
        Ok(()) => Failure::new(Exit::Infrastructure, "the operator ended"),
        Err(error) => Failure::new(Exit::Infrastructure, error.to_string()),
    }
}

fn read(path: Option<&Path>) -> Result<Config, Failure> {
    let config = path.map(Config::read).transpose();
    config.map(Option::unwrap_or_default).map_err(|error| Failure::invalid(error.to_string()))
}
