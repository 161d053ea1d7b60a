//! Runs the operator: one controller over the runs, one over the experiments, the lever's watch and
//! the receiver of notifications. Correctness needs no leader; two operators are harmless.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Api, Client, Config as KubeConfig, ResourceExt,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::{self, Event},
    },
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{UnboundedReceiverStream, WatchStream};

use super::{
    Context, Error, clients,
    clock::Clock,
    experiments, lease,
    net::{self, Net, Sockets},
    ready,
    run::{
        events::Events,
        reconcile::reconcile,
        registry::{Registry, Run},
    },
    watched::watched,
    webhook,
};
use crate::{
    api::{SafetyLever, names},
    config::Config,
    core::ledger,
};

/// What was listed and is watched, and what keeps it up to date.
pub type Stored<K> = (Store<K>, Writer<K>);

/// What an operator needs to run.
pub struct Options {
    /// How to reach the API server.
    pub cluster: KubeConfig,
    /// Its own configuration.
    pub config: Config,
    /// The one run that it looks after, by namespace and name; absent for an operator of all.
    pub only: Option<(String, String)>,
    /// Whether it injects as the runner of the target's namespace; else with its own rights.
    pub impersonates: bool,
    /// Its own namespace; absent outside a cluster.
    pub own_namespace: Option<String>,
    /// The port that is open once everything is listed that is watched; absent: none is.
    pub ready_port: Option<u16>,
}

