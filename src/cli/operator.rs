//! `firedrill operator`: runs the operator until it is asked to end.

use std::path::PathBuf;

use kube::config::{Config as KubeConfig, KubeConfigOptions, Kubeconfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::Config,
    shell::operator::{self, Options},
};

/// Arguments of `firedrill operator`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; every key has a default.
    #[arg(long, env = "FIREDRILL_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Why the operator ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    /// There is no cluster to connect to.
    #[error("no way to a cluster: outside of one a kubeconfig is needed ({0})")]
    Kubeconfig(String),
    /// It cannot be started.
    #[error(transparent)]
    Start(#[from] operator::StartError),
    /// Signals cannot be received.
    #[error("cannot listen for signals: {0}")]
    Signals(#[from] std::io::Error),
}

/// Runs the operator until SIGTERM or Ctrl-C; nothing is reverted then, the next one continues.
///
/// # Errors
/// When it cannot be started.
pub async fn run(args: &Args, kubeconfig: Option<&Kubeconfig>) -> Result<(), Error> {
    let config = args
        .config
        .as_deref()
        .map(Config::read)
        .transpose()?
        .unwrap_or_default();
    let in_cluster = KubeConfig::incluster();
    let (cluster, own_namespace) = match (kubeconfig, in_cluster) {
        (None, Ok(cluster)) => {
            let namespace = cluster.default_namespace.clone();
            (cluster, Some(namespace))
        }
        (Some(kubeconfig), _) => (custom(kubeconfig.clone()).await?, None),
        (None, Err(_)) => {
            let found = Kubeconfig::read().map_err(|error| Error::Kubeconfig(error.to_string()))?;
            (custom(found).await?, None)
        }
    };
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let shutdown = async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("the operator ends; runs under way continue with the next one");
    };
    let options = Options {
        cluster,
        config,
        only: None,
        own_namespace,
    };
    Ok(operator::run(options, shutdown).await?)
}

async fn custom(kubeconfig: Kubeconfig) -> Result<KubeConfig, Error> {
    KubeConfig::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| Error::Kubeconfig(error.to_string()))
}
