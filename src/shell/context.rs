//! What the parts of the shell share.

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use super::{
    clients,
    clock::Wall,
    controller::Informer,
    net::Net,
    run::{events::Events, registry::Registry, services::Services, starts::Starts},
};
use crate::{
    api::{Experiment, ExperimentRun, SafetyLever},
    config::Config,
};

/// Everything that the parts of the shell share.
pub struct Context {
    /// For reads and watches; retries by itself.
    pub reads: Client,
    /// For writes; never retries by itself.
    pub writes: Client,
    /// Whether faults are injected as the runner of their namespace; else by the operator itself.
    pub impersonates: bool,
    /// The wall clock; a run is measured by a clock of its own.
    pub wall: Wall,
    /// The configuration.
    pub config: Arc<Config>,
    /// The network beside the API server.
    pub net: Arc<dyn Net>,
    /// What is kept in memory per run.
    pub registry: Registry,
    /// Where probes find Services.
    pub services: Services,
    /// The runs that start.
    pub starts: Starts,
    /// The lever as last heard by watch.
    pub lever: watch::Receiver<Option<SafetyLever>>,
    /// Every run.
    pub runs: Informer<ExperimentRun>,
    /// Every Experiment.
    pub experiments: Informer<Experiment>,
    /// The operator's own namespace, which is always protected; absent outside a cluster.
    pub own_namespace: Option<String>,
    /// Writes Kubernetes events.
    pub events: Events,
}

impl Context {
    /// For what breaks something in `namespace`; never retries by itself.
    #[must_use]
    pub fn injector(&self, namespace: &str) -> Client {
        if self.impersonates {
            clients::runner(&self.writes, namespace)
        } else {
            self.writes.clone()
        }
    }

    /// Asks for `run` to be looked at again.
    pub fn trigger(&self, run: &ExperimentRun) {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        self.runs.request(namespace, run.metadata.name.as_deref().unwrap_or_default());
    }
}