/// Why an operator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no way to the API server.
    #[error("cannot set up the connection to the API server: {0}")]
    Client(#[from] kube::Error),
    /// There is no way to the alert sources.
    #[error(transparent)]
    Net(#[from] net::SetupError),
    /// The webhook's address cannot be listened on.
    #[error("cannot listen for notifications on {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// The port by which it tells that it is ready cannot be listened on.
    #[error("cannot tell on port {0} that the operator is ready: {1}")]
    Ready(u16, std::io::Error),
    /// The webhook's token cannot be read.
    #[error("cannot read the webhook's token {0}: {1}")]
    Token(PathBuf, std::io::Error),
}

/// Runs until `shutdown` resolves; nothing is reverted then, the next process continues.
///
/// # Errors
/// When it cannot be started.
pub async fn run(
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let net = Sockets::new(&sources(&options.config))?;
    let clients = clients::pair(&options.cluster)?;
    run_with(clients, Arc::new(net), options, Clock::start(), shutdown).await
}

fn sources(config: &Config) -> Vec<crate::config::Endpoint> {
    let alertmanager = config.alertmanager.as_ref().map(crate::config::Alertmanager::endpoint);
    config.prometheus.iter().cloned().chain(alertmanager).collect()
}

/// Runs with these clients (reads, writes), this network and this clock; for simulations too.
///
/// # Errors
/// When it cannot be started.
pub async fn run_with(
    (reads, writes): (Client, Client),
    net: Arc<dyn Net>,
    options: Options,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let (triggers, triggered) = mpsc::unbounded_channel();
    let (experiment_triggers, experiments_triggered) = mpsc::unbounded_channel();
    let (lever_sender, lever) = watch::channel(None);
    let context = Arc::new(Context {
        events: Events::new(writes.clone()),
        reads,
        writes,
        impersonates: options.impersonates,
        clock,
        config: Arc::new(options.config.clone()),
        net,
        registry: Registry::default(),
        lever: lever.clone(),
        triggers,
        experiment_triggers,
        runs: OnceLock::new(),
        own_namespace: options.own_namespace.clone(),
    });
    let webhook = options.config.webhook.clone();
    if let Some(webhook) = &webhook {
        std::fs::read_to_string(&webhook.token_file)
            .map_err(|error| StartError::Token(webhook.token_file.clone(), error))?;
    }
    let listening = async {
        match webhook {
            Some(webhook) => {
                let address = webhook.listen;
                let ended = webhook::serve(context.clone(), webhook, std::future::pending()).await;
                ended.map_err(|error| StartError::Listen(address, error))
            }
            None => std::future::pending().await,
        }
    };
    let (runs, experiments) = (reflector::store(), reflector::store());
    let listed = listed(lever.clone(), runs.0.clone(), experiments.0.clone());
    let ended = tokio::select! {
        biased;
        () = shutdown => Ok(()),
        ended = listening => ended,
        () = watch_lever(context.reads.clone(), lever_sender) => Ok(()),
        () = control(context.clone(), &options, runs, triggered, lever) => Ok(()),
        () = experiments_of(&options, context.clone(), experiments, experiments_triggered) => Ok(()),
        ended = ready::tell(options.ready_port, listed) => ended.map_err(|error| StartError::Ready(options.ready_port.unwrap_or(0), error)),
        () = lease::renew(context.writes.clone(), clock, options.own_namespace.as_deref(), names::OPERATOR) => Ok(()),
    };
    context.registry.forget_all();
    ended
}

/// Resolves when the lever was heard of and every run and Experiment was listed.
async fn listed(
    mut lever: watch::Receiver<Option<SafetyLever>>,
    runs: Store<Run>,
    experiments: Store<experiments::Guarded>,
) {
    let lever = async { lever.changed().await.is_ok() };
    let (lever, runs, experiments) =
        futures::join!(lever, runs.wait_until_ready(), experiments.wait_until_ready());
    if !lever || runs.is_err() || experiments.is_err() {
        std::future::pending::<()>().await;
    }
}

/// An operator of one run leaves the Experiments to others.
async fn experiments_of(
    options: &Options,
    context: Arc<Context>,
    stored: Stored<experiments::Guarded>,
    triggered: mpsc::UnboundedReceiver<ObjectRef<experiments::Guarded>>,
) {
    match options.only {
        Some(_) => std::future::pending().await,
        None => experiments::control(context, stored, triggered).await,
    }
}

/// Watches the lever and passes on what it says.
async fn watch_lever(client: Client, heard: watch::Sender<Option<SafetyLever>>) {
    let levers: Api<SafetyLever> = Api::all(client);
    let mut events = watched(levers, watcher::Config::default());
    let mut listed = None;
    while let Some(event) = events.next().await {
        match event {
            Event::Init => listed = None,
            Event::InitApply(lever) => listed = Some(lever),
            Event::InitDone => drop(heard.send_replace(listed.take())),
            Event::Apply(lever) => drop(heard.send_replace(Some(lever))),
            Event::Delete(_) => drop(heard.send_replace(None)),
        }
    }
}

/// Looks at every run when it changes, when something is seen, and when its time has come.
async fn control(
    context: Arc<Context>,
    options: &Options,
    (reader, writer): Stored<Run>,
    triggered: mpsc::UnboundedReceiver<ObjectRef<Run>>,
    lever: watch::Receiver<Option<SafetyLever>>,
) {
    let (api, config) = match &options.only {
        Some((namespace, name)) => (
            Api::<Run>::namespaced(context.reads.clone(), namespace),
            watcher::Config::default().fields(&format!("metadata.name={name}")),
        ),
        None => (Api::<Run>::all(context.reads.clone()), watcher::Config::default()),
    };
    let slim = |run: &mut Run| {
        if let Ok(run) = &mut run.0 {
            ledger::forget_details(run);
        }
    };
    let runs = watched(api, config).map(Ok).modify(slim).reflect(writer).applied_objects();
    let controller = Controller::for_stream(runs, reader);
    context.runs.set(controller.store()).ok();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the operator is looking");
    controller
        .reconcile_on(UnboundedReceiverStream::new(triggered))
        .reconcile_all_on(WatchStream::from_changes(lever).map(drop))
        .run(reconcile, again, context)
        .for_each(|outcome| async {
            match outcome {
                Ok(_) | Err(controller::Error::ObjectNotFound(_)) => {}
                Err(controller::Error::ReconcilerFailed(error, run)) => {
                    tracing::warn!(%run, %error, reason = error.reason(), "a run could not be looked at");
                }
                Err(error) => tracing::error!(%error, "the controller failed"),
            }
        })
        .await;
}

/// After an error the run is looked at again soon; each look is bounded.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn again(run: Arc<Run>, error: &Error, _: Arc<Context>) -> Action {
    tracing::debug!(run = run.name_any(), %error, "again in a second");
    Action::requeue(Duration::from_secs(1))
}
