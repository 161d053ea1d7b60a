//! What the parts of the shell share.

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use super::{
    clients,
    clock::{Ahead, Wall},
    controller::Informer,
    net::Net,
    run::{
        alerts::Polls, events::Events, line::Line, registry::Registry, services::Services,
        starts::Starts,
    },
    sources::Checks,
};
use crate::{
    api::{Debrief, Experiment, ExperimentRun, GameDay, GameDayRun, SafetyLever, names},
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
    /// The clock by which debriefs and game days are held.
    pub calendar: Ahead,
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
    /// The order in which runs start.
    pub line: Line,
    /// The polls of the alert sources.
    pub polls: Polls,
    /// What the alert sources said when they were checked.
    pub checks: Checks,
    /// The lever as last heard by watch.
    pub lever: watch::Receiver<Option<SafetyLever>>,
    /// Every run, or the one that this process looks after alone.
    pub runs: Informer<ExperimentRun>,
    /// Whether every run is heard of.
    pub hears_all_runs: bool,
    /// Every Experiment.
    pub experiments: Informer<Experiment>,
    /// Every plan.
    pub plans: Informer<GameDay>,
    /// Every day.
    pub days: Informer<GameDayRun>,
    /// Every debrief.
    pub debriefs: Informer<Debrief>,
    /// The operator's own namespace, which is always protected; absent outside a cluster.
    pub own_namespace: Option<String>,
    /// Writes Kubernetes events.
    pub events: Events,
}

impl Context {
    /// For what breaks something in `namespace`; never retries by itself.
    #[must_use]
    pub fn injector(&self, namespace: &str) -> Client {
        self.acting_as(namespace, names::RUNNER)
    }

    /// For what starts something in `namespace` that nobody starts by hand; never retries by itself.
    #[must_use]
    pub fn starter(&self, namespace: &str) -> Client {
        self.acting_as(namespace, names::STARTER)
    }

    fn acting_as(&self, namespace: &str, account: &str) -> Client {
        if self.impersonates {
            clients::acting_as(&self.writes, namespace, account)
        } else {
            self.writes.clone()
        }
    }

    /// The days of that plan, as last heard.
    #[must_use]
    pub fn days_of(&self, plan: &GameDay) -> Vec<GameDayRun> {
        let name = plan.metadata.name.as_deref();
        let heard = self.days.heard();
        let days = heard.iter().filter(|day| day.metadata.namespace == plan.metadata.namespace);
        days.filter(|day| Some(&*day.spec.game_day) == name).cloned().collect()
    }

    /// Asks for `run` to be looked at again.
    pub fn trigger(&self, run: &ExperimentRun) {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        self.runs.request(namespace, run.metadata.name.as_deref().unwrap_or_default());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{api::Duration, shell::controller::informer};

    /// What an operator with this configuration has that reaches no API server.
    pub fn context(config: Config, net: Arc<dyn Net>) -> Context {
        let nobody = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("nobody"))
        });
        let client = Client::new(nobody, "default");
        Context {
            events: Events::new(client.clone()),
            reads: client.clone(),
            writes: client,
            impersonates: true,
            wall: Wall::machine(),
            calendar: Ahead::of(Wall::machine(), Duration::ZERO),
            config: Arc::new(config),
            net,
            registry: Registry::default(),
            starts: Starts::default(),
            line: Line::new(Wall::machine().clock()),
            services: Services::default(),
            polls: Polls::default(),
            checks: Checks::default(),
            lever: watch::channel(None).1,
            runs: informer().0,
            hears_all_runs: true,
            experiments: informer().0,
            plans: informer().0,
            days: informer().0,
            debriefs: informer().0,
            own_namespace: None,
        }
    }
}
